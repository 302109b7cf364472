/**
 * The kind for logs that HTTP clients create, append to, close and delete: an entry is one act or several, each a small header and a body
 * of any media type, and what folds is what is known of the log besides its bodies. Servers write and fold it, and what a header asks
 * for they judge before; it must not know requests, nor what is in a body.
 */
import { joined } from '../bytes.ts';
import { SyncError } from '../codes.ts';
import type { Data, Entry } from '../entry.ts';
import type { Kind } from '../kind.ts';
import { previousCheck } from '../position.ts';

/** The number that a producer gave a request (rule P24): under its id it counts from 0, in each epoch anew. */
export interface ProducerTuple {
  readonly id: string;
  readonly epoch: number;
  readonly seq: number;
}

/** When a log ends by itself; nulls: never. One of the two at most. */
export interface Lifetime {
  /** Seconds that it outlives its last use. */
  readonly ttlS: number | null;
  /** In ms since 1970, however it is used. */
  readonly expiresAt: number | null;
}

/** What is known of a log from its creation on. */
export interface Life extends Lifetime {
  /** Offset of the entry that created it: what stands before was another one, under the same name. */
  readonly created: number;
  /** The check of the entry before that one; 0 where there was none. */
  readonly createdAfter: number;
  /** The media type of what it holds, as its creator said. */
  readonly type: string;
  /** When it was last used, in ms since 1970. */
  readonly usedAt: number;
  /** Nothing follows. */
  readonly closed: boolean;
  /** Whose request closed it, where that had a number. */
  readonly closedBy: ProducerTuple | null;
  /** The writer's own mark on the newest body that has one (`Stream-Seq`). */
  readonly seq: string | null;
  /** The newest numbers of producers, the one that was stored longest ago first. */
  readonly producers: ReadonlyMap<string, ProducerTuple>;
}

/** What a log comes to. */
export interface DurableState {
  readonly offset: number;
  /** Null where it was never created, or is deleted. */
  readonly life: Life | null;
  /** Offset of the newest entry from which all of this can be folded; 0 before one. */
  readonly mark: number;
  /** Bytes of the entries from that one on, itself included. */
  readonly sinceMark: number;
}

/** What is done. Facts that are left out are none. */
export type DurableHeader =
  | ({
      readonly op: 'create';
      readonly type: string;
      readonly closed?: boolean | undefined;
    } & { readonly [Key in keyof Lifetime]?: Lifetime[Key] | undefined })
  | {
      readonly op: 'append';
      readonly closed?: boolean | undefined;
      readonly seq?: string | undefined;
      readonly producer?: ProducerTuple | undefined;
      /** What the log came to before this, so that a fold may begin here. */
      readonly before?: Life | undefined;
    }
  /** It was read, which puts its end off. */
  | {
      readonly op: 'touch';
      /** It was closed before: whoever comes to this from there finds no more than that. */
      readonly closed?: boolean | undefined;
      readonly before?: Life | undefined;
    }
  | { readonly op: 'delete' };

/** One thing that an entry does. */
export interface DurableAct {
  readonly header: DurableHeader;
  readonly body: Uint8Array;
}

/** Producers that a log remembers; of whoever needs room the one that was stored longest ago is forgotten first. */
export const durableProducersMax = 1000;

const entryFormat = 0x20;
const snapshotFormat = 0x22;
/** Of a producer, in an entry, besides its id. */
const tupleBytes = 32;
/** Of a length, in an entry. */
const sizeBytes = 4;
const none = new Uint8Array();

/** An act without a body, or with one. */
export function durableAct(header: DurableHeader, body: Uint8Array = none): DurableAct {
  return { header, body };
}

/** The bytes of an entry: its acts are stored together, in this order. */
export function durableEntry(acts: readonly DurableAct[]): Uint8Array<ArrayBuffer> {
  const parts = acts.flatMap(({ header, body }) => {
    const text = new TextEncoder().encode(headerText(header));
    return [sized(text.length), sized(body.length), text, body];
  });
  return joined([Uint8Array.of(entryFormat), ...parts]);
}

/** What an entry does; bodies are views of its bytes, not copies. @throws SyncError `corrupt` */
export function readDurableEntry(data: Data): readonly DurableAct[] {
  if (typeof data === 'string' || data[0] !== entryFormat) throw damaged('an entry is of another format');
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const acts: DurableAct[] = [];
  for (let at = 1; at < data.length; ) {
    const begin = at + 2 * sizeBytes;
    if (begin > data.length) throw damaged('an entry ends too early');
    const middle = begin + view.getUint32(at);
    const end = middle + view.getUint32(at + sizeBytes);
    if (end > data.length) throw damaged('an entry ends too early');
    acts.push({ header: headerOf(json(data.subarray(begin, middle))), body: data.subarray(middle, end) });
    at = end;
  }
  if (acts.length === 0) throw damaged('an entry does nothing');
  return acts;
}

export const durableKind: Kind<DurableState> = {
  name: 'durable',
  folds: false,
  empty: () => ({ offset: 0, life: null, mark: 0, sinceMark: 0 }),
  apply: (state, entries) => entries.reduce(applied, state),
  snapshot: ({ life, mark, sinceMark }) => {
    const said = { life: life && lifeJson(life), mark, sinceMark };
    return joined([Uint8Array.of(snapshotFormat), new TextEncoder().encode(JSON.stringify(said))]);
  },
  restore: (snapshot, offset) => {
    if (typeof snapshot === 'string' || snapshot[0] !== snapshotFormat) throw damaged('its snapshot is none');
    const said = record(json(snapshot.subarray(1)));
    const life = said['life'] === null ? null : lifeOf(said['life']);
    return { offset, life, mark: count(said['mark']), sinceMark: count(said['sinceMark']) };
  },
  conflate: (entries) => entries,
};

/** The state with one more entry. */
function applied(state: DurableState, entry: Entry): DurableState {
  const { offset, at, data, check } = entry;
  if (offset <= state.offset) return state;
  const length = data.length;
  const sinceMark = state.mark === 0 ? 0 : state.sinceMark + length;
  const told = { offset, at, after: () => previousCheck(check, data) };
  const acts = readDurableEntry(data);
  const next = acts.reduce((so, { header }) => done(so, header, told), { ...state, offset, sinceMark });
  return next.mark === offset ? { ...next, sinceMark: length } : next;
}

/** What is known of the entry that an act is part of. */
interface Told {
  readonly offset: number;
  readonly at: number;
  /** The check before it. */
  readonly after: () => number;
}

/** The state once one more thing was done. */
function done(state: DurableState, header: DurableHeader, { offset, at, after }: Told): DurableState {
  const marks = header.op === 'create' || header.op === 'delete' || header.before !== undefined;
  const place = { ...state, mark: marks ? offset : state.mark };
  if (header.op === 'delete') return { ...place, life: null };
  if (header.op === 'create') {
    const { type, ttlS = null, expiresAt = null, closed = false } = header;
    const facts = { created: offset, createdAfter: after(), type, ttlS, expiresAt, usedAt: at, closed };
    return { ...place, life: { ...facts, closedBy: null, seq: null, producers: new Map() } };
  }
  const before = header.before ?? state.life;
  // A log that is folded from its midst on is unknown until an entry says what was before it.
  if (!before) return { ...place, life: null };
  return { ...place, life: header.op === 'touch' ? { ...before, usedAt: at } : appended(before, header, at) };
}

/** What a log would come to if that was appended to it, as an entry of its own; what comes next may be judged by that. */
export function durableNext(state: DurableState, { header, body }: DurableAct, at: number): DurableState {
  const offset = state.offset + 1;
  const entry = { offset, at, check: 0, from: null, data: durableEntry([{ header, body }]) };
  return applied(state, entry);
}

function appended(before: Life, header: DurableHeader & { op: 'append' }, usedAt: number): Life {
  const { closed = false, producer, seq = before.seq } = header;
  const closedBy = closed && !before.closed ? (producer ?? null) : before.closedBy;
  const facts = { ...before, usedAt, seq, closed: before.closed || closed, closedBy };
  if (!producer) return facts;
  const producers = new Map(before.producers);
  producers.delete(producer.id);
  if (producers.size >= durableProducersMax) forget(producers, ownerOf(producer.id));
  return { ...facts, producers: producers.set(producer.id, producer) };
}

/**
 * Makes room for another producer of `owner`: the oldest of the same owner goes, so that nobody can make a log forget what somebody else
 * would have to repeat; the oldest of all only for an owner who has none.
 */
function forget(producers: Map<string, ProducerTuple>, owner: string): void {
  const ids = [...producers.keys()];
  const oldest = ids.find((id) => ownerOf(id) === owner) ?? ids[0];
  if (oldest !== undefined) producers.delete(oldest);
}

/**
 * The same, with no more producers than take about so many bytes: of each owner the ones that were stored last, so that nobody has those of
 * somebody else forgotten by having many.
 */
export function durableWithin(life: Life, bytes: number): Life {
  const newest = [...life.producers.values()].reverse();
  const counts = new Map<string, number>();
  const ranked = newest.map((tuple) => {
    const owner = ownerOf(tuple.id);
    const rank = counts.get(owner) ?? 0;
    counts.set(owner, rank + 1);
    return { tuple, rank };
  });
  let room = bytes;
  const known = new Set<string>();
  for (const { tuple } of ranked.sort((one, other) => one.rank - other.rank)) {
    room -= tuple.id.length + tupleBytes;
    if (room >= 0) known.add(tuple.id);
  }
  return { ...life, producers: new Map([...life.producers].filter(([id]) => known.has(id))) };
}

/** Whose a producer is: what stands before the last `/` of its id. */
function ownerOf(id: string): string {
  return id.slice(0, id.lastIndexOf('/') + 1);
}

type Json = Readonly<Record<string, unknown>>;

function headerText(header: DurableHeader): string {
  const { op, ...facts } = header;
  const before = 'before' in facts && facts.before ? { before: lifeJson(facts.before) } : {};
  const producer = 'producer' in facts && facts.producer ? { producer: tupleJson(facts.producer) } : {};
  // An append says nothing of its sort: there are many.
  return JSON.stringify({ ...(op === 'append' ? {} : { op }), ...facts, ...producer, ...before });
}

function sized(length: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}

function lifeJson({ producers, closedBy, ...facts }: Life): Json {
  const list = [...producers.values()].map(tupleJson);
  return { ...facts, closedBy: closedBy && tupleJson(closedBy), producers: list };
}

function tupleJson({ id, epoch, seq }: ProducerTuple): unknown {
  return [id, epoch, seq];
}

function headerOf(value: unknown): DurableHeader {
  const said = record(value);
  const { op = 'append', before } = said;
  const life = before === undefined ? {} : { before: lifeOf(before) };
  if (op === 'delete') return { op };
  const closed = said['closed'] === true;
  if (op === 'touch') return { op, closed, ...life };
  if (op === 'create') return { op, type: text(said['type']), ...lifetimeOf(said), closed };
  if (op !== 'append') throw damaged('an entry does what nobody knows');
  const producer = said['producer'] === undefined ? {} : { producer: tupleOf(said['producer']) };
  const seq = said['seq'] === undefined ? {} : { seq: text(said['seq']) };
  return { op, closed, ...seq, ...producer, ...life };
}

function lifeOf(value: unknown): Life {
  const said = record(value);
  const { closedBy, seq, producers } = said;
  if (!Array.isArray(producers)) throw damaged('it names no producers');
  return {
    created: count(said['created']),
    createdAfter: count(said['createdAfter']),
    type: text(said['type']),
    ...lifetimeOf(said),
    usedAt: count(said['usedAt']),
    closed: said['closed'] === true,
    closedBy: closedBy === null ? null : tupleOf(closedBy),
    seq: seq === null ? null : text(seq),
    producers: new Map(producers.map(tupleOf).map((tuple) => [tuple.id, tuple])),
  };
}

function lifetimeOf({ ttlS = null, expiresAt = null }: Json): Lifetime {
  return {
    ttlS: ttlS === null ? null : count(ttlS),
    expiresAt: expiresAt === null ? null : count(expiresAt),
  };
}

function tupleOf(value: unknown): ProducerTuple {
  if (!Array.isArray(value)) throw damaged('a producer is no [id, epoch, seq]');
  const [id, epoch, seq] = value as unknown[];
  return { id: text(id), epoch: count(epoch), seq: count(seq) };
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw damaged('it holds a text that is not JSON');
  }
}

function record(value: unknown): Json {
  if (typeof value !== 'object' || value === null) throw damaged('it holds no facts');
  return value as Json;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw damaged('a fact is no text');
  return value;
}

function count(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw damaged('a fact is no integer');
  return value as number;
}

function damaged(why: string): SyncError {
  return new SyncError('corrupt', `A durable log can't be read: ${why}.`);
}
