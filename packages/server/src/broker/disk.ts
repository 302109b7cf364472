/**
 * The broker that keeps logs in a file and survives `kill -9` and power loss: an append is acknowledged when it has been
 * flushed. What is asked within a turn of the event loop travels as one group, and groups that queue up share a flush.
 * It turns calls into operations and answers into news; what a log allows is the store's to say.
 */
import { SyncError } from '@syncline/protocol';
import { type Clock, type Entry, systemClock, toSyncError } from '@syncline/protocol/wire';
import type { Append, Appended, Broker, Range, Slice, Snapshot } from './broker.ts';
import { type Executor, errorOf, type Operation, type Outcome } from './disk/operation.ts';
import { Thread } from './disk/thread.ts';
import { dataBytes, owned } from './head.ts';
import { closedError, type Listener, Listeners } from './listeners.ts';

export interface QueueOptions {
  readonly clock?: Clock;
  /** Calls that may wait for the disk; more are refused with `too_many`. Default 100,000. */
  readonly opsQueuedMax?: number;
  /** Payload bytes that may wait for the disk; more are refused with `too_many`. Default 64 MiB. */
  readonly bytesQueuedMax?: number;
}

export interface DiskOptions extends QueueOptions {
  /** The folder that holds the file; it is made when it doesn't exist. One process may use it at a time. */
  readonly dir: string;
  /** Size of the file in bytes beyond which appends fail with `storage`. Default: until the disk is full. */
  readonly fileBytesMax?: number;
  /** Up to this size the whole file is checked at start; beyond it each log when it is opened. Default 256 MiB. */
  readonly checkedBytesMax?: number;
  /** Memory for heads of logs, in bytes; those used longest ago are read anew when needed. Default 64 MiB. */
  readonly headsBytesMax?: number;
}

/** A disk broker, and when its file is open. Calls made before wait; `ready` rejects with why the file can't be opened. */
export type DiskBroker = Broker & { readonly ready: Promise<void> };

/** A broker on disk. @example const broker = disk({ dir: './data' }); await broker.ready */
export function disk(options: DiskOptions): DiskBroker {
  const { dir, fileBytesMax, checkedBytesMax, headsBytesMax } = options;
  return diskOver(new Thread({ dir, fileBytesMax, checkedBytesMax, headsBytesMax }), options);
}

/** The same over any executor: the simulator's runs a store in-process. */
export function diskOver(executor: Executor, options: QueueOptions = {}): DiskBroker {
  return new Disk(
    executor,
    options.clock ?? systemClock,
    options.opsQueuedMax ?? 100_000,
    options.bytesQueuedMax ?? 64 * 1024 * 1024,
  );
}

/** One call that waits for its outcome. */
interface Call {
  readonly operation: Operation;
  readonly bytes: number;
  readonly resolve: (value: Appended | Slice | boolean) => void;
  readonly reject: (error: SyncError) => void;
}

class Disk implements DiskBroker {
  readonly ready: Promise<void>;
  readonly #executor: Executor;
  readonly #clock: Clock;
  readonly #opsQueuedMax: number;
  readonly #bytesQueuedMax: number;
  readonly #listeners = new Listeners();
  /** The calls of this turn, not yet handed on. */
  #turn: Call[] = [];
  #opsQueued = 0;
  #bytesQueued = 0;
  /** Resolves when the group handed on last has been answered, and so all before it. */
  #settled: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(executor: Executor, clock: Clock, opsQueuedMax: number, bytesQueuedMax: number) {
    this.ready = executor.ready;
    this.#executor = executor;
    this.#clock = clock;
    this.#opsQueuedMax = opsQueuedMax;
    this.#bytesQueuedMax = bytesQueuedMax;
  }

  append(channel: string, append: Append): Promise<Appended> {
    const { data, from, producer, key, keyEnds, ifKeyAt, ifTopAt, order, keysMax, keep } = append;
    const kept = owned(data);
    const operation = {
      type: 'append',
      channel,
      now: this.#clock.now(),
      append: { data: kept, from, producer, key, keyEnds, ifKeyAt, ifTopAt, order, keysMax, keep },
    } as const;
    return this.#call<Appended>(operation, dataBytes(kept));
  }

  read(channel: string, { direction, offset, entriesMax, bytesMax, keep }: Range): Promise<Slice> {
    return this.#call<Slice>(
      {
        type: 'read',
        channel,
        now: this.#clock.now(),
        range: { direction, offset, entriesMax, bytesMax, keep },
      },
      0,
    );
  }

  compact(channel: string, epoch: string, { offset, check, data }: Snapshot): Promise<boolean> {
    const snapshot = { offset, check, data: owned(data) };
    return this.#call<boolean>(
      { type: 'compact', channel, now: this.#clock.now(), epoch, snapshot },
      dataBytes(data),
    );
  }

  listen(channel: string, onNews: Listener): () => void {
    if (this.#closing) throw closedError();
    return this.#listeners.add(channel, onNews);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#flush();
    await this.#settled;
    await this.#executor.close();
    this.#listeners.clear();
  }

  #call<Value extends Appended | Slice | boolean>(operation: Operation, bytes: number): Promise<Value> {
    if (this.#closing) return Promise.reject(closedError());
    if (this.#opsQueued >= this.#opsQueuedMax || this.#bytesQueued + bytes > this.#bytesQueuedMax) {
      return Promise.reject(
        new SyncError(
          'too_many',
          `The disk can't keep up: ${this.#opsQueued} calls with ${this.#bytesQueued} bytes wait for it. This one was not begun; try again.`,
        ),
      );
    }
    this.#opsQueued++;
    this.#bytesQueued += bytes;
    if (this.#turn.length === 0) this.#clock.endOfTurn(() => this.#flush());
    return new Promise((resolve, reject) => {
      // The store answers each type of operation with its own type of value.
      this.#turn.push({ operation, bytes, resolve: resolve as Call['resolve'], reject });
    });
  }

  /** Hands this turn's calls on as one group. */
  #flush(): void {
    const calls = this.#turn;
    if (calls.length === 0) return;
    this.#turn = [];
    const run = this.#executor.run(calls.map((call) => call.operation));
    this.#settled = run.then(
      (outcomes) => this.#settle(calls, outcomes),
      (thrown: unknown) => this.#refuse(calls, toSyncError(thrown)),
    );
  }

  /** Answers a group's calls, then announces what it stored: one piece of news per log. */
  #settle(calls: readonly Call[], outcomes: readonly Outcome[]): void {
    const news = new Map<string, { readonly epoch: string; readonly entries: Entry[] }>();
    for (const [i, call] of calls.entries()) {
      this.#release(call);
      const outcome = outcomes[i];
      if (!outcome) call.reject(new SyncError('internal'));
      else if (outcome.type === 'fault') call.reject(errorOf(outcome.fault));
      else call.resolve(outcome.value);
      if (outcome?.type !== 'appended' || outcome.value.duplicate || call.operation.type !== 'append')
        continue;
      const { epoch, offset, check, at } = outcome.value;
      const { from, data } = call.operation.append;
      const ofLog = news.get(call.operation.channel) ?? { epoch, entries: [] };
      ofLog.entries.push({ offset, check, at, from, data });
      news.set(call.operation.channel, ofLog);
    }
    for (const [channel, { epoch, entries }] of news) {
      const { offset = 0, check = 0 } = entries.at(-1) ?? {};
      this.#listeners.announce(channel, { epoch, top: { offset, check }, entries });
    }
  }

  #refuse(calls: readonly Call[], error: SyncError): void {
    for (const call of calls) {
      this.#release(call);
      call.reject(error);
    }
  }

  #release(call: Call): void {
    this.#opsQueued--;
    this.#bytesQueued -= call.bytes;
  }
}
