/**
 * The cursors of a channel beside a set: whatever comes and goes, also while all are called, they are the same.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Cursor } from '../cursor.ts';
import { Cursors } from './cursors.ts';

const all = Array.from({ length: 4 }, (_, i) => ({ offset: i }) as Cursor);

it('are what a set of them would be, whoever comes, goes, and leaves while all are called', () => {
  const one = fc.nat({ max: all.length - 1 });
  const step = fc.tuple(fc.constantFrom('add', 'delete', 'each'), one, one);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const [cursors, model] = [new Cursors(), new Set<Cursor>()];
      for (const [what, i, j] of steps) {
        const [a, b] = [all[i], all[j]];
        if (!a || !b) continue;
        if (what === 'add') {
          cursors.add(a);
          model.add(a);
        } else if (what === 'delete') expect(cursors.delete(a)).toBe(model.delete(a));
        else {
          const called: [Cursor[], Cursor[]] = [[], []];
          cursors.each((cursor) => {
            called[0].push(cursor);
            if (cursor === a) cursors.delete(b);
          });
          for (const cursor of model) {
            called[1].push(cursor);
            if (cursor === a) model.delete(b);
          }
          expect(called[0]).toEqual(called[1]);
        }
        expect(all.filter((cursor) => cursors.has(cursor))).toEqual(
          all.filter((cursor) => model.has(cursor)),
        );
      }
    }),
  );
});
