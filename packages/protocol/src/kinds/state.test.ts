/**
 * The kind for keyed values: it passes the law with keys that are hostile to objects, keeps the version of each value,
 * and refuses a log that it can't read.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SyncError } from '../codes.ts';
import type { Data } from '../entry.ts';
import { kindSuite, logOf } from './kind.suite.ts';
import { type StateView, stateData, stateKind } from './state.ts';

const hostile = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'then',
  'toJSON',
  '',
  '0',
  '-0',
  '\0',
  '\ud800',
];
const key = fc.oneof(
  fc.constantFrom(...hostile),
  fc.constantFrom('a', 'b', 'c'),
  fc.string({ unit: 'binary' }),
);
const change = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(key, fc.jsonValue()).map(([name, value]) => stateData(name, value)) },
  { weight: 1, arbitrary: key.map((name) => stateData(name)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(key, fc.constantFrom('{"__proto__":{"polluted":1}}', '[1,\n2]', '1.0', 'null'))
      .map(([name, text]) => `[ ${JSON.stringify(name)} , ${text} ]`),
  },
);

/** Order among keys is nobody's: it depends on where a reader came in. */
function content({ values }: StateView): unknown {
  return [...values]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { value, version }]) => [name, JSON.stringify(value), version]);
}

kindSuite({ kind: stateKind, data: fc.array(change, { maxLength: 40 }), content });

const fold = (...data: Data[]) => stateKind.apply(stateKind.empty(), logOf(data));
const rows = (view: StateView) =>
  [...view.values].map(([name, { value, version }]) => [name, value, version]);

describe('state', () => {
  test('the last value of each key stays, with the offset that set it', () => {
    const view = fold(stateData('a', 1), stateData('b', { x: 1 }), stateData('a', 2));
    expect(rows(view)).toEqual([
      ['a', 2, 3],
      ['b', { x: 1 }, 2],
    ]);
  });

  test('a removed key is gone, and null is a value', () => {
    expect(rows(fold(stateData('a', 1), stateData('b', null), stateData('a')))).toEqual([['b', null, 2]]);
    expect(rows(fold(stateData('a')))).toEqual([]);
    expect(rows(fold(stateData('a', 1), stateData('a'), stateData('a', 2)))).toEqual([['a', 2, 3]]);
  });

  test('what stands behind the value is ignored', () => {
    expect(rows(fold('["a",1,"x",{}]'))).toEqual([['a', 1, 1]]);
  });

  test('a reader that is behind gets the newest change of each key, removals too, where it stood', () => {
    const log = logOf([
      stateData('a', 1),
      stateData('b', 1),
      stateData('a', 2),
      stateData('c', 1),
      stateData('b'),
    ]);
    expect(stateKind.conflate(log)).toEqual([log[2], log[3], log[4]]);
  });

  test('a state channel may be trimmed only where a snapshot covers it', () => {
    expect(stateKind.folds).toBe(true);
  });

  test('[C3] a key is data, whatever it is called', () => {
    const view = fold(...hostile.map((name, i) => stateData(name, i)));
    expect(rows(view)).toEqual(hostile.map((name, i) => [name, i, i + 1]));
    expect(rows(stateKind.restore(stateKind.snapshot(view), view.offset))).toEqual(rows(view));
    expect(
      rows(
        stateKind.apply(stateKind.empty(), stateKind.conflate(logOf(hostile.map((name) => stateData(name))))),
      ),
    ).toEqual([]);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  test('[C3] members of a value called __proto__ stay members', () => {
    const view = fold('["k",{"__proto__":{"polluted":1}}]');
    const again = stateKind.restore(stateKind.snapshot(view), 1);
    for (const { value } of [view.values.get('k'), again.values.get('k')].map((one) => ({
      value: one?.value,
    }))) {
      expect(JSON.stringify(value)).toBe('{"__proto__":{"polluted":1}}');
      expect(Reflect.get(value as object, 'polluted')).toBeUndefined();
    }
  });

  test('stateData spells what apply reads', () => {
    expect([
      stateData('a', { x: 1 }),
      stateData('a', null),
      stateData('a'),
      stateData('a', undefined),
    ]).toEqual(['["a",{"x":1}]', '["a",null]', '["a"]', '["a"]']);
  });

  test.each<[Data, string]>([
    ['', 'it holds a text that is not JSON'],
    ['["a"', 'it holds a text that is not JSON'],
    ['{"key":"a"}', 'an entry is no [key, value]'],
    ['null', 'an entry is no [key, value]'],
    ['[]', 'an entry is no [key, value]'],
    ['[1,2]', 'an entry is no [key, value]'],
    ['[["a"],2]', 'an entry is no [key, value]'],
    [Uint8Array.of(91, 93), 'it holds bytes'],
  ])('an entry that is no change is a damaged log: %o', (data, why) => {
    const error = new SyncError('corrupt', `A state channel can't be read: ${why}.`);
    expect(() => fold(data)).toThrow(error);
    expect(() => stateKind.conflate(logOf([stateData('a', 1), data]))).toThrow(error);
  });

  test.each<[Data, string]>([
    ['', 'it holds a text that is not JSON'],
    ['{}', 'its snapshot is not a list'],
    ['null', 'its snapshot is not a list'],
    ['[1]', 'a row of its snapshot is no [key, value, version]'],
    ['[["a",1]]', 'a row of its snapshot is no [key, value, version]'],
    ['[[1,1,1]]', 'a row of its snapshot is no [key, value, version]'],
    ['[["a",1,"1"]]', 'a row of its snapshot is no [key, value, version]'],
    ['[["a",1,1.5]]', 'a row of its snapshot is no [key, value, version]'],
    [Uint8Array.of(91, 93), 'it holds bytes'],
  ])('what no snapshot is can not be restored: %o', (data, why) => {
    const error = new SyncError('corrupt', `A state channel can't be read: ${why}.`);
    expect(() => stateKind.restore(data, 1)).toThrow(error);
  });
});
