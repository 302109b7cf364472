/**
 * One view of a channel's values: what its reader has, what of that has changed since, and what is told next (rules V3 to V6). It
 * is taken from like a cursor, and costs what is in view, however slowly that is done. Views tells it of changes; it knows no
 * reader.
 */
import type { SyncError } from '@syncline/protocol';
import type { Cancel, Clock, ViewFilter } from '@syncline/protocol/wire';
import { type CountedTraits, Ended, Seen, type View } from '../../cursor.ts';
import type { Filter } from '../index/filter.ts';
import type { Item } from '../index/items.ts';
import type { Budget } from './budget.ts';
import { Frame } from './frame.ts';
import { Search } from './search.ts';

/** What a view is shown, by the collection that it belongs to. */
export interface Sight {
  /** Up to where the log is folded. */
  readonly offset: number;
  readonly clock: Clock;
  /** What all views together may still do in this turn. */
  readonly budget: Budget;
  /** So many keys are noted for a reader who doesn't take, beside those that it has. */
  readonly notesKept: number;
  item(key: string): Item | undefined;
  /** All that a filter may let through, and some more; undefined where it looked in vain for a while. */
  candidates(filter: Filter): Iterator<Item | undefined>;
  /** From now on the view is told of what its filter may concern, as `from` was no longer; undefined: of nothing. */
  watch(view: FoldView, filter: Filter | undefined, from: Filter | undefined): void;
  /** Until it watches again it is told of nothing. */
  unwatch(view: FoldView, filter: Filter): void;
  /** @throws SyncError `bad_payload` */
  filter(filter: ViewFilter): Filter;
}

/** A key of which the reader must be told. */
interface Change {
  /** As it was when it changed first. */
  readonly item: Item | undefined;
  /** The offset of the first entry that it hasn't been told of. */
  readonly since: number;
  /** What took it out of the log, where that is what happened to it. */
  why: Removal | undefined;
}

export type Removal = 'delete' | 'expire';

/** How often each key that is noted may change, on the average, before it isn't noted any more. */
const changesPerNote = 16;

export class FoldView implements View {
  readonly id: number;
  /** Of the collection: the last change that it was asked about. */
  asked = 0;
  readonly #sight: Sight;
  readonly #traits: CountedTraits;
  #filter: Filter;
  /** The keys that the reader has, and of which version it was told. */
  readonly #told = new Map<string, number>();
  /** Those it must be told of, by when they changed first: keys that it has, and keys that are in view. */
  readonly #changes = new Map<string, Change>();
  /** What must be looked at to tell what is in view. */
  readonly #search = new Search();
  /** It has not yet told all that was in it at first (rule V4). */
  #opening = true;
  /** What changed up to here is told without waiting for the next time. */
  #round = 0;
  #resting = false;
  #cancelRest: Cancel | undefined;
  /** The reader knows that there is something. */
  #woken = false;
  /** What it shows is being replaced: nothing is told meanwhile. */
  #held = false;
  /** Changes noted since it was last told. */
  #noted = 0;
  /** Too much has changed since: it notes nothing any more, and looks for what is different when it is taken from. */
  #asleep = false;
  /** Where it stood when it fell asleep, until it has caught up with all that came since. */
  #sleptFrom: number | undefined;
  #cancelWait: Cancel | undefined;
  #over: SyncError | undefined;
  #released = false;
  #seen = 0;

  constructor(sight: Sight, filter: Filter, traits: CountedTraits) {
    this.id = traits.id;
    this.#sight = sight;
    this.#traits = traits;
    this.#filter = filter;
    sight.watch(this, filter, undefined);
    this.#look();
  }

  get seen(): number {
    return this.#seen;
  }

  get size(): number {
    return this.#told.size;
  }

  move(to: ViewFilter): void {
    const filter = this.#sight.filter(to);
    if (this.#released) return;
    this.#watch(filter);
    this.#filter = filter;
    this.#lookAnew();
    this.#rouse();
  }

  /** The next frame, which it counts as given. */
  take(): Seen | Ended | undefined {
    this.#woken = false;
    if (this.#over) {
      const ended = new Ended(this.id, this.#over);
      this.#over = undefined;
      this.#held = true;
      return ended;
    }
    if (!this.#due) return undefined;
    if (this.#asleep) {
      this.#watch(this.#filter);
      this.#lookAnew();
    }
    const looking = this.#search.underWay;
    if (looking && this.#waits()) return undefined;
    const { budget } = this.#sight;
    const left = budget.left(looking);
    const seen = left > 0 ? this.#tell() : undefined;
    if (looking) this.#traits.purse.take(left - budget.left(looking));
    if (seen) this.#seen++;
    this.#woken = this.#due;
    // It looked for long and found nothing, or others did: it goes on in the next turn.
    if (!seen && this.#woken) budget.later(this.#again, left <= 0);
    return seen;
  }

  get hasMore(): boolean {
    return this.#over !== undefined || this.#due;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#watch(undefined);
    this.#cancelRest?.();
    this.#cancelWait?.();
    this.#told.clear();
    this.#changes.clear();
    this.#search.stop();
    this.#traits.onRelease();
  }

  end(error: SyncError): void {
    this.#over = error;
    this.#rouse();
  }

  /** A key has another value. It is in view, or was, or was near it. */
  changed(item: Item, offset: number): void {
    if (this.#filter.matches(item)) this.#note(item.key, item, offset).why = undefined;
    else if (this.#told.has(item.key)) this.#note(item.key, item, offset);
    else this.#changes.delete(item.key);
    this.#tire();
  }

  /** A key has no value any more. It was in view, or near it. */
  removed(item: Item, offset: number, why: Removal): void {
    // It may be told twice, and fall asleep with the first.
    if (this.#asleep) return;
    if (this.#told.has(item.key)) {
      const change = this.#note(item.key, item, offset);
      // One that had left the view before left it for another reason.
      if (this.#filter.matches(item)) change.why = why;
    } else this.#changes.delete(item.key);
    this.#tire();
  }

  /** What it shows is about to be replaced by something else. */
  hold(): void {
    this.#held = true;
    if (this.#asleep) this.#watch(this.#filter);
    this.#sleptFrom = undefined;
    this.#changes.clear();
    this.#search.stop();
  }

  /** It has been replaced: all is told anew, as changes. Returns how many keys the reader has. */
  resume(): number {
    if (!this.#held) return 0;
    this.#held = false;
    this.#round = 0;
    for (const key of this.#told.keys()) {
      const item = this.#sight.item(key);
      // Versions of another log say nothing about this one's.
      this.#told.set(key, 0);
      const change = this.#note(key, item, this.#sight.offset);
      if (!item) change.why = 'delete';
    }
    this.#look();
    this.#rouse();
    return this.#told.size;
  }

  /** Whether there is something that may be told now. */
  get #due(): boolean {
    if (this.#held || this.#released) return false;
    if (this.#asleep) return !this.#resting;
    const looking = this.#search.underWay;
    if (looking || !this.#resting) return looking || this.#changes.size > 0;
    return this.#firstChange <= this.#round;
  }

  get #firstChange(): number {
    for (const { since } of this.#changes.values()) return since;
    return Number.POSITIVE_INFINITY;
  }

  /** The reader must be told of a key. */
  #note(key: string, item: Item | undefined, since: number): Change {
    let change = this.#changes.get(key);
    if (!change) {
      change = { item, since, why: undefined };
      this.#changes.set(key, change);
    }
    // While it rests, what comes now is told later.
    if (!this.#woken && !this.#resting) this.#rouse();
    return change;
  }

  /** A change more. What costs a reader who doesn't take nothing shouldn't cost the server more and more. */
  #tire(): void {
    const room = this.#sight.notesKept + this.#told.size;
    if (this.#held || (++this.#noted <= changesPerNote * room && this.#changes.size <= room)) return;
    this.#sleptFrom = this.#toldUpTo;
    this.#sight.unwatch(this, this.#filter);
    this.#asleep = true;
    this.#changes.clear();
    this.#search.stop();
  }

  #watch(filter: Filter | undefined): void {
    this.#sight.watch(this, filter, this.#asleep ? undefined : this.#filter);
    this.#asleep = false;
  }

  /** Whether so much was looked at for its reader that it must wait: then it goes on after that. */
  #waits(): boolean {
    const { waitMs } = this.#traits.purse;
    this.#woken = waitMs > 0;
    this.#cancelWait?.();
    if (this.#woken) this.#cancelWait = this.#sight.clock.timer(waitMs, this.#again);
    return this.#woken;
  }

  readonly #again = (): void => {
    this.#woken = false;
    this.#rouse();
  };

  #rouse(): void {
    if (this.#woken || !this.hasMore) return;
    this.#woken = true;
    this.#traits.onWake();
  }

  /** Begins to look for what is different from what the reader has. */
  #lookAnew(): void {
    this.#look(this.#told.keys());
  }

  /** Begins to look for what is in view. @param had keys of the reader's to be looked at besides */
  #look(had?: Iterator<string>): void {
    this.#search.begin(this.#sight.candidates(this.#filter), this.#sight.offset, had);
  }

  /** The next frame; undefined when there is nothing to say, or it looked for long and found nothing. */
  #tell(): Seen | undefined {
    const search = this.#search;
    const looking = search.underWay;
    const opening = this.#opening;
    const frame = new Frame();
    this.#noted = 0;
    if (!this.#resting) this.#round = this.#sight.offset;
    this.#rest();
    if (!opening) {
      this.#checkTold();
      this.#tellChanges(frame, looking);
    }
    if (opening || !search.checking) this.#tellFound(frame);
    // What changed while the view was moved is told with that.
    if (looking && !search.underWay) this.#round = this.#sight.offset;
    if (opening && !search.finding) this.#opening = false;
    const { rows, gone } = frame;
    if (rows.length + gone.length === 0 && this.#opening === opening) return undefined;
    if (!search.underWay && this.#changes.size === 0) this.#sleptFrom = undefined;
    this.#traits.onTold(rows.length + gone.length);
    return new Seen(this.id, this.#toldUpTo, this.#opening, rows, gone);
  }

  get #toldUpTo(): number {
    const { offset } = this.#sight;
    const looked = this.#search.underWay ? this.#search.from : offset;
    return Math.min(offset, looked, this.#sleptFrom ?? offset, this.#firstChange - 1);
  }

  /** Looks at the keys that the reader had when the view was moved, or fell asleep. */
  #checkTold(): void {
    const { budget } = this.#sight;
    for (; this.#search.checking && budget.left(true) > 0; budget.spend(true)) {
      const key = this.#search.check();
      if (key === undefined) return;
      const item = this.#sight.item(key);
      // What changed while it lay outside wasn't noted.
      const same = item && this.#filter.matches(item) && item.version === this.#told.get(key);
      if (same || this.#changes.has(key)) continue;
      const change = this.#note(key, item, this.#sight.offset);
      // What took it away isn't known any more.
      if (!item && this.#sleptFrom !== undefined) change.why = 'delete';
    }
  }

  #tellChanges(frame: Frame, all: boolean): void {
    const { budget } = this.#sight;
    for (const [key, change] of this.#changes) {
      const { since, why } = change;
      if (budget.left(all) <= 0 || (this.#resting && !all && since > this.#round)) return;
      budget.spend(all);
      const item = change.item?.there ? change.item : this.#sight.item(key);
      if (item && this.#filter.matches(item)) {
        if (!frame.addRow(item)) return;
        this.#told.set(key, item.version);
      } else if (this.#told.has(key)) {
        if (!frame.addGone([key, item ? 'exit' : (why ?? 'exit')])) return;
        this.#told.delete(key);
      }
      this.#changes.delete(key);
    }
  }

  /** Tells what is in view and wasn't told yet, as far as there is room for it. */
  #tellFound(frame: Frame): void {
    const search = this.#search;
    const { budget } = this.#sight;
    for (; search.finding && budget.left(true) > 0; budget.spend(true)) {
      const item = search.find();
      if (!search.finding) return;
      if (item && !this.#told.has(item.key) && this.#isThere(item)) {
        if (!frame.addRow(item)) return;
        this.#told.set(item.key, item.version);
        this.#changes.delete(item.key);
      }
      search.took();
    }
  }

  /** Whether it is in view now: it may have been found a while ago. */
  #isThere(item: Item): boolean {
    return this.#sight.item(item.key) === item && this.#filter.matches(item);
  }

  /** Lets some time pass before the next is told (rule V6). */
  #rest(): void {
    const { restMs } = this.#filter;
    if (this.#resting || restMs === 0) return;
    this.#resting = true;
    this.#cancelRest = this.#sight.clock.timer(restMs, () => {
      this.#resting = false;
      this.#rouse();
    });
  }
}
