/**
 * How a connection is made again: at waits that grow to two seconds and that chance spreads, without end, one at a time. Connections
 * are stand-ins here; real ones are in the tests of the link.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { expect, it, onTestFinished } from 'vitest';
import type { Connection } from './connection.ts';
import { Reconnecting } from './reconnecting.ts';

/** As much of a connection as is looked at. */
class Line {
  open = true;
  close(): void {
    this.open = false;
  }
}

function reconnectingAt(seed = 1) {
  const clock = fakeClock({ seed });
  const state = {
    dials: [] as { at: number; lose: (why: Error) => void; line: Line; settle: (fails?: boolean) => void }[],
    downs: [] as string[],
    ups: 0,
    /** What comes of the next dials; undefined: the test settles each by hand. */
    fails: true as boolean | undefined,
  };
  const began = clock.now();
  const connection = new Reconnecting({
    clock,
    open: (lose) =>
      new Promise((resolve, reject) => {
        const line = new Line();
        const settle = (fails = false): void =>
          fails ? reject(new Error('no')) : resolve(line as unknown as Connection);
        state.dials.push({ at: clock.now() - began, lose, line, settle });
        if (state.fails !== undefined) settle(state.fails);
      }),
    onUp: () => state.ups++,
    onDown: (why) => state.downs.push(why.message),
  });
  onTestFinished(() => connection.close());
  return { clock, state, connection };
}

it('dials on and on, less and less often, and never all at one time', async () => {
  const waits: number[][] = [];
  for (const seed of [1, 2, 3]) {
    const { clock, state, connection } = reconnectingAt(seed);
    connection.start();
    await clock.advance(0);
    await clock.advance(120_000);
    const ats = state.dials.map(({ at }) => at);
    waits.push(ats.slice(1).map((at, i) => at - (ats[i] ?? 0)));
    expect(state.dials.length).toBeGreaterThan(60);
    expect(state.downs.length).toBe(state.dials.length);
  }
  for (const one of waits)
    for (const [i, ms] of one.entries()) expect(ms).toBeLessThanOrEqual(Math.min(2000, 50 * 2 ** i) + 1);
  expect(Math.max(...waits.flat())).toBeGreaterThan(1800);
  expect(waits[0]).not.toEqual(waits[1]);
});

it('waits little after a connection that worked, and ever longer after those that break at once', async () => {
  const { clock, state, connection } = reconnectingAt();
  state.fails = false;
  connection.start();
  await clock.advance(0);
  for (let i = 0; i < 40; i++) {
    state.dials.at(-1)?.lose(new Error('broke'));
    await clock.advance(2000);
  }
  const flapping = state.dials.map(({ at }) => at);
  expect(Math.max(...flapping.slice(20).map((at, i) => at - (flapping[19 + i] ?? 0)))).toBeGreaterThan(2000);
  await clock.advance(5000);
  const last = state.dials.at(-1);
  last?.lose(new Error('broke'));
  const count = state.dials.length;
  await clock.advance(51);
  expect(state.dials.length).toBe(count + 1);
});

it('throws away what comes of an attempt that was given up', async () => {
  const { clock, state, connection } = reconnectingAt();
  state.fails = undefined;
  connection.start();
  connection.rebuild(new Error('elsewhere'));
  await clock.advance(100);
  const [first, second] = state.dials;
  second?.settle();
  await clock.advance(0);
  first?.settle();
  await clock.advance(0);
  expect(first?.line.open).toBe(false);
  expect([state.ups, connection.current === (second?.line as unknown), second?.line.open]).toEqual([
    1,
    true,
    true,
  ]);
  first?.lose(new Error('late'));
  expect(state.downs).toEqual(['elsewhere']);
});

it('does nothing any more once it is closed', async () => {
  const { clock, state, connection } = reconnectingAt();
  state.fails = undefined;
  connection.start();
  connection.close();
  state.dials[0]?.settle();
  await clock.advance(0);
  connection.rebuild(new Error('late'));
  await clock.advance(10_000);
  expect([state.dials.length, state.ups, state.dials[0]?.line.open, clock.timers]).toEqual([1, 0, false, 0]);
});

it('takes a connection that broke while it was made for a failure', async () => {
  const { clock, state, connection } = reconnectingAt();
  state.fails = undefined;
  connection.start();
  const [first] = state.dials;
  first?.line.close();
  first?.settle();
  await clock.advance(0);
  expect([state.ups, connection.current, state.downs.length]).toEqual([0, undefined, 1]);
});
