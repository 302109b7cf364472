/**
 * When trouble becomes news: what passes within a second is none. Time stands still unless the test says so.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Condition } from './condition.ts';

function conditionAt() {
  const clock = fakeClock();
  const condition = new Condition(clock);
  const news: (number | null)[] = [];
  const began = clock.now();
  const stop = condition.onChange(() =>
    news.push(condition.brokenSince === null ? null : condition.brokenSince - began),
  );
  return { clock, condition, news, stop };
}

it('tells nobody of what passes within a second', async () => {
  const { clock, condition, news } = conditionAt();
  condition.trouble('a', 'It is gone.');
  await clock.advance(999);
  condition.fine('a');
  await clock.advance(10_000);
  expect([news, condition.brokenSince, clock.timers]).toEqual([[], null, 0]);
});

it('tells of what lasts, and since when, and of its end', async () => {
  const { clock, condition, news } = conditionAt();
  await clock.advance(500);
  condition.trouble('a', 'It is gone.');
  await clock.advance(600);
  condition.trouble('a', 'It is gone still.');
  await clock.advance(399);
  expect(news).toEqual([]);
  await clock.advance(1);
  expect([news, condition.what]).toEqual([[500], 'It is gone still.']);
  condition.fine('a');
  expect(news).toEqual([500, null]);
});

it('tells at once of what has lasted already', () => {
  const { condition, news } = conditionAt();
  condition.trouble('a', 'Nothing came for 3 s.', 3000);
  expect(news).toEqual([-3000]);
});

it('says once what several parts say', () => {
  const { condition } = conditionAt();
  for (const part of ['a', 'b']) condition.trouble(part, 'connect ECONNREFUSED 127.0.0.1:6379');
  condition.trouble('c', 'C is gone.');
  expect(condition.what).toBe('connect ECONNREFUSED 127.0.0.1:6379. C is gone.');
});

it('tells of another reason once it has lasted a second, and not of the same one again', async () => {
  const { clock, condition } = conditionAt();
  const reasons: string[] = [];
  condition.onChange(() => reasons.push(condition.what));
  for (const part of ['a', 'b']) condition.trouble(part, 'It refuses.');
  await clock.advance(1000);
  for (let i = 0; i < 10; i++) {
    // One part after the other says the new one, again and again, and never is there a second of rest.
    for (const part of ['a', 'b']) {
      condition.trouble(part, 'It is loading.');
      await clock.advance(300);
    }
  }
  condition.trouble('a', 'For a moment something else.');
  condition.trouble('a', 'It is loading.');
  await clock.advance(5000);
  condition.fine('a');
  condition.fine('b');
  await clock.advance(5000);
  expect([reasons, clock.timers]).toEqual([['It refuses.', 'It is loading.', ''], 0]);
});

it('tells nobody that it is well because it was closed', async () => {
  const { clock, condition, news } = conditionAt();
  condition.trouble('a', 'It is gone.');
  await clock.advance(1000);
  condition.trouble('a', 'It is gone still.');
  condition.close();
  condition.fine('a');
  condition.trouble('b', 'B is gone.');
  await clock.advance(5000);
  expect([news, clock.timers]).toEqual([[0], 0]);
});

it('is well when every part is, and tells once of several', async () => {
  const { clock, condition, news } = conditionAt();
  condition.trouble('a', 'A is gone.');
  await clock.advance(500);
  condition.trouble('b', 'B is gone.');
  await clock.advance(5000);
  condition.fine('a');
  condition.fine('c');
  expect([news, condition.what]).toEqual([[0], 'B is gone.']);
  condition.trouble('a', 'A is gone again.');
  condition.fine('b');
  condition.fine('a');
  expect(news).toEqual([0, null]);
});

it('counts what begins anew as new', async () => {
  const { clock, condition, news } = conditionAt();
  for (let i = 0; i < 5; i++) {
    condition.trouble('a', 'It is gone.');
    await clock.advance(600);
    condition.fine('a');
    await clock.advance(600);
  }
  expect(news).toEqual([]);
});

it('goes on when a listener throws, and tells none that has left', async () => {
  const { clock, condition, news, stop } = conditionAt();
  condition.onChange(() => {
    throw new Error('on purpose');
  });
  const later: string[] = [];
  condition.onChange(() => later.push('told'));
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  onTestFinished(() => warned.mockRestore());
  condition.trouble('a', 'It is gone.');
  await clock.advance(1000);
  stop();
  condition.fine('a');
  await clock.advance(0);
  expect([news, later]).toEqual([[0], ['told', 'told']]);
  expect(warned).toHaveBeenCalledWith(expect.stringContaining('health threw: Error: on purpose'));
});
