/**
 * What a log remembers of one producer, so that a retry is answered with the first position (rules A2, A5): the last
 * sequence number and where the newest few were stored. Heads hold these; it knows no storage.
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

export function newProducer(): Producer {
  return { last: 0, ring: [] };
}

/** Where `sequence` was stored; undefined when it wasn't, or too long ago. */
export function recall(producer: Producer, sequence: number): Stored | undefined {
  if (!(sequence >= 1 && sequence <= producer.last && sequence > producer.last - sequencesRemembered))
    return undefined;
  const place = placeOf(sequence);
  const [offset, check, at] = producer.ring.slice(place, place + fields);
  return offset === undefined || check === undefined || at === undefined ? undefined : { offset, check, at };
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
