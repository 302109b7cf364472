/**
 * How much the views of a channel do within one turn of the event loop, all together, and who goes on first in the next. What
 * looks for keys can't take from what only tells of changes, so that however many views are moved, the others are told.
 */
import type { Clock } from '@syncline/protocol/wire';

/** Keys within one turn, to look at and to tell; what is beyond that comes in the next. */
const looksPerTurn = 8192;
const tellsPerTurn = 8192;

export class Budget {
  readonly #clock: Clock;
  #looks = looksPerTurn;
  #tells = tellsPerTurn;
  #renewing = false;
  /** Who waits for the next turn: those who came to nothing in this one go before those who did. */
  #starved: (() => void)[] = [];
  #served: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many keys it is still enough for. @param looking whether they may be in view; else they changed in it */
  left(looking: boolean): number {
    return looking ? this.#looks : this.#tells;
  }

  /** One key less. */
  spend(looking: boolean): void {
    if (looking) this.#looks--;
    else this.#tells--;
    this.#renew();
  }

  /** Calls `go` in the next turn. @param starved nothing was left for whoever asks */
  later(go: () => void, starved: boolean): void {
    (starved ? this.#starved : this.#served).push(go);
    this.#renew();
  }

  #renew(): void {
    if (this.#renewing) return;
    this.#renewing = true;
    this.#clock.endOfTurn(() => {
      this.#renewing = false;
      this.#looks = looksPerTurn;
      this.#tells = tellsPerTurn;
      const waiting = [...this.#starved, ...this.#served];
      this.#starved = [];
      this.#served = [];
      for (const go of waiting) go();
    });
  }
}
