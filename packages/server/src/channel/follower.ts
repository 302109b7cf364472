/**
 * What a node knows of one log: its head, its newest entries, some pages. It takes over each announced entry that
 * follows, and reads when one doesn't; where the log turns out to be another one than it knew, it says so. A channel
 * owns it and serves readers from it; it knows no cursor.
 */
import type { GapReason, Position } from '@syncline/protocol';
import { SyncError } from '@syncline/protocol';
import type { Clock, Entry } from '@syncline/protocol/wire';
import type { Announcement, Appended, Slice } from '../broker/broker.ts';
import { checkAfter } from '../broker/head.ts';
import { type Logger, type Metrics, reason } from '../observe.ts';
import { firstAfter, type Pages, pageAfter } from './pages.ts';
import { Retry } from './retry.ts';
import type { Tail } from './tail.ts';

/** Who wants to be told: those that serve readers. */
export interface Followed {
  /** The head moved: there is something to read, or to find missing. */
  more(): void;
  /** The log is another one than the one known until now; `slice` begins at its oldest entry. */
  break(slice: Slice, why: GapReason): void;
}

export interface FollowerTools {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export class Follower {
  readonly #name: string;
  readonly #tools: FollowerTools;
  readonly #pages: Pages;
  readonly #tail: Tail;
  #told: Followed | undefined;
  #retry: Retry | undefined;
  #top: Position;
  #breaks = 0;
  #acked = 0;
  #asked = false;
  #repairing: Promise<void> | undefined;
  #closed = false;

  constructor(name: string, slice: Slice, tail: Tail, pages: Pages, tools: FollowerTools) {
    this.#name = name;
    this.#tools = tools;
    this.#pages = pages;
    this.#tail = tail;
    this.#top = { epoch: slice.epoch, ...slice.top };
    for (const entry of slice.entries) tail.push(entry);
  }

  /** Tells of what happens from now on. */
  tell(told: Followed): void {
    this.#told = told;
  }

  /** The head of the log. */
  get top(): Position {
    return this.#top;
  }

  /** How often the log turned out to be another one: what was looked up before such a break doesn't hold after it. */
  get breaks(): number {
    return this.#breaks;
  }

  /** The entries from `offset` on as far as they are in memory: in the tail, or on a page that was read. */
  held(offset: number): readonly Entry[] {
    return this.#tail.from(offset) ?? this.#pages.kept(this.#top.epoch, offset);
  }

  /** News of the log: a hint. What doesn't follow is read. */
  receive(news: Announcement): void {
    if (this.#closed) return;
    this.#tools.metrics.entriesReceived += news.entries.length;
    const followed = news.epoch === this.#top.epoch && this.#accept(news.entries);
    const { top, asked = false } = news;
    const nothingNew = asked
      ? top.offset === this.#top.offset && top.check === this.#top.check
      : this.#reaches(top);
    if (!followed || !nothingNew) void this.repair();
  }

  /** This node's own append was stored. Its announcement is a hint too: `check` looks for it at the end of the turn. */
  acknowledged({ epoch, offset, check }: Appended): void {
    const { top } = this;
    const known = offset === top.offset ? top.check : this.#tail.at(offset)?.check;
    // Stored where something else is known to be: this log is not the one that is known.
    if (epoch !== top.epoch || (known ?? check) !== check) return void this.repair();
    if (offset <= top.offset) return;
    this.#acked = Math.max(this.#acked, offset);
    this.#told?.more();
  }

  /** Reads on if an acknowledged entry hasn't arrived. */
  check(): void {
    const missing = this.#acked > this.#top.offset;
    this.#acked = 0;
    if (missing) void this.repair();
  }

  /** Reads from the head on until nothing is missing, as of now. A read that fails is tried again until one succeeds. */
  repair(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#asked = true;
    this.#repairing ??= this.#repair();
    return this.#repairing;
  }

  close(): void {
    this.#closed = true;
    this.#retry?.stop();
  }

  async #repair(): Promise<void> {
    const { metrics, logger } = this.#tools;
    metrics.repairs++;
    // Whoever asks while a read is under way may know of something that it doesn't tell: then there is another one.
    while (this.#asked && !this.#closed) {
      this.#asked = false;
      try {
        await this.#catchUp();
      } catch (thrown) {
        logger.error(
          { channel: this.#name, reason: reason(thrown) },
          'A log could not be read on; it is tried again.',
        );
        this.#asked = true;
        await this.#pause();
      }
    }
    this.#repairing = undefined;
  }

  async #pause(): Promise<void> {
    if (this.#closed) return;
    this.#retry ??= new Retry(this.#tools.clock);
    await this.#retry.wait();
  }

  async #catchUp(): Promise<void> {
    for (;;) {
      const from = this.#top;
      const slice = await this.#pages.fresh(pageAfter(from.offset));
      if (this.#closed) return;
      if (slice.epoch !== this.#top.epoch) return this.#break('epoch');
      if (slice.top.offset < from.offset) return this.#break('diverged');
      if (slice.oldest > this.#top.offset + 1) return this.#skipTo(slice);
      if (!this.#accept(slice.entries)) return this.#break('diverged');
      const { offset, check } = this.#top;
      if (offset === slice.top.offset && check !== slice.top.check) return this.#break('diverged');
      if (offset >= slice.top.offset) return;
      if (offset === from.offset)
        throw new SyncError(
          'corrupt',
          `The log ends at ${slice.top.offset}, but gave nothing after ${offset}.`,
        );
    }
  }

  /** Takes over what follows the head; false at the first entry that doesn't. Entries known already are passed over. */
  #accept(entries: readonly Entry[]): boolean {
    const before = this.#top;
    let follow = true;
    for (const entry of entries) {
      if (entry.offset <= this.#top.offset) continue;
      const { offset, check } = this.#top;
      // Rule P4.
      follow = entry.offset === offset + 1 && entry.check === checkAfter(check, entry.data);
      if (!follow) break;
      this.#tail.push(entry);
      this.#top = { epoch: before.epoch, offset: entry.offset, check: entry.check };
    }
    if (this.#top !== before) this.#moved();
    return follow;
  }

  /** Whether all is known up to where the log ended when its news were told; older news say nothing new. */
  #reaches({ offset, check }: Announcement['top']): boolean {
    return offset < this.#top.offset || (offset === this.#top.offset && check === this.#top.check);
  }

  /** The log dropped entries that this node never saw: readers will find the hole from their own places. */
  #skipTo(slice: Slice): void {
    this.#tail.clear();
    if (slice.entries.at(-1)?.offset === slice.top.offset)
      for (const entry of slice.entries) this.#tail.push(entry);
    this.#top = { epoch: slice.epoch, ...slice.top };
    this.#moved();
  }

  /** This is another log than the one we knew. */
  async #break(why: GapReason): Promise<void> {
    const slice = await this.#pages.fresh(firstAfter(0));
    if (this.#closed) return;
    this.#tail.clear();
    this.#pages.forget();
    this.#breaks++;
    this.#top = { epoch: slice.epoch, ...slice.top };
    this.#told?.break(slice, why);
    this.#moved();
  }

  #moved(): void {
    this.#pages.moved();
    this.#told?.more();
  }
}
