/**
 * The fields that frames are made of: how each is read from untrusted JSON, written, and described in the reference.
 * The codec's tables are built from these. A reader throws what it expected and what it got; the codec adds where.
 */

import { type ErrorCode, type ErrorDetail, isErrorCode, SyncError } from './codes.ts';
import type { Data } from './entry.ts';
import type { Direction, Head, Placed, Start } from './frame.ts';
import { epochCharsMax, leaseCharsMax, producerCharsMax, refMax, tokenCharsMax } from './limits.ts';
import { channelFault } from './name.ts';
import type { GapReason, Position } from './position.ts';
import { elements, unbounded } from './scan.ts';

/** One field of a frame. `text` is the very text that `value` was parsed from. */
export interface Field<T> {
  /** For the reference and for messages: what stands on the wire. */
  readonly shape: string;
  readonly read: (value: unknown, text: string) => T;
  readonly write: (value: T) => string;
  /** Whether it may be left out: it is the last of its frame. */
  readonly optional?: true;
}

/** What a reader throws; the codec turns it into `bad_frame` with the name of the frame and the field. */
export class FieldFault {
  readonly expected: string;
  readonly got: string;

  constructor(expected: string, value: unknown) {
    this.expected = expected;
    this.got = describe(value);
  }
}

/** A value as an error message may show it: short, with its type. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return `"${value.slice(0, 40)}" (string)`;
  return `${String(value)} (${typeof value})`;
}

/** A field whose reader gives undefined for what doesn't fit. It is written as JSON unless told otherwise. */
export function field<T>(
  shape: string,
  accept: (value: unknown, text: string) => T | undefined,
  write: (value: T) => string = JSON.stringify,
): Field<T> {
  return {
    shape,
    read: (value, text) => {
      const accepted = accept(value, text);
      if (accepted === undefined) throw new FieldFault(shape, value);
      return accepted;
    },
    write,
  };
}

export function integer(
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
  what = 'an integer',
): Field<number> {
  const shape = `${what} from ${min} ${max === Number.MAX_SAFE_INTEGER ? 'up' : `to ${max}`}`;
  // The sum with 0 turns -0, which JSON can say, into 0.
  return field(shape, (value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
      ? value + 0
      : undefined,
  );
}

export const count: Field<number> = integer(0);
export const sequence: Field<number> = integer(1);
export const offset: Field<number> = integer(0, undefined, 'an offset');
export const ref: Field<number> = integer(1, refMax);
export const check: Field<number> = integer(0, 2 ** 32 - 1, 'a check');

export const flag: Field<boolean> = field('true or false', (value) =>
  typeof value === 'boolean' ? value : undefined,
);

/** A text of up to `max` characters; with `pattern`, of those only. */
export function words(what: string, max: number, pattern?: RegExp): Field<string> {
  return field(`${what} of up to ${max} characters${pattern ? ' of A–Z a–z 0–9 _ -' : ''}`, (value) =>
    typeof value === 'string' && value.length <= max && (pattern?.test(value) ?? true) ? value : undefined,
  );
}

const plain = /^[A-Za-z0-9_-]+$/;
export const producer: Field<string> = words('a producer id', producerCharsMax, plain);
export const epoch: Field<string> = words('an epoch', epochCharsMax, plain);

/** A text that is never quoted, whatever was sent instead (rule I2). */
function secret(shape: string, pattern: RegExp): Field<string> {
  return {
    shape,
    read: (value) => {
      if (typeof value === 'string' && pattern.test(value)) return value;
      throw new FieldFault(shape, typeof value === 'string' ? 'a secret' : value);
    },
    write: JSON.stringify,
  };
}

export const token: Field<string> = secret(
  `a token of 1 to ${tokenCharsMax} printable ASCII characters without spaces`,
  new RegExp(`^[!-~]{1,${tokenCharsMax}}$`),
);
export const lease: Field<string> = secret(
  `a lease of 16 to ${leaseCharsMax} characters of a–z 0–9`,
  new RegExp(`^[a-z0-9]{16,${leaseCharsMax}}$`),
);
/** The key of a member, which the server derives (rule N1). */
export const memberKey: Field<string> = field('a key of 22 characters of A–Z a–z 0–9 _ -', (value) =>
  typeof value === 'string' && /^[\w-]{22}$/.test(value) ? value : undefined,
);

const sentenceCharsMax = 1000;
/** A text for people. It is cut when written, so that no long message makes a frame which its reader refuses. */
export const sentence: Field<string> = {
  ...words('a text', sentenceCharsMax),
  write: (value) => JSON.stringify(value.slice(0, sentenceCharsMax)),
};

export const channel: Field<string> = {
  shape: 'a channel name',
  read: (value) => {
    const fault = channelFault(value);
    if (fault === undefined && typeof value === 'string') return value;
    throw new FieldFault(`a channel name (${fault})`, value);
  },
  write: JSON.stringify,
};

export function oneOf<T extends string>(...choices: readonly T[]): Field<T> {
  return field(choices.map((c) => `"${c}"`).join(' or '), (value) => choices.find((c) => c === value));
}

export const direction: Field<Direction> = oneOf('before', 'after');
export const gapReason: Field<GapReason> = oneOf('epoch', 'trimmed', 'diverged', 'ahead');

export function nullable<T>(inner: Field<T>): Field<T | null> {
  return {
    shape: `${inner.shape} or null`,
    read: (value, text) => (value === null ? null : inner.read(value, text)),
    write: (value) => (value === null ? 'null' : inner.write(value)),
  };
}

/** The last field of a frame, which may be left out. */
export function optional<T>(inner: Field<T>): Field<T | undefined> {
  return {
    shape: `${inner.shape}, or nothing`,
    read: (value, text) => (value === undefined ? undefined : inner.read(value, text)),
    write: (value) => (value === undefined ? '' : inner.write(value)),
    optional: true,
  };
}

export const position: Field<Position> = field(
  'a position [epoch, offset, check]',
  (value) =>
    Array.isArray(value)
      ? {
          epoch: epoch.read(value[0], ''),
          offset: offset.read(value[1], ''),
          check: check.read(value[2], ''),
        }
      : undefined,
  (p) => JSON.stringify([p.epoch, p.offset, p.check]),
);

export const start: Field<Start> = {
  shape: `${position.shape}, or a count of entries from 0 up`,
  read: (value, text) => (typeof value === 'number' ? count : position).read(value, text),
  write: (value) => (typeof value === 'number' ? String(value) : position.write(value)),
};

/** A payload. It is kept as its author's text (rule F9), so what was parsed is only the proof that it is JSON. */
export const payload: Field<Data> = field<Data>(
  'a payload',
  (value, text) => (value === undefined ? undefined : text),
  (data) => {
    if (typeof data === 'string') return data;
    throw new SyncError('unsupported_data', "A text frame can't carry bytes; they travel in binary frames.");
  },
);

/** A payload where bytes can't stand. */
export const json: Field<string> = field(
  payload.shape,
  (value, text) => (value === undefined ? undefined : text),
  String,
);

export const jsons: Field<readonly string[]> = field<readonly string[]>(
  'a list of rows',
  (value, text) => (Array.isArray(value) ? elements(text, unbounded) : undefined),
  (list) => `[${list.join(',')}]`,
);

export const payloads: Field<readonly Data[]> = field<readonly Data[]>(
  'a list of entries',
  (value, text) => (Array.isArray(value) ? elements(text, unbounded) : undefined),
  (list) => `[${list.map(payload.write).join(',')}]`,
);

/** Entries with their offsets before them, in one flat list. */
export const placed: Field<readonly Placed[]> = field<readonly Placed[]>(
  'a list of offset, entry, offset, entry, …',
  (value, text) => {
    if (!Array.isArray(value) || value.length === 0 || value.length % 2 === 1) return undefined;
    const texts = elements(text, unbounded);
    return Array.from({ length: value.length / 2 }, (_, i) => ({
      offset: sequence.read(value[2 * i], ''),
      data: texts[2 * i + 1] ?? '',
    }));
  },
  (list) => `[${list.map(({ offset: at, data }) => `${at},${payload.write(data)}`).join(',')}]`,
);

const head: Field<Head> = field('a head [id, offset, check]', (value) =>
  Array.isArray(value)
    ? { id: count.read(value[0], ''), offset: offset.read(value[1], ''), check: check.read(value[2], '') }
    : undefined,
);

export const heads: Field<readonly Head[]> = field<readonly Head[]>(
  'a list of heads [id, offset, check]',
  (value) => (Array.isArray(value) ? value.map((item: unknown) => head.read(item, '')) : undefined),
  (list) => JSON.stringify(list.map((h) => [h.id, h.offset, h.check])),
);

/** An error's code. One that this version doesn't know reads as `internal`: a newer server may have more. */
export const errorCode: Field<ErrorCode> = field('an error code', (value) => {
  if (typeof value !== 'string') return undefined;
  return isErrorCode(value) ? value : 'internal';
});

export const detail: Field<ErrorDetail> = field('facts about the error', (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const facts = Object.entries(value).filter(([, v]) => ['string', 'number', 'boolean'].includes(typeof v));
  return Object.fromEntries(facts) as ErrorDetail;
});
