/**
 * Whether the generator knows when it was too busy itself: a loop that is blocked on purpose, one that has nothing to do, and
 * publishes that it sent too late.
 */
import { expect, it } from 'vitest';
import { stopwatch } from './clock.ts';
import { watchMachine } from './machine.ts';
import { Tally } from './tally.ts';

/** Turns of the event loop, until so much time is over. */
async function turns(ms: number, work: () => void = () => {}): Promise<void> {
  const since = stopwatch();
  const turn = () => {
    work();
    return stopwatch() - since;
  };
  await expect.poll(turn, { interval: 20 }).toBeGreaterThan(ms);
}

function spin(ms: number): void {
  const since = stopwatch();
  while (stopwatch() - since < ms);
}

it('says so when its event loop had no time left', async () => {
  const end = watchMachine(new Tally());
  await turns(500, () => spin(120));
  const { busy, delayMs, saturated } = end();
  expect(busy).toBeGreaterThan(0.5);
  expect(delayMs).toBeGreaterThan(50);
  expect(saturated).toBe(true);
});

it('says so when what it published went out too late', async () => {
  const tally = new Tally();
  const end = watchMachine(tally);
  await turns(50);
  for (let i = 0; i < 100; i++) tally.lateness.add(i < 95 ? 1 : 80);
  expect(end()).toMatchObject({ saturated: true });
});
