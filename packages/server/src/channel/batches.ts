/**
 * What comes after a place in a log, as batches that all who stand there share: its entries as far as they are in memory, or
 * fewer for those further behind. The readers ask at each take; the follower knows what is in memory. It must not know who
 * reads, nor why entries may be left out.
 */
import { Batch, type Conflate } from '../cursor.ts';
import type { Metrics } from '../observe.ts';
import type { Follower } from './follower.ts';
import { asBatch } from './tail.ts';

/** Batches kept for cursors at the same place; a few places are enough, the rest is built again. */
const batchesMax = 16;

/** What a batch says of its channel. */
export interface BatchTraits {
  /** The channel's number on the wire. */
  readonly id: number;
  readonly stamped: boolean;
}

export class Batches {
  readonly #traits: BatchTraits;
  readonly #follower: Follower;
  readonly #metrics: Metrics;
  /** Those of this turn: hardly ever more than one, so they are looked through. */
  readonly #built: Batch[] = [];
  #conflate: Conflate | undefined;

  constructor(traits: BatchTraits, follower: Follower, metrics: Metrics) {
    this.#traits = traits;
    this.#follower = follower;
    this.#metrics = metrics;
  }

  /** How those are spared who are behind by more than a batch; undefined: they get every entry. */
  conflateWith(conflate: Conflate | undefined): void {
    this.#conflate = conflate;
    this.clear();
  }

  /** What comes after a place; undefined where that has to be read. */
  after(offset: number): Batch | undefined {
    const known = this.#built.find(({ after }) => after === offset);
    if (known) return known;
    const held = asBatch(this.#follower.held(offset + 1));
    const behind = held.at(-1)?.offset !== this.#follower.top.offset;
    const entries = (behind && this.#conflate?.(offset)) || held;
    if (entries.length === 0) return undefined;
    const { id, stamped } = this.#traits;
    const batch = new Batch(id, stamped, offset, entries);
    if (this.#built.length >= batchesMax) this.clear();
    this.#built.push(batch);
    this.#metrics.batchesBuilt++;
    return batch;
  }

  /** The head moved: more may come after every place. */
  clear(): void {
    if (this.#built.length > 0) this.#built.length = 0;
  }
}
