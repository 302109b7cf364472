/**
 * The heart: one open log as this node serves it. Cursors read from memory while they keep up and from pages of the log
 * when they are behind; what the node knows of the log is the follower's matter. It never sees a session, a transport or
 * a kind.
 */
import { type GapReason, limits, type Position, SyncError } from '@syncline/protocol';
import type { Clock, Entry, Signalled, Start, ViewFilter } from '@syncline/protocol/wire';
import type { Announcement, Append, Appended, Broker, Range, Slice } from './broker/broker.ts';
import { Follower } from './channel/follower.ts';
import { type Located, locate, placeBefore } from './channel/locate.ts';
import { Pages } from './channel/pages.ts';
import { Retry } from './channel/retry.ts';
import { Signalling } from './channel/signals.ts';
import { Snapshots } from './channel/snapshots.ts';
import { asBatch, Tail } from './channel/tail.ts';
import { ChannelViews } from './channel/views.ts';
import {
  Batch,
  type Conflate,
  Cursor,
  type Gap,
  type OpenView,
  type Signals,
  type Source,
  type Taken,
  type View,
  type ViewTraits,
} from './cursor.ts';
import { type Logger, type Metrics, reason } from './observe.ts';
import type { Turn } from './turn.ts';

/** What a channel is told about itself: who it is, what its log keeps, what it may hold in memory. */
export interface ChannelSettings {
  readonly id: number;
  readonly name: string;
  readonly stamped: boolean;
  readonly keep: Range['keep'];
  readonly tailEntriesMax: number;
  readonly tailBytesMax: number;
}

/** What every channel of a node shares. */
export interface ChannelTools {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Batches kept for cursors at the same place; a few places are enough, the rest is built again. */
const batchesMax = 16;
/** Entries read when a channel opens, so that clients who return after a moment are served from memory. */
const openEntries = 128;
/** Payload bytes of one page of history; what doesn't fit is on the next. */
const historyBytesMax = 256 * 1024;

export class Channel implements Source {
  readonly settings: ChannelSettings;
  readonly #tools: ChannelTools;
  readonly #pages: Pages;
  readonly #follower: Follower;
  readonly #retry: Retry;
  readonly #cursors = new Set<Cursor>();
  readonly #waiting = new Set<Cursor>();
  readonly #gaps = new Map<Cursor, Gap>();
  readonly #snapshots: Snapshots;
  #conflate: Conflate | undefined;
  #refusal: SyncError | undefined;
  #signalling: Signalling | undefined;
  /** Of whoever holds the channel open: called when its log turns out to be another one. */
  #onBreak: (() => void) | undefined;
  readonly #views: ChannelViews;
  readonly #batches = new Map<number, Batch>();
  readonly #stopListening: () => void;
  /** Calls under way: appends, pages of history, subscribers who look for their place. */
  #calls = 0;
  /** Cursors that aren't the node's own. */
  #readers = 0;
  #reading = false;
  #flushing = false;
  #closed = false;

  private constructor(
    settings: ChannelSettings,
    tools: ChannelTools,
    pages: Pages,
    slice: Slice,
    stopListening: () => void,
  ) {
    const { clock, metrics, logger } = tools;
    const tail = new Tail(settings.tailEntriesMax, settings.tailBytesMax);
    this.settings = settings;
    this.#tools = tools;
    this.#pages = pages;
    this.#snapshots = new Snapshots(settings.id);
    this.#views = new ChannelViews(settings.name, metrics);
    this.#retry = new Retry(clock);
    this.#follower = new Follower(
      slice,
      { name: settings.name, pages, tail, retry: new Retry(clock), metrics, logger },
      { onMore: () => this.#flushLater(), onBreak: (first, why) => this.#break(first, why) },
    );
    this.#stopListening = stopListening;
  }

  /** Opens a log: listens first, then reads, so that nothing falls between. */
  static async open(settings: ChannelSettings, tools: ChannelTools): Promise<Channel> {
    const early: Announcement[] = [];
    let receive = (news: Announcement): void => void early.push(news);
    const stop = tools.broker.listen(settings.name, (news) => receive(news));
    try {
      const pages = new Pages(tools.broker, settings.name, settings.keep);
      const offset = Number.MAX_SAFE_INTEGER;
      const newest = await pages.fresh({
        direction: 'before',
        offset,
        entriesMax: openEntries,
        bytesMax: Math.min(settings.tailBytesMax, limits.batchBytesMax.default),
      });
      const channel = new Channel(settings, tools, pages, newest, stop);
      receive = (news) => channel.#follower.receive(news);
      for (const news of early) receive(news);
      return channel;
    } catch (thrown) {
      stop();
      throw thrown;
    }
  }

  /** The head of the log. */
  get top(): Position {
    return this.#follower.top;
  }

  /** Whether nobody reads, appends, or is about to. */
  get idle(): boolean {
    return this.#readers + this.#views.size === 0 && this.#calls === 0 && !this.#onBreak;
  }

  /** Refuses what is published from now on, with this error; undefined: no more. Its readers notice nothing. */
  refuseWith(error: SyncError | undefined): void {
    this.#refusal = error;
  }

  /**
   * Appends through the broker; what was appended comes back by announcement, like everyone's.
   *
   * @param own it is the node's own, which goes on where publishes are refused
   */
  async append(append: Omit<Append, 'keep'>, own = false): Promise<Appended> {
    if (this.#refusal && !own) throw this.#refusal;
    this.#calls++;
    try {
      const appended = await this.#tools.broker.append(this.settings.name, {
        ...append,
        keep: this.settings.keep,
      });
      this.#tools.metrics.entriesAppended++;
      this.#follower.acknowledged(appended);
      return appended;
    } finally {
      this.#calls--;
    }
  }

  /**
   * Puts a cursor where a reader wants to start, or at the oldest place from which the log is complete (rules S3, S4).
   * There may be something to take at once; `onWake` is called whenever there may be more.
   *
   * @param resident it is the node's own: the channel isn't held open for it
   */
  join(start: Start, onWake: () => void, resident = false): Promise<Located & { readonly cursor: Cursor }> {
    return this.#call(async () => {
      const located = await locate(start, this.#follower, this.#pages);
      if (this.#closed) throw new SyncError('restart');
      const { position, proven } = located;
      const cursor = new Cursor(this, position.offset, { proven, resident }, onWake);
      this.#cursors.add(cursor);
      this.#count(cursor, 1);
      return { ...located, cursor };
    });
  }

  /**
   * Keeps the channel open until what is returned is called; one may hold it at a time. `onBreak` is called when its log turns
   * out to be another one.
   */
  hold(onBreak: () => void): () => void {
    this.#onBreak = onBreak;
    return () => {
      if (this.#onBreak === onBreak) this.#onBreak = undefined;
    };
  }

  /** Tells the readers who are up to date at the end of this turn, and nobody else (rule N6). False when the turn's frame is full. */
  signal(signal: Signalled): boolean {
    const { turn } = this.#tools;
    this.#signalling ??= new Signalling(this.settings.id, turn, () => {
      for (const cursor of this.#cursors) cursor.wake();
    });
    return this.#signalling.add(signal);
  }

  /** How this log's readers are spared what they needn't see. It holds until the log turns out to be another one. */
  conflateWith(conflate: Conflate): void {
    this.#conflate = conflate;
    this.#batches.clear();
  }

  /** How this log is viewed; an error: no longer, which whoever views it is told. */
  viewWith(open: OpenView | SyncError): void {
    this.#views.openWith(open);
  }

  /**
   * Opens a view of what the log comes to. It is woken and taken from like a cursor.
   *
   * @throws SyncError `unsupported_data` where there is nothing to view, `bad_payload` for a filter that doesn't fit
   */
  view(traits: ViewTraits, filter: ViewFilter): Promise<View> {
    return this.#call(() => this.#views.open(traits, filter));
  }

  /** One page of the log, oldest first, and whether there is more in that direction (rule S7). */
  history(
    direction: Range['direction'],
    offset: number,
    limit: number,
  ): Promise<{ epoch: string; entries: readonly Entry[]; more: boolean }> {
    return this.#call(async () => {
      const page = { direction, offset, entriesMax: limit, bytesMax: historyBytesMax };
      const { epoch, entries, oldest, top } = await this.#pages.read(page);
      const [first] = entries;
      const last = entries.at(-1);
      const more = direction === 'before' ? first && first.offset > oldest : last && last.offset < top.offset;
      return { epoch, entries, more: more ?? false };
    });
  }

  take(cursor: Cursor): Taken | undefined {
    const { metrics } = this.#tools;
    const gap = this.#gaps.get(cursor);
    if (gap) {
      this.#gaps.delete(cursor);
      cursor.place(gap.position.offset);
      if (!cursor.resident) metrics.gapsTold++;
      return gap;
    }
    const part = this.#snapshots.next(cursor);
    if (part) return part;
    if (!this.#cursors.has(cursor)) return undefined;
    if (cursor.offset >= this.top.offset) return this.#signals(cursor);
    const batch = cursor.proven ? this.#batchAfter(cursor.offset) : undefined;
    if (!batch) {
      if (this.#snapshots.join(cursor, (offset) => this.#goesOn(offset))) return this.#snapshots.next(cursor);
      this.#waiting.add(cursor);
      void this.#readOn();
      return undefined;
    }
    cursor.offset = batch.last.offset;
    if (!cursor.resident) metrics.entriesSent += batch.entries.length;
    return batch;
  }

  hasMore(cursor: Cursor): boolean {
    if (this.#gaps.has(cursor) || this.#snapshots.has(cursor)) return true;
    return cursor.offset < this.top.offset || (this.#signalling?.has(cursor) ?? false);
  }

  #signals(cursor: Cursor): Signals | undefined {
    const signals = this.#signalling?.take(cursor);
    if (signals) this.#tools.metrics.signalsSent += signals.signals.length;
    return signals;
  }

  release(cursor: Cursor): void {
    if (!this.#cursors.delete(cursor)) return;
    this.#waiting.delete(cursor);
    this.#gaps.delete(cursor);
    this.#snapshots.leave(cursor);
    this.#count(cursor, -1);
  }

  #count({ resident }: Cursor, by: number): void {
    if (resident) return;
    this.#readers += by;
    this.#tools.metrics.cursorsOpen += by;
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    this.#follower.close();
    this.#retry.stop();
    for (const cursor of this.#cursors) this.release(cursor);
    this.#views.close();
  }

  /** Runs something that the channel must not be closed under. */
  async #call<T>(run: () => Promise<T>): Promise<T> {
    this.#calls++;
    try {
      return await run();
    } finally {
      this.#calls--;
    }
  }

  #flushLater(): void {
    if (this.#batches.size > 0) this.#batches.clear();
    if (this.#flushing) return;
    this.#flushing = true;
    this.#tools.turn.beforeWrites(() => {
      this.#flushing = false;
      this.#follower.check();
      for (const cursor of this.#cursors) cursor.wake();
    });
  }

  /** The log is another one: everyone is told, and reads on from its oldest entry. */
  #break(slice: Slice, why: GapReason): void {
    this.#waiting.clear();
    this.#snapshots.clear();
    this.#conflate = undefined;
    this.#onBreak?.();
    for (const cursor of this.#cursors) this.#gaps.set(cursor, this.#gap(slice, why));
  }

  /** Whether someone who stands there can go on from memory. */
  #goesOn(offset: number): boolean {
    return offset >= this.top.offset || this.#batchAfter(offset) !== undefined;
  }

  /** What comes after a place: its entries as far as they are in memory, or fewer for who is behind by more than a batch. */
  #batchAfter(offset: number): Batch | undefined {
    const known = this.#batches.get(offset);
    if (known) return known;
    const held = asBatch(this.#follower.held(offset + 1));
    const behind = held.at(-1)?.offset !== this.top.offset;
    const entries = (behind && this.#conflate?.(offset)) || held;
    if (entries.length === 0) return undefined;
    const batch = new Batch(this.settings.id, this.settings.stamped, offset, entries);
    if (this.#batches.size >= batchesMax) this.#batches.clear();
    this.#batches.set(offset, batch);
    this.#tools.metrics.batchesBuilt++;
    return batch;
  }

  /** Reads pages for the cursors that wait, until none does; a read that fails is tried again. */
  async #readOn(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    for (let [first] = this.#waiting; first && !this.#closed; [first] = this.#waiting) {
      try {
        await this.#readFor(first);
      } catch (thrown) {
        this.#tools.logger.error(
          { channel: this.settings.name, reason: reason(thrown) },
          'A page of a log could not be read; it is tried again.',
        );
        await this.#retry.wait();
      }
    }
    this.#reading = false;
  }

  /** Reads one page and wakes all who wait: whom it doesn't serve asks again. */
  async #readFor({ offset }: Cursor): Promise<void> {
    const { top } = this;
    const { breaks } = this.#follower;
    this.#tools.metrics.readsBehind++;
    const slice = await this.#pages.after(offset);
    if (slice.epoch !== top.epoch || slice.top.offset < top.offset) await this.#follower.repair();
    const same = breaks === this.#follower.breaks;
    const lastOffset = slice.entries.at(-1)?.offset ?? slice.oldest - 1;
    if (same && lastOffset <= offset)
      throw new SyncError(
        'corrupt',
        `The log ends at ${slice.top.offset}, but gave nothing after ${offset}.`,
      );
    const reachesBack = same && (slice.entries[0]?.offset ?? slice.oldest) === slice.oldest;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const cursor of waiting) {
      if (reachesBack && cursor.offset + 1 < slice.oldest) {
        if (slice.snapshot) this.#snapshots.begin(cursor, slice.snapshot);
        else this.#gaps.set(cursor, this.#gap(slice, 'trimmed'));
      }
      cursor.wake();
    }
  }

  #gap(slice: Slice, why: GapReason): Gap {
    return { id: this.settings.id, position: placeBefore(slice), top: slice.top.offset, reason: why };
  }
}
