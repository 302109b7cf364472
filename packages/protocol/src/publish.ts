/**
 * The short way for the one frame that servers are sent by the thousand, and for its answer: a small `publish` as the SDK writes
 * it, read from its bytes in one pass that proves all of it and builds nothing but its texts, and an `ack` as bytes. Transports ask
 * here first. Whatever is written in another way, or wrongly, is the codec's: nothing is decided here that it wouldn't decide alike.
 */
import type { ClientFrame, FrameOf, ServerFrame } from './frame.ts';
import {
  depthMax,
  epochCharsMax,
  nameCharsMax,
  nameSegmentsMax,
  producerCharsMax,
  refMax,
} from './limits.ts';

/** Larger frames are too few for their reading to matter, and are read faster by the engine's own parser. */
const shortBytesMax = 4000;
/** Numbers of so many digits are exact. */
const digitsMax = 15;

const quote = 34;
const plus = 43;
const comma = 44;
const minus = 45;
const dot = 46;
const slash = 47;
const zero = 48;
const nine = 57;
const colon = 58;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

const head = codesOf('["publish",');
const ackHead = codesOf('["ack",');
const words = ['true', 'false', 'null'].map(codesOf);
const producerCodes = setOf('_-');
const nameCodes = setOf('_-=@,.:;/');
const escapes = new Set(codesOf('"\\/bfnrt'));

/**
 * Reads a text frame that may be a publish; undefined: the codec has to look at it.
 *
 * @param bytes a whole text frame, proven to be UTF-8
 * @param bytesMax size of the largest frame taken
 * @param textOf the text of some of these bytes, which keeps nothing else of them; `ascii` when all of them are
 * @example
 * readPublish(frame, 66_560, (bytes, from, to) => new TextDecoder().decode(bytes.subarray(from, to)))
 */
export function readPublish(
  bytes: Uint8Array,
  bytesMax: number,
  textOf: (bytes: Uint8Array, from: number, to: number, ascii: boolean) => string,
): FrameOf<ClientFrame, 'publish'> | undefined {
  const end = bytes.length - 1;
  if (
    bytes.length > Math.min(shortBytesMax, bytesMax) ||
    bytes[end] !== closeBracket ||
    !stands(head, bytes, 0)
  )
    return undefined;
  const refEnd = digitsEnd(bytes, head.length);
  const nameEnd = quotedEnd(bytes, refEnd, nameCodes, nameCharsMax);
  const producerEnd = quotedEnd(bytes, nameEnd, producerCodes, producerCharsMax);
  const sequenceEnd = bytes[producerEnd] === comma ? digitsEnd(bytes, producerEnd + 1) : -1;
  if (bytes[sequenceEnd] !== comma) return undefined;
  const from = sequenceEnd + 1;
  if (valueEnd(bytes, from) !== end) return undefined;
  const ref = numberOf(bytes, head.length, refEnd);
  if (ref > refMax || !namesSegments(bytes, refEnd + 2, nameEnd - 1)) return undefined;
  return {
    type: 'publish',
    ref,
    channel: textOf(bytes, refEnd + 2, nameEnd - 1, true),
    producer: textOf(bytes, nameEnd + 2, producerEnd - 1, true),
    sequence: numberOf(bytes, producerEnd + 1, sequenceEnd),
    data: textOf(bytes, from, end, isAscii(bytes, from, end)),
  };
}

/** The most bytes that an `ack` takes: its number, an epoch, an offset and a check, and what stands around them. */
export const ackBytesMax: number = 10 + epochCharsMax + 16 + 10 + 15;

/** Writes an `ack` as `encodeServer` would, whose epoch is one of rule P5; returns where it ends. */
export function writeAck(
  bytes: Uint8Array,
  from: number,
  { ref, position: { epoch, offset, check } }: FrameOf<ServerFrame, 'ack'>,
): number {
  let at = from;
  for (const code of ackHead) bytes[at++] = code;
  at = writeNumber(bytes, at, ref);
  bytes[at++] = comma;
  bytes[at++] = openBracket;
  bytes[at++] = quote;
  for (let i = 0; i < epoch.length; i++) bytes[at++] = epoch.charCodeAt(i);
  bytes[at++] = quote;
  bytes[at++] = comma;
  at = writeNumber(bytes, at, offset);
  bytes[at++] = comma;
  at = writeNumber(bytes, at, check);
  bytes[at++] = closeBracket;
  bytes[at++] = closeBracket;
  return at;
}

/** Writes an integer from 0 up; returns where it ends. */
function writeNumber(bytes: Uint8Array, from: number, number: number): number {
  let end = from + 1;
  for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) end++;
  let rest = number;
  for (let at = end - 1; at >= from; at--) {
    const tens = Math.floor(rest / 10);
    bytes[at] = zero + (rest - tens * 10);
    rest = tens;
  }
  return end;
}

/** Where an integer from 1 up ends that begins there; -1: there is none, or it is too long to be exact. */
function digitsEnd(bytes: Uint8Array, from: number): number {
  if (bytes[from] === zero) return -1;
  const end = pastDigits(bytes, from);
  return end > from && end - from <= digitsMax ? end : -1;
}

function numberOf(bytes: Uint8Array, from: number, to: number): number {
  let number = 0;
  for (let i = from; i < to; i++) number = number * 10 + (bytes[i] ?? 0) - zero;
  return number;
}

/** Where a comma and a text end that begin there, the text of 1 to `max` of these characters; -1: they don't. */
function quotedEnd(bytes: Uint8Array, from: number, codes: Uint8Array, max: number): number {
  if (from < 0 || bytes[from] !== comma || bytes[from + 1] !== quote) return -1;
  let i = from + 2;
  while (codes[bytes[i] ?? 0] === 1) i++;
  const chars = i - from - 2;
  return bytes[i] === quote && chars > 0 && chars <= max ? i + 1 : -1;
}

/** Whether the segments of a channel's name are some, none of them empty, `.` or `..` (rule C1). */
function namesSegments(bytes: Uint8Array, from: number, to: number): boolean {
  let segments = 1;
  let start = from;
  for (let i = from; i <= to; i++) {
    if (i < to && bytes[i] !== slash) continue;
    const chars = i - start;
    const dots = chars <= 2 && bytes[start] === dot && bytes[i - 1] === dot;
    if (chars === 0 || dots) return false;
    start = i + 1;
    if (i < to) segments++;
  }
  return segments <= nameSegmentsMax;
}

/** Where a JSON value without white space ends that begins there; -1: there is none, or it nests too deep. */
function valueEnd(bytes: Uint8Array, from: number): number {
  let depth = 1;
  // One bit for each container around: 1 for an object.
  let objects = 0;
  let i = from;
  for (;;) {
    const code = bytes[i];
    const opens = code === openBrace || code === openBracket;
    if (opens && depth === depthMax) return -1;
    if (opens && bytes[i + 1] === code + 2) i += 2;
    else if (opens) {
      depth++;
      objects = (objects << 1) | (code === openBrace ? 1 : 0);
      i = code === openBrace ? keyEnd(bytes, i + 1) : i + 1;
      if (i < 0) return -1;
      continue;
    } else i = plainEnd(bytes, i);
    // A value has ended, and with it perhaps what is around it.
    while (depth > 1 && i > 0 && bytes[i] === ((objects & 1) === 1 ? closeBrace : closeBracket)) {
      depth--;
      objects >>>= 1;
      i++;
    }
    if (i < 0 || depth === 1) return i;
    if (bytes[i] !== comma) return -1;
    i = (objects & 1) === 1 ? keyEnd(bytes, i + 1) : i + 1;
    if (i < 0) return -1;
  }
}

/** Where a key and its colon end that begin there; -1: they don't. */
function keyEnd(bytes: Uint8Array, from: number): number {
  const end = bytes[from] === quote ? stringEnd(bytes, from) : -1;
  return bytes[end] === colon ? end + 1 : -1;
}

/** Where a text, a number or a word ends that begins there; -1: there is none. */
function plainEnd(bytes: Uint8Array, from: number): number {
  const code = bytes[from] ?? 0;
  if (code === quote) return stringEnd(bytes, from);
  if (code === minus || (code >= zero && code <= nine)) return numberEnd(bytes, from);
  for (const word of words) if (stands(word, bytes, from)) return from + word.length;
  return -1;
}

function stringEnd(bytes: Uint8Array, from: number): number {
  for (let i = from + 1; i < bytes.length; i++) {
    const code = bytes[i] ?? 0;
    if (code === quote) return i + 1;
    if (code < 32) return -1;
    // The four digits of `\u` are left to the codec: hardly anybody writes them.
    if (code === backslash && !escapes.has(bytes[++i] ?? 0)) return -1;
  }
  return -1;
}

function numberEnd(bytes: Uint8Array, from: number): number {
  const first = bytes[from] === minus ? from + 1 : from;
  let end = bytes[first] === zero ? first + 1 : pastDigits(bytes, first);
  if (end === first) return -1;
  if (bytes[end] === dot) {
    const fraction = end + 1;
    end = pastDigits(bytes, fraction);
    if (end === fraction) return -1;
  }
  // An e or an E.
  if (((bytes[end] ?? 0) | 32) !== 101) return end;
  const sign = bytes[end + 1];
  const exponent = sign === plus || sign === minus ? end + 2 : end + 1;
  end = pastDigits(bytes, exponent);
  return end === exponent ? -1 : end;
}

function pastDigits(bytes: Uint8Array, from: number): number {
  let i = from;
  for (let code = bytes[i] ?? 0; code >= zero && code <= nine; code = bytes[i] ?? 0) i++;
  return i;
}

function isAscii(bytes: Uint8Array, from: number, to: number): boolean {
  let all = 0;
  for (let i = from; i < to; i++) all |= bytes[i] ?? 0;
  return all < 128;
}

function stands(codes: readonly number[], bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < codes.length; i++) if (bytes[at + i] !== codes[i]) return false;
  return true;
}

function codesOf(text: string): number[] {
  return Array.from(text, (char) => char.charCodeAt(0));
}

/** A table by character: 1 for letters, digits and these. */
function setOf(others: string): Uint8Array {
  const table = new Uint8Array(256);
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  for (const code of codesOf(letters + others)) table[code] = 1;
  return table;
}
