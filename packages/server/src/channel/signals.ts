/**
 * The signals of one channel: what is told in a turn goes out as one batch, to the cursors that are up to date in that turn, and
 * then it is gone (rule N6). Where many read, a batch is what came in some milliseconds. The channel makes one when something is
 * signalled first; it holds nothing for anyone who is behind.
 */
import { limits } from '@syncline/protocol';
import type { Cancel, Clock, Signalled } from '@syncline/protocol/wire';
import { type Cursor, Signals } from '../cursor.ts';
import type { Turn, Writing } from '../turn.ts';

/** Who may signal may send each signal in a turn of its own, and all who read are written to for it: so there is a rest after each. */
const restMsPerReader = 0.05;
/** As long again for each so many characters. */
const charsPerShare = 4096;
/** A shorter one isn't worth a timer. */
const restMsMin = 5;

export class Signalling implements Writing {
  readonly #id: number;
  readonly #turn: Turn;
  readonly #clock: Clock;
  /** Called when there is a batch to take; says for how many. */
  readonly #onBatch: () => number;
  #told: Signalled[] = [];
  #chars = 0;
  #batch: Signals | undefined;
  #batches = 0;
  /** Set while nothing is told. */
  #rest: Cancel | undefined;

  /** @param id the channel's */
  constructor(
    id: number,
    { turn, clock }: { readonly turn: Turn; readonly clock: Clock },
    onBatch: () => number,
  ) {
    this.#id = id;
    this.#turn = turn;
    this.#clock = clock;
    this.#onBatch = onBatch;
  }

  /** Adds one to the next batch. False: they fill a frame, and there is no room for another one before that is told. */
  add(signal: Signalled): boolean {
    const { batchBytesMax, batchEntriesMax } = limits;
    const [key, from, data] = signal;
    const chars = key.length + (from?.length ?? 0) + data.length;
    const full = this.#told.length >= batchEntriesMax.default || this.#chars + chars > batchBytesMax.default;
    if (full && this.#told.length > 0) return false;
    this.#chars += chars;
    this.#told.push(signal);
    if (this.#told.length === 1 && !this.#rest) this.#tellSoon();
    return true;
  }

  close(): void {
    this.#rest?.();
  }

  /** Whether there is a batch that this cursor hasn't taken. */
  has(cursor: Cursor): boolean {
    return this.#batch !== undefined && cursor.signalled !== this.#batches && !cursor.resident;
  }

  /** The batch of this turn, once. */
  take(cursor: Cursor): Signals | undefined {
    if (!this.has(cursor)) return undefined;
    cursor.signalled = this.#batches;
    return this.#batch;
  }

  #tellSoon(): void {
    this.#turn.beforeWrites(() => this.#tell());
  }

  /** The turn's input is read: what was told becomes a batch, for as long as the turn is written. */
  #tell(): void {
    this.#batch = new Signals(this.#id, this.#told);
    this.#batches++;
    const chars = this.#chars;
    this.#told = [];
    this.#chars = 0;
    const restMs = this.#onBatch() * restMsPerReader * (1 + Math.floor(chars / charsPerShare));
    // After whoever was just woken: sessions write in the order in which they were.
    this.#turn.write(this);
    if (restMs >= restMsMin) this.#rest = this.#clock.timer(restMs, () => this.#rested());
  }

  /** Those who were woken have written: the batch is gone. */
  write(): void {
    this.#batch = undefined;
  }

  #rested(): void {
    this.#rest = undefined;
    if (this.#told.length > 0) this.#tellSoon();
  }
}
