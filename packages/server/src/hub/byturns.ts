/**
 * Work that many things may need at once, so much of it in a turn of the event loop that nobody else is held up. Members that are
 * removed wait here. It knows nothing of what is done.
 */
import type { Clock } from '@syncline/protocol/wire';

export class ByTurns<T> {
  readonly #clock: Clock;
  readonly #perTurn: number;
  readonly #work: (one: T) => void;
  readonly #waiting = new Set<T>();
  /** How much more may be done in this turn. */
  #room: number;

  constructor(clock: Clock, perTurn: number, work: (one: T) => void) {
    this.#clock = clock;
    this.#perTurn = perTurn;
    this.#room = perTurn;
    this.#work = work;
  }

  /** Works on it in this turn, or in one of the next where there is much to do. What waits already waits once. */
  add(one: T): void {
    this.#waiting.add(one);
    this.#run();
  }

  /** Nothing that waits is done any more. */
  clear(): void {
    this.#waiting.clear();
  }

  #run(): void {
    if (this.#room === this.#perTurn)
      this.#clock.endOfTurn(() => {
        this.#room = this.#perTurn;
        if (this.#waiting.size > 0) this.#run();
      });
    for (const one of this.#waiting) {
      if (this.#room === 0) return;
      this.#room--;
      this.#waiting.delete(one);
      this.#work(one);
    }
  }
}
