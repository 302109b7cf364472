/**
 * The newest entries of a log, held in memory within a bound of entries and of bytes. A channel pushes what follows and
 * serves cursors from it; it doesn't know where entries come from or who reads them.
 */
import { limits } from '@syncline/protocol';
import type { Entry } from '@syncline/protocol/wire';

/** An entry's payload as memory holds it: bytes, or the code units of a text, which are its bytes unless it leaves ASCII. */
export function sizeOf(entry: Entry): number {
  return entry.data.length;
}

export class Tail {
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  #entries: Entry[] = [];
  #start = 0;
  #bytes = 0;

  constructor(entriesMax: number, bytesMax: number) {
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
  }

  /** Adds the next entry; the oldest ones leave as bounds demand, the newest always stays. */
  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += sizeOf(entry);
    while (
      this.#entries.length - this.#start > 1 &&
      (this.#entries.length - this.#start > this.#entriesMax || this.#bytes > this.#bytesMax)
    ) {
      const oldest = this.#entries[this.#start++];
      if (oldest) this.#bytes -= sizeOf(oldest);
    }
    if (this.#start > 32 && this.#start * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    }
  }

  /** The entries from `offset` on; undefined when the tail doesn't reach back to it or hasn't got there. */
  from(offset: number): readonly Entry[] | undefined {
    const first = this.#entries[this.#start];
    if (!first || offset < first.offset) return undefined;
    const index = this.#start + offset - first.offset;
    return index < this.#entries.length ? this.#entries.slice(index) : undefined;
  }

  /** The entry at `offset`, when it is held. */
  at(offset: number): Entry | undefined {
    const first = this.#entries[this.#start];
    return first && offset >= first.offset ? this.#entries[this.#start + offset - first.offset] : undefined;
  }

  clear(): void {
    this.#entries = [];
    this.#start = 0;
    this.#bytes = 0;
  }
}

/** As many of these entries as one frame carries. */
export function asBatch(entries: readonly Entry[]): readonly Entry[] {
  const { batchBytesMax, batchEntriesMax } = limits;
  let bytes = 0;
  let count = 0;
  for (const entry of entries) {
    bytes += sizeOf(entry);
    if (count > 0 && (bytes > batchBytesMax.default || count >= batchEntriesMax.default)) break;
    count++;
  }
  return count === entries.length ? entries : entries.slice(0, count);
}
