/**
 * Looks at the heads of all logs that somebody listens to, every few seconds, spread over that time: the announcement that was lost
 * may have been the last one, and no later one reveals that. Logs are entered and left; how a head is looked at it doesn't know.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';

/** Each head is looked at so often: what was lost is found within five seconds. */
const everyMs = 4000;
/** In so many portions. */
const portions = 16;

export class Heads {
  readonly #clock: Clock;
  readonly #portions: readonly Set<() => void>[];
  #entered = 0;
  #size = 0;
  #turn = 0;
  #cancel: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#portions = Array.from({ length: portions }, () => new Set<() => void>());
  }

  /** Has a log looked at from now on; what is returned ends that. */
  enter(look: () => void): () => void {
    const portion = this.#portions[this.#entered++ % portions];
    const own = (): void => look();
    portion?.add(own);
    this.#size++;
    this.#cancel ??= this.#later();
    return () => {
      if (portion?.delete(own)) this.#size--;
    };
  }

  /** Looks at all of them now: announcements may have been lost. */
  all(): void {
    for (const portion of this.#portions) for (const look of [...portion]) look();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (const portion of this.#portions) portion.clear();
    this.#size = 0;
  }

  #later(): Cancel {
    return this.#clock.timer(everyMs / portions, () => {
      this.#turn++;
      for (const look of [...(this.#portions[this.#turn % portions] ?? [])]) look();
      this.#cancel = this.#size > 0 ? this.#later() : undefined;
    });
  }
}
