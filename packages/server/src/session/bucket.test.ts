/** The token bucket alone: what flows in, what it holds, and clocks that are set back. */
import { fakeClock } from '@syncline/protocol/testing';
import { expect, it } from 'vitest';
import { Bucket } from './bucket.ts';

it('holds a burst, refills at its rate, and never beyond the burst', async () => {
  const clock = fakeClock();
  const bucket = new Bucket(clock, 2, 10);
  expect(bucket.take(10)).toBe(0);
  expect(bucket.take(1)).toBe(500);
  await clock.advance(500);
  expect(bucket.take(1)).toBe(0);
  expect(bucket.take(3)).toBe(1500);
  await clock.advance(1_000_000);
  expect(bucket.take(10)).toBe(0);
  expect(bucket.take(1)).toBe(500);
});

it('what costs more than it ever holds takes all it holds, and waits until it is full', async () => {
  const clock = fakeClock();
  const bucket = new Bucket(clock, 1, 10);
  expect(bucket.take(11)).toBe(0);
  expect(bucket.take(11)).toBe(10_000);
  await clock.advance(9_999);
  expect(bucket.take(11)).toBe(1);
  await clock.advance(1);
  expect(bucket.take(11)).toBe(0);
});

it('a clock that was set back gives nothing and takes nothing', () => {
  let now = 1_000_000;
  const bucket = new Bucket({ ...fakeClock(), now: () => now }, 1, 2);
  expect(bucket.take(2)).toBe(0);
  now -= 500_000;
  expect(bucket.take(1)).toBe(1000);
  now += 1000;
  expect(bucket.take(1)).toBe(0);
});

it('what is owed flows in before anything is given', async () => {
  const clock = fakeClock();
  const bucket = new Bucket(clock, 2, 10);
  bucket.owe(4);
  expect([bucket.owedMs, bucket.take(6), bucket.full]).toEqual([0, 0, false]);
  bucket.owe(3);
  expect([bucket.owedMs, bucket.take(1)]).toEqual([1500, 2000]);
  await clock.advance(1500);
  expect([bucket.owedMs, bucket.take(1)]).toEqual([0, 500]);
  await clock.advance(500);
  expect(bucket.take(1)).toBe(0);
});
