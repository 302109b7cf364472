/**
 * Who reads an open log, and what each is given next: a batch from memory, a part of a snapshot, a gap that must be told, the
 * signals of this turn, or nothing until a page has been read. The channel puts cursors here and says when the log moves; whoever
 * holds a cursor takes. It must not know who that is.
 */
import { type GapReason, SyncError } from '@syncline/protocol';
import type { Clock, Signalled } from '@syncline/protocol/wire';
import type { Slice } from '../broker/broker.ts';
import type { Conflate, Cursor, Gap, Signals, Source, Taken } from '../cursor.ts';
import { type Logger, type Metrics, reason } from '../observe.ts';
import type { Turn } from '../turn.ts';
import { Batches, type BatchTraits } from './batches.ts';
import { Cursors } from './cursors.ts';
import type { Followed, Follower } from './follower.ts';
import { placeBefore } from './locate.ts';
import type { Pages } from './pages.ts';
import { Retry } from './retry.ts';
import { Signalling } from './signals.ts';
import { Snapshots } from './snapshots.ts';

/** Whose readers they are. */
export interface ReadersTraits extends BatchTraits {
  readonly name: string;
}

/** What they share with everything else on the node. */
export interface ReadersTools {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export class Readers implements Source, Followed {
  readonly #traits: ReadersTraits;
  readonly #tools: ReadersTools;
  readonly #follower: Follower;
  readonly #pages: Pages;
  readonly #batches: Batches;
  readonly #snapshots: Snapshots;
  #retry: Retry | undefined;
  readonly #cursors = new Cursors();
  /** Those for whom a page has to be read. */
  #waiting: Set<Cursor> | undefined;
  #gaps: Map<Cursor, Gap> | undefined;
  /** Of whoever holds the channel open: called when its log turns out to be another one. */
  #onBreak: (() => void) | undefined;
  #signalling: Signalling | undefined;
  /** Cursors that aren't the node's own. */
  #count = 0;
  #reading = false;
  #flushing = false;
  #closed = false;

  constructor(traits: ReadersTraits, tools: ReadersTools, follower: Follower, pages: Pages) {
    this.#traits = traits;
    this.#tools = tools;
    this.#follower = follower;
    this.#pages = pages;
    this.#batches = new Batches(traits, follower, tools.metrics);
    this.#snapshots = new Snapshots(traits.id);
    follower.tell(this);
  }

  /** How many there are, the node's own left out. */
  get size(): number {
    return this.#count;
  }

  add(cursor: Cursor): void {
    this.#cursors.add(cursor);
    this.#counted(cursor, 1);
  }

  take(cursor: Cursor): Taken | undefined {
    const { metrics } = this.#tools;
    const gap = this.#gaps?.get(cursor);
    if (gap) {
      this.#gaps?.delete(cursor);
      cursor.place(gap.position.offset);
      if (!cursor.resident) metrics.gapsTold++;
      return gap;
    }
    const part = this.#snapshots.next(cursor);
    if (part) return part;
    if (!this.#cursors.has(cursor)) return undefined;
    if (cursor.offset >= this.#follower.top.offset) return this.#signals(cursor);
    const batch = cursor.proven ? this.#batches.after(cursor.offset) : undefined;
    if (!batch) {
      if (this.#snapshots.join(cursor, (offset) => this.#goesOn(offset))) return this.#snapshots.next(cursor);
      this.#waiting ??= new Set();
      this.#waiting.add(cursor);
      void this.#readOn();
      return undefined;
    }
    cursor.offset = batch.last.offset;
    if (!cursor.resident) metrics.entriesSent += batch.entries.length;
    return batch;
  }

  hasMore(cursor: Cursor): boolean {
    if (this.#gaps?.has(cursor) || this.#snapshots.has(cursor)) return true;
    return cursor.offset < this.#follower.top.offset || (this.#signalling?.has(cursor) ?? false);
  }

  release(cursor: Cursor): void {
    if (!this.#cursors.delete(cursor)) return;
    this.#waiting?.delete(cursor);
    this.#gaps?.delete(cursor);
    this.#snapshots.leave(cursor);
    this.#counted(cursor, -1);
  }

  /** The head moved: at the end of this turn they are woken, once. */
  more(): void {
    this.#batches.clear();
    if (this.#flushing) return;
    this.#flushing = true;
    this.#tools.turn.beforeWrites(() => {
      this.#flushing = false;
      this.#follower.check();
      this.#wake();
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

  /** Whether nobody reads, and nobody holds the channel open. */
  get idle(): boolean {
    return this.#count === 0 && !this.#onBreak;
  }

  /** The log is another one: everyone is told, and reads on from its oldest entry. */
  break(slice: Slice, why: GapReason): void {
    this.#onBreak?.();
    this.#waiting = undefined;
    this.#snapshots.clear();
    this.#batches.conflateWith(undefined);
    this.#cursors.each((cursor) => this.#skip(cursor, this.#gap(slice, why)));
  }

  /** How they are spared what they needn't see. It holds until the log turns out to be another one. */
  conflateWith(conflate: Conflate): void {
    this.#batches.conflateWith(conflate);
  }

  /** Tells those who are up to date, and nobody else, in this turn or soon (rule N6). False when the next frame is full. */
  signal(signal: Signalled): boolean {
    this.#signalling ??= new Signalling(this.#traits.id, this.#tools, () => {
      this.#wake();
      return this.#count;
    });
    return this.#signalling.add(signal);
  }

  close(): void {
    this.#closed = true;
    this.#retry?.stop();
    this.#signalling?.close();
    this.#cursors.each((cursor) => this.release(cursor));
  }

  #wake(): void {
    this.#cursors.each(wake);
  }

  #counted({ resident }: Cursor, by: number): void {
    if (resident) return;
    this.#count += by;
    this.#tools.metrics.cursorsOpen += by;
  }

  #signals(cursor: Cursor): Signals | undefined {
    const signals = this.#signalling?.take(cursor);
    if (signals) this.#tools.metrics.signalsSent += signals.signals.length;
    return signals;
  }

  /** Whether someone who stands there can go on from memory. */
  #goesOn(offset: number): boolean {
    return offset >= this.#follower.top.offset || this.#batches.after(offset) !== undefined;
  }

  /** Reads pages for the cursors that wait, until none does; a read that fails is tried again. */
  async #readOn(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    for (let first = this.#next(); first && !this.#closed; first = this.#next()) {
      try {
        await this.#readFor(first);
      } catch (thrown) {
        this.#tools.logger.error(
          { channel: this.#traits.name, reason: reason(thrown) },
          'A page of a log could not be read; it is tried again.',
        );
        await this.#pause();
      }
    }
    this.#reading = false;
  }

  /** Reads one page and wakes all who wait: whom it doesn't serve asks again. */
  async #readFor({ offset }: Cursor): Promise<void> {
    const { top, breaks } = this.#follower;
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
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const cursor of waiting) {
      if (reachesBack && cursor.offset + 1 < slice.oldest) {
        if (slice.snapshot) this.#snapshots.begin(cursor, slice.snapshot);
        else this.#skip(cursor, this.#gap(slice, 'trimmed'));
      }
      cursor.wake();
    }
  }

  async #pause(): Promise<void> {
    if (this.#closed) return;
    this.#retry ??= new Retry(this.#tools.clock);
    await this.#retry.wait();
  }

  /** Who waits for a page, the one who has waited longest first. */
  #next(): Cursor | undefined {
    const [first] = this.#waiting ?? [];
    return first;
  }

  /** What this cursor is told next is a gap. */
  #skip(cursor: Cursor, gap: Gap): void {
    this.#gaps ??= new Map();
    this.#gaps.set(cursor, gap);
  }

  #gap(slice: Slice, why: GapReason): Gap {
    return { id: this.#traits.id, position: placeBefore(slice), top: slice.top.offset, reason: why };
  }
}

function wake(cursor: Cursor): void {
  cursor.wake();
}
