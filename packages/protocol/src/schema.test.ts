/**
 * Validation by any Standard Schema. The schemas are made by hand from the specification's shape, so that what is tested
 * is what Syncline reads of it and not one library.
 */
import { expect, test } from 'vitest';
import { SyncError } from './codes.ts';
import { toSyncError } from './errors.ts';
import { type Schema, validate } from './schema.ts';

type Validate<T> = Schema<T>['~standard']['validate'];

function schema<T>(run: Validate<T>): Schema<T> {
  return { '~standard': { version: 1, vendor: 'test', validate: run } };
}

const refused = (...issues: { message: string; path?: readonly (PropertyKey | { key: PropertyKey })[] }[]) =>
  schema<never>(() => ({ issues }));

test('what a schema gives back is the value, at once where it validates at once', () => {
  expect(
    validate(
      schema((value) => ({ value: { was: value } })),
      7,
    ),
  ).toEqual({ was: 7 });
});

test('the schema is given the very value', () => {
  const payload = { a: [1] };
  expect(
    validate(
      schema((value) => ({ value })),
      payload,
    ),
  ).toBe(payload);
});

test.each([undefined, null, 0, '', false])('%s is a value like any other', (value) => {
  expect(
    validate(
      schema(() => ({ value })),
      'x',
    ),
  ).toBe(value);
});

test('a schema that validates later gives its value later', async () => {
  const later = validate(
    schema(async (value) => ({ value: `${value}!` })),
    'a',
  );
  expect(later).toBeInstanceOf(Promise);
  await expect(later).resolves.toBe('a!');
});

test('a schema that refuses later rejects with bad_payload', async () => {
  const later = schema<never>(async () => ({ issues: [{ message: 'no' }] }));
  const message = "The payload does not fit the channel's contract: no.";
  await expect(validate(later, 'a')).rejects.toThrow(new SyncError('bad_payload', message));
});

test.each([
  ['no path', refused({ message: 'Invalid type' }), ': Invalid type.'],
  ['an empty path', refused({ message: 'Invalid type', path: [] }), ': Invalid type.'],
  [
    'a path of keys',
    refused({ message: 'too long', path: ['list', 3, 'text'] }),
    ' at "list.3.text": too long.',
  ],
  ['a path of segments', refused({ message: 'no', path: [{ key: 'a' }, { key: 0 }] }), ' at "a.0": no.'],
  ['a path with a symbol', refused({ message: 'no', path: ['a', Symbol('b')] }), ' at "a.Symbol(b)": no.'],
  ['a hostile path', refused({ message: 'no', path: ['__proto__'] }), ' at "__proto__": no.'],
  [
    'two issues, of which the first is told',
    refused({ message: 'one', path: ['a'] }, { message: 'two' }),
    ' at "a": one.',
  ],
  ['no issue at all', refused(), ': no reason given.'],
])('what does not fit is refused as bad_payload: %s', (_what, refusing, rest) => {
  const message = `The payload does not fit the channel's contract${rest}`;
  expect(() => validate(refusing, {})).toThrow(new SyncError('bad_payload', message));
});

test('what a broken schema throws stays private: it becomes `internal`', () => {
  const broken = schema<never>(() => {
    throw new TypeError('secret of the schema');
  });
  expect(() => validate(broken, 1)).toThrow(TypeError);
  expect(toSyncError(new TypeError('secret of the schema')).message).not.toContain('secret');
});
