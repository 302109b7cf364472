/**
 * The kind for keyed values: it passes the law with keys that are hostile to objects, keeps each value as the text it came
 * as, with its version, and refuses a log that it can't read.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SyncError } from '../codes.ts';
import type { Data } from '../entry.ts';
import { logOf } from '../testing.ts';
import { kindSuite } from './kind.suite.ts';
import {
  deleteEntry,
  expireEntry,
  readStateEntry,
  readStateLine,
  type StateView,
  setEntry,
  stateKind,
  stateLines,
} from './state.ts';

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
const value = fc.oneof(
  fc.json(),
  fc.constantFrom('{"__proto__":{"polluted":1}}', '[1,\n2]', '1.0', 'null', '-0', '1e400', '{"a":1,"a":2}'),
);
const facts = fc.record(
  { at: fc.maxSafeNat(), ttlMs: fc.integer({ min: 1, max: 1e12 }) },
  { requiredKeys: [] },
);
const change = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(key, value, facts).map(([name, text, more]) => setEntry(name, text, more)),
  },
  { weight: 1, arbitrary: key.map(deleteEntry) },
  { weight: 1, arbitrary: key.map(expireEntry) },
  {
    weight: 1,
    arbitrary: fc.tuple(key, value).map(([name, text]) => `[ ${JSON.stringify(name)} ,\n ${text} ]`),
  },
);

/** Order among keys is their versions', and so the same for everyone. */
const content = ({ values }: StateView): unknown => [...values];

kindSuite({ kind: stateKind, data: fc.array(change, { maxLength: 40 }), content });

const fold = (...data: Data[]) => stateKind.apply(stateKind.empty(), logOf(data));
const rows = (view: StateView) => [...view.values].map(([name, { text, version }]) => [name, text, version]);

describe('state', () => {
  test('the last value of each key stays, with the offset that set it', () => {
    const view = fold(setEntry('a', '1'), setEntry('b', '{"x":1}'), setEntry('a', '2'));
    expect(rows(view)).toEqual([
      ['b', '{"x":1}', 2],
      ['a', '2', 3],
    ]);
  });

  test('a value keeps who set it, when, and what its author added', () => {
    const [entry] = logOf([setEntry('a', '1', { at: 5, ttlMs: 6 })]);
    if (!entry) throw new Error('No entry.');
    const { values } = stateKind.apply(stateKind.empty(), [{ ...entry, from: 'ann', at: 77 }]);
    expect(values.get('a')).toEqual({ text: '1', version: 1, since: 77, from: 'ann', at: 5, ttlMs: 6 });
  });

  test('a removed key is gone, an expired one too, and null is a value', () => {
    expect(rows(fold(setEntry('a', '1'), setEntry('b', 'null'), deleteEntry('a')))).toEqual([
      ['b', 'null', 2],
    ]);
    expect(rows(fold(deleteEntry('a')))).toEqual([]);
    expect(rows(fold(setEntry('a', '1'), expireEntry('a'), setEntry('b', '{"expired":true}')))).toEqual([
      ['b', '{"expired":true}', 3],
    ]);
    expect(rows(fold(setEntry('a', '1'), deleteEntry('a'), setEntry('a', '2')))).toEqual([['a', '2', 3]]);
  });

  test('[K1] entries are spelled [key, value], with facts where there are any, [key], and [key, null, expired]', () => {
    expect([
      setEntry('a', '{"x": 1.0}'),
      setEntry('a', 'null', { at: 1 }),
      setEntry('a', '1', { at: undefined, ttlMs: 2 }),
      deleteEntry('"'),
      expireEntry('a'),
    ]).toEqual([
      '["a",{"x": 1.0}]',
      '["a",null,{"at":1}]',
      '["a",1,{"ttlMs":2}]',
      '["\\""]',
      '["a",null,{"expired":true}]',
    ]);
  });

  test('[F9] a value is the text that its author sent, also out of a snapshot', () => {
    const texts = [
      '1.0',
      '-0',
      '1e400',
      '12345678901234567890',
      '{"a":1,"a":2}',
      '{ "b" : [1 ,2] }',
      '"\\u0041"',
    ];
    const view = fold(...texts.map((text, i) => setEntry(`k${i}`, text)));
    const again = stateKind.restore(stateKind.snapshot(view), view.offset);
    for (const { values } of [view, again])
      expect([...values.values()].map(({ text }) => text)).toEqual(texts);
  });

  test('[S9] a snapshot is lines of JSON, each a list of rows, none much longer than a frame', () => {
    const values = fold(
      ...Array.from({ length: 3000 }, (_, i) =>
        setEntry(`vehicle/${i}`, `{"n":${i},\n"x":"${'.'.repeat(90)}"}`),
      ),
      setEntry('large', JSON.stringify('x'.repeat(100_000))),
      setEntry('last', '1'),
    ).values;
    const lines = [...stateLines(values)];
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) {
      expect(line).not.toContain('\n');
      const list = JSON.parse(line) as unknown[];
      if (list.length > 1) expect(line.length).toBeLessThan(66_000);
    }
    expect(lines.flatMap(readStateLine)).toEqual([...values]);
  });

  test('a snapshot of nothing is one line without rows', () => {
    expect(stateKind.snapshot(stateKind.empty())).toBe('[]');
    expect(readStateLine('[]')).toEqual([]);
  });

  test('a reader that is behind gets the newest change of each key, removals too, where it stood', () => {
    const log = logOf([
      setEntry('a', '1'),
      setEntry('b', '1'),
      setEntry('a', '2'),
      setEntry('c', '1'),
      deleteEntry('b'),
    ]);
    expect(stateKind.conflate(log)).toEqual([log[2], log[3], log[4]]);
  });

  test('a state channel may be trimmed only where a snapshot covers it', () => {
    expect(stateKind.folds).toBe(true);
  });

  test('[C3] a key is data, whatever it is called', () => {
    const view = fold(...hostile.map((name, i) => setEntry(name, String(i))));
    expect(rows(view)).toEqual(hostile.map((name, i) => [name, String(i), i + 1]));
    expect(rows(stateKind.restore(stateKind.snapshot(view), view.offset))).toEqual(rows(view));
    expect(rows(fold(...hostile.map((name) => setEntry(name, '1')), ...hostile.map(deleteEntry)))).toEqual(
      [],
    );
  });

  test('[C3] facts that are called __proto__ are no facts', () => {
    const { at, ttlMs } = readStateEntry({
      ...{ offset: 1, at: 1, from: null, data: '["k",1,{"__proto__":{"at":1,"expired":true},"ttlMs":"x"}]' },
    }) as unknown as { at?: number; ttlMs?: number };
    expect([at, ttlMs]).toEqual([undefined, undefined]);
    expect(Reflect.get({}, 'expired')).toBeUndefined();
  });

  test.each<[Data, string]>([
    ['', 'an entry is no [key, value]'],
    ['["a"', 'an entry is no [key, value]'],
    ['{"key":"a"}', 'an entry is no [key, value]'],
    ['null', 'an entry is no [key, value]'],
    ['[]', 'it holds a text that is not JSON'],
    ['[1,2]', 'an entry is no [key, value]'],
    ['[["a"],2]', 'an entry is no [key, value]'],
    ['["a",1,{"b"}]', 'it holds a text that is not JSON'],
    [Uint8Array.of(91, 93), 'it holds bytes'],
  ])('an entry that is no change is a damaged log: %o', (data, why) => {
    const error = new SyncError('corrupt', `A state channel can't be read: ${why}.`);
    expect(() => fold(data)).toThrow(error);
    expect(() => stateKind.conflate(logOf([setEntry('a', '1'), data]))).toThrow(error);
  });

  const noRow = 'a row of its snapshot is no [key, value, version, since, from]';
  test.each<[Data, string]>([
    ['', 'its snapshot is not a list'],
    ['{}', 'its snapshot is not a list'],
    ['null', 'its snapshot is not a list'],
    ['[1]', noRow],
    ['[["a",1]]', noRow],
    ['[["a",1,1,1]]', noRow],
    ['[[1,1,1,1,null]]', noRow],
    ['[["a",1,"1",1,null]]', noRow],
    ['[["a",1,1.5,1,null]]', noRow],
    ['[["a",1,1,null,null]]', noRow],
    ['[["a",1,1,1,7]]', noRow],
    ['[["a",1,1,1,null]]\n', 'its snapshot is not a list'],
    [Uint8Array.of(91, 93), 'it holds bytes'],
  ])('what no snapshot is can not be restored: %o', (data, why) => {
    const error = new SyncError('corrupt', `A state channel can't be read: ${why}.`);
    expect(() => stateKind.restore(data, 1)).toThrow(error);
  });
});
