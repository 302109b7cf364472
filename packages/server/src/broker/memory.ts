/**
 * The broker that keeps logs in this process and survives nothing: for development, tests, and data that may be lost with
 * its node. `createServer` is given one. It stores what head.ts admits; it never sees a kind.
 */
import { SyncError } from '@syncline/protocol';
import { type Clock, type Entry, type Keep, newEpoch, systemClock } from '@syncline/protocol/wire';
import type { Append, Appended, Broker, Range, Slice, Snapshot } from './broker.ts';
import { admit, advance, compacted, type Head, newHead, owned, type Sizes, takes, trim } from './head.ts';
import { closedError, type Listener, Listeners } from './listeners.ts';

export interface MemoryOptions {
  readonly clock?: Clock;
  /** Logs held; beyond it the one used longest ago that nobody listens to is forgotten. Default 100,000. */
  readonly logsMax?: number;
}

/** A broker in memory. */
export function memory(options: MemoryOptions = {}): Broker {
  return new MemoryBroker(options.clock ?? systemClock, options.logsMax ?? 100_000);
}

/**
 * One log. `entries` may begin with some that are dropped already: they leave when they are half of it. Their sizes stand beside
 * them, since whoever drops an entry that was stored long ago would else have to fetch it from memory to weigh it.
 */
class Log implements Sizes {
  readonly head: Head;
  entries: Entry[] = [];
  sizes: number[] = [];
  snapshot: Snapshot | null = null;

  constructor(head: Head) {
    this.head = head;
  }

  at(offset: number): number {
    return entryAt(this, offset).at;
  }

  bytes(offset: number): number {
    return this.sizes[offset - firstStored(this)] ?? 0;
  }

  /** Adds an admitted entry. */
  store(append: Append, entry: Entry): void {
    const before = this.head.bytes;
    advance(this.head, append, entry);
    this.entries.push(entry);
    this.sizes.push(this.head.bytes - before);
  }

  /** Lets go of the oldest ones. */
  forget(count: number): void {
    this.entries = this.entries.slice(count);
    this.sizes = this.sizes.slice(count);
  }
}

class MemoryBroker implements Broker {
  readonly #clock: Clock;
  readonly #logsMax: number;
  readonly #logs = new Map<string, Log>();
  /** The logs that may be forgotten, the one used longest ago first; apart, those that hold nothing. */
  readonly #onlyRead = new Map<string, Log>();
  readonly #idle = new Map<string, Log>();
  readonly #listeners = new Listeners();
  #closed = false;

  constructor(clock: Clock, logsMax: number) {
    this.#clock = clock;
    this.#logsMax = logsMax;
  }

  async append(channel: string, append: Append): Promise<Appended> {
    return this.appendNow(channel, append);
  }

  appendNow(channel: string, append: Append): Appended {
    const log = this.#log(channel);
    const { head } = log;
    const now = this.#clock.now();
    const { answer, entry } = admit(head, append, now);
    if (!entry) return answer;
    log.store(append, entry);
    drop(log, append.keep, now);
    const { epoch, offset, check } = answer;
    const news = { epoch, top: { offset, check }, entries: [entry] };
    if (!this.#listeners.announce(channel, news) && entry.offset === 1) this.#rest(channel, log);
    return answer;
  }

  async read(channel: string, range: Range): Promise<Slice> {
    const log = this.#log(channel);
    drop(log, range.keep, this.#clock.now());
    const { epoch, top, check, oldest } = log.head;
    const snapshot = range.direction === 'after' && range.offset < oldest - 1 ? log.snapshot : null;
    return { epoch, top: { offset: top, check }, oldest, snapshot, entries: cut(log, range) };
  }

  async compact(channel: string, epoch: string, snapshot: Snapshot): Promise<boolean> {
    const log = this.#log(channel);
    const { head } = log;
    if (!takes(head, epoch, snapshot, (offset) => entryAt(log, offset).check)) return false;
    log.forget(snapshot.offset + 1 - firstStored(log));
    compacted(
      head,
      snapshot.offset,
      log.sizes.reduce((sum, bytes) => sum + bytes, 0),
    );
    log.snapshot = { ...snapshot, data: owned(snapshot.data) };
    return true;
  }

  listen(channel: string, onNews: Listener): () => void {
    if (this.#closed) throw closedError();
    const stop = this.#listeners.add(channel, onNews);
    this.#idle.delete(channel);
    this.#onlyRead.delete(channel);
    return () => {
      stop();
      const log = this.#logs.get(channel);
      if (log && !this.#listeners.has(channel)) this.#rest(channel, log);
      this.#forget();
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    this.#logs.clear();
    this.#idle.clear();
    this.#onlyRead.clear();
  }

  /** The log of that name, its first epoch begun when there is none. */
  #log(channel: string): Log {
    if (this.#closed) throw closedError();
    const known = this.#logs.get(channel);
    const log = known ?? new Log(newHead(newEpoch(this.#clock.now(), this.#clock.randomBytes(16))));
    if (!known) this.#logs.set(channel, log);
    if (!this.#listeners.has(channel)) this.#rest(channel, log);
    if (!known) this.#forget(channel);
    return log;
  }

  /** Nobody listens to this log: it may be forgotten, the one used longest ago first. */
  #rest(channel: string, log: Log): void {
    this.#idle.delete(channel);
    this.#onlyRead.delete(channel);
    (log.head.top === 0 ? this.#onlyRead : this.#idle).set(channel, log);
  }

  /** Forgets logs beyond the bound, but never the one in use: those that were only read before those that hold something. */
  #forget(inUse?: string): void {
    for (const channels of [this.#onlyRead, this.#idle]) {
      for (const channel of channels.keys()) {
        if (this.#logs.size <= this.#logsMax) return;
        if (channel === inUse) continue;
        channels.delete(channel);
        this.#logs.delete(channel);
      }
    }
  }
}

/** Trims a log, and lets go of what was dropped once that is half of what is held: each entry is moved once at most. */
function drop(log: Log, keep: Keep | null, now: number): void {
  if (!keep) return;
  trim(log.head, keep, now, log);
  if (log.head.snapshot === 0) log.snapshot = null;
  const dropped = log.head.oldest - firstStored(log);
  if (dropped * 2 > log.entries.length) log.forget(dropped);
}

/** Offset of the first entry in `log.entries`. */
function firstStored(log: Log): number {
  return log.head.top + 1 - log.entries.length;
}

function entryAt(log: Log, offset: number): Entry {
  const entry = log.entries[offset - firstStored(log)];
  if (!entry) throw new SyncError('internal', `Entry ${offset} is not held.`);
  return entry;
}

/** The entries of a range, within its bounds. */
function cut(log: Log, range: Range): readonly Entry[] {
  const { oldest, top } = log.head;
  const forwards = range.direction === 'after';
  const step = forwards ? 1 : -1;
  let next = forwards ? Math.max(range.offset + 1, oldest) : Math.min(range.offset - 1, top);
  const first = next;
  let bytes = 0;
  while (next >= oldest && next <= top && Math.abs(next - first) < range.entriesMax) {
    bytes += log.bytes(next);
    if (bytes > range.bytesMax && next !== first) break;
    next += step;
  }
  const [from, until] = forwards ? [first, next] : [next + 1, first + 1];
  return log.entries.slice(from - firstStored(log), Math.max(from, until) - firstStored(log));
}
