/**
 * What the tests of both ends and of the brokers share: a clock whose time passes only when a test says so, and whose chance is seeded,
 * and logs made of nothing but their data. Turns of the event loop stay real, so that promises and sockets go on while time stands
 * still. No source imports it.
 */
import { type Cancel, type Clock, systemClock } from './clock.ts';
import type { Data, Entry } from './entry.ts';
import { nextCheck } from './position.ts';

export interface FakeClock extends Clock {
  /** Lets `ms` pass: runs what falls due in order, each at its time, and lets the event loop turn after each. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock, forwards or back, as an administrator would; no timer notices. */
  setNow(now: number): void;
  /** Timers that have neither fired nor been cancelled. */
  readonly timers: number;
}

interface Timer {
  readonly due: number;
  readonly run: () => void;
}

/** 2026-11-23 00:00 UTC: any time will do, but one that is plausible reads better in a failure. */
const beginning = 1_795_392_000_000;

/** A clock that stands at `now` and draws its random numbers from `seed`. */
export function fakeClock(options: { readonly now?: number; readonly seed?: number } = {}): FakeClock {
  const timers = new Set<Timer>();
  const random = seeded(options.seed ?? 1);
  let wall = options.now ?? beginning;
  let elapsed = 0;

  const turn = () => new Promise<void>((resolve) => systemClock.endOfTurn(resolve));
  const pass = (ms: number) => {
    elapsed += ms;
    wall += ms;
  };
  const nextDue = (until: number): Timer | undefined => {
    let next: Timer | undefined;
    for (const timer of timers) if (timer.due <= until && (!next || timer.due < next.due)) next = timer;
    return next;
  };

  return {
    now: () => wall,
    random,
    randomBytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(random() * 256)),
    endOfTurn: systemClock.endOfTurn,
    timer: (ms, run): Cancel => {
      const timer = { due: elapsed + Math.max(0, ms), run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    setNow: (now) => {
      wall = now;
    },
    advance: async (ms) => {
      const until = elapsed + ms;
      for (let timer = nextDue(until); timer; timer = nextDue(until)) {
        pass(timer.due - elapsed);
        timers.delete(timer);
        timer.run();
        await turn();
      }
      pass(until - elapsed);
      await turn();
    },
    get timers() {
      return timers.size;
    },
  };
}

/** Numbers from 0 up to 1 that depend on the seed alone (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The log that holds these data from offset 1, with its checks. */
export function logOf(data: readonly Data[]): Entry[] {
  let check = 0;
  return data.map((one, i) => {
    check = nextCheck(check, one);
    return { offset: i + 1, check, at: 1000 + i, from: null, data: one };
  });
}
