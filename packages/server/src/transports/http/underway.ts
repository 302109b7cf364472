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
    const over = (): void => void this.#open.delete(work);
    work.then(over, over);
  }

  /**
   * Resolves when what is under way once `ended` has resolved is answered, or the time is over.
   *
   * @param ended the end of what makes answers: the last of them are under way then
   */
  emptied(withinMs: number, ended: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.timer(withinMs, resolve);
      const all = ended.then(() => Promise.allSettled(this.#open));
      void all.then(() => {
        cancel();
        resolve();
      });
    });
  }
}
