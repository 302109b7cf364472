/**
 * Spans of time as a contract spells them. Every unit, and every spelling that the type allows but that is no time.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SyncError } from './codes.ts';
import { type Duration, milliseconds } from './duration.ts';

test.each<[Duration, number]>([
  [1, 1],
  [0.5, 0.5],
  [2 ** 40, 2 ** 40],
  ['250ms', 250],
  ['30s', 30_000],
  ['5m', 300_000],
  ['12h', 43_200_000],
  ['7d', 604_800_000],
  ['1.5h', 5_400_000],
  ['0.5ms', 0.5],
  ['007s', 7000],
  ['400d', 34_560_000_000],
])('%s is %d ms', (duration, ms) => {
  expect(milliseconds(duration, '`ttl`')).toBe(ms);
});

test('a number with a unit is that many times the unit', () => {
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), unit, (count, name) => {
      expect(milliseconds(`${count}${name}`, 'it')).toBe(count * units[name]);
    }),
  );
});

test.each<[Duration, string]>([
  [0, '0 (number)'],
  [-1, '-1 (number)'],
  [Number.NaN, 'NaN (number)'],
  [Number.POSITIVE_INFINITY, 'Infinity (number)'],
  ['0s', '"0s" (string)'],
  ['-5s', '"-5s" (string)'],
  ['1e3s', '"1e3s" (string)'],
  [`${Number.POSITIVE_INFINITY}s`, '"Infinitys" (string)'],
  [' 5s' as Duration, '" 5s" (string)'],
  ['5s ' as Duration, '"5s " (string)'],
  ['5 s' as Duration, '"5 s" (string)'],
  ['5s\n' as Duration, '"5s\n" (string)'],
  ['.5s' as Duration, '".5s" (string)'],
  ['5.s' as Duration, '"5.s" (string)'],
  ['5' as Duration, '"5" (string)'],
  ['5w' as Duration, '"5w" (string)'],
  ['5S' as Duration, '"5S" (string)'],
  ['' as Duration, '"" (string)'],
  [`${'9'.repeat(400)}d` as Duration, `"${'9'.repeat(40)}" (string)`],
])('%j is no time, and the message says where it stands', (duration, got) => {
  const message = `Expected \`keep.age\` to be a time such as "60s" or "7d", got ${got}.`;
  expect(() => milliseconds(duration, '`keep.age`')).toThrow(new SyncError('bad_option', message));
});
