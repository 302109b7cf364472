/**
 * How replicas are asked after: once for all that was answered in a turn, on the connection that wrote. That a real WAIT then says
 * the truth is in faults.redis.test.ts.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { expect, it } from 'vitest';
import type { Connection } from './connection.ts';
import { Unanswered } from './faults.ts';
import { Replicating } from './replicating.ts';

function replicatingOver(answer: () => Promise<unknown>) {
  const sent: string[] = [];
  const replicating = new Replicating({} as Connection, fakeClock(), 2000, (args, ms) => {
    sent.push(`${args.join(' ')} within ${ms}`);
    return answer();
  });
  return { sent, replicating };
}

it('asks once for those of a turn, and anew in the next', async () => {
  const { sent, replicating } = replicatingOver(async () => 2);
  const counts = [replicating.replicas(1, 500), replicating.replicas(1, 500), replicating.replicas(2, 500)];
  expect(await Promise.all(counts)).toEqual([2, 2, 2]);
  await replicating.replicas(1, 500);
  expect(sent).toEqual(['WAIT 1 500 within 2500', 'WAIT 2 500 within 2500', 'WAIT 1 500 within 2500']);
});

it('has one question under way at a time, and gathers what comes meanwhile', async () => {
  const answers: ((count: number) => void)[] = [];
  const { sent, replicating } = replicatingOver(() => new Promise((resolve) => answers.push(resolve)));
  const first = replicating.replicas(1, 500);
  await expect.poll(() => sent.length).toBe(1);
  const later: Promise<number>[] = [];
  for (let turn = 0; turn < 5; turn++) {
    later.push(replicating.replicas(1, 500));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  expect(sent.length).toBe(1);
  answers[0]?.(1);
  expect(await first).toBe(1);
  await expect.poll(() => sent.length).toBe(2);
  answers[1]?.(2);
  expect(await Promise.all(later)).toEqual([2, 2, 2, 2, 2]);
  expect(sent.length).toBe(2);
});

it('counts no replicas where no number comes, and tells all who asked that none comes', async () => {
  expect(await replicatingOver(async () => 'x').replicating.replicas(1, 500)).toBe(0);
  const { replicating } = replicatingOver(() => Promise.reject(new Unanswered('gone')));
  for (const asked of [replicating.replicas(1, 500), replicating.replicas(1, 500)])
    await expect(asked).rejects.toBeInstanceOf(Unanswered);
});
