/**
 * Proves each second that a place answers, and that what is published through it arrives: a connection can look healthy and carry
 * nothing. It counts what came back, in turns rather than by the clock, so that a node that was frozen blames nobody else. What to
 * do about silence is the place's business.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';

const probeMs = 1000;
/** After so many probes without an answer there is silence. */
const missesMax = 3;

export interface Watched {
  /** Asks for an answer, if there is a connection to ask on. False: there is none. */
  ask(): boolean;
  /** Publishes something that comes back, if there is a connection it can come back on. False: there is none. */
  publish(): boolean;
  /** Called when nothing came back for so many ms. */
  onSilence(what: 'answers' | 'announcements', ms: number): void;
}

export class Watch {
  readonly #clock: Clock;
  readonly #watched: Watched;
  /** Probes since the last sign of life. */
  #unanswered = 0;
  #unheard = 0;
  #cancel: Cancel;
  #stopped = false;

  constructor(clock: Clock, watched: Watched) {
    this.#clock = clock;
    this.#watched = watched;
    // The first comes at any time within the second, so that the nodes of a fleet don't speak all at once.
    this.#cancel = clock.timer(clock.random() * probeMs, () => this.#tick());
  }

  answered(): void {
    this.#unanswered = 0;
  }

  heard(): void {
    this.#unheard = 0;
  }

  /** Probes at once, besides: there is a new connection. */
  soon(): void {
    this.#unanswered = 0;
    this.#unheard = 0;
    this.#probe();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #tick(): void {
    this.#cancel = this.#clock.timer(probeMs, () => this.#tick());
    // A process that was frozen finds this timer due before it has read what came meanwhile.
    this.#clock.endOfTurn(() => this.#probe());
  }

  #probe(): void {
    if (this.#stopped) return;
    if (this.#unanswered >= missesMax) return this.#silent('answers');
    if (this.#unheard >= missesMax) return this.#silent('announcements');
    this.#unanswered = this.#watched.ask() ? this.#unanswered + 1 : 0;
    this.#unheard = this.#watched.publish() ? this.#unheard + 1 : 0;
  }

  #silent(what: 'answers' | 'announcements'): void {
    this.#unanswered = 0;
    this.#unheard = 0;
    this.#watched.onSilence(what, missesMax * probeMs);
  }
}
