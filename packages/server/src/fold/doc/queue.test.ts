/** Whose job is next: those that somebody waits for, then everybody's by turns. */
import { expect, it } from 'vitest';
import { Queue } from './queue.ts';

interface Named {
  readonly name: string;
  readonly urgent: boolean;
  readonly by: string | null;
}

it('gives what is urgent first, in its order, and of the rest one of each by turns', () => {
  const queue = new Queue<Named>();
  const add = (name: string, by: string | null, urgent = false) => queue.add({ name, by, urgent });
  for (let i = 0; i < 4; i++) add(`eve${i}`, 'eve');
  add('ada0', 'ada');
  add('nobody0', null);
  add('urgent0', 'eve', true);
  add('ada1', 'ada');
  add('urgent1', 'ada', true);
  const taken: (string | undefined)[] = [];
  for (let i = 0; i < 6; i++) taken.push(queue.take()?.name);
  expect(taken).toEqual(['urgent0', 'urgent1', 'eve0', 'ada0', 'nobody0', 'eve1']);
  // Who comes again goes behind those who wait.
  add('nobody1', null);
  add('bob0', 'bob');
  for (let i = 0; i < 4; i++) taken.push(queue.take()?.name);
  expect(taken.slice(6)).toEqual(['ada1', 'eve2', 'nobody1', 'bob0']);
  expect(queue.isEmpty).toBe(false);
  expect(queue.clear().map(({ name }) => name)).toEqual(['eve3']);
  expect([queue.isEmpty, queue.take()]).toEqual([true, undefined]);
});
