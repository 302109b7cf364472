/** Made-up deliveries go into a tally. What it makes of them is what the benchmark tells of a rolling restart. */
import { describe, expect, it } from 'vitest';
import { Tally } from './tally.ts';

function tallied(...deliveries: readonly (readonly [sequence: number, atMs: number])[]): Tally {
  const tally = new Tally();
  for (const [sequence, atMs] of deliveries) tally.take(sequence, atMs);
  return tally;
}

describe('Tally', () => {
  it('keeps the longest time from one delivery to the next', () => {
    expect(tallied([1, 1000], [2, 1020], [3, 1320], [4, 1321]).longestGapMs).toBe(300);
  });
  it('knows no gap before the first delivery', () => expect(tallied([1, 5000]).longestGapMs).toBe(0));
  it('counts what comes again, and does not take it for news', () => {
    const tally = tallied([1, 0], [2, 20], [2, 40], [1, 60], [3, 80]);
    expect([tally.delivered, tally.doubled, tally.longestGapMs]).toEqual([3, 2, 60]);
  });
  it('counts what was passed over and what is missing at the end as lost', () => {
    expect(tallied([1, 0], [3, 20]).lost(5)).toBe(3);
    expect(tallied([1, 0], [2, 20]).lost(2)).toBe(0);
    expect(new Tally().lost(2)).toBe(2);
  });
});
