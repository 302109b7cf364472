/**
 * A reader's place in a channel, and the batches of entries it reads. A session holds one cursor per subscription and
 * takes from it when its transport has room; the channel wakes it when there is more. Neither knows what is behind it.
 */
import type { GapReason, Position } from '@syncline/protocol';
import type { Entry } from '@syncline/protocol/wire';

/**
 * Consecutive entries of one channel, shared by every cursor that stands before them. Each encoding of them (a WebSocket
 * frame, say) is built once and kept here, opaque to everyone but the transport that built it.
 */
export class Batch {
  readonly id: number;
  readonly stamped: boolean;
  readonly entries: readonly Entry[];
  readonly #encoded = new Map<string, Uint8Array>();

  constructor(id: number, stamped: boolean, entries: readonly Entry[]) {
    this.id = id;
    this.stamped = stamped;
    this.entries = entries;
  }

  /** The bytes of this batch under `encoding`, built on first use. */
  encoded(encoding: string, build: (batch: Batch) => Uint8Array): Uint8Array {
    let bytes = this.#encoded.get(encoding);
    if (bytes === undefined) {
      bytes = build(this);
      this.#encoded.set(encoding, bytes);
    }
    return bytes;
  }
}

/** What a reader must be told instead of entries: the log doesn't reach back to its place; it stands at `position` now. */
export interface Gap {
  readonly id: number;
  readonly position: Position;
  readonly top: number;
  readonly reason: GapReason;
}

/** What a cursor's channel does for it. */
export interface Source {
  /** What comes after the cursor's offset; undefined when nothing is there yet, and then the cursor is woken later. */
  take(cursor: Cursor): Batch | Gap | undefined;
  /** Whether `take` may give something right now. */
  hasMore(cursor: Cursor): boolean;
  release(cursor: Cursor): void;
}

export class Cursor {
  /** The last offset taken. The channel moves it. */
  offset: number;
  readonly #source: Source;
  readonly #onWake: () => void;

  constructor(source: Source, offset: number, onWake: () => void) {
    this.#source = source;
    this.offset = offset;
    this.#onWake = onWake;
  }

  /** Called by the channel when there may be something to take. */
  wake(): void {
    this.#onWake();
  }

  /** The next batch, or a gap that must be told; undefined when there is nothing yet. */
  take(): Batch | Gap | undefined {
    return this.#source.take(this);
  }

  /** Whether there may be something to take right now; if not, the cursor is woken when there is. */
  get hasMore(): boolean {
    return this.#source.hasMore(this);
  }

  /** Gives the place up: nothing is taken or woken after this. */
  release(): void {
    this.#source.release(this);
  }
}
