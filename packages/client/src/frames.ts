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

/** Writes a client's frame: its type, and its fields in their order. */
export function writeFrame(type: ClientFrame['type'], ...fields: readonly unknown[]): string {
  const frame = [type, ...fields];
  if (type !== 'publish') return JSON.stringify(frame);
  // A payload is JSON already and goes as it is (rule F9).
  const payload = frame.pop();
  return `${JSON.stringify(frame).slice(0, -1)},${payload}]`;
}

/**
 * Why a payload, as `JSON.stringify` writes it, can't stand in a frame (rule F3); undefined when it can. Asked before it is
 * sent, for the server ends a session whose frame is beyond these bounds: it can't tell which publish to refuse.
 */
export function payloadFault(payload: string): string | undefined {
  // The frame's own array and its six members count too.
  if (weigh(JSON.parse(payload), 2) <= membersMax - 6) return undefined;
  return tooMuch(`${membersMax - 6} members or ${depthMax - 1} levels`);
}

/** How many members there are in a value that stands at such a depth; too many where it is too deep. */
function weigh(value: unknown, depth: number): number {
  if (!(value instanceof Object)) return 0;
  if (depth > depthMax) return membersMax;
  return Object.values(value).reduce((sum: number, member) => sum + 1 + weigh(member, depth + 1), 0);
}

/** Reads a value; `text` is what it was parsed from. */
type Reader<T> = (value: unknown, text?: string) => T;
type Readers<F> = { readonly [K in Exclude<keyof F, 'type'>]: Reader<F[K]> };
type Controls = Exclude<ServerFrame, { type: 'entries' }>;

const position = tuple<Position>({ epoch: words, offset: count, check: count });
const head = tuple<Head>({ id: count, offset: count, check: count });

/** The fields of each frame, in their order on the wire. */
export type Vocabulary = { readonly [T in Controls['type']]?: Readers<FrameOf<Controls, T>> };

/** Those of frames that any channel or connection is sent. */
export const frames = {
  welcome: {
    session: words,
    heartbeatMs: count,
    payloadBytesMax: count,
    expiresMs: nullOr(count),
    now: count,
  },
  subscribed: { ref: count, id: count, position, top: count, gap: nullOr(words<GapReason>), stamped: flag },
  unsubscribed: { ref: count },
  revoked: { id: count, code, message: words },
  authenticated: { ref: count, expiresMs: nullOr(count) },
  ack: { ref: count, position },
  history: {
    ref: count,
    epoch: words,
    first: count,
    more: flag,
    stamped: flag,
    entries: (_, text) => texts(text),
  },
  gap: { id: count, position, top: count, reason: words<GapReason> },
  heartbeat: { heads: (value) => list(value).map(head), staleMs: (value = 0) => count(value) },
  error: { ref: nullOr(count), code, message: words, detail: nullOr(Object) },
  bye: { reason: words, afterMs: count },
} as const satisfies Vocabulary;

/**
 * Reads a server's text frame; undefined for one that this client has no use for (rule F4).
 *
 * @throws SyncError `bad_frame` when a known frame can't be read.
 */
export function readFrame(text: string, known: Vocabulary = frames): ServerFrame | undefined {
  const [type, ...values] = list(JSON.parse(text));
  const [, ...parts] = texts(text);
  if (typeof type === 'number')
    return { type: 'entries', id: count(type), first: count(values[0]), entries: parts.slice(1) };
  if (!Object.hasOwn(known, String(type))) return undefined;
  // Every field of the union's member is read by the table that the compiler holds against it.
  return { type, ...fields<object>(known[type as Controls['type']] as object, values, parts) } as ServerFrame;
}

/** An entry's payload, time and author from how it stood on the wire (rule D1). */
export function readEntry(
  data: Data,
  stamped: boolean,
): { data: Data; at: number | null; from: string | null } {
  if (!stamped) return { data, at: null, from: null };
  const [at, from = '', text] = texts(data);
  return { data: words(text), at: Number(at), from: JSON.parse(from) };
}

/** The parts of JSON that make its shape; texts count as one, so that what stands in them isn't taken for shape. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},]/g;

/** The texts of an array's own elements. That it is JSON has been proven by reading it, so brackets come in pairs. */
export function texts(array: unknown): string[] {
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

/** Reads an array's members as an object's, by readers in their order. */
function fields<T>(
  readers: { readonly [K in keyof T]: Reader<T[K]> },
  values: unknown[],
  parts: string[] = [],
): T {
  const read = Object.entries<Reader<unknown>>(readers).map(([name, of], i) => [
    name,
    of(values[i], parts[i]),
  ]);
  return Object.fromEntries(read) as T;
}

function tuple<T>(readers: { readonly [K in keyof T]: Reader<T[K]> }): (value: unknown) => T {
  return (value) => fields(readers, list(value));
}

function code(value: unknown): ErrorCode {
  const text = words(value);
  return isErrorCode(text) ? text : 'internal';
}

export function nullOr<T>(read: Reader<T>): Reader<T | null> {
  return (value) => (value === null ? value : read(value));
}

export function list<T = unknown>(value: unknown): T[] {
  return Array.isArray(value) ? value : refuse();
}

export function count(value: unknown): number {
  // What is a safe integer is a number, which the compiler can't tell.
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : refuse();
}

/** A text. Where it should be one of a few, the server is taken at its word: the client only hands it on. */
export function words<T extends string = string>(value: unknown): T {
  return typeof value === 'string' ? (value as T) : refuse();
}

export function flag(value: unknown): boolean {
  return typeof value === 'boolean' ? value : refuse();
}

function refuse(): never {
  throw misread();
}
