/**
 * Requests that are being answered, so that a server which leaves can wait for the answers, whatever was asked. Whoever answers requests
 * runs them here; it knows a clock and nothing of what is done.
 */
import type { Clock } from '@syncline/protocol/wire';

export class Underway {
  readonly #clock: Clock;
  readonly #open = new Set<Promise<unknown>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs something that is waited for. */
  run(work: Promise<unknown>): void {
    this.#open.add(work);
    void work.finally(() => this.#open.delete(work));
  }

  /** Resolves when nothing is under way, or the time is over. */
  async emptied(withinMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.timer(withinMs, resolve);
      void Promise.allSettled(this.#open).then(() => {
        cancel();
        resolve();
      });
    });
  }
}
