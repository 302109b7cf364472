/**
 * The connection machine: every state with every event, by a table that the compiler holds complete, and what must hold for
 * any sequence of events. What the connection makes of a state is connection.test.ts's part.
 */
import { SyncError } from '@syncline/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connectMs, type Event, type Facts, hintMs, next, type State, stableMs } from './machine.ts';

const gone = new SyncError('unavailable');
const tries = { failed: 2, rejected: 0, waitedMs: 600 };
const fresh = { failed: 0, rejected: 0, waitedMs: 0 };
const now = 100_000;
const facts: Facts = { now, random: 0.5, attempt: 20 };

const states: { readonly [S in State['state']]: Extract<State, { state: S }> } = {
  idle: { state: 'idle' },
  connecting: { state: 'connecting', attempt: 7, tries, until: 108_000 },
  open: { state: 'open', link: 7, tries, leaving: false, until: 103_000, earliest: 0 },
  moving: { state: 'moving', link: 7, attempt: 8, tries, until: 108_000 },
  waiting: { state: 'waiting', tries, until: 109_000, earliest: 100_400, error: gone },
  closed: { state: 'closed', error: gone },
};

const events: { readonly [E in Event['type']]: Extract<Event, { type: E }> } = {
  start: { type: 'start' },
  stop: { type: 'stop' },
  opened: { type: 'opened', link: 7 },
  lost: { type: 'lost', link: 7, error: gone },
  bye: { type: 'bye', link: 7, afterMs: 4_000 },
  due: { type: 'due' },
  wake: { type: 'wake' },
  offline: { type: 'offline' },
};

const code = (name: string): SyncError => expect.objectContaining({ code: name });
const dialled = (attempt: number, before = tries): State => ({
  ...{ state: 'connecting', attempt, tries: before, until: now + connectMs },
});
const opened = (link: number): State => ({
  ...{ state: 'open', link, tries, leaving: false, until: now + stableMs, earliest: 0 },
});
const closed: State = { state: 'closed', error: code('closed') };
/** After two failures the wait is half of 250 ms × 2², by the random number. */
const wait = (error: SyncError, before = 600): Extract<State, { state: 'waiting' }> => ({
  ...{ state: 'waiting', tries: { failed: 3, rejected: 0, waitedMs: before + 500 } },
  ...{ until: now + 500, earliest: now + 500, error },
});
/** The next link failed: the old one goes on, and another attempt is made after the same wait. */
const again = (error: SyncError): State => ({ ...wait(error), state: 'open', link: 7, leaving: true });

/** 'stay': the same state object. */
const table: { readonly [S in State['state']]: { readonly [E in Event['type']]: State | 'stay' } } = {
  idle: {
    ...{ start: dialled(20, fresh), stop: closed },
    ...{ opened: 'stay', lost: 'stay', bye: 'stay', due: 'stay', wake: dialled(20, fresh) },
    offline: 'stay',
  },
  connecting: {
    ...{ start: 'stay', stop: closed, opened: opened(7), lost: wait(gone) },
    ...{ bye: 'stay', due: wait(code('silent')), wake: 'stay', offline: 'stay' },
  },
  open: {
    // It held for two of five seconds, and that much of what was waited is forgotten.
    ...{ start: 'stay', stop: closed, opened: 'stay', lost: wait(gone, 360), wake: 'stay' },
    offline: 'stay',
    due: { ...states.open, tries: fresh, until: 0 },
    // Half of what spreads the clients: 250 ms and half of the time that the server named.
    bye: { ...states.open, leaving: true, until: now + 5_125, earliest: now + 5_125 },
  },
  moving: {
    ...{ start: 'stay', stop: closed, opened: 'stay', lost: dialled(8) },
    ...{ bye: 'stay', due: again(code('silent')), wake: 'stay', offline: 'stay' },
  },
  waiting: {
    ...{ start: 'stay', stop: closed, opened: 'stay', lost: 'stay', bye: 'stay' },
    ...{ due: dialled(20), wake: { ...states.waiting, until: 100_400 }, offline: 'stay' },
  },
  closed: {
    ...{ start: 'stay', stop: 'stay', opened: 'stay', lost: 'stay' },
    ...{ bye: 'stay', due: 'stay', wake: 'stay', offline: 'stay' },
  },
};

describe('every state takes every event', () => {
  const rows = Object.values(states).flatMap((state) =>
    Object.values(events).map((event) => ({ state, event })),
  );
  test.each(rows)('$state.state on $event.type', ({ state, event }) => {
    const after = next(state, event, facts);
    const expected = table[state.state][event.type];
    if (expected === 'stay') expect(after).toBe(state);
    else expect(after).toEqual(expected);
  });
});

describe('an event of a link that the state does not name changes nothing', () => {
  const linked = Object.values(events).filter((event) => 'link' in event);
  const rows = Object.values(states).flatMap((state) => linked.map((event) => ({ state, event })));
  test.each(rows)('$state.state on an old $event.type', ({ state, event }) => {
    expect(next(state, { ...event, link: 6 }, facts)).toBe(state);
  });
});

describe('moving to the next link', () => {
  const leaving: State = { ...states.open, leaving: true, until: now };

  test('[L3] when the time to come back has come an attempt is made while the old link stays', () => {
    expect(next(leaving, events.due, facts)).toEqual({
      ...{ state: 'moving', link: 7, attempt: 20, tries, until: now + connectMs },
    });
  });

  test('[L3] with its welcome the next link is the one, and the old one is named no more', () => {
    expect(next(states.moving, { type: 'opened', link: 8 }, facts)).toEqual(opened(8));
  });

  test.each(['unavailable', 'forbidden', 'restart'] as const)(
    '[L3] an attempt that fails with %s leaves the old link open',
    (name) => {
      const lost = { type: 'lost', link: 8, error: new SyncError(name) } as const;
      expect(next(states.moving, lost, facts)).toEqual(again(lost.error));
    },
  );

  test('[L3] [L2] a token that was refused by the next server is not sent again', () => {
    const error = new SyncError('unauthenticated');
    const back = next(states.moving, { type: 'lost', link: 8, error }, facts);
    expect(next(back, events.due, facts)).toMatchObject({ state: 'moving', tries: { rejected: 1 } });
  });

  test('[L3] a bye of the link that is being made is nothing yet', () => {
    expect(next(states.moving, { ...events.bye, link: 8 }, facts)).toBe(states.moving);
  });

  test('[L3] if the old link ends first the attempt goes on', () => {
    expect(next(states.moving, events.lost, facts)).toEqual(dialled(8));
    const error = new SyncError('disconnected');
    expect(next(states.moving, { ...events.lost, error }, facts)).toEqual({ state: 'closed', error });
  });
});

describe('how a lost link goes on is read from the table of errors', () => {
  const lose = (error: SyncError, other: Partial<Facts> = {}) =>
    next(states.open, { type: 'lost', link: 7, error }, { ...facts, ...other });

  test.each(['forbidden', 'disconnected', 'insecure'] as const)(
    '[L2] an error that says stop closes for good, with the error: %s',
    (name) => {
      const error = new SyncError(name);
      expect(lose(error)).toEqual({ state: 'closed', error });
    },
  );

  test.each(['unauthenticated', 'expired', 'revoked'] as const)(
    '[L2] [I6] after %s the next attempt knows that its token was refused',
    (name) => {
      const state = lose(new SyncError(name));
      expect(state).toMatchObject({ state: 'waiting', tries: { rejected: 1 } });
      expect(next(state, events.due, facts)).toMatchObject({ attempt: 20, tries: { rejected: 1 } });
    },
  );

  test('[L2] it closes when three were refused in a row, whether there is a way to another token or not', () => {
    const error = new SyncError('unauthenticated');
    expect(lose(error)).toMatchObject({ state: 'waiting' });
    const twice: State = { ...states.connecting, tries: { ...tries, rejected: 2 } };
    expect(next(twice, { type: 'lost', link: 7, error }, facts)).toEqual({ state: 'closed', error });
  });

  test('[F11] the server says how long to wait at the least, and no hint makes it shorter', () => {
    const state = lose(new SyncError('too_many', 'Later.', { retryMs: 60_000 }));
    expect(state).toMatchObject({ until: now + 60_000, earliest: now + 60_000 });
    const moved = next(
      states.moving,
      { type: 'lost', link: 8, error: new SyncError('too_many', 'Later.', { retryMs: 7_000 }) },
      facts,
    );
    expect(moved).toMatchObject({ state: 'open', until: now + 7_000 });
  });
});

test('[L1] after bye nothing brings the next attempt before the time that the server named', () => {
  const leaving = next(states.open, events.bye, facts);
  const waiting = next(leaving, events.lost, { ...facts, now: 101_000 });
  expect(waiting).toMatchObject({ state: 'waiting', until: 105_125 });
  expect(next(waiting, events.wake, { ...facts, now: 101_001 })).toBe(waiting);
});

describe('waits', () => {
  /** What a failure makes of those before it. */
  const after = (before: Partial<typeof tries>, random: number, at = now) => {
    const state: State = { ...states.connecting, tries: { ...fresh, ...before } };
    const lost = next(state, events.lost, { now: at, random, attempt: 0 });
    if (lost.state !== 'waiting') throw new Error('It should wait.');
    return { ...lost, ms: lost.until - at };
  };

  test('grow with full jitter up to 15 s and never end', () => {
    const waits = (random: number) =>
      [0, 1, 2, 5, 6, 10_000].map((failed) => after({ failed, waitedMs: 15_000 }, random).ms);
    expect(waits(1)).toEqual([250, 500, 1_000, 8_000, 15_000, 15_000]);
    expect(waits(0)).toEqual([0, 0, 0, hintMs, hintMs, hintMs]);
  });

  test('are no longer than all before them together, but for 2 s', () => {
    const waits = [0, 1_999, 2_001, 9_000].map((waitedMs) => after({ failed: 20, waitedMs }, 1).ms);
    expect(waits).toEqual([2_000, 2_000, 2_001, 9_000]);
  });

  const chances = fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }));

  test('nobody makes more than three attempts in a second, nor is away for much longer than there was no server', () => {
    fc.assert(
      fc.property(chances, fc.integer({ min: 0, max: 300_000 }), (random, outageMs) => {
        const at: number[] = [];
        let state: State = { ...states.open, tries: fresh, until: 0 };
        let time = now;
        for (let attempt = 8; time <= now + outageMs; attempt++) {
          const link = 'link' in state ? state.link : 'attempt' in state ? state.attempt : 0;
          const facts = { now: time, random: random.next().value, attempt };
          state = next(state, { type: 'lost', link, error: gone }, facts);
          if (state.state !== 'waiting') throw new Error('It should wait.');
          time = state.until;
          at.push(time);
          state = next(state, events.due, { now: time, random: 0, attempt });
        }
        for (const [i, first] of at.entries())
          expect((at[i + 3] ?? Number.POSITIVE_INFINITY) - first).toBeGreaterThanOrEqual(1_000);
        const late = time - now - outageMs;
        expect(late).toBeLessThanOrEqual(Math.min(15_000, Math.max(2_000, outageMs)));
      }),
    );
  });

  test('a link that held for a part of the time takes back that part of them, and one that held has forgotten all', () => {
    const waited = { ...fresh, failed: 9, waitedMs: 10_000 };
    const lostAt = (ms: number) =>
      next({ ...states.open, tries: waited, until: now + stableMs }, events.lost, {
        ...{ now: now + ms, random: 0.999, attempt: 0 },
      });
    const waits = [0, 1_250, 2_500, 4_900].map((ms) => {
      const state = lostAt(ms);
      return state.state === 'waiting' ? Math.round((state.until - now - ms) / 10) * 10 : undefined;
    });
    expect(waits).toEqual([9_990, 7_490, 5_000, 2_000]);
    // A machine that slept meanwhile may find out before its timer does.
    expect(lostAt(3_600_000)).toMatchObject({ tries: { waitedMs: 1_998 } });
  });

  test('[L1] what was waited beside a link that still worked, or was still to be, is no reason to wait when it ends', () => {
    const leaving: State = { ...states.moving, tries: { ...fresh, failed: 9, waitedMs: 15_000 } };
    const failed = next(leaving, { ...events.lost, link: 8 }, { ...facts, random: 0.999 });
    expect(failed).toMatchObject({ state: 'open', until: now + 14_985 });
    const ended = next(failed, events.lost, { now: now + 100, random: 0.999, attempt: 0 });
    expect(ended).toMatchObject({ state: 'waiting', until: now + 100 + 1_998 });
  });

  test('a server that takes clients and loses them at once has them come less and less often', () => {
    let state: State = { ...states.open, tries: fresh, until: 0 };
    let time = now;
    const at: number[] = [];
    for (let attempt = 8; at.length < 20; attempt++) {
      state = next(
        state,
        { type: 'lost', link: attempt - 1, error: gone },
        { now: time, random: 0.5, attempt },
      );
      time = 'until' in state ? state.until : 0;
      at.push(time);
      state = next(state, events.due, { now: time, random: 0.5, attempt });
      state = next(state, { type: 'opened', link: attempt }, { now: time, random: 0.5, attempt });
      expect(state).toMatchObject({ state: 'open', link: attempt });
    }
    expect((at.at(-1) ?? 0) - (at.at(-2) ?? 0)).toBe(7_500);
  });
});

test('a hint is followed at once where the time to wait passed in sleep', () => {
  const late = { ...facts, now: states.waiting.until + 1 };
  expect(next(states.waiting, events.wake, late)).toEqual({ ...states.waiting, until: late.now });
});

test('a hint puts nothing off', () => {
  const waiting = next(states.connecting, events.lost, facts);
  expect(next(waiting, events.wake, { ...facts, now: now + 1 })).toBe(waiting);
});

test('a hint is followed at once after a connection that held', () => {
  const held: State = { ...states.open, tries: fresh };
  const waiting = next(held, events.lost, facts);
  expect(next(waiting, events.wake, facts)).toMatchObject({ state: 'waiting', until: now });
});

const link = fc.integer({ min: 1, max: 30 });
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  fc.constantFrom<Event>(events.start, events.due, events.due, events.wake),
  fc.record({ type: fc.constant('opened' as const), link }),
  fc.record({ type: fc.constant('bye' as const), link, afterMs: fc.nat(5_000) }),
  fc.record({ type: fc.constant('lost' as const), link, error: fc.constant(gone) }),
);

test('whatever happens, attempts are numbered upwards and there are two links only while it moves', () => {
  const linksOf = (state: State) => [
    ...('link' in state ? [state.link] : []),
    ...('attempt' in state ? [state.attempt] : []),
  ];
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 80 }), (sequence) => {
      let state: State = { state: 'idle' };
      let last = 0;
      for (const event of sequence) {
        const before = linksOf(state);
        state = next(state, event, { ...facts, attempt: last + 1 });
        const after = linksOf(state);
        const made = after.filter((number) => !before.includes(number));
        for (const number of made) expect(number).toBe(++last);
        expect(after).toHaveLength({ moving: 2, connecting: 1, open: 1 }[state.state as string] ?? 0);
        // Whatever has an attempt under way ends by itself.
        if ('attempt' in state) expect(state.until).toBe(now + connectMs);
      }
    }),
  );
});
