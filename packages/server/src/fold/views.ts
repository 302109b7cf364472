/**
 * The views of one channel's values (rules V1 to V6): which there are, and which of them a change concerns. The folder of such
 * channels tells it what happens to keys; views are opened through the channel. It keeps indexes while there are views, so that
 * neither a change costs a look at every view, nor a view one at every key.
 */
import type { Clock, Geo, StateValue, ViewFilter } from '@syncline/protocol/wire';
import type { CountedTraits, View } from '../cursor.ts';
import { Filter } from './index/filter.ts';
import { type Item, Items } from './index/items.ts';
import { Watchers } from './index/watchers.ts';
import { Budget } from './views/budget.ts';
import { FoldView, type Removal, type Sight } from './views/view.ts';

/** What is viewed. */
export interface Viewed {
  readonly geo: Geo | null;
  readonly clock: Clock;
  /** Up to where the log is folded. */
  readonly offset: number;
  /** Each key that has a value. It may be gone through while values change, and then comes by what comes meanwhile. */
  values(): Iterable<readonly [key: string, value: StateValue]>;
}

/** Keys that are taken up within one turn. */
const itemsPerTurn = 500;
/** Keys of views that are told anew within one turn. */
const toldPerTurn = 4096;

/** Keys that are noted for a reader who doesn't take, however little it has. */
const notesKeptDefault = 256;

export class Views implements Sight {
  readonly budget: Budget;
  readonly notesKept: number;
  readonly #viewed: Viewed;
  readonly #views = new Set<FoldView>();
  readonly #watchers = new Watchers<FoldView>();
  /** Undefined while nobody views: then changes cost nothing. */
  #items: Items | undefined;
  /** Whether all keys are in there. */
  #whole = false;
  #building: Promise<void> | undefined;
  /** Views on their way. */
  #opening = 0;
  /** Changes that nobody viewed. */
  #unseen = 0;
  #changes = 0;
  /** Counts how often what is viewed was replaced. */
  #lives = 0;
  /** It is being replaced: nobody is told anything meanwhile. */
  #held = false;
  readonly #found: FoldView[] = [];

  constructor(viewed: Viewed, notesKept = notesKeptDefault) {
    this.#viewed = viewed;
    this.notesKept = notesKept;
    this.budget = new Budget(viewed.clock);
  }

  get offset(): number {
    return this.#viewed.offset;
  }

  get clock(): Clock {
    return this.#viewed.clock;
  }

  /**
   * Opens a view. Where nobody viewed the channel before, all its keys are taken up first, a little at a time.
   *
   * @throws SyncError `bad_payload`
   */
  async open(traits: CountedTraits, to: ViewFilter): Promise<View> {
    const filter = this.filter(to);
    this.#opening++;
    try {
      while (!this.#whole) {
        this.#building ??= this.#build().finally(() => {
          this.#building = undefined;
        });
        await this.#building;
      }
      this.#unseen = 0;
      const view = new FoldView(this, filter, traits);
      if (this.#held) view.hold();
      return view;
    } finally {
      this.#opening--;
    }
  }

  /** A key has another value. */
  set(key: string, value: StateValue): void {
    const items = this.#itemsIfViewed();
    if (!items) return;
    const before = items.get(key);
    const lat = before?.lat ?? Number.NaN;
    const lng = before?.lng ?? Number.NaN;
    const item = items.put(key, value);
    const found = this.#concerned(key, lat, lng);
    if (item.lat !== lat || item.lng !== lng) this.#watchers.ofPlace(item.lat, item.lng, found);
    const change = ++this.#changes;
    for (const view of found) {
      if (view.asked === change) continue;
      view.asked = change;
      view.changed(item, value.version);
    }
  }

  /** A key has no value any more. */
  remove(key: string, offset: number, why: Removal): void {
    const items = this.#itemsIfViewed();
    const item = items?.get(key);
    if (!items || !item) return;
    items.remove(item);
    for (const view of this.#concerned(key, item.lat, item.lng)) view.removed(item, offset, why);
  }

  /** All of it will be replaced: nothing is told until it has been. */
  clear(): void {
    this.#lives++;
    this.#held = true;
    if (this.#items) this.#items = new Items(this.#viewed.geo);
    for (const view of this.#views) view.hold();
  }

  /** All that the log holds has been set. */
  caughtUp(): void {
    if (!this.#held) return;
    this.#held = false;
    void this.#resume(this.#lives);
  }

  item(key: string): Item | undefined {
    return this.#items?.get(key);
  }

  candidates(filter: Filter): Iterator<Item | undefined> {
    return (this.#items ?? new Items(null)).candidates(filter);
  }

  filter(filter: ViewFilter): Filter {
    return new Filter(filter, this.#viewed.geo !== null);
  }

  watch(view: FoldView, filter: Filter | undefined, from: Filter | undefined): void {
    if (from) this.#watchers.remove(from, view);
    if (!filter) this.#views.delete(view);
    else {
      this.#watchers.add(filter, view);
      this.#views.add(view);
    }
  }

  unwatch(view: FoldView, filter: Filter): void {
    this.#watchers.remove(filter, view);
  }

  /** Once keeping them for nobody has cost as much as it will to build them anew, they are let go of. */
  #itemsIfViewed(): Items | undefined {
    const items = this.#items;
    if (!items || this.#views.size + this.#opening > 0 || ++this.#unseen <= items.size) return items;
    this.#items = undefined;
    this.#whole = false;
    return undefined;
  }

  /** Those whom a change of a key that was there may concern; some may come twice. */
  #concerned(key: string, lat: number, lng: number): FoldView[] {
    const found = this.#found;
    found.length = 0;
    // Who is told nothing for now will look at everything.
    if (this.#held) return found;
    this.#watchers.ofKey(key, found);
    this.#watchers.ofPlace(lat, lng, found);
    return found;
  }

  async #build(): Promise<void> {
    for (let life = -1; life !== this.#lives; ) {
      life = this.#lives;
      const items = new Items(this.#viewed.geo);
      this.#items = items;
      let count = 0;
      for (const [key, value] of this.#viewed.values()) {
        items.put(key, value);
        if (++count % itemsPerTurn === 0) await this.#pause();
        if (life !== this.#lives) break;
      }
    }
    this.#whole = true;
  }

  /** Has the views look at what is there now. */
  async #resume(life: number): Promise<void> {
    let told = 0;
    for (const view of this.#views) {
      if (life !== this.#lives) return;
      told += view.resume();
      if (told < toldPerTurn) continue;
      told = 0;
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.clock.endOfTurn(resolve));
  }
}
