/**
 * When heads are looked at: each every four seconds, and all of them at once after something may have been lost, until each was seen.
 * Looks are stand-ins here, and time stands still unless the test says so.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { expect, it, onTestFinished } from 'vitest';
import { Heads } from './heads.ts';

function headsAt() {
  const clock = fakeClock();
  const heads = new Heads(clock);
  onTestFinished(() => heads.stop());
  const answers: ((seen: boolean) => void)[] = [];
  const leave = heads.enter(() => new Promise<boolean>((resolve) => answers.push(resolve)));
  return { clock, heads, answers, leave };
}

it('looks every four seconds, until it is left', async () => {
  const { clock, answers, leave } = headsAt();
  await clock.advance(12_000);
  expect(answers.length).toBe(3);
  leave();
  await clock.advance(12_000);
  expect(answers.length).toBe(3);
});

it('looks at once where something may have been lost, and again until it was seen', async () => {
  const { clock, heads, answers } = headsAt();
  heads.all();
  expect(answers.length).toBe(1);
  answers[0]?.(false);
  await clock.advance(300);
  expect(answers.length).toBe(2);
  answers[1]?.(true);
  await clock.advance(2000);
  expect(answers.length).toBe(2);
});

it('asks a Redis that is slow once, and not again and again while that takes', async () => {
  const { clock, heads, answers } = headsAt();
  heads.all();
  await clock.advance(2000);
  expect(answers.length).toBe(1);
  answers[0]?.(false);
  await clock.advance(300);
  expect(answers.length).toBe(2);
});

it('looks once more where something may have been lost after it was asked', async () => {
  const { clock, heads, answers } = headsAt();
  heads.all();
  heads.all();
  expect(answers.length).toBe(1);
  answers[0]?.(true);
  await clock.advance(300);
  expect(answers.length).toBe(2);
  answers[1]?.(true);
  await clock.advance(2000);
  expect(answers.length).toBe(2);
});
