/**
 * What this client wrote to the keys of a channel and its log hasn't told yet, in order. A state channel shows it over what
 * the log says, until the log says it too. It must not know how writes are sent, nor who looks.
 */
import type { Position } from '@syncline/protocol';
import type { StateEntry } from './entries.ts';
import type { Queued } from './outbox.ts';
import type { Settle } from './settle.ts';

/** A place in a log, as far as it tells which comes first. */
export type Spot = Pick<Position, 'epoch' | 'offset'>;

/**
 * What came of a write: it is stored, as this version, at this position. Or it is superseded: a newer value stands, of this
 * version, and this one is ignored; version 0 where it was set anew here before the first could be sent.
 */
export type Written =
  | { readonly version: number; readonly position: Position; readonly superseded?: false }
  | { readonly version: number; readonly superseded: true };

/** One write to one key. */
export interface Write<V> {
  /** What the key holds by it; undefined for a removal. */
  entry: StateEntry<V> | undefined;
  readonly at: number | undefined;
  /** Whether it holds whatever the key held before. */
  readonly free: boolean;
  readonly settle: Settle<Written>;
  /** Where it waits to be sent. */
  item?: Queued | undefined;
  /** Where it is stored, once that was answered. */
  stored?: Spot;
}

export class Writes<V> {
  /** No key without any. */
  readonly #byKey = new Map<string, readonly Write<V>[]>();

  /** The newest write to a key. */
  last(key: string): Write<V> | undefined {
    return this.#byKey.get(key)?.at(-1);
  }

  add(key: string, write: Write<V>): void {
    this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), write]);
  }

  remove(key: string, write: Write<V>): void {
    this.#filter(key, (one) => one !== write);
  }

  /** A write is stored. Of those only the newest counts, also where nothing is read that would tell of it. */
  store(key: string, write: Write<V>, { epoch, offset }: Spot): void {
    write.stored = { epoch, offset };
    if (write.entry) {
      const { pending: _, ...entry } = write.entry;
      write.entry = { ...entry, version: offset };
    }
    this.#filter(key, (one) => one === write || !one.stored);
  }

  /** The log ends there now: what was stored behind it is gone. */
  cut({ epoch, offset }: Spot): void {
    for (const write of [...this.#byKey.values()].flat()) {
      if (write.stored?.epoch === epoch && write.stored.offset > offset) write.stored = { epoch, offset };
    }
  }

  /**
   * Leaves out what the log has told up to there, and gives the keys of that.
   *
   * @param told whether it did tell what a key held from that offset on: of one that changes again it may leave that out (rule K9)
   */
  read({ epoch, offset }: Spot, told: (key: string, offset: number) => boolean): string[] {
    const waits = (key: string, { stored }: Write<V>) => {
      if (!stored || stored.epoch !== epoch) return !stored || stored.epoch > epoch;
      return stored.offset > offset || !told(key, stored.offset);
    };
    return [...this.#byKey.keys()].filter((key) => this.#filter(key, (one) => waits(key, one)));
  }

  /** Whether that left any out. */
  #filter(key: string, keep: (write: Write<V>) => boolean): boolean {
    const writes = this.#byKey.get(key) ?? [];
    const left = writes.filter(keep);
    if (left.length > 0) this.#byKey.set(key, left);
    else this.#byKey.delete(key);
    return left.length < writes.length;
  }
}
