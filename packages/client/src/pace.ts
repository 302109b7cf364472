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
  #resting: Cancel | undefined;
  #due = false;

  /** @param run does it, and says so with `rest` */
  constructor(core: Core, run: () => void) {
    this.#core = core;
    this.#run = run;
  }

  /** Runs, now or as soon as it is time. */
  ask(): void {
    this.#due = this.#resting !== undefined || this.#core.connection.bufferedAmount > bufferedBytesMax;
    if (this.#due) this.rest();
    else this.#run();
  }

  /** It was done. */
  rest(): void {
    this.#resting ??= this.#core.clock.timer(restMs, () => {
      this.#resting = undefined;
      if (this.#due) this.ask();
    });
  }

  /** Nothing more is to be done. */
  stop(): void {
    this.#resting?.();
    this.#resting = undefined;
  }
}
