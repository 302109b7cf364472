/**
 * What happens in a run, as one history: a line of JSON for each thing that an application was told, that the harness did, or
 * that became of a process. Clients and the harness write it, the checker reads it. Times are of the machine's one clock that
 * never jumps, so the lines of several processes can be put in order.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import type { ErrorCode, GapReason } from '@syncline/protocol';

/** An error, as whoever it was meant for saw it. */
interface Refusal {
  readonly code: ErrorCode;
  readonly says?: string;
}

/** What a client's application did or was told, of one channel. */
export type ClientEvent =
  /** It published `id`, whose outcome is open until one of the next three. */
  | { readonly type: 'invoke'; readonly channel: string; readonly id: string }
  | {
      readonly type: 'ok';
      readonly channel: string;
      readonly id: string;
      readonly epoch: string;
      readonly offset: number;
    }
  /** Refused for certain: it is in no log. */
  | ({ readonly type: 'fail'; readonly channel: string; readonly id: string } & Refusal)
  /** Given up, and nobody can say whether it is stored. */
  | ({ readonly type: 'info'; readonly channel: string; readonly id: string } & Refusal)
  /** The application's handler was called. */
  | { readonly type: 'deliver'; readonly channel: string; readonly id: string; readonly offset: number }
  /** The subscription began, went on without loss, or went on past a gap. */
  | {
      readonly type: 'begin';
      readonly channel: string;
      readonly via: 'start' | 'recovered' | 'gap';
      readonly reason: GapReason | null;
    }
  | { readonly type: 'fresh'; readonly channel: string; readonly state: string }
  /** The whole log, as it was read at the end by way of one node. */
  | {
      readonly type: 'log';
      readonly channel: string;
      readonly node: string;
      readonly epoch: string;
      readonly entries: readonly (readonly [offset: number, id: string])[];
    }
  /** Who is in the channel at the end, as this client is shown. */
  | { readonly type: 'members'; readonly channel: string; readonly shown: readonly string[] }
  /** It is shown that somebody came, went or changed. */
  | { readonly type: 'member'; readonly channel: string; readonly change: string };

/** What a client was told of its connection, or why a handler of its own failed. */
export type ConnectionEvent =
  | {
      readonly type: 'status';
      readonly state: string;
      readonly code: ErrorCode | null;
      readonly says?: string;
    }
  | { readonly type: 'report'; readonly text: string }
  /** The application closes it: from here on it is owed nothing. */
  | { readonly type: 'leave' };

/** What came to clients by hand, which have none of the SDK's manners: what a node sends them it sends. */
export type StrangerEvent =
  /** It may read these channels only. No fault is meant for its way. */
  | { readonly type: 'may'; readonly channels: readonly string[] }
  /** A message came. */
  | { readonly type: 'got'; readonly channel: string; readonly id: string }
  /** Something was refused or ended: a subscription, a connection. */
  | { readonly type: 'denied'; readonly of: string; readonly code: string; readonly says: string }
  /** The longest time in which a node sent nothing on a connection, of the time that it stayed. */
  | {
      readonly type: 'heard';
      readonly node: string;
      readonly via: string;
      readonly heartbeatMs: number;
      readonly livedMs: number;
      readonly worstMs: number;
    }
  /** What became of a bad input. */
  | {
      readonly type: 'probe';
      readonly node: string;
      readonly input: string;
      readonly wants: string;
      readonly got: string;
      readonly ms: number;
      /** All that came, as text. */
      readonly says: string;
    };

/** What became of a document that several edit. */
export type PadEvent =
  | { readonly type: 'edit'; readonly pad: string; readonly id: string }
  /** All edits of this client so far are stored: the last of them is this. */
  | { readonly type: 'saved'; readonly pad: string; readonly id: string }
  /** Another document took the place of the client's. */
  | { readonly type: 'replaced'; readonly pad: string; readonly reason: string }
  /** The document at the end, of one replica: its state vector and content, and the edits in it. */
  | {
      readonly type: 'pad';
      readonly pad: string;
      /** Whether it was loaded anew, by way of a node. */
      readonly fresh: boolean;
      readonly vector: string;
      readonly content: string;
      readonly ids: readonly string[];
    };

/** What nodes say of themselves. */
export type NodeEvent =
  /** A line that a process wrote. */
  | { readonly type: 'said'; readonly text: string }
  /** How late its event loop was, and the most that it was busy itself while it was late. */
  | { readonly type: 'loop'; readonly p999Ms: number; readonly maxMs: number; readonly busyMs: number }
  /** Its metrics; whether everyone has left. */
  | { readonly type: 'metrics'; readonly left: boolean; readonly metrics: Readonly<Record<string, number>> }
  /** A token was revoked by way of this node: that of a client. */
  | { readonly type: 'revoke'; readonly of: string };

/** What the harness did, and what it saw of processes. */
export type HarnessEvent =
  /** A secret that is in use; it must be seen nowhere else. */
  | { readonly type: 'secret'; readonly what: string; readonly text: string }
  /** What is open once all is quiet: as clients count it, and as nodes do. */
  | { readonly type: 'open'; readonly clients: Open; readonly nodes: Open }
  | { readonly type: 'fault'; readonly name: string; readonly on: string }
  /** The faults are over. */
  | { readonly type: 'heal' }
  /** So long after that everyone was up to date, or was not: then `left` says who waits for what. */
  | { readonly type: 'settled'; readonly ms: number; readonly left: readonly string[] }
  /** A process ended. */
  | { readonly type: 'exit'; readonly how: string; readonly wanted: boolean }
  /** A process wrote something that no healthy one writes. */
  | { readonly type: 'cry'; readonly text: string }
  /** What a node holds once nobody is there any more, beside what it held before anyone came. */
  | { readonly type: 'rest'; readonly before: Holdings; readonly after: Holdings }
  /** The harness itself, or what carries the clients, stood still for so long. */
  | { readonly type: 'starved'; readonly ms: number };

/** Connections and subscriptions, of all clients or on all nodes. */
export interface Open {
  readonly sessions: number;
  readonly subscriptions: number;
  readonly members: number;
}

/** What a node process holds. */
export interface Holdings {
  readonly sessionsOpen: number;
  readonly cursorsOpen: number;
  readonly channelsOpen: number;
  readonly membersOpen: number;
  /** Sockets, timers, handles, by Node's own account. */
  readonly resources: number;
  readonly rssBytes: number;
}

export type Told = ClientEvent | ConnectionEvent | StrangerEvent | PadEvent | NodeEvent | HarnessEvent;

/** One line: when in ms, who, what. */
export type Line = Told & { readonly t: number; readonly who: string };

/** Lines of one type. */
export type LineOf<T extends Told['type']> = Extract<Line, { readonly type: T }>;

/** Now, in ms of the machine's monotonic clock: the same in all processes. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** Writes lines to a file: many at once, and what is left when it is told to. */
export class Recorder {
  readonly #file: string;
  #lines: string[] = [];

  constructor(file: string) {
    this.#file = file;
    writeFileSync(file, '');
  }

  tell(who: string, told: Told): void {
    this.#lines.push(JSON.stringify({ t: monotonicMs(), who, ...told }));
    if (this.#lines.length >= 500) this.flush();
  }

  flush(): void {
    if (this.#lines.length === 0) return;
    appendFileSync(this.#file, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }
}

/** The lines of several files, in the order in which they happened. The files are the harness's own: their shape is taken on trust. */
export function readHistory(files: readonly string[]): Line[] {
  const lines = files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line),
  );
  return lines.sort((a, b) => a.t - b.t);
}
