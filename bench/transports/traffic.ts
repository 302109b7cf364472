/**
 * What a crowd of readers costs and gets: bytes in both directions as the sockets count them, requests, connections, and how late each
 * update is. Readers report to it; crowd.ts reads it. TCP's own headers and TLS aren't in the bytes.
 */
import type { Socket } from 'node:net';
import { now } from './plan.ts';

export interface Figures {
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly requests: number;
  readonly connections: number;
  readonly updates: number;
  /** Ms from publish until a reader has it, sorted. */
  readonly delays: readonly number[];
  readonly seconds: number;
}

interface Sum {
  bytesUp: number;
  bytesDown: number;
  requests: number;
  connections: number;
}

/** One client of the feed. */
export interface Reader {
  /** Resolves when it reads, or has asked once. */
  start(): Promise<void>;
  stop(): void;
}

export class Traffic {
  readonly #open = new Set<Socket>();
  /** Of connections that are closed. */
  readonly #closed = { bytesUp: 0, bytesDown: 0 };
  #requests = 0;
  #connections = 0;
  #delays: number[] = [];
  #begun: (Sum & { at: number }) | undefined;

  track<S extends Socket>(socket: S): S {
    this.#connections++;
    this.#open.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#closed.bytesUp += socket.bytesWritten;
      this.#closed.bytesDown += socket.bytesRead;
    });
    return socket;
  }

  requested(): void {
    this.#requests++;
  }

  /** An update has arrived that was published then. Those from before the beginning don't count. */
  received(at: number): void {
    if (this.#begun && at >= this.#begun.at) this.#delays.push(now() - at);
  }

  begin(): void {
    this.#delays = [];
    this.#begun = { ...this.#sum(), at: now() };
  }

  end(): Figures {
    const begun = this.#begun ?? { ...this.#sum(), at: now() };
    const sum = this.#sum();
    return {
      bytesUp: sum.bytesUp - begun.bytesUp,
      bytesDown: sum.bytesDown - begun.bytesDown,
      requests: sum.requests - begun.requests,
      connections: sum.connections - begun.connections,
      updates: this.#delays.length,
      delays: this.#delays.sort((a, b) => a - b),
      seconds: (now() - begun.at) / 1000,
    };
  }

  #sum(): Sum {
    let { bytesUp, bytesDown } = this.#closed;
    for (const socket of this.#open) {
      bytesUp += socket.bytesWritten;
      bytesDown += socket.bytesRead;
    }
    return { bytesUp, bytesDown, requests: this.#requests, connections: this.#connections };
  }
}

/** Tells the traffic of updates. */
export function tell(traffic: Traffic, updates: unknown): void {
  if (!Array.isArray(updates)) throw new Error('Expected a list of updates.');
  for (const update of updates as readonly unknown[]) {
    if (!isUpdate(update)) throw new Error('Expected an update to say when it was published.');
    traffic.received(update.at);
  }
}

function isUpdate(value: unknown): value is { at: number } {
  return typeof value === 'object' && value !== null && 'at' in value && typeof value.at === 'number';
}
