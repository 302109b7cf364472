/**
 * Frames as text, the client's half only: it writes what clients send and reads what servers send. The connection uses it in
 * place of the protocol's codec, whose tables and sentences about bad frames are for servers and weigh more than this whole
 * room; frames.test.ts proves that the two agree. Like the codec it lets nothing past that isn't of the right type.
 */
import type { ErrorCode, GapReason, Position } from '@syncline/protocol';
import {
  type ClientFrame,
  type Data,
  depthMax,
  type FrameOf,
  type Head,
  isErrorCode,
  membersMax,
  type ServerFrame,
} from '@syncline/protocol/wire';
import { misread, tooMuch } from './faults.ts';

/** Writes a client's frame. */
export function writeFrame(frame: ClientFrame): string {
  const json = JSON.stringify(parts(frame));
  // A payload is JSON already and goes as it is (rule F9).
  return frame.type === 'publish' ? `${json.slice(0, -1)},${frame.data}]` : json;
}

/** What stands in a frame, but a payload. */
function parts(frame: ClientFrame): unknown[] {
  const { type } = frame;
  if (type === 'heartbeat') return [type];
  if (type === 'auth') return [type, frame.ref, frame.token];
  const head = [type, frame.ref, frame.channel];
  if (type === 'publish') return [...head, frame.producer, frame.sequence];
  if (type === 'history') return [...head, frame.direction, frame.offset, frame.limit];
  if (type === 'unsubscribe') return head;
  const { start } = frame;
  return [...head, typeof start === 'number' ? start : [start.epoch, start.offset, start.check]];
}

/** The parts of JSON that make its shape; texts count as one, so that what stands in them isn't taken for shape. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},]/g;

/**
 * Why a payload, as `JSON.stringify` writes it, can't stand in a frame (rule F3); undefined when it can. Asked before it is
 * sent, for the server ends a session whose frame is beyond these bounds: it can't tell which publish to refuse.
 */
export function payloadFault(payload: string): string | undefined {
  // The frame's own array and its six members count too.
  let depth = 1;
  let members = 6;
  for (const { 0: token, index } of payload.matchAll(tokens)) {
    const opens = token === '[' || token === '{';
    if (token === ']' || token === '}') depth--;
    else if (opens && ++depth > depthMax) return tooMuch(depthMax - 1, 'levels');
    if (token === ',' || (opens && !/[\]}]/.test(payload[index + 1] ?? ''))) members++;
  }
  return members > membersMax ? tooMuch(membersMax - 6, 'members') : undefined;
}

type Reader<T> = (value: unknown) => T;
type Readers<F> = { readonly [K in Exclude<keyof F, 'type'>]: Reader<F[K]> };
type Controls = Exclude<ServerFrame, { type: 'entries' | 'snapshot' | 'changes' }>;

const position = tuple<Position>({ epoch: words, offset: count, check: count });
const head = tuple<Head>({ id: count, offset: count, check: count });

/** The fields of each frame, in their order on the wire. */
const controls: { readonly [T in Controls['type']]: Readers<FrameOf<Controls, T>> } = {
  welcome: { session: words, heartbeatMs: count, payloadBytesMax: count, expiresMs: nullOr(count) },
  subscribed: { ref: count, id: count, position, top: count, gap: nullOr(words<GapReason>), stamped: flag },
  unsubscribed: { ref: count },
  revoked: { id: count, code, message: words },
  authenticated: { ref: count, expiresMs: nullOr(count) },
  ack: { ref: count, position },
  history: { ref: count, epoch: words, first: count, more: flag, stamped: flag, entries: list<string> },
  gap: { id: count, position, top: count, reason: words<GapReason> },
  heartbeat: { heads: (value) => list(value).map(head) },
  error: { ref: nullOr(count), code, message: words, detail: nullOr(Object) },
  bye: { reason: words, afterMs: count },
};

/**
 * Reads a server's text frame; undefined for one that this client has no use for (rule F4).
 *
 * @throws SyncError `bad_frame` when a known frame can't be read.
 */
export function readFrame(text: string): ServerFrame | undefined {
  const [type, ...values] = list(JSON.parse(text));
  if (typeof type === 'number')
    return { type: 'entries', id: count(type), first: count(values[0]), entries: texts(text).slice(2) };
  if (!Object.hasOwn(controls, String(type))) return undefined;
  const read = tuple<object>(controls[type as Controls['type']]);
  // Every field of the union's member is read by the table that the compiler holds against it.
  const frame = { type, ...read(values) } as ServerFrame;
  return frame.type === 'history' ? { ...frame, entries: texts(texts(text)[6]) } : frame;
}

/** An entry's payload text, time and author from how it stood on the wire (rule D1). */
export function readEntry(
  data: Data,
  stamped: boolean,
): { data: string; at: number | null; from: string | null } {
  if (!stamped) return { data: words(data), at: null, from: null };
  const [at, from = '', text] = texts(data);
  return { data: words(text), at: Number(at), from: JSON.parse(from) };
}

/** The texts of an array's own elements. That it is JSON has been proven by reading it, so brackets come in pairs. */
function texts(array: unknown): string[] {
  const text = words(array);
  const found: string[] = [];
  let depth = 0;
  let start = text.indexOf('[') + 1;
  for (const { 0: token, index } of text.matchAll(tokens)) {
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    if (depth === (token === ',' ? 1 : 0)) {
      found.push(text.slice(start, index).trim());
      start = index + 1;
    }
  }
  return found[0] ? found : [];
}

/** Reads an array as an object, by the readers of its members in their order. */
function tuple<T>(readers: { readonly [K in keyof T]: Reader<T[K]> }): Reader<T> {
  return (value) => {
    const values = list(value);
    const entries = Object.entries<Reader<unknown>>(readers);
    return Object.fromEntries(entries.map(([name, read], i) => [name, read(values[i])])) as T;
  };
}

function code(value: unknown): ErrorCode {
  const text = words(value);
  return isErrorCode(text) ? text : 'internal';
}

function nullOr<T>(read: Reader<T>): Reader<T | null> {
  return (value) => (value === null ? value : read(value));
}

function list<T = unknown>(value: unknown): T[] {
  return Array.isArray(value) ? value : refuse();
}

function count(value: unknown): number {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : refuse();
}

/** A text. Where it should be one of a few, the server is taken at its word: the client only hands it on. */
function words<T extends string = string>(value: unknown): T {
  return typeof value === 'string' ? (value as T) : refuse();
}

function flag(value: unknown): boolean {
  return typeof value === 'boolean' ? value : refuse();
}

function refuse(): never {
  throw misread();
}
