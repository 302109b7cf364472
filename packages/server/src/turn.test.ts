/**
 * The end of a turn: first all channels wake their cursors, then all sessions write, and what is registered meanwhile has
 * the next turn's end.
 */
import { systemClock } from '@syncline/protocol/wire';
import { expect, it } from 'vitest';
import { turns } from './testing/meddle.ts';
import { Turn } from './turn.ts';

it('[D5] runs all wakes before all writes, once, after what else is waiting in this turn', async () => {
  const turn = new Turn(systemClock);
  const ran: string[] = [];
  turn.write({ write: () => ran.push('write 1') });
  turn.beforeWrites(() => ran.push('wake 1'));
  await Promise.resolve();
  turn.write({ write: () => ran.push('write 2') });
  turn.beforeWrites(() => ran.push('wake 2'));
  expect(ran).toEqual([]);
  await turns(1);
  expect(ran).toEqual(['wake 1', 'wake 2', 'write 1', 'write 2']);
  await turns();
  expect(ran).toHaveLength(4);
});

it('[D5] a write that a wake asks for belongs to the same turn, one that a write asks for to the next', async () => {
  const turn = new Turn(systemClock);
  const ran: string[] = [];
  turn.beforeWrites(() => {
    turn.write({
      write: () => {
        ran.push('of a wake');
        turn.beforeWrites(() => ran.push('next wake'));
        turn.write({ write: () => ran.push('next write') });
      },
    });
  });
  await turns(1);
  expect(ran).toEqual(['of a wake']);
  await turns(1);
  expect(ran).toEqual(['of a wake', 'next wake', 'next write']);
});
