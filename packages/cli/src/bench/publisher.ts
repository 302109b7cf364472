/**
 * One producer of a run on one channel: publishes when it is time to, repeats what a broken connection left unanswered under the same
 * numbers, and tells what became of each. It must not know how the connection comes back.
 */
import { type Cancel, systemClock, unackedMax } from '@syncline/protocol/wire';
import { stopwatch } from './clock.ts';
import type { Seat } from './seat.ts';
import type { Tally } from './tally.ts';
import type { Track } from './track.ts';

interface Item {
  readonly sequence: number;
  readonly payload: string;
  /** By the stopwatch: when it was sent, or was to be sent where the server held it up. */
  readonly since: number;
}

/** Codes after which nobody knows whether an entry was stored. */
const uncertain: ReadonlySet<string> = new Set(['unavailable', 'internal']);

export class Publisher {
  readonly #seat: Seat;
  readonly #track: Track;
  readonly #tally: Tally;
  /** ms between two publishes. */
  readonly #everyMs: number;
  readonly #payload: () => string;
  #producer = '';
  #sequence = 0;
  #due: number;
  /** What is under way, by sequence. */
  readonly #unanswered = new Map<number, Item>();
  /** Set by a refusal: nothing more is sent until all that is under way has been answered. */
  #stalled = false;
  #pauseMs = 0;
  #pause: Cancel | undefined;
  /** When something was due the last time and couldn't be sent, by the stopwatch. */
  #blockedAt = Number.NEGATIVE_INFINITY;
  /** Publishes of which nobody knows whether they are stored. */
  unknown = 0;

  constructor(
    seat: Seat,
    track: Track,
    tally: Tally,
    {
      everyMs,
      first,
      payload,
    }: { readonly everyMs: number; readonly first: number; readonly payload: () => string },
  ) {
    this.#seat = seat;
    this.#track = track;
    this.#tally = tally;
    this.#everyMs = everyMs;
    this.#due = first;
    this.#payload = payload;
    this.#begin();
    seat.publishers.push(this);
  }

  /** Whether nothing is under way. */
  get settled(): boolean {
    return this.#unanswered.size === 0;
  }

  /** Publishes what is due. @param now by the stopwatch */
  tick(now: number): void {
    while (this.#due <= now) {
      if (!this.#seat.open || this.#stalled || this.#unanswered.size >= unackedMax) {
        this.#blockedAt = now;
        return;
      }
      // What the server holds up is measured from when it should have gone.
      const held = this.#due <= this.#blockedAt;
      if (held) this.#tally.held++;
      else this.#tally.lateness.add(now - this.#due);
      const since = held ? this.#due : stopwatch();
      const item = { sequence: ++this.#sequence, payload: this.#payload(), since };
      this.#due += this.#everyMs;
      this.#tally.published++;
      this.#unanswered.set(item.sequence, item);
      this.#send(item);
    }
  }

  /** There is a connection: what is unanswered is sent again, in order. */
  opened(): void {
    for (const item of this.#unanswered.values()) this.#send(item);
  }

  /** Nothing more is to come of it. */
  close(): void {
    this.#pause?.();
    this.unknown += this.#unanswered.size;
    this.#unanswered.clear();
  }

  #send(item: Item): void {
    const { sequence, payload: data } = item;
    const frame = {
      type: 'publish',
      channel: this.#track.name,
      producer: this.#producer,
      sequence,
      data,
    } as const;
    const producer = this.#producer;
    this.#seat.ask<'publish'>(frame, (answer) => {
      if (producer !== this.#producer || !answer || !this.#unanswered.delete(sequence)) return;
      if (answer.type === 'ack') {
        this.#tally.acked++;
        this.#tally.answer.add(stopwatch() - item.since);
        this.#track.acked(answer.position, item.since);
      } else if (answer.type === 'error')
        this.#refused(answer.code, answer.message, answer.detail?.['retryMs']);
      if (this.#stalled && this.#unanswered.size === 0) this.#resume();
    });
  }

  /** A refused publish isn't repeated; those behind it can't be stored under their numbers either (rule A3). */
  #refused(code: string, message: string, retryMs: unknown): void {
    if (uncertain.has(code)) this.unknown++;
    // What only follows from a refusal before it is counted under that one.
    this.#tally.refuse(code === 'sequence' && this.#stalled ? 'sequence (after another)' : code, message);
    this.#stalled = true;
    this.#pauseMs = Math.max(this.#pauseMs, Number(retryMs) || 0);
  }

  /** Goes on as another producer, whose numbers nothing is missing of. */
  #resume(): void {
    const ms = this.#pauseMs;
    this.#pauseMs = 0;
    this.#pause = systemClock.timer(ms, () => {
      this.#begin();
      this.#stalled = false;
    });
  }

  #begin(): void {
    this.#producer = Buffer.from(systemClock.randomBytes(15)).toString('hex');
    this.#sequence = 0;
  }
}
