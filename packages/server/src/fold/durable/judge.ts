/**
 * What becomes of a request to a durable log, by what is known of the log: one thing to do, or an answer. It is a pure function, so
 * that a node may judge, append on the condition that nothing came between, and judge anew. Whoever writes to such logs calls it;
 * it must not know how a request came, nor where the log is.
 */
import {
  type DurableAct,
  type DurableHeader,
  type DurableState,
  durableAct,
  durableEntry,
  durableWithin,
  type Keep,
  type Life,
  type Lifetime,
  type ProducerTuple,
} from '@syncline/protocol/wire';

/** What is to be stored, as the log's media type has it. */
export interface Body {
  readonly bytes: Uint8Array;
  /** Why it can't be stored; null: it can. It counts only where nothing else stands against the request. */
  readonly fault: string | null;
}

/** What somebody wants of a durable log. */
export type DurableRequest =
  | ({
      readonly op: 'create';
      readonly type: string;
      readonly closed: boolean;
      readonly body: Body;
    } & Lifetime)
  | {
      readonly op: 'append';
      /** The media type that the body is said to be of; null where nothing is said. */
      readonly type: string | null;
      readonly body: Body;
      /** Nothing is to follow. An empty body does for that. */
      readonly closed: boolean;
      readonly seq: string | null;
      readonly producer: ProducerTuple | null;
    }
  | { readonly op: 'delete' }
  /** It was read. */
  | { readonly op: 'touch' };

/** What was done, or why nothing was. */
export type Outcome =
  | 'created'
  | 'exists'
  | 'appended'
  | 'duplicate'
  | 'closed'
  | 'deleted'
  | 'touched'
  | 'untouched'
  /** From here on it is refused: no such log, or it has expired. */
  | 'missing'
  /** It is there, and is another one than is asked for. */
  | 'different'
  | 'ended'
  | 'mistyped'
  | 'faulty'
  | 'fenced'
  | 'late'
  | 'skipped'
  | 'unsteady';

/** What readers are told of a log. */
export type Facts = Pick<Life, 'type' | 'closed' | keyof Lifetime>;

export interface Verdict {
  readonly outcome: Outcome;
  /** What an entry is to do, or null. */
  readonly act: DurableAct | null;
  /** What the log is once that is stored; null where there is none. */
  readonly facts: Facts | null;
  /** The newest number of the producer that asked, where it is known. */
  readonly producer: ProducerTuple | null;
  /** What is wrong, for `faulty`. */
  readonly fault: string | null;
}

/** By what is judged besides the log itself. */
export interface Circumstances {
  /** The time by which entries are stamped, in ms since 1970. */
  readonly now: number;
  /** What the log keeps. */
  readonly keep: Keep | null;
}

/** So many entries, or bytes, after an entry that says all there follows another one: as little is read to open a log. */
const markEntries = 32;
const markBytes = 64 * 1024;
/** What is known of producers takes so much of a log at the most, or so many bytes for each entry that is kept; and may take so many always. */
const producersShare = 1 / 4;
const producersBytesPerEntry = 512;
const producersBytesMin = 1024;
/** A log that is read is touched when so much of its life has gone by; so much longer it lives. */
const touchShare = 1 / 16;

/**
 * Decides on a request. The same state, request and circumstances give the same verdict.
 *
 * @example
 * const { act } = judge(state, { op: 'delete' }, { now, keep: null })
 * if (act) await channel.append({ data: durableEntry([act]), from, ifTopAt: state.offset })
 */
export function judge(state: DurableState, request: DurableRequest, circumstances: Circumstances): Verdict {
  const life = state.life && endsAt(state.life) > circumstances.now ? state.life : null;
  if (request.op === 'create') return life ? compare(life, request) : create(request);
  if (!life) return verdict('missing', null);
  if (request.op === 'delete') return verdict('deleted', null, { act: durableAct({ op: 'delete' }) });
  if (request.op === 'touch') return touch(state, life, circumstances);
  return append(state, life, request, circumstances);
}

/** When a log ends, in ms since 1970; Infinity: never. One that is read ends no sooner than its time to live after that. */
export function endsAt({ ttlS, expiresAt, usedAt }: Life): number {
  if (ttlS !== null) return usedAt + ttlS * 1000 * (1 + touchShare);
  return expiresAt ?? Number.POSITIVE_INFINITY;
}

/** From when on it does a log good to be touched, in ms since 1970; Infinity: never. */
function touchableAt({ ttlS, usedAt }: Life): number {
  return ttlS === null ? Number.POSITIVE_INFINITY : usedAt + ttlS * 1000 * touchShare;
}

/** A media type without its parameters, in lower case: what two types are compared by. */
export function essence(type: string): string {
  return (type.split(';', 1)[0] ?? '').trim().toLowerCase();
}

function verdict(outcome: Outcome, facts: Facts | null, more: Partial<Verdict> = {}): Verdict {
  return { outcome, facts, act: null, producer: null, fault: null, ...more };
}

/** Whether what is there is what is asked for. */
function compare(life: Life, request: DurableRequest & { op: 'create' }): Verdict {
  const same =
    essence(life.type) === essence(request.type) &&
    life.ttlS === request.ttlS &&
    life.expiresAt === request.expiresAt &&
    life.closed === request.closed;
  return verdict(same ? 'exists' : 'different', life);
}

function create(request: DurableRequest & { op: 'create' }): Verdict {
  const { type, closed, ttlS, expiresAt, body } = request;
  if (body.fault !== null) return verdict('faulty', null, { fault: body.fault });
  const said = { type, ...(ttlS !== null && { ttlS }), ...(expiresAt !== null && { expiresAt }) };
  const act = durableAct({ op: 'create', ...said, ...(closed && { closed }) }, body.bytes);
  return verdict('created', { type, ttlS, expiresAt, closed }, { act });
}

function touch(state: DurableState, life: Life, circumstances: Circumstances): Verdict {
  if (circumstances.now < touchableAt(life)) return verdict('untouched', life);
  const { closed } = life;
  const touched = durableAct({ op: 'touch', ...(closed && { closed }) });
  const act = marked(state, life, touched, circumstances);
  return verdict('touched', life, { act });
}

function append(
  state: DurableState,
  life: Life,
  request: DurableRequest & { op: 'append' },
  circumstances: Circumstances,
): Verdict {
  const { body, closed, seq, producer } = request;
  const isEmpty = body.bytes.length === 0 && body.fault === null;
  const refused = againstProducer(life, producer) ?? againstState(life, request, isEmpty);
  if (refused) return refused;
  const header: DurableHeader = {
    op: 'append',
    ...(closed && { closed }),
    ...(seq !== null && { seq }),
    ...(producer && { producer }),
  };
  const act = marked(state, life, durableAct(header, body.bytes), circumstances);
  return verdict(isEmpty ? 'closed' : 'appended', { ...life, closed }, { act, producer });
}

/** What stands against a producer's number, or answers it; null where it is the next one, or there is none (rules P22, P24). */
function againstProducer(life: Life, producer: ProducerTuple | null): Verdict | null {
  if (!producer) return null;
  const known = life.producers.get(producer.id);
  const told = { producer: known ?? null };
  if (known && producer.epoch < known.epoch) return verdict('fenced', life, told);
  if (known && producer.epoch === known.epoch && producer.seq <= known.seq)
    return verdict('duplicate', life, told);
  if (life.closed) return verdict('ended', life);
  if (known && producer.epoch > known.epoch && producer.seq !== 0) return verdict('unsteady', life, told);
  const expected = known && producer.epoch === known.epoch ? known.seq + 1 : 0;
  return producer.seq === expected ? null : verdict('skipped', life, told);
}

/** What stands against an append otherwise; null where nothing does. A log that is closed comes first: who asks is to hear of it. */
function againstState(
  life: Life,
  { type, body, closed, seq, producer }: DurableRequest & { op: 'append' },
  isEmpty: boolean,
): Verdict | null {
  if (life.closed && closed && isEmpty && !producer) return verdict('closed', life);
  if (life.closed) return verdict('ended', life);
  if (isEmpty && !closed)
    return verdict('faulty', life, { fault: 'The body is empty: there is nothing to append.' });
  if (!isEmpty && type === null)
    return verdict('faulty', life, { fault: 'Say with a Content-Type what the body is.' });
  if (!isEmpty && essence(type ?? '') !== essence(life.type)) return verdict('mistyped', life);
  if (body.fault !== null) return verdict('faulty', life, { fault: body.fault });
  return seq !== null && life.seq !== null && !isAfter(seq, life.seq) ? verdict('late', life) : null;
}

/** Whether a text comes after another one, by their bytes in UTF-8. */
function isAfter(seq: string, last: string): boolean {
  return Buffer.compare(Buffer.from(seq), Buffer.from(last)) > 0;
}

/** The same, saying what was before it where that is worth its bytes, or where what says it may be dropped next. */
function marked(
  { offset, mark, sinceMark }: DurableState,
  before: Life,
  { header, body }: DurableAct,
  { keep }: Circumstances,
): DurableAct {
  const plain = { header, body };
  const bytes = sizeOf(plain);
  const entries = offset + 1 - mark;
  const kept = !keep || (entries < keep.entriesMax && sinceMark + bytes <= keep.bytesMax);
  if (kept && entries < markEntries && sinceMark < markBytes) return plain;
  // The last entry that says all is among those since: as much as it says must have come after it, or every entry would say all.
  const worth = sinceMark / 2;
  if (kept && leastOf(before) > worth) return plain;
  const full: DurableAct = { header: { ...header, before: fitting(before, keep) } as DurableHeader, body };
  return kept && sizeOf(full) - bytes > worth ? plain : full;
}

/** What is said of a log that keeps little: of some producers only, or it would hold nothing else. */
function fitting(life: Life, keep: Keep | null): Life {
  if (!keep) return life;
  const { bytesMax, entriesMax } = keep;
  const bytes = Math.min(bytesMax * producersShare, entriesMax * producersBytesPerEntry);
  return durableWithin(life, Math.max(producersBytesMin, bytes));
}

/** So many bytes at least it takes to say all: known without saying it, which costs more than all else that is judged. */
function leastOf({ producers }: Life): number {
  let bytes = 0;
  for (const id of producers.keys()) bytes += id.length;
  return bytes;
}

function sizeOf(act: DurableAct): number {
  return durableEntry([act]).length;
}
