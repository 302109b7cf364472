/**
 * What the native and the plain WebSocket transport share: a socket that is written to while it has room. A session that
 * can't be written to falls behind in its channels, which costs a number; nothing queues here beyond `socketBytesMax`.
 */
import type { Duplex } from 'node:stream';
import { type ErrorCode, errors } from '@syncline/protocol';
import type { Cancel, Clock } from '@syncline/protocol/wire';
import { WebSocket } from 'ws';
import type { Metrics } from '../observe.ts';

/** What serves a client: what it is told of its WebSocket. */
export interface Serving {
  message(data: Buffer, isBinary: boolean): void;
  ping(): void;
  pong(): void;
  /** The client broke RFC 6455: `ws` has sent the close code that says why. */
  broke(): void;
  /** The connection is over; nothing is told after this. */
  closed(): void;
}

/**
 * A WebSocket of this server. What `ws` has to tell goes straight to whoever serves the client, since listeners would cost each
 * connection a table, and a closure for each event.
 */
export class Guest extends WebSocket {
  /** Set once somebody serves the client: until then events go to listeners, as they always do. */
  serving: Serving | undefined;

  override emit(event: string | symbol, data?: unknown, isBinary?: unknown): boolean {
    const { serving } = this;
    if (!serving) return super.emit(event, data, isBinary);
    // `ws` gives messages as buffers unless it is told otherwise.
    if (event === 'message') serving.message(data as Buffer, isBinary === true);
    else if (event === 'ping') serving.ping();
    else if (event === 'pong') serving.pong();
    else if (event === 'error') serving.broke();
    else if (event === 'close') serving.closed();
    return true;
  }
}

/** What all that write on a node share. */
export interface WriterTools {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly socketBytesMax: number;
}

/** Who is told that a socket which had no room has some again. */
export interface Drained {
  drained(): void;
}

/** Up to this many bytes what is taken together is joined to one buffer; a large batch is written as it is, shared. */
const joinedBytesMax = 16_384;
/** How long a closing handshake may take before the socket is destroyed. */
const closeMs = 2000;

/** Where a writer gets its bytes: a session. */
export interface Taker {
  take(): Uint8Array | undefined;
}

export class SocketWriter {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #tools: WriterTools;
  readonly #drained: Drained;
  #cancelCut: Cancel | undefined;
  #resting = false;
  /** Most sockets never fill, so the first time that one does is soon enough to listen. */
  #listening = false;

  constructor(ws: WebSocket, socket: Duplex, tools: WriterTools, drained: Drained) {
    this.#ws = ws;
    this.#socket = socket;
    this.#tools = tools;
    this.#drained = drained;
  }

  /**
   * Takes and writes while there is room, but no more at once than may wait in a socket: where the kernel takes all that it is
   * given, someone who reads a large snapshot would else hold everyone up. What is taken in one go leaves in one system call.
   *
   * @param last nothing is written after this
   */
  pump(from: Taker, last = false): void {
    if (this.#resting && !last) return;
    let written = 0;
    const bytesMax = this.#bytesMax;
    while (this.#room(bytesMax, last) && this.#ws.readyState === 1) {
      if (written >= bytesMax) return this.#rest(from);
      const first = from.take();
      if (!first) return;
      const second = first.length < joinedBytesMax ? from.take() : undefined;
      // Most take one thing, which is all that is done for them.
      if (!second) this.#write(first);
      written += first.length + (second ? this.#writeJoined(from, first, second) : 0);
    }
  }

  /** Writes the first with what comes after it; returns the size of the latter. Copying a few kilobytes costs less than handing several buffers to the kernel. */
  #writeJoined(from: Taker, first: Uint8Array, second: Uint8Array): number {
    const small = [first];
    let bytes = first.length;
    let next: Uint8Array | undefined = second;
    for (; next && bytes + next.length < joinedBytesMax; next = from.take()) {
      small.push(next);
      bytes += next.length;
    }
    this.#write(small.length === 1 ? first : Buffer.concat(small, bytes));
    // A large batch stays shared.
    if (next) this.#write(next);
    return bytes - first.length + (next?.length ?? 0);
  }

  /** Goes on in the next turn. */
  #rest(from: Taker): void {
    this.#resting = true;
    this.#tools.clock.endOfTurn(() => {
      this.#resting = false;
      this.pump(from);
    });
  }

  /** Closes politely, and for certain: a peer that reads nothing would otherwise keep the socket for long. */
  end(code: ErrorCode, reason: string): void {
    this.#ws.close(errors[code].close, closeReason(reason));
    this.cutLater();
  }

  /** The connection should end by itself now, and what was said last should arrive: it is cut off if it doesn't. */
  cutLater(): void {
    this.#cancelCut ??= this.#tools.clock.timer(closeMs, () => this.#ws.terminate());
  }

  /** The connection has ended. */
  closed(): void {
    this.#cancelCut?.();
  }

  /** Below the stream's own mark a write that finds no room is not followed by 'drain', and nobody would write on. */
  get #bytesMax(): number {
    return Math.max(this.#tools.socketBytesMax, this.#socket.writableHighWaterMark);
  }

  /**
   * Once the kernel takes no more, what comes next isn't taken before all that waits here has left: the longer it can wait in its
   * channel, the newer it is when it is read, and the less is held. What is said last has no other time.
   */
  #room(bytesMax: number, last: boolean): boolean {
    const { writableLength, writableNeedDrain } = this.#socket;
    if (writableNeedDrain) this.#listen();
    return writableLength < bytesMax && (last || !writableNeedDrain);
  }

  #write(bytes: Uint8Array): void {
    this.#tools.metrics.bytesSent += bytes.length;
    if (!this.#socket.write(bytes)) this.#listen();
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#socket.on('drain', () => this.#drained.drained());
  }
}

/** A close reason may have 123 bytes of UTF-8 (RFC 6455 section 5.5). */
export function closeReason(reason: string): string {
  let text = reason.slice(0, 123);
  while (Buffer.byteLength(text) > 123) text = text.slice(0, -1);
  return text;
}
