/**
 * How much one user may ask for: a token bucket, filled at a steady rate up to a burst. Sessions take what each request costs
 * before they do anything else with it. It knows numbers and a clock, no frames.
 */
import type { Clock } from '@syncline/protocol/wire';

export class Bucket {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  #level: number;
  #at: number;

  /** @param perSecond what flows in; @param burst what it holds, and holds at first */
  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#level = burst;
    this.#at = clock.now();
  }

  /** Takes `cost`, or all it can hold where that is less, and returns 0; or takes nothing and returns after how many ms to ask again. */
  take(cost: number): number {
    const share = Math.min(cost, this.#burst);
    if (this.#level < share) this.#fill();
    if (this.#level < share) return Math.ceil(((share - this.#level) * 1000) / this.#perSecond);
    this.#level -= share;
    return 0;
  }

  /** Takes `cost`, whether it is there or not: what is missing has to flow in before anything else is given. */
  owe(cost: number): void {
    this.#fill();
    this.#level -= cost;
  }

  /** After how many ms nothing is missing; 0: nothing is. */
  get owedMs(): number {
    if (this.#level < 0) this.#fill();
    return this.#level < 0 ? Math.ceil((-this.#level * 1000) / this.#perSecond) : 0;
  }

  /** Whether nothing of it is taken, as of now. */
  get full(): boolean {
    this.#fill();
    return this.#level >= this.#burst;
  }

  #fill(): void {
    const now = this.#clock.now();
    // A clock that was set back fills nothing, and is believed from then on.
    const gainedMs = Math.max(0, now - this.#at);
    this.#level = Math.min(this.#burst, this.#level + (gainedMs * this.#perSecond) / 1000);
    this.#at = now;
  }
}
