/**
 * The heartbeat of a node: one timer for all sessions, which are spread over the interval so that they don't all speak at
 * once. A session joins when it opens and leaves when it is gone; what a beat does is the session's matter.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';

/** What beats: a session. */
export interface Beating {
  beat(): void;
}

/** Into how many parts the sessions are spread. */
const partsMax = 16;

export class Pulse {
  readonly #clock: Clock;
  readonly #stepMs: number;
  readonly #parts: Set<Beating>[] = Array.from({ length: partsMax }, () => new Set<Beating>());
  #cancel: Cancel;
  #step = 0;
  #joined = 0;

  constructor(clock: Clock, heartbeatMs: number) {
    this.#clock = clock;
    this.#stepMs = heartbeatMs / partsMax;
    this.#cancel = this.#later();
  }

  /** Beats from now on, once per interval, until it leaves. */
  join(beating: Beating): void {
    this.#parts[this.#joined++ % partsMax]?.add(beating);
  }

  leave(beating: Beating): void {
    for (const part of this.#parts) part.delete(beating);
  }

  stop(): void {
    this.#cancel();
  }

  #later(): Cancel {
    return this.#clock.timer(this.#stepMs, () => {
      this.#cancel = this.#later();
      // A process that was frozen finds its timers due before it has read what came meanwhile: it reads, and judges then.
      this.#clock.endOfTurn(() => {
        for (const beating of this.#parts[this.#step++ % partsMax] ?? []) beating.beat();
      });
    });
  }
}
