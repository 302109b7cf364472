/**
 * The tail against the plainest model of it: a list that is cut from the front. Its bounds hold after every push, and what
 * it gives is always the newest entries without a hole.
 */
import { seeded } from '@syncline/protocol/testing';
import type { Entry } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import { sizeOf, Tail } from './tail.ts';

function entry(offset: number, bytes: number): Entry {
  return { offset, check: 0, at: 0, from: null, data: 'x'.repeat(bytes) };
}

describe('the tail', () => {
  it.each([
    [5, 1000],
    [1000, 50],
    [1, 1],
    [40, 400],
  ])('holds up to %i entries and %i bytes of the newest', (entriesMax, bytesMax) => {
    const random = seeded(entriesMax);
    const tail = new Tail(entriesMax, bytesMax);
    let model: Entry[] = [];
    for (let offset = 1; offset <= 500; offset++) {
      const next = entry(offset, Math.floor(random() * 40));
      tail.push(next);
      model.push(next);
      const bytes = (): number => model.reduce((sum, one) => sum + sizeOf(one), 0);
      while (model.length > 1 && (model.length > entriesMax || bytes() > bytesMax)) model = model.slice(1);
      const first = model[0]?.offset ?? 0;
      expect(tail.from(first)).toEqual(model);
      expect(tail.from(first - 1)).toBeUndefined();
      expect(tail.from(offset)).toEqual([next]);
      expect(tail.from(offset + 1)).toBeUndefined();
      expect([first - 1, first, offset, offset + 1].map((at) => tail.at(at))).toEqual([
        undefined,
        model[0],
        next,
        undefined,
      ]);
    }
  });

  it('keeps the newest entry, however large', () => {
    const tail = new Tail(10, 10);
    tail.push(entry(1, 5));
    tail.push(entry(2, 1000));
    expect(tail.from(2)).toHaveLength(1);
    expect(tail.from(1)).toBeUndefined();
  });

  it('begins anew wherever it is told to', () => {
    const tail = new Tail(10, 1000);
    expect(tail.from(1)).toBeUndefined();
    for (const offset of [1, 2, 3]) tail.push(entry(offset, 1));
    tail.clear();
    expect(tail.from(3)).toBeUndefined();
    expect(tail.at(3)).toBeUndefined();
    tail.push(entry(90, 1));
    expect(tail.from(90)).toHaveLength(1);
    expect(tail.from(3)).toBeUndefined();
  });
});
