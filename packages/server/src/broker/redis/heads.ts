/**
 * Looks at the heads of all logs that somebody listens to, every few seconds, spread over that time: the announcement that was lost
 * may have been the last one, and no later one reveals that. Logs are entered and left; how a head is looked at it doesn't know.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';

/** Each head is looked at so often: what was lost is found within five seconds. */
const everyMs = 4000;
/** In so many portions. */
const portions = 16;
/** How soon after announcements may have been lost a look is tried again that failed. */
const againMs = 250;

/** Looks at a head. False: it could not be seen. */
export type Look = () => Promise<boolean>;

export class Heads {
  readonly #clock: Clock;
  readonly #portions: readonly Set<Look>[];
  #entered = 0;
  #size = 0;
  #turn = 0;
  #cancel: Cancel | undefined;
  /** Those that must be seen soon. */
  readonly #again = new Map<Look, number>();
  /** Those of them that are being looked at. */
  readonly #looking = new Set<Look>();
  /** How often announcements may have been lost: a look from before that tells nothing of what came after. */
  #losses = 0;
  #cancelAgain: Cancel = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#portions = Array.from({ length: portions }, () => new Set<Look>());
  }

  /** Has a log looked at from now on; what is returned ends that. */
  enter(look: Look): () => void {
    const portion = this.#portions[this.#entered++ % portions];
    const own: Look = () => look();
    portion?.add(own);
    this.#size++;
    this.#cancel ??= this.#later();
    return () => {
      this.#again.delete(own);
      if (portion?.delete(own)) this.#size--;
    };
  }

  /** Looks at all of them now, again and again until each was seen: announcements may have been lost. */
  all(): void {
    this.#losses++;
    for (const portion of this.#portions) for (const look of portion) this.#again.set(look, this.#losses);
    this.#tryAgain();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#cancelAgain();
    this.#again.clear();
    for (const portion of this.#portions) portion.clear();
    this.#size = 0;
  }

  #later(): Cancel {
    return this.#clock.timer(everyMs / portions, () => {
      this.#turn++;
      for (const look of [...(this.#portions[this.#turn % portions] ?? [])]) void look();
      this.#cancel = this.#size > 0 ? this.#later() : undefined;
    });
  }

  #tryAgain(): void {
    this.#cancelAgain();
    for (const [look, loss] of this.#again) {
      // A Redis that is slow is not asked once more before it has answered.
      if (this.#looking.has(look)) continue;
      this.#looking.add(look);
      void look().then((seen) => {
        this.#looking.delete(look);
        if (seen && this.#again.get(look) === loss) this.#again.delete(look);
      });
    }
    if (this.#again.size > 0) this.#cancelAgain = this.#clock.timer(againMs, () => this.#tryAgain());
  }
}
