/**
 * What becomes of names that people type, in a field or in an address: always one that a channel can carry, or none.
 */
import { expect, test } from 'vitest';
import { hueOf, plain, plainIn } from './names.ts';

test.each([
  ['Garden', 'garden'],
  ['  Crème brûlée! ', 'creme-brulee'],
  ['../..//x', 'x'],
  ['花', ''],
  ['a'.repeat(60), 'a'.repeat(40)],
])('%j is carried as %j', (text, expected) => {
  expect(plain(text)).toBe(expected);
});

test.each([
  ['', ''],
  ['#garden', 'garden'],
  ['#caf%C3%A9', 'cafe'],
  ['#100%', '100'],
  ['#%E0%A4%A', 'e0-a4-a'],
])('the address %j is about %j', (hash, expected) => {
  expect(plainIn(hash)).toBe(expected);
});

test('a hue stays with a name, and common names differ', () => {
  expect(hueOf('Ada')).toBe(hueOf('Ada'));
  expect(new Set(['Ada', 'Mira', 'Ben', 'Tom'].map(hueOf)).size).toBeGreaterThan(2);
});
