/**
 * The wait between a failure of the broker and the next attempt. Whoever reads in a loop waits here after a failure, so
 * that an outage isn't met with a storm of reads; a channel that closes ends the wait.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';

/** How long after a failed read the log is read again. */
const retryMs = 1000;

export class Retry {
  readonly #clock: Clock;
  #cancel: Cancel | undefined;
  #resolve: (() => void) | undefined;
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when it is time to try again, or at once when there will be no more trying. One loop waits at a time. */
  wait(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#cancel = this.#clock.timer(retryMs, resolve);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#resolve?.();
  }
}
