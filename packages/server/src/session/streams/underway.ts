/**
 * What is under way without a session, so that a server which leaves can wait for it. Those who take such requests run them here; it
 * knows a clock and nothing of what is done.
 */
import type { Clock } from '@syncline/protocol/wire';

export class Underway {
  readonly #clock: Clock;
  readonly #open = new Set<Promise<unknown>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs something that is waited for. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const running = work();
    this.#open.add(running);
    try {
      return await running;
    } finally {
      this.#open.delete(running);
    }
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
