/**
 * What a place does besides what a real Redis shows: that it proves what is announced also where it got its slots later, and that
 * asking for a password ends. The Redis is a stand-in; real ones are in link.redis.test.ts and faults.redis.test.ts.
 */
import { expect, it, onTestFinished } from 'vitest';
import { Condition } from './condition.ts';
import { Connection } from './connection.ts';
import { Unanswered } from './faults.ts';
import { Place } from './place.ts';
import { standIn } from './stand-in.ts';

function placeAt() {
  const { clock, answering, dial } = standIn();
  answering.reply = () => [String(Math.floor(clock.now() / 1000)), '0'];
  const condition = new Condition(clock);
  /** What is probed; undefined: it has no slots. */
  const state = { topic: 'probe' as string | undefined };
  const place = new Place({
    ...{ dial, condition, name: 'place', sharded: true, commandMs: 2000, replicated: false },
    find: async () => ({ host: 'host', port: 1 }),
    check: async () => {},
    probe: { topic: () => state.topic, holds: (topic) => topic === state.topic },
    onMessage: () => {},
    onSubscriber: async () => {},
    onDown: () => {},
  });
  onTestFinished(() => place.close());
  return { clock, answering, condition, state, place };
}

it('finds out that nothing arrives any more', async () => {
  const { clock, answering, condition, place } = placeAt();
  await place.ready;
  await clock.advance(10_000);
  expect(condition.brokenSince).toBeNull();
  answering.quiet = true;
  await clock.advance(5000);
  expect(condition.what).toMatch(/^What is published through place has not arrived for 3000 ms/);
});

it.each(['none at first', 'others at first, then none'])(
  'finds that out also where it has got slots of which it had %s',
  async (_) => {
    const { clock, answering, condition, state, place } = placeAt();
    if (_ === 'none at first') state.topic = undefined;
    await place.ready;
    await clock.advance(2000);
    state.topic = undefined;
    await clock.advance(3000);
    expect(condition.brokenSince).toBeNull();
    state.topic = 'another probe';
    await clock.advance(3000);
    expect(condition.brokenSince).toBeNull();
    answering.quiet = true;
    await clock.advance(5000);
    expect(condition.what).toMatch(/has not arrived for 3000 ms/);
  },
);

it('gives up a connection whose password nobody brings', async () => {
  const { clock, dial } = standIn();
  const password = () => new Promise<string>(() => {});
  const opening = Connection.open({ ...dial, password }, { host: 'host', port: 1 }, () => {});
  const failure = expect(opening).rejects.toBeInstanceOf(Unanswered);
  await clock.advance(2000);
  await failure;
});

it('hands on why a password can’t be had', async () => {
  const { dial } = standIn();
  const password = () => Promise.reject(new Error('The vault is shut.'));
  await expect(Connection.open({ ...dial, password }, { host: 'host', port: 1 }, () => {})).rejects.toThrow(
    'The vault is shut.',
  );
});
