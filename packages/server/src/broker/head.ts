/**
 * The rules of a log, once: which append is admitted, how the head moves, what is trimmed, which snapshot is taken. The
 * memory and disk brokers call these functions in this order and only store what they say. Knows no storage and no kind.
 */
import { type Data, type Entry, type Keep, nextCheck } from '@syncline/protocol/wire';
import type { Append, Appended, Snapshot } from './broker.ts';
import { HeldProducers, newProducer, ownerOf, type Producers, recall, remember } from './producer.ts';
import { keyRefused, keysRefused, sequenceRefused, superseded, topRefused } from './refusals.ts';

/** Producers that one log remembers; the one that stored longest ago is forgotten first. */
export const producersMax = 10_000;

/** What a broker must know of a log to admit the next entry. Offsets are of this epoch. */
export interface Head {
  readonly epoch: string;
  /** Newest entry: its offset, check and time; 0 before the first. */
  top: number;
  check: number;
  at: number;
  /** The oldest offset that can be read; `top + 1` when none can. */
  oldest: number;
  /** Payload bytes of the entries from `oldest` to `top`. */
  bytes: number;
  /** Offset of the stored snapshot, always below `oldest`; 0 when there is none. */
  snapshot: number;
  readonly producers: Producers;
  /** The newest offset of each key, in offset order. Undefined until there is one: most logs have no keys. */
  keys: Map<string, number> | undefined;
  /** The order of those newest entries, where they have one. */
  orders: Map<string, number> | undefined;
  /** Keys that have to be written, for brokers that store heads; null for those that needn't know. */
  readonly changedKeys: Set<string> | null;
}

/** The answer to an append, and the entry to store first; none when the append is a retry of one stored before. */
export interface Admission {
  readonly answer: Appended;
  readonly entry: Entry | null;
}

/** What trimming asks about stored entries: of each one's time, and the payload bytes of those that it drops. */
export interface Sizes {
  at(offset: number): number;
  bytes(offset: number): number;
}

/** The head of a log that begins. Brokers that store heads say where producers are kept, and are told which keys changed. */
export function newHead(
  epoch: string,
  producers: Producers = new HeldProducers(),
  changedKeys: Head['changedKeys'] = null,
): Head {
  return {
    epoch,
    top: 0,
    check: 0,
    at: 0,
    oldest: 1,
    bytes: 0,
    snapshot: 0,
    producers,
    keys: undefined,
    orders: undefined,
    changedKeys,
  };
}

/**
 * Decides on an append and changes nothing, so that a refusal burns neither an offset nor a sequence number (rule A3).
 * A retry is recognised before the condition is looked at: it held when the entry was stored.
 *
 * @throws SyncError `sequence` with detail `expected`, `precondition` or `superseded` with detail `offset`, `too_many`
 */
export function admit(head: Head, append: Append, now: number): Admission {
  if (append.producer) {
    const stored = storedBefore(head, append.producer.id, append.producer.sequence);
    if (stored) return { answer: { epoch: head.epoch, ...stored, duplicate: true }, entry: null };
  }
  if (append.ifTopAt !== undefined && append.ifTopAt !== head.top) throw topRefused(head.top, append.ifTopAt);
  admitKey(head, append);
  const data = owned(append.data);
  const offset = head.top + 1;
  const check = checkAfter(head.check, data);
  const at = Math.max(head.at, Math.floor(now));
  return {
    answer: { epoch: head.epoch, offset, check, at, duplicate: false },
    entry: { offset, check, at, from: append.from, data },
  };
}

/** The conditions on an append's key. */
function admitKey(head: Head, { key, keyEnds, ifKeyAt, order, keysMax }: Append): void {
  const offset = key === undefined ? 0 : (head.keys?.get(key) ?? 0);
  if (ifKeyAt !== undefined && offset !== ifKeyAt) throw keyRefused(offset, ifKeyAt);
  if (key === undefined) return;
  if (order !== undefined && order < (head.orders?.get(key) ?? order)) throw superseded(offset);
  if (keysMax !== undefined && !keyEnds && offset === 0 && (head.keys?.size ?? 0) >= keysMax)
    throw keysRefused(keysMax);
}

/** Where a sequence number was stored; undefined when it is the next one. */
function storedBefore(head: Head, id: string, sequence: number) {
  const producer = head.producers.get(id);
  const expected = (producer?.last ?? 0) + 1;
  if (sequence === expected) return undefined;
  const stored = producer && recall(producer, sequence);
  if (stored) return stored;
  throw sequenceRefused(sequence, expected, producer !== undefined);
}

/** Moves the head over an admitted entry. */
export function advance(head: Head, append: Append, entry: Entry): void {
  head.top = entry.offset;
  head.check = entry.check;
  head.at = entry.at;
  head.bytes += dataBytes(entry.data);
  if (append.key !== undefined) {
    forgetKey(head, append.key);
    if (!append.keyEnds) {
      head.keys ??= new Map();
      head.keys.set(append.key, entry.offset);
    }
    if (!append.keyEnds && append.order !== undefined) {
      head.orders ??= new Map();
      head.orders.set(append.key, append.order);
    }
  }
  if (append.producer) {
    const { producers } = head;
    const { id } = append.producer;
    const known = producers.get(id);
    if (!known && producers.size >= producersMax) forgetProducer(producers, ownerOf(id));
    const producer = known ?? newProducer();
    remember(producer, entry);
    producers.set(id, producer);
  }
}

/**
 * Forgets one producer to make room for another one of `owner`: the oldest of the same owner, so that nobody can make a log
 * forget what someone else would have to repeat; the oldest of all only for an owner who has none.
 */
function forgetProducer(producers: Producers, owner: string): void {
  const forgotten = producers.oldest(owner) ?? producers.oldest();
  if (forgotten !== undefined) producers.delete(forgotten);
}

/**
 * Drops the oldest entries until what is left is within `keep`. Bytes alone never drop the newest entry, since nobody could
 * ever read it; age does. Without a snapshot, the keys of dropped entries are forgotten with them.
 */
export function trim(head: Head, keep: Keep | null, now: number, sizes: Sizes): void {
  if (!keep) return;
  const from = head.oldest;
  while (head.oldest <= head.top) {
    const kept = head.top - head.oldest + 1;
    const over = kept > keep.entriesMax || (kept > 1 && head.bytes > keep.bytesMax);
    if (!over && keep.ageMs === Number.POSITIVE_INFINITY) break;
    if (!over && now - sizes.at(head.oldest) <= keep.ageMs) break;
    head.bytes -= sizes.bytes(head.oldest);
    head.oldest++;
  }
  if (head.oldest === from) return;
  // A snapshot that no longer reaches the first entry would hide a hole.
  if (head.snapshot < head.oldest - 1) head.snapshot = 0;
  if (head.snapshot === 0) forgetKeysBelow(head, head.oldest);
}

function forgetKeysBelow(head: Head, oldest: number): void {
  for (const [key, offset] of head.keys ?? []) {
    if (offset >= oldest) return;
    forgetKey(head, key);
  }
}

function forgetKey(head: Head, key: string): void {
  head.keys?.delete(key);
  head.orders?.delete(key);
  head.changedKeys?.add(key);
}

/** Whether a snapshot may replace what it covers. `checkAt` tells the check of a stored entry, since a log may have been rolled back. */
export function takes(
  head: Head,
  epoch: string,
  snapshot: Snapshot,
  checkAt: (offset: number) => number,
): boolean {
  const { offset, check } = snapshot;
  if (epoch !== head.epoch || offset < head.oldest || offset > head.top) return false;
  return (offset === head.top ? head.check : checkAt(offset)) === check;
}

/** Moves the head over a snapshot that it takes. `bytes` are those left. Keys that ended were forgotten then; the others stay. */
export function compacted(head: Head, offset: number, bytes: number): void {
  head.snapshot = offset;
  head.oldest = offset + 1;
  head.bytes = bytes;
}

/** Bytes of a payload as it travels: UTF-8 for text. */
export function dataBytes(data: Data): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
}

/** Data safe to hold on to: a view of a larger buffer, as sockets hand out, would keep all of it in memory. */
export function owned(data: Data): Data {
  return typeof data === 'string' || data.byteLength === data.buffer.byteLength
    ? data
    : Uint8Array.prototype.slice.call(data);
}

let lastBefore = -1;
let lastText = '';
let lastCheck = 0;

/**
 * The check after `data`, given the check before it (rule P3). Whoever is told of an entry proves it right after it was stored, in
 * the same process: so the last one is remembered.
 */
export function checkAfter(before: number, data: Data): number {
  // Bytes may be changed by whoever holds them, texts can't.
  if (typeof data !== 'string') return nextCheck(before, data);
  if (before !== lastBefore || data !== lastText) {
    lastCheck = nextCheck(before, data);
    lastBefore = before;
    lastText = data;
  }
  return lastCheck;
}
