/**
 * The signals of one channel: what is told in a turn goes out as one batch, to the cursors that are up to date in that turn, and
 * then it is gone (rule N6). The channel makes one when something is signalled first; it holds nothing for anyone who is behind.
 */
import { limits } from '@syncline/protocol';
import type { Signalled } from '@syncline/protocol/wire';
import { type Cursor, Signals } from '../cursor.ts';
import type { Turn } from '../turn.ts';

export class Signalling {
  readonly #id: number;
  readonly #turn: Turn;
  /** Called when there is a batch to take. */
  readonly #onBatch: () => void;
  #told: Signalled[] = [];
  #chars = 0;
  #batch: Signals | undefined;
  #batches = 0;

  /** @param id the channel's */
  constructor(id: number, turn: Turn, onBatch: () => void) {
    this.#id = id;
    this.#turn = turn;
    this.#onBatch = onBatch;
  }

  /** Adds one to those of this turn. False: they fill a frame, and there is no room for another one before the next turn. */
  add(signal: Signalled): boolean {
    const { batchBytesMax, batchEntriesMax } = limits;
    const [key, from, data] = signal;
    const chars = key.length + (from?.length ?? 0) + data.length;
    const full = this.#told.length >= batchEntriesMax.default || this.#chars + chars > batchBytesMax.default;
    if (full && this.#told.length > 0) return false;
    this.#chars += chars;
    if (this.#told.push(signal) === 1) this.#turn.beforeWrites(() => this.#tell());
    return true;
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

  /** The turn's input is read: what was told becomes a batch, for as long as the turn is written. */
  #tell(): void {
    this.#batch = new Signals(this.#id, this.#told);
    this.#batches++;
    this.#told = [];
    this.#chars = 0;
    this.#onBatch();
    // After whoever was just woken: sessions write in the order in which they were.
    this.#turn.write(() => {
      this.#batch = undefined;
    });
  }
}
