/**
 * What was made of bytes is made once, as long as it is kept; how much is kept is bounded. Whoever asks while it is being made shares
 * what comes of it.
 */
import { expect, test } from 'vitest';
import { Recent } from './recent.ts';

/** Makes as many bytes as the first of what it is given says, when it is told to. */
function maker(recent: Recent) {
  const made: number[] = [];
  const of = (byte: number) =>
    recent.of(Uint8Array.of(byte), async () => {
      made.push(byte);
      return new Uint8Array(byte);
    });
  return { made, of };
}

test('those who come while it is made, and after that, are given the same', async () => {
  const { made, of } = maker(new Recent(100));
  const [one, other] = await Promise.all([of(7), of(7)]);
  expect(other).toBe(one);
  expect(await of(7)).toBe(one);
  expect(await of(8)).toHaveLength(8);
  expect(made).toEqual([7, 8]);
});

test('what was used longest ago goes first when there is too much, and what alone is too much at once', async () => {
  const { made, of } = maker(new Recent(100));
  for (const size of [40, 50, 40, 30, 40, 50, 200, 30]) await of(size);
  expect(made).toEqual([40, 50, 30, 50, 200, 30]);
});

test('what fails is made anew for whoever comes next', async () => {
  const recent = new Recent(100);
  const bytes = Uint8Array.of(1);
  await expect(recent.of(bytes, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await recent.of(bytes, () => Promise.resolve(Uint8Array.of(2)))).toEqual(Uint8Array.of(2));
});
