/**
 * How often what is asked for again and again is done: at once, and then no sooner than a moment after the last time, for the
 * newest only. Presence and signals send by it; it must not know what.
 */
import type { Cancel } from '@syncline/protocol/wire';
import type { Core } from './core.ts';

/** The least time between two, in ms. */
const restMs = 50;
/** Bytes in the socket's buffer beyond which nothing is added to them. */
const bufferedBytesMax = 65_536;

export class Pace {
  readonly #core: Core;
  readonly #run: () => void;
  #rest: Cancel | undefined;
  #due = false;

  constructor(core: Core, run: () => void) {
    this.#core = core;
    this.#run = run;
  }

  /** Runs, now or as soon as it is time. */
  ask(): void {
    this.#due = true;
    if (!this.#rest) this.now();
  }

  /** Runs now, whenever that was done last; later only where the link is choked. */
  now(): void {
    const { clock, connection } = this.#core;
    this.stop();
    this.#due = connection.bufferedAmount > bufferedBytesMax;
    this.#rest = clock.timer(restMs, () => {
      this.#rest = undefined;
      if (this.#due) this.now();
    });
    if (!this.#due) this.#run();
  }

  stop(): void {
    this.#rest?.();
    this.#rest = undefined;
  }
}
