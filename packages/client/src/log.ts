/**
 * The door for tools that look at logs as they are, such as the `syncline` command: what stands in a channel's log, whatever its
 * kind, and payloads as text. Who resumes, repeats and repairs is the client of everybody else; applications have no use for it.
 */
import type { Position, SyncError } from '@syncline/protocol';
import { type Data, nextCheck, systemClock } from '@syncline/protocol/wire';
import type { Status } from './connection.ts';
import { Core, type Member } from './core.ts';
import { bytes } from './doc/binary.ts';
import { FoldingSubscription } from './folding.ts';
import { language } from './language.ts';
import { pageLifecycle } from './lifecycle.ts';
import { Outbox } from './outbox.ts';
import type { GetToken } from './rights.ts';
import { promised } from './settle.ts';
import { type Report, reporter, type Store } from './store.ts';
import type { Place, Reader, Received, Recovery } from './subscription.ts';
import type { Transport } from './transports/transport.ts';
import { resolveUrl } from './transports/websocket.ts';

/** One entry of a log. */
export interface LogEntry extends Received {
  /** The place after it; undefined where the server spared us entries before it, so that nobody can tell. */
  readonly position: Position | undefined;
}

/** What is told of a log, in its order. */
export interface LogReader {
  /** Where reading begins, goes on, or goes on past a gap; before anything newer. */
  recovered(recovery: Recovery, place: Place): void;
  entries(entries: readonly LogEntry[], position: Position): void;
  /** What stands for all entries up to there, in place of what was told before; its parts are JSON each, or bytes that belong together. */
  snapshot(parts: readonly Data[], position: Position): void;
  /** The server doesn't let this log be read on this connection. */
  refused(error: SyncError): void;
}

/** A channel's log. */
export interface Log {
  readonly name: string;
  /**
   * Reads on until what is returned is called.
   *
   * @param from the last place that was read; or a count of entries to begin with, 0 for only what comes next
   */
  follow(from: Position | number, reader: LogReader): () => void;
  /**
   * Publishes a payload, JSON as text. Resolves with its position once it is stored, after however many reconnects; each once, in order.
   *
   * @throws SyncError as `publish` of a stream does
   */
  publish(payload: string): Promise<Position>;
}

export interface LogClientOptions {
  readonly url: string;
  readonly transport: Transport;
  readonly getToken?: GetToken | undefined;
  /** How long a payload may wait before it fails, in ms. */
  readonly outboxAgeMs: number;
  /** Payloads that may wait at once. */
  readonly outboxEntriesMax: number;
  /** Told of what goes wrong where nobody waits. */
  readonly onError: Report;
}

/** A client that knows no kinds. */
export interface LogClient {
  readonly status: Store<Status>;
  /** The log of that channel; each call makes another, so keep it. */
  log(name: string): Log;
  /** Ends the connection for good. */
  close(): void;
}

/**
 * A client that reads and writes logs.
 *
 * @throws SyncError `bad_option` for an address that is none
 * @example
 * const { follow } = createLogClient({ url, transport, … }).log('chat/lobby')
 */
export function createLogClient(options: LogClientOptions): LogClient {
  const { url, onError, getToken, ...rest } = options;
  const core = new Core({
    ...rest,
    clock: systemClock,
    lifecycle: pageLifecycle,
    language: { ...language, bytes },
    url: resolveUrl(url),
    getToken,
    requestTimeoutMs: 10_000,
    outboxBytesMax: Number.MAX_SAFE_INTEGER,
    report: reporter(onError),
  });
  return {
    status: core.connection.status,
    log: (name) => new ChannelLog(core, name),
    close: () => core.connection.stop(),
  };
}

class ChannelLog implements Log, Member, Reader {
  readonly name: string;
  readonly #subscription: FoldingSubscription;
  readonly #outbox: Outbox;
  #reader: LogReader | undefined;
  /** The last place that is known for certain. */
  #place: Position | undefined;
  #parts: Data[] = [];

  constructor(core: Core, name: string) {
    this.name = name;
    this.#outbox = new Outbox(core, name);
    this.#subscription = new FoldingSubscription(core, name, this);
    this.#subscription.freshness.subscribe(() => {
      const freshness = this.#subscription.freshness.get();
      if (freshness.state === 'refused') this.#reader?.refused(freshness.error);
    });
    core.members.add(this);
  }

  follow(from: Position | number, reader: LogReader): () => void {
    this.#reader = reader;
    if (typeof from !== 'number') this.#subscription.seek(from);
    const release = this.#subscription.hold(typeof from === 'number' ? from : 0);
    return () => {
      this.#reader = undefined;
      release();
    };
  }

  publish(payload: string): Promise<Position> {
    return promised((settle) => void this.#outbox.add(payload, settle));
  }

  // In the order of channel.ts, for the reasons given there.
  opened(): void {
    if (!this.#subscription.place) this.#subscription.ask();
    this.#outbox.opened();
    this.#subscription.ask();
  }

  lost(moved: boolean): void {
    this.#subscription.lost(moved);
  }

  closed(error: SyncError): void {
    this.#outbox.closed(error);
    this.#reader?.refused(error);
  }

  recovered(recovery: Recovery, place: Place): void {
    this.#parts = [];
    this.#place = place.position;
    this.#reader?.recovered(recovery, place);
  }

  received(received: readonly Received[], position: Position): void {
    let place = this.#place;
    const entries = received.map((entry): LogEntry => {
      const { offset, data } = entry;
      const follows = place?.offset === offset - 1;
      place = place && follows ? { ...place, offset, check: nextCheck(place.check, data) } : undefined;
      return { ...entry, position: offset === position.offset ? position : place };
    });
    this.#place = position;
    this.#reader?.entries(entries, position);
  }

  snapshot(part: Data, position: Position | undefined): void {
    this.#parts.push(part);
    if (!position) return;
    this.#place = position;
    this.#reader?.snapshot(this.#parts.splice(0), position);
  }

  ended(): void {
    this.#place = undefined;
  }
}

export type { Position } from '@syncline/protocol';
export { SyncError } from '@syncline/protocol';
export type { Status } from './connection.ts';
export type { Place, Recovery } from './subscription.ts';
export type { Link, LinkHandlers, Transport } from './transports/transport.ts';
