/**
 * Time and chance, as a parameter. Client and server take a Clock so that the simulator and the tests decide when
 * time passes and what is random; only files of this name may ask the machine. It knows nothing of what is timed.
 */

/** Cancels a timer; calling it twice, or after it has fired, does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Wall time in ms since 1970. */
  now(): number;
  /** Calls `run` once after `ms`. A wait beyond what the machine's timers can hold is cut to their longest. */
  timer(ms: number, run: () => void): Cancel;
  /** Calls `run` after what is already waiting in this turn of the event loop has run. */
  endOfTurn(run: () => void): void;
  /** A number from 0 up to, not including, 1. */
  random(): number;
  /** `count` bytes from the strongest source there is. */
  randomBytes(count: number): Uint8Array;
}

/** `setTimeout` fires at once above this, so longer waits are cut (a 30-day timer would become a hot loop). */
const timerMsMax = 2 ** 31 - 1;

/** The machine's own time and randomness. */
export const systemClock: Clock = {
  now: () => Date.now(),
  timer: (ms, run) => {
    const timer = setTimeout(run, Math.min(ms, timerMsMax));
    return () => clearTimeout(timer);
  },
  endOfTurn: (run) => void (globalThis.setImmediate ?? setTimeout)(run),
  random: Math.random,
  randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
};
