/**
 * When a command is given up: by what its Redis answers meanwhile, and by the clock. The Redis is a stand-in; how real ones fail is in
 * faults.redis.test.ts.
 */
import { expect, it, onTestFinished } from 'vitest';
import { Connection } from './connection.ts';
import { Unanswered } from './faults.ts';
import { standIn } from './stand-in.ts';

/** A connection to a Redis that answers each command when it is told to, and what became of those that were sent. */
async function connectionTo() {
  const { clock, answering, dial } = standIn();
  const waiting: (() => void)[] = [];
  answering.reply = () => new Promise((resolve) => waiting.push(() => resolve('OK')));
  const connection = await Connection.open(dial, { host: 'host', port: 1 }, () => {});
  onTestFinished(() => connection.close());
  const became: string[] = [];
  const send = (): void => {
    const nth = became.push('') - 1;
    connection.send(['GET', 'k'], 2000).then(
      () => {
        became[nth] = 'answered';
      },
      (thrown: unknown) => {
        became[nth] = thrown instanceof Unanswered ? thrown.message : String(thrown);
      },
    );
  };
  return { clock, send, became, answer: () => waiting.shift()?.() };
}

it('gives up what a Redis that answers nothing has not answered in time', async () => {
  const { clock, send, became } = await connectionTo();
  for (let i = 0; i < 3; i++) send();
  await clock.advance(1999);
  expect(became).toEqual(['', '', '']);
  await clock.advance(1);
  expect(new Set(became)).toEqual(new Set(['There was no answer within 2000 ms.']));
});

it('waits for a Redis that is busy: what it answers to others shows that it is', async () => {
  const { clock, send, became, answer } = await connectionTo();
  for (let i = 0; i < 6; i++) send();
  for (let i = 0; i < 6; i++) {
    await clock.advance(1500);
    answer();
  }
  await clock.advance(0);
  expect(new Set(became)).toEqual(new Set(['answered']));
});

it('gives up after the deadline of a Redis that has stopped to answer', async () => {
  const { clock, send, became, answer } = await connectionTo();
  for (let i = 0; i < 3; i++) send();
  await clock.advance(1500);
  answer();
  await clock.advance(2499);
  expect(became).toEqual(['answered', '', '']);
  await clock.advance(1);
  expect(became.slice(1)).toEqual(Array(2).fill('There was no answer within 4000 ms.'));
});

it('waits for five times the deadline at most', async () => {
  const { clock, send, became, answer } = await connectionTo();
  for (let i = 0; i < 9; i++) send();
  for (let i = 0; i < 6; i++) {
    await clock.advance(1500);
    answer();
  }
  await clock.advance(999);
  expect(became.slice(6)).toEqual(['', '', '']);
  await clock.advance(1);
  expect(became.slice(6)).toEqual(Array(3).fill('There was no answer within 10000 ms.'));
});
