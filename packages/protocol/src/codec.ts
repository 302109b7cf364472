/**
 * Text to frames and back. The tables say which fields a frame has and in which order they stand on the wire; the
 * compiler holds them against the unions in frame.ts, and the reference page is generated from them. Sessions and
 * connections call it at their edge; nothing past them sees an untrusted value.
 */

import { SyncError } from './codes.ts';
import type { Data, Entry } from './entry.ts';
import { filter, gone, signals } from './field/live.ts';
import * as f from './field.ts';
import type { ClientFrame, FrameOf, ServerFrame } from './frame.ts';
import { depthMax, frameBytesMax, historyEntriesMax, membersMax, refMax } from './limits.ts';
import { elements, unbounded } from './scan.ts';

type Fields<F> = { readonly [K in Exclude<keyof F, 'type'>]: f.Field<F[K]> };
type Table<U extends { type: string }> = { readonly [T in U['type']]: Fields<FrameOf<U, T>> };
type Control = Exclude<ServerFrame, { type: 'entries' }>;

export const clientFrames: Table<ClientFrame> = {
  subscribe: { ref: f.ref, channel: f.channel, start: f.start },
  unsubscribe: { ref: f.ref, channel: f.channel },
  publish: { ref: f.ref, channel: f.channel, producer: f.producer, sequence: f.sequence, data: f.payload },
  history: {
    ref: f.ref,
    channel: f.channel,
    direction: f.direction,
    offset: f.offset,
    limit: f.integer(1, historyEntriesMax),
  },
  auth: { ref: f.ref, token: f.token },
  view: { ref: f.ref, channel: f.channel, id: f.count, filter: f.nullable(filter) },
  enter: { ref: f.ref, channel: f.channel, lease: f.lease, data: f.json },
  leave: { ref: f.ref, channel: f.channel, lease: f.lease },
  signal: { ref: f.ref, channel: f.channel, lease: f.lease, data: f.json },
  heartbeat: {},
};

export const serverFrames: Table<Control> = {
  welcome: {
    session: f.words('a session id', 64),
    heartbeatMs: f.count,
    payloadBytesMax: f.count,
    expiresMs: f.nullable(f.count),
    now: f.count,
  },
  subscribed: {
    ref: f.ref,
    id: f.count,
    position: f.position,
    top: f.offset,
    gap: f.nullable(f.gapReason),
    stamped: f.flag,
  },
  unsubscribed: { ref: f.ref },
  revoked: { id: f.count, code: f.errorCode, message: f.sentence },
  authenticated: { ref: f.ref, expiresMs: f.nullable(f.count) },
  ack: { ref: f.ref, position: f.position },
  history: {
    ref: f.ref,
    epoch: f.epoch,
    first: f.offset,
    more: f.flag,
    stamped: f.flag,
    entries: f.payloads,
  },
  gap: { id: f.count, position: f.position, top: f.offset, reason: f.gapReason },
  changes: { id: f.count, from: f.offset, check: f.check, entries: f.placed },
  snapshot: { id: f.count, offset: f.offset, check: f.check, more: f.flag, data: f.payload },
  heartbeat: { heads: f.heads, staleMs: f.optional(f.count) },
  error: { ref: f.nullable(f.ref), code: f.errorCode, message: f.sentence, detail: f.nullable(f.detail) },
  bye: { reason: f.sentence, afterMs: f.count },
  viewing: { ref: f.ref, id: f.count },
  seen: { id: f.count, offset: f.offset, more: f.flag, rows: f.jsons, gone },
  entered: { ref: f.ref, key: f.memberKey },
  left: { ref: f.ref },
  signalled: { ref: f.ref, key: f.memberKey },
  signals: { id: f.count, signals },
};

/** A client's frame that could not be read. `ref` is what an answer can name, if that much was readable (rule F5). */
export interface Refused {
  readonly type: 'refused';
  readonly ref: number | null;
  readonly error: SyncError;
}

/**
 * Reads a client's text frame. Whatever is wrong comes back as `refused`; it never throws (rules F2 to F5).
 *
 * @param bytesMax size of the largest frame taken, as UTF-8
 */
export function decodeClient(text: string, bytesMax: number = frameBytesMax): ClientFrame | Refused {
  let tuple: unknown;
  try {
    if (longerThan(text, bytesMax)) throw tooLarge(bytesMax);
    const texts = elements(text, { depthMax, membersMax });
    tuple = parse(text);
    const frame = read(clientFrames, tuple, texts);
    if (frame) return frame;
    throw new SyncError('bad_frame', `No frame is called ${f.describe(at(tuple, 0))}.`);
  } catch (thrown) {
    return refused(at(tuple, 1), thrown);
  }
}

/** What a reader of client frames answers instead of throwing. `ref` stands where a request has its number. */
export function refused(ref: unknown, thrown: unknown): Refused {
  const readable = typeof ref === 'number' && Number.isInteger(ref) && ref > 0 && ref <= refMax;
  return {
    type: 'refused',
    ref: readable ? ref : null,
    error: thrown instanceof SyncError ? thrown : new SyncError('bad_frame'),
  };
}

/** The error for a client's frame beyond the size (rule F3). */
export function tooLarge(bytesMax: number): SyncError {
  return new SyncError(
    'frame_too_large',
    `The frame is larger than the ${bytesMax} bytes that the server takes.`,
  );
}

/** Writes a client's frame as text. */
export function encodeClient(frame: ClientFrame): string {
  return write(clientFrames, frame);
}

/**
 * Reads a server's text frame; undefined for a control frame that this version doesn't know (rule F4).
 *
 * @throws SyncError `bad_frame` when a known frame can't be read.
 */
export function decodeServer(text: string): ServerFrame | undefined {
  const texts = elements(text, unbounded);
  const tuple = parse(text);
  const id = at(tuple, 0);
  if (typeof id !== 'number') return read(serverFrames, tuple, texts);
  return {
    type: 'entries',
    id: readField('entries', 'id', f.count, id),
    first: readField('entries', 'first', f.sequence, at(tuple, 1)),
    entries: texts.slice(2),
  };
}

/** Writes a server's control frame as text. Frames of entries are built by `encodeEntries`. */
export function encodeServer(frame: Control): string {
  return write(serverFrames, frame);
}

/** The text of a frame of entries (rule D1); `entries`, at least one, are texts as `wireText` gives them. */
export function encodeEntries(id: number, first: number, entries: readonly string[]): string {
  return `[${id},${first},${entries.join(',')}]`;
}

/** An entry as it stands in a text frame: its payload, or `[at,from,payload]` in a stamped channel. */
export function wireText(entry: Entry, stamped: boolean): string {
  const text = f.payload.write(entry.data);
  return stamped ? `[${entry.at},${JSON.stringify(entry.from)},${text}]` : text;
}

/** An entry's payload text, time and author from how it stood on the wire; the reverse of `wireText`. */
export function readWire(
  data: Data,
  stamped: boolean,
): { data: Data; at: number | null; from: string | null } {
  if (!stamped || typeof data !== 'string') return { data, at: null, from: null };
  const [at, from = '', text] = elements(data, unbounded);
  if (text === undefined)
    throw new SyncError('bad_frame', 'An entry of a stamped channel must be [at, from, payload].');
  const author: unknown = parse(from);
  return { data: text, at: Number(at), from: typeof author === 'string' ? author : null };
}

/** A bare payload's text, proven to be one JSON value within the bounds of a frame. @throws SyncError `bad_payload` */
export function readPayload(text: string): string {
  try {
    const [only] = elements(`[${text}]`, { depthMax, membersMax });
    JSON.parse(text);
    if (only !== undefined) return only;
  } catch (thrown) {
    if (thrown instanceof SyncError && thrown.detail)
      throw new SyncError('bad_payload', thrown.message, thrown.detail);
  }
  throw new SyncError('bad_payload', 'The payload is not JSON.');
}

/** The elements of a list, as they were written. What `readPayload` gave back is split so. @throws SyncError where it is no list */
export function splitList(text: string): string[] {
  return elements(text, unbounded);
}

function read<U extends { type: string }>(
  table: Table<U>,
  tuple: unknown,
  texts: readonly string[],
): U | undefined {
  const type = at(tuple, 0);
  if (typeof type !== 'string' || !Object.hasOwn(table, type)) return undefined;
  const frame: Record<string, unknown> = { type };
  let i = 0;
  for (const [name, field] of fieldsOf(table, type)) {
    i++;
    if (field.optional && texts[i] === undefined) break;
    frame[name] = readField(type, name, field, at(tuple, i), texts[i]);
  }
  // Every field of the union's member was read by the table that the compiler holds against it.
  return frame as unknown as U;
}

/** One field's value. @throws SyncError `bad_frame` that names the frame and the field (rule F2). */
export function readField<T>(frame: string, name: string, field: f.Field<T>, value: unknown, text = ''): T {
  try {
    return field.read(value, text);
  } catch (fault) {
    if (!(fault instanceof f.FieldFault)) throw fault;
    throw new SyncError(
      'bad_frame',
      // What stands in an `auth` may be a token, wherever it stands (rule I2).
      `The frame "${frame}" can't be read: expected \`${name}\` to be ${fault.expected}, got ${frame === 'auth' ? 'something else' : fault.got}.`,
    );
  }
}

function write<U extends { type: string }>(table: Table<U>, frame: U): string {
  const values = frame as unknown as Record<string, unknown>;
  let text = `["${frame.type}"`;
  for (const [name, field] of fieldsOf(table, frame.type)) {
    const value = values[name];
    if (!(field.optional && value === undefined)) text += `,${field.write(value)}`;
  }
  return `${text}]`;
}

type FieldList = readonly (readonly [string, f.Field<unknown>])[];
/** Each frame's fields as a list, made once: frames are read and written too often to make it each time. */
const lists = new WeakMap<object, FieldList>();

function fieldsOf(table: object, type: string): FieldList {
  const fields = (table as Record<string, Record<string, f.Field<unknown>>>)[type] ?? {};
  const list = lists.get(fields) ?? Object.entries(fields);
  lists.set(fields, list);
  return list;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SyncError('bad_frame', 'The frame is not JSON.');
  }
}

function at(tuple: unknown, index: number): unknown {
  return Array.isArray(tuple) ? tuple[index] : undefined;
}

/** Whether a text is longer than `max` bytes as UTF-8. Most are told by their number of code units, 1 to 3 bytes each. */
function longerThan(text: string, max: number): boolean {
  if (text.length > max || text.length * 3 <= max) return text.length > max;
  return new TextEncoder().encode(text).length > max;
}
