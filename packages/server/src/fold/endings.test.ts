/**
 * The queue of what ends when, against a list that is sorted anew each time: members come, go and are put off in any order.
 * Nothing here has a meaning or a clock.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Ending, Endings } from './endings.ts';

it('has the one at hand that ends first, whatever was added and removed', () => {
  const call = fc.tuple(fc.nat(15), fc.option(fc.integer({ min: 0, max: 20 })));
  fc.assert(
    fc.property(fc.array(call, { maxLength: 100 }), (calls) => {
      const members: Ending[] = Array.from({ length: 16 }, () => ({ due: 0, place: -1 }));
      const queue = new Endings<Ending>();
      const held = new Set<Ending>();
      for (const [which, due] of calls) {
        const member = members[which];
        if (!member) continue;
        queue.remove(member);
        held.delete(member);
        if (due !== null) {
          queue.add(member, due);
          held.add(member);
        }
        expect(member.place >= 0).toBe(due !== null);
        expect(queue.first?.due).toBe(
          held.size === 0 ? undefined : Math.min(...[...held].map((one) => one.due)),
        );
      }
      const order: number[] = [];
      for (let { first } = queue; first; { first } = queue) {
        order.push(first.due);
        queue.remove(first);
      }
      expect(order).toEqual([...held].map(({ due }) => due).sort((a, b) => a - b));
    }),
  );
});
