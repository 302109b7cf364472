/**
 * The producers of one log in the file: those that stored last are in memory, any other is read when an append names it.
 * log.ts owns them and has them saved with the log; who is forgotten is head.ts's to say, and an index finds them.
 */
import { newestOf, type Producer, type Producers } from '../producer.ts';
import type { Tables } from './tables.ts';

/** Producers of one log that stay in memory between appends. */
const heldMaxDefault = 4096;
/**
 * How far the turn of a producer may lag behind the entry it stored last. The indexes go by turns, so a producer that
 * stores all the time leaves them alone but once in so many entries; and whoever looks for the oldest passes so many at most.
 */
const turnLag = 64;

/** A producer in memory, and its turn as it stands in the file; none before it is saved. */
interface Held {
  producer: Producer;
  turn: number | undefined;
}

export class StoredProducers implements Producers {
  readonly #tables: Tables;
  /** The log's number in the file; undefined until something is stored. */
  readonly #log: () => number | undefined;
  readonly #heldMax: number;
  /** Those in memory, the one that stored or was read longest ago first. */
  readonly #held = new Map<string, Held>();
  /** Of those, the ones that the file doesn't hold as they are. */
  readonly #changed = new Set<string>();
  #latest: string | undefined;
  /** Asked for last and not in the file: whoever adds a producer has just asked for it. */
  #missing: string | undefined;
  #size: number | undefined;

  constructor(tables: Tables, log: () => number | undefined, heldMax = heldMaxDefault) {
    this.#tables = tables;
    this.#log = log;
    this.#heldMax = heldMax;
  }

  /** How many are in memory. */
  get held(): number {
    return this.#held.size;
  }

  get size(): number {
    const log = this.#log();
    this.#size ??= log === undefined ? 0 : this.#tables.countProducers(log);
    return this.#size;
  }

  get(id: string): Producer | undefined {
    const held = this.#held.get(id);
    if (held) return held.producer;
    const log = this.#log();
    if (log === undefined || id === this.#missing) return undefined;
    const stored = this.#tables.producer(log, id);
    if (stored) this.#hold(id, stored);
    else this.#missing = id;
    return stored?.producer;
  }

  set(id: string, producer: Producer): void {
    const isNew = this.get(id) === undefined;
    if (isNew) this.#size = this.size + 1;
    if (id === this.#missing) this.#missing = undefined;
    const held = this.#held.get(id) ?? { producer, turn: undefined };
    held.producer = producer;
    this.#changed.add(id);
    this.#hold(id, held);
  }

  delete(id: string): void {
    this.save();
    this.#held.delete(id);
    const log = this.#log();
    if (log !== undefined) this.#size = this.size - this.#tables.dropProducer(log, id);
  }

  oldest(owner?: string): string | undefined {
    this.save();
    const log = this.#log();
    if (log === undefined) return undefined;
    let oldest: { readonly id: string; readonly newest: number } | undefined;
    for (const next of this.#tables.byTurn(log, owner)) {
      if (oldest && next.turn > oldest.newest) break;
      if (!oldest || next.newest < oldest.newest) oldest = next;
    }
    return oldest?.id;
  }

  /** Writes those that changed. */
  save(): void {
    for (const id of this.#changed) this.#write(id);
    this.#changed.clear();
  }

  /** Holds one as the latest, and lets go of another one when they are too many. */
  #hold(id: string, held: Held): void {
    if (id !== this.#latest) this.#held.delete(id);
    this.#latest = id;
    this.#held.set(id, held);
    if (this.#held.size <= this.#heldMax) return;
    for (const first of this.#held.keys()) {
      if (this.#changed.delete(first)) this.#write(first);
      this.#held.delete(first);
      return;
    }
  }

  #write(id: string): void {
    const log = this.#log();
    const held = this.#held.get(id);
    if (log === undefined || !held) return;
    const newest = newestOf(held.producer);
    if (held.turn === undefined || newest - held.turn >= turnLag) {
      this.#tables.putProducer(log, id, held.producer, newest);
      held.turn = newest;
    } else this.#tables.updateProducer(log, id, held.producer, newest);
  }
}
