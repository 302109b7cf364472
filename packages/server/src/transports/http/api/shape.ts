/**
 * What a request or an answer of the API looks like, said once: each shape reads a value, in the words of whoever sent a wrong one, and
 * describes itself as a JSON Schema (2020-12). The table of operations is made of shapes; this file knows no operation.
 */
import { SyncError } from '@syncline/protocol';
import { splitList } from '@syncline/protocol/wire';
import { show } from '../../../options/show.ts';

export type Schema = Readonly<Record<string, unknown>>;

/** One shape: its schema, and how a value of it is read. */
export interface Shape<T> {
  readonly schema: Schema;
  /**
   * @param value as JSON gives it; undefined: it is missing
   * @param text the same as it was written; texts in a query are read as they are
   * @param name what a message calls it
   */
  readonly read: (value: unknown, text: string, name: string) => T;
}

/** What a shape reads. */
export type Of<S> = S extends Shape<infer T> ? T : never;
export type Fields = Readonly<Record<string, Shape<unknown>>>;
export type ReadFields<F extends Fields> = { readonly [K in keyof F]: Of<F[K]> };

interface Traits {
  readonly doc: string;
  readonly example?: unknown;
}

function described({ doc, example }: Traits): Schema {
  return { description: doc, ...(example !== undefined && { examples: [example] }) };
}

function misfit(name: string, expected: string, value: unknown): SyncError {
  return new SyncError('bad_frame', `Expected ${name} to be ${expected}, got ${show(value)}.`);
}

/** A text of so many characters, none of them a control character. */
export function text(charsMin: number, charsMax: number, traits: Traits): Shape<string> {
  const expected = `a text of ${charsMin} to ${charsMax} characters`;
  return {
    // JSON Schema counts characters, and a text here counts code units: who sends more is told so by the one or the other.
    schema: { type: 'string', minLength: charsMin, maxLength: charsMax, ...described(traits) },
    read: (value, _text, name) => {
      const fits = typeof value === 'string' && value.length >= charsMin && value.length <= charsMax;
      if (!fits || /[\p{Cc}\p{Cs}]/u.test(value)) throw misfit(name, expected, value);
      return value;
    },
  };
}

/** An integer; in a query the digits of one. */
export function integer(min: number, max: number, traits: Traits): Shape<number> {
  return {
    schema: { type: 'integer', minimum: min, maximum: max, ...described(traits) },
    read: (value, written, name) => {
      // In a query it is written without quotes.
      const number = value === written && /^\d{1,16}$/.test(written) ? Number(value) : value;
      if (typeof number === 'number' && Number.isSafeInteger(number) && number >= min && number <= max)
        return number;
      throw misfit(name, `a whole number from ${min} to ${max}`, value);
    },
  };
}

/** True or false. */
export function flag(traits: Traits): Shape<boolean> {
  return {
    schema: { type: 'boolean', ...described(traits) },
    read: (value, _text, name) => {
      if (typeof value === 'boolean') return value;
      throw misfit(name, 'true or false', value);
    },
  };
}

/** One of these words: in answers only. */
export function word(words: readonly string[], traits: Traits): Shape<unknown> {
  return { schema: { type: 'string', enum: words, ...described(traits) }, read: (value) => value };
}

/** A time, as RFC 3339 writes it: in what is told only. */
export function moment(traits: Traits): Shape<unknown> {
  return { schema: { type: 'string', format: 'date-time', ...described(traits) }, read: (value) => value };
}

/** An object of facts by name: in answers only. */
export function facts(traits: Traits): Shape<unknown> {
  const additionalProperties = { type: ['string', 'number', 'boolean'] };
  return { schema: { type: 'object', additionalProperties, ...described(traits) }, read: (value) => value };
}

/** Whatever it is: in answers only. */
export function anything(traits: Traits): Shape<unknown> {
  return { schema: { type: 'object', ...described(traits) }, read: (value) => value };
}

/** Any JSON value, taken as the text that its author sent (rule F9). */
export function payload(traits: Traits): Shape<string> {
  return {
    schema: described(traits),
    read: (value, written, name) => {
      if (value !== undefined) return written;
      throw misfit(name, 'a JSON value', value);
    },
  };
}

/** The same, or nothing. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> & { readonly optional: true } {
  return {
    optional: true,
    schema: shape.schema,
    read: (value, written, name) => (value === undefined ? undefined : shape.read(value, written, name)),
  };
}

/** The same, or null: in answers only. */
export function orNull<T>({ schema, read }: Shape<T>): Shape<T | null> {
  return {
    schema: { ...schema, type: [schema['type'], 'null'] },
    read: (value, written, name) => (value === null ? null : read(value, written, name)),
  };
}

/** Up to so many of one shape. */
export function list<T>(of: Shape<T>, max: number, traits: Traits): Shape<readonly T[]> {
  return {
    schema: { type: 'array', items: of.schema, minItems: 0, maxItems: max, ...described(traits) },
    read: (value, written, name) => {
      if (!Array.isArray(value)) throw misfit(name, 'a list', value);
      if (value.length > max)
        throw new SyncError(
          'frame_too_large',
          `Expected ${name} to have up to ${max} items, not ${value.length}. Send several.`,
        );
      const texts = splitList(written);
      return value.map((one: unknown, i) => of.read(one, texts[i] ?? '', `item ${i + 1} of ${name}`));
    },
  };
}

/** An object of these members; whatever else stands in a request is refused, since it may be a misspelt one. */
export function object<F extends Fields>(fields: F, traits?: Traits): Shape<ReadFields<F>> {
  const entries = Object.entries(fields);
  const required = entries.filter(([, shape]) => !('optional' in shape)).map(([name]) => name);
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
      ...(required.length > 0 && { required }),
      additionalProperties: false,
      ...(traits && described(traits)),
    },
    read: (value, written, name) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw misfit(name, 'an object', value);
      return readFields(fields, new Map(Object.entries(value)), membersOf(written), name);
    },
  };
}

/** One of several shapes: in answers only. */
export function either(schemas: readonly Schema[]): Shape<unknown> {
  return { schema: { oneOf: schemas }, read: (value) => value };
}

/** Reads values by name. @param texts how each was written @throws SyncError `bad_frame` that names the first that doesn't fit */
export function readFields<F extends Fields>(
  fields: F,
  values: ReadonlyMap<string, unknown>,
  texts: ReadonlyMap<string, string>,
  what: string,
): ReadFields<F> {
  const names = Object.keys(fields);
  for (const name of values.keys())
    if (!names.includes(name))
      throw new SyncError(
        'bad_frame',
        `There is no ${JSON.stringify(name.slice(0, 60))} in ${what}. There ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}.`,
      );
  const read = names.map((name) => {
    const shape = fields[name];
    return [name, shape?.read(values.get(name), texts.get(name) ?? '', `\`${name}\` of ${what}`)];
  });
  // Each was read by the shape that the type is made of.
  return Object.fromEntries(read) as ReadFields<F>;
}

/** The members of an object as they were written. Of two with one name the last counts, as JSON.parse has it. */
function membersOf(written: string): ReadonlyMap<string, string> {
  const members = splitList(`[${written.trim().slice(1, -1)}]`);
  return new Map(
    members.map((member) => {
      const colon = member.indexOf(':', endOfName(member));
      return [String(JSON.parse(member.slice(0, colon))), member.slice(colon + 1).trim()];
    }),
  );
}

/** The index behind the quote that ends the name with which a member begins. */
function endOfName(member: string): number {
  for (let i = 1; i < member.length; i++) {
    if (member[i] === '\\') i++;
    else if (member[i] === '"') return i + 1;
  }
  return member.length;
}
