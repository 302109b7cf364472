/**
 * The window: how many are let in, that the others come in their order, and that none is forgotten.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Leave, Window } from './window.ts';

describe('the window of a Redis', () => {
  it('lets in at once whom there is room for, and others in their order as room is made', async () => {
    const window = new Window(2);
    const [first, second] = [window.enter(), window.enter()];
    expect([typeof first, typeof second]).toEqual(['function', 'function']);
    const came: number[] = [];
    const waiting = [3, 4, 5].map(async (nth) => {
      const leave = await window.enter();
      came.push(nth);
      return leave;
    });
    await Promise.resolve();
    expect(came).toEqual([]);
    (first as Leave)();
    const third = await waiting[0];
    expect(came).toEqual([3]);
    (second as Leave)();
    third?.();
    await Promise.all(waiting);
    expect(came).toEqual([3, 4, 5]);
  });

  it('has never more in it than fit, and lets all in, whatever the order in which they leave', async () => {
    const choices = fc.array(fc.nat(), { minLength: 1, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), choices, async (callsMax, leaving) => {
        const window = new Window(callsMax);
        const inside: Leave[] = [];
        const all = leaving.map(async () => void inside.push(await window.enter()));
        for (const choice of leaving) {
          await Promise.resolve();
          await Promise.resolve();
          expect(inside.length).toBeGreaterThan(0);
          expect(inside.length).toBeLessThanOrEqual(callsMax);
          for (const leave of inside.splice(choice % inside.length, 1)) leave();
        }
        await Promise.all(all);
        expect(inside).toEqual([]);
        // What was left is room again.
        expect(typeof window.enter()).toBe('function');
      }),
    );
  });
});
