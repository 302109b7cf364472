/**
 * The connection machine: every state with every event, by a table that the compiler holds complete, and what must hold for
 * any sequence of events. What the effects bring about is connection.test.ts's part.
 */
import { SyncError } from '@syncline/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  connectMs,
  type Event,
  type Facts,
  hintMs,
  next,
  type State,
  type Step,
  stableMs,
} from './machine.ts';

const gone = new SyncError('unavailable');
const tries = { failures: 2, rejections: 0 };
const facts: Facts = { now: 100_000, random: 0.5, rejectionsMax: 3 };

const states: { readonly [S in State['state']]: Extract<State, { state: S }> } = {
  idle: { state: 'idle' },
  connecting: { state: 'connecting', link: 7, tries },
  open: { state: 'open', link: 7, tries, comeBack: 0 },
  waiting: { state: 'waiting', last: 7, tries, until: 109_000, earliest: 100_400, error: gone },
  closed: { state: 'closed', error: gone },
};

const events: { readonly [E in Event['type']]: Extract<Event, { type: E }> } = {
  start: { type: 'start' },
  stop: { type: 'stop' },
  opened: { type: 'opened', link: 7 },
  stable: { type: 'stable', link: 7 },
  lost: { type: 'lost', link: 7, error: gone },
  bye: { type: 'bye', link: 7, afterMs: 4_000 },
  due: { type: 'due' },
  wake: { type: 'wake' },
  offline: { type: 'offline' },
};

const late = new SyncError('silent');
const dial = (link: number): Step => ({
  state: { state: 'connecting', link, tries: link === 1 ? { failures: 0, rejections: 0 } : tries },
  effects: [
    { do: 'timer', ms: connectMs, event: { type: 'lost', link, error: late } },
    { do: 'dial', link, rejected: false },
  ],
});
const closed: Step = {
  state: { state: 'closed', error: new SyncError('closed') },
  effects: [{ do: 'drop' }],
};
/** After two failures the wait is half of 250 ms × 2², by the random number. */
const wait: Step = {
  state: {
    ...{ state: 'waiting', last: 7, tries: { failures: 3, rejections: 0 } },
    ...{ until: 100_500, earliest: 100_000 + hintMs, error: gone },
  },
  effects: [{ do: 'drop' }, { do: 'timer', ms: 500, event: { type: 'due' } }],
};
const probe = (state: State): Step => ({ state, effects: [{ do: 'probe' }] });

/** 'stay': the same state object, no effects. */
const table: { readonly [S in State['state']]: { readonly [E in Event['type']]: Step | 'stay' } } = {
  idle: {
    ...{ start: dial(1), stop: closed, opened: 'stay', stable: 'stay', lost: 'stay' },
    ...{ bye: 'stay', due: 'stay', wake: 'stay', offline: 'stay' },
  },
  connecting: {
    ...{ start: 'stay', stop: closed, stable: 'stay', lost: wait },
    ...{ bye: 'stay', due: 'stay', wake: 'stay', offline: 'stay' },
    opened: {
      state: { state: 'open', link: 7, tries, comeBack: 0 },
      effects: [{ do: 'timer', ms: stableMs, event: { type: 'stable', link: 7 } }],
    },
  },
  open: {
    ...{ start: 'stay', stop: closed, opened: 'stay', lost: wait, due: 'stay' },
    ...{ wake: probe(states.open), offline: probe(states.open) },
    stable: { state: { ...states.open, tries: { failures: 0, rejections: 0 } }, effects: [] },
    // Half of what spreads the clients: 250 ms and half of the time that the server named.
    bye: { state: { ...states.open, comeBack: 100_000 + 4_000 + 1_125 }, effects: [] },
  },
  waiting: {
    ...{ start: 'stay', stop: closed, opened: 'stay', stable: 'stay', lost: 'stay', bye: 'stay' },
    ...{ due: dial(8), offline: 'stay' },
    wake: {
      state: { ...states.waiting, until: 100_400 },
      effects: [{ do: 'timer', ms: 400, event: { type: 'due' } }],
    },
  },
  closed: {
    ...{ start: 'stay', stop: 'stay', opened: 'stay', stable: 'stay', lost: 'stay' },
    ...{ bye: 'stay', due: 'stay', wake: 'stay', offline: 'stay' },
  },
};

describe('every state takes every event', () => {
  const rows = Object.values(states).flatMap((state) =>
    Object.values(events).map((event) => ({ state, event })),
  );
  test.each(rows)('$state.state on $event.type', ({ state, event }) => {
    const step = next(state, event, facts);
    const expected = table[state.state][event.type];
    if (expected === 'stay') {
      expect(step.state).toBe(state);
      expect(step.effects).toEqual([]);
    } else expect(step).toEqual(expected);
  });
});

describe('an event of another link changes nothing', () => {
  const linked = Object.values(events).filter((event) => 'link' in event);
  const rows = [states.connecting, states.open].flatMap((state) => linked.map((event) => ({ state, event })));
  test.each(rows)('$state.state on an old $event.type', ({ state, event }) => {
    expect(next(state, { ...event, link: 6 }, facts)).toEqual({ state, effects: [] });
  });
});

describe('how a lost link goes on is read from the table of errors', () => {
  const lose = (error: SyncError, other: Partial<Facts> = {}) =>
    next(states.open, { type: 'lost', link: 7, error }, { ...facts, ...other }).state;

  test('[L2] an error that says stop closes for good, with the error', () => {
    const error = new SyncError('forbidden');
    expect(lose(error)).toEqual({ state: 'closed', error });
  });

  test('[L2] a refused token is counted, and the next attempt knows that it was refused', () => {
    const error = new SyncError('unauthenticated');
    const state = lose(error);
    expect(state).toMatchObject({ state: 'waiting', tries: { rejections: 1 } });
    const { effects } = next(state, { type: 'due' }, facts);
    expect(effects).toContainEqual({ do: 'dial', link: 8, rejected: true });
  });

  test('[L2] it closes when there is no way to another token, or too many were refused', () => {
    const error = new SyncError('unauthenticated');
    expect(lose(error, { rejectionsMax: 1 })).toEqual({ state: 'closed', error });
    const twice: State = { state: 'connecting', link: 9, tries: { failures: 2, rejections: 2 } };
    expect(next(twice, { type: 'lost', link: 9, error }, facts).state).toEqual({ state: 'closed', error });
  });
});

test('[L1] after bye nothing brings the next attempt before the time that the server named', () => {
  const { state: leaving } = next(states.open, events.bye, facts);
  const { state: waiting } = next(
    leaving,
    { type: 'lost', link: 7, error: gone },
    { ...facts, now: 101_000 },
  );
  if (waiting.state !== 'waiting') throw new Error('It should wait.');
  expect(waiting.until).toBe(105_125);
  expect(next(waiting, events.wake, { ...facts, now: 101_001 }).state).toBe(waiting);
});

test('waits grow with full jitter up to 15 s and never end', () => {
  const untilAfter = (failures: number, random: number) => {
    const state: State = { state: 'connecting', link: 1, tries: { failures, rejections: 0 } };
    const lost = next(state, { type: 'lost', link: 1, error: gone }, { ...facts, random }).state;
    if (lost.state !== 'waiting') throw new Error('It should wait.');
    return lost.until - facts.now;
  };
  expect([0, 1, 2, 5, 6, 10_000].map((failures) => untilAfter(failures, 1))).toEqual([
    ...[250, 500, 1_000, 8_000],
    ...[15_000, 15_000],
  ]);
  expect(untilAfter(6, 0)).toBe(0);
});

test('a hint is followed at once after a connection that held', () => {
  const held: State = { ...states.open, tries: { failures: 0, rejections: 0 } };
  const { state } = next(held, events.lost, facts);
  const { effects } = next(state, events.wake, facts);
  expect(effects).toEqual([{ do: 'timer', ms: 0, event: { type: 'due' } }]);
});

const anyEvent = fc.oneof(
  fc.constantFrom<Event>(events.start, events.due, events.wake, events.offline),
  fc.record({
    type: fc.constantFrom('opened' as const, 'stable' as const),
    link: fc.integer({ min: 1, max: 30 }),
  }),
  fc.record({
    type: fc.constant('lost' as const),
    link: fc.integer({ min: 1, max: 30 }),
    error: fc.constant(gone),
  }),
);

test(' whatever happens, links are numbered upwards and one is dropped before the next is dialled', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (sequence) => {
      let state: State = { state: 'idle' };
      let last = 0;
      let dialled = false;
      for (const event of sequence) {
        const step = next(state, event, facts);
        for (const effect of step.effects) {
          if (effect.do === 'drop') dialled = false;
          if (effect.do !== 'dial') continue;
          expect(dialled).toBe(false);
          expect(effect.link).toBe(last + 1);
          last = effect.link;
          dialled = true;
        }
        state = step.state;
      }
    }),
  );
});
