/**
 * The end of an event-loop turn, where a node's fan-out happens. Channels that got entries and sessions that have
 * something to send register here; once the turn's input is read, all channels wake their cursors, then all sessions
 * write. So what arrives in one turn travels as one frame (rule D5), and an author's answer leaves with it.
 */
import type { Clock } from '@syncline/protocol/wire';

/** What writes at the end of a turn: a session. */
export interface Writing {
  write(): void;
}

export class Turn {
  readonly #clock: Clock;
  #wakes: (() => void)[] = [];
  #writes: Writing[] = [];
  #scheduled = false;
  #running = false;
  #now: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `wake` at the end of this turn, before all writes. The caller sees to it that it registers once. */
  beforeWrites(wake: () => void): void {
    this.#wakes.push(wake);
    this.#schedule();
  }

  /** Has something write at the end of this turn. The caller sees to it that it registers once. */
  write(writing: Writing): void {
    this.#writes.push(writing);
    this.#schedule();
  }

  /** The time; while a turn is written, read once for all. */
  now(): number {
    if (!this.#running) return this.#clock.now();
    this.#now ??= this.#clock.now();
    return this.#now;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.endOfTurn(() => {
      this.#scheduled = false;
      this.#now = undefined;
      this.#running = true;
      const wakes = this.#wakes;
      this.#wakes = [];
      for (const wake of wakes) wake();
      const writes = this.#writes;
      this.#writes = [];
      for (const writing of writes) writing.write();
      this.#running = false;
    });
  }
}
