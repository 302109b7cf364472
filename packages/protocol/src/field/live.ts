/**
 * The fields of views and signals: filters, keys that are gone, what members tell. The codec's tables take them in beside
 * those of field.ts. What a filter lets through, and who is told, is decided elsewhere.
 */
import { type Field, FieldFault, field, oneOf } from '../field.ts';
import type { Bbox, Gone, GoneReason, Signalled, ViewFilter } from '../frame.ts';
import { keyCharsMax, viewHzMax, viewKeysMax } from '../limits.ts';
import { elements, unbounded } from '../scan.ts';

const isText = (value: unknown, min: number, max = keyCharsMax): value is string =>
  typeof value === 'string' && value.length >= min && value.length <= max;

/** The members of a filter: what is expected of each, and how it is read. */
const members: { readonly [M in keyof ViewFilter]-?: Field<NonNullable<ViewFilter[M]>> } = {
  keys: field<readonly string[]>(
    `\`keys\` as a list of up to ${viewKeysMax} keys of 1 to ${keyCharsMax} characters`,
    (value) =>
      Array.isArray(value) && value.length <= viewKeysMax && value.every((key) => isText(key, 1))
        ? value
        : undefined,
  ),
  prefix: field(`\`prefix\` as a text of up to ${keyCharsMax} characters`, (value) =>
    isText(value, 0) ? value : undefined,
  ),
  bbox: field<Bbox>('`bbox` as [west, south, east, north] in degrees, south not above north', (value) => {
    if (!Array.isArray(value) || value.length !== 4 || !value.every(Number.isFinite)) return undefined;
    // The sum with 0 turns -0, which JSON can say, into 0.
    const [west = 0, south = 0, east = 0, north = 0] = value.map((degrees: number) => degrees + 0);
    if (south > north) return undefined;
    return east - west >= 360 ? [-180, south, 180, north] : [onGlobe(west), south, onGlobe(east), north];
  }),
  maxHz: field(`\`maxHz\` as a number from 0.01 to ${viewHzMax}`, (value) =>
    typeof value === 'number' && value >= 0.01 && value <= viewHzMax ? value : undefined,
  ),
};

/** A longitude as one from -180 to 180: maps that were scrolled around the globe count on (rule V2). */
function onGlobe(longitude: number): number {
  return Math.abs(longitude) <= 180 ? longitude : ((((longitude + 180) % 360) + 360) % 360) - 180;
}

export const filter: Field<ViewFilter> = field<ViewFilter>(
  'a filter {"keys":[…], "prefix":"…", "bbox":[west, south, east, north], "maxHz":n}',
  (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const given = new Map<string, unknown>(Object.entries(value));
    const known = Object.entries(members).filter(([name]) => given.has(name));
    return Object.fromEntries(known.map(([name, { read }]) => [name, read(given.get(name), '')]));
  },
);

const why: Field<GoneReason> = oneOf('exit', 'delete', 'expire');

export const gone: Field<readonly Gone[]> = field<readonly Gone[]>(
  'a list of keys that are gone [key, why]',
  (value) => (Array.isArray(value) ? value.map(readGone) : undefined),
);

function readGone(pair: unknown): Gone {
  const [key, reason]: unknown[] = Array.isArray(pair) ? pair : [];
  if (!isText(key, 1)) throw new FieldFault('a list of keys that are gone [key, why]', pair);
  return [key, why.read(reason, '')];
}

export const signals: Field<readonly Signalled[]> = field<readonly Signalled[]>(
  'a list of signals [key, from, data]',
  (value, text) => (Array.isArray(value) ? elements(text, unbounded).map(readSignal) : undefined),
  (list) =>
    `[${list.map(([key, from, data]) => `[${JSON.stringify(key)},${JSON.stringify(from)},${data}]`).join(',')}]`,
);

function readSignal(text: string): Signalled {
  const signal: unknown = JSON.parse(text);
  const [key, from]: unknown[] = Array.isArray(signal) ? signal : [];
  const data = Array.isArray(signal) ? elements(text, unbounded)[2] : undefined;
  if (typeof key !== 'string' || !(from === null || typeof from === 'string') || data === undefined)
    throw new FieldFault('a list of signals [key, from, data]', signal);
  return [key, from, data];
}
