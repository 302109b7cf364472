/**
 * What a log remembers of one producer, so that a retry is answered with the first position (rules A2, A5): the last
 * sequence number and where the newest few were stored. And where a head keeps its producers, in memory or behind the same
 * few calls; who is remembered and who is forgotten is head.ts's to say.
 */
import { limits } from '@syncline/protocol';

/** How many sequence numbers of a producer are remembered. */
export const sequencesRemembered = limits.unackedMax.default;

/** Numbers held for one sequence: offset, check, at. One flat array costs a third of what objects would. */
const fields = 3;

export interface Producer {
  /** The last sequence number stored; 0 before the first. */
  last: number;
  /** Where the newest sequences were stored, as a ring: sequence n stands at `(n - 1) % sequencesRemembered`. */
  readonly ring: number[];
}

/** Where one sequence number was stored. */
export interface Stored {
  readonly offset: number;
  readonly check: number;
  readonly at: number;
}

/** The producers of one log. A head asks for one by its id, changes it, and gives it back. */
export interface Producers {
  /** How many there are. */
  readonly size: number;
  get(id: string): Producer | undefined;
  /** Keeps a producer that has just stored an entry: the newest of all from now on. */
  set(id: string, producer: Producer): void;
  delete(id: string): void;
  /** The one that stored longest ago, of an owner or of all. */
  oldest(owner?: string): string | undefined;
}

/** All of them in memory. */
export class HeldProducers implements Producers {
  /** The one that stored longest ago first. */
  #byId: Map<string, Producer> | undefined;
  /** The same ids by owner, in the same order; kept from the first time that somebody asks for an owner's. */
  #byOwner: Map<string, Set<string>> | undefined;
  #newest: string | undefined;

  get size(): number {
    return this.#byId?.size ?? 0;
  }

  get(id: string): Producer | undefined {
    return this.#byId?.get(id);
  }

  set(id: string, producer: Producer): void {
    if (id !== this.#newest) this.delete(id);
    this.#newest = id;
    this.#byId ??= new Map();
    this.#byId.set(id, producer);
    if (this.#byOwner) note(this.#byOwner, id);
  }

  delete(id: string): void {
    this.#byId?.delete(id);
    const ids = this.#byOwner?.get(ownerOf(id));
    ids?.delete(id);
    if (ids?.size === 0) this.#byOwner?.delete(ownerOf(id));
  }

  oldest(owner?: string): string | undefined {
    if (owner === undefined) return first(this.#byId?.keys() ?? []);
    this.#byOwner ??= this.#owners();
    return first(this.#byOwner.get(owner)?.keys() ?? []);
  }

  #owners(): Map<string, Set<string>> {
    const owners = new Map<string, Set<string>>();
    for (const id of this.#byId?.keys() ?? []) note(owners, id);
    return owners;
  }
}

function note(owners: Map<string, Set<string>>, id: string): void {
  const owner = ownerOf(id);
  const ids = owners.get(owner);
  if (ids) ids.add(id);
  else owners.set(owner, new Set([id]));
}

function first<T>([one]: Iterable<T>): T | undefined {
  return one;
}

/** Whose producer an id names: what stands before its last `/`, as sessions write it; a bare id is of no one in particular. */
export function ownerOf(id: string): string {
  return id.slice(0, id.lastIndexOf('/') + 1);
}

export function newProducer(): Producer {
  return { last: 0, ring: [] };
}

/** Where `sequence` was stored; undefined when it wasn't, or too long ago. */
export function recall(producer: Producer, sequence: number): Stored | undefined {
  if (!(sequence >= 1 && sequence <= producer.last && sequence > producer.last - sequencesRemembered))
    return undefined;
  const { ring } = producer;
  const place = placeOf(sequence);
  const offset = ring[place];
  const check = ring[place + 1];
  const at = ring[place + 2];
  return offset === undefined || check === undefined || at === undefined ? undefined : { offset, check, at };
}

/** Offset of the entry it stored last; 0 before the first. */
export function newestOf({ last, ring }: Producer): number {
  return ring[placeOf(last)] ?? 0;
}

/** Notes where the next sequence number was stored. */
export function remember(producer: Producer, stored: Stored): void {
  producer.last++;
  const place = placeOf(producer.last);
  producer.ring[place] = stored.offset;
  producer.ring[place + 1] = stored.check;
  producer.ring[place + 2] = stored.at;
}

/** Calls `each` for what is remembered, oldest first. */
export function eachRemembered(
  producer: Producer,
  each: (offset: number, check: number, at: number) => void,
): void {
  const { last, ring } = producer;
  for (let sequence = Math.max(1, last - sequencesRemembered + 1); sequence <= last; sequence++) {
    const place = placeOf(sequence);
    each(ring[place] ?? 0, ring[place + 1] ?? 0, ring[place + 2] ?? 0);
  }
}

/** A producer again, from its last sequence number and what was remembered. */
export function producerOf(last: number, stored: readonly Stored[]): Producer {
  const producer = { last: last - stored.length, ring: [] };
  for (const one of stored) remember(producer, one);
  return producer;
}

function placeOf(sequence: number): number {
  return ((sequence - 1) % sequencesRemembered) * fields;
}
