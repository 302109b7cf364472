/**
 * A channel's reads from its broker: equal ones that overlap in time are one, and the last few pages are kept, so that
 * a storm of readers who come back to about the same place costs one read. It knows logs by name and nothing of cursors.
 */
import { limits } from '@syncline/protocol';
import type { Entry } from '@syncline/protocol/wire';
import type { Broker, Range, Slice } from '../broker/broker.ts';

/** Pages kept for the next reader; each is bounded by the batch limits. */
const pagesMax = 4;
/** Reads for one place begin at a multiple of this, so that neighbours find what they need on the same page. */
const pageEntries = 128;

/** What most channels keep. */
const nothing: readonly Slice[] = [];

/** Which part of the log; how much of it at most. */
type Part = Pick<Range, 'direction' | 'offset' | 'entriesMax' | 'bytesMax'>;

export class Pages {
  readonly #broker: Broker;
  readonly #name: string;
  readonly #keep: Range['keep'];
  /** Reads under way; undefined while there are none. */
  #flying: Map<string, Promise<Slice>> | undefined;
  #kept: readonly Slice[] = nothing;
  #forgotten = 0;

  constructor(broker: Broker, name: string, keep: Range['keep']) {
    this.#broker = broker;
    this.#name = name;
    this.#keep = keep;
  }

  /** One read of its own: it tells of everything that was in the log when it was called. */
  fresh(part: Part): Promise<Slice> {
    return this.#broker.read(this.#name, { ...part, keep: this.#keep });
  }

  /** One read, shared with whoever asks for the same before it is answered and before the log has moved on. */
  read(part: Part): Promise<Slice> {
    const key = `${part.direction} ${part.offset} ${part.entriesMax} ${part.bytesMax}`;
    const shared = this.#flying?.get(key);
    if (shared) return shared;
    this.#flying ??= new Map();
    const flying = this.#flying;
    const read = this.fresh(part).finally(() => {
      flying.delete(key);
      if (flying.size === 0 && this.#flying === flying) this.#flying = undefined;
    });
    flying.set(key, read);
    return read;
  }

  /** Reads what comes after `offset` and keeps the page. The answer holds the entry after `offset`, if the log does. */
  async after(offset: number): Promise<Slice> {
    const forgotten = this.#forgotten;
    let slice = await this.read(pageAfter(offset - (offset % pageEntries)));
    const last = slice.entries.at(-1);
    if (last && last.offset <= offset && last.offset < slice.top.offset)
      slice = await this.read(pageAfter(offset));
    // What was read before the log turned out to be another one is of no use to anyone.
    if (slice.entries.length > 0 && forgotten === this.#forgotten && !this.#kept.includes(slice)) {
      this.#kept = [slice, ...this.#kept.slice(0, pagesMax - 1)];
    }
    return slice;
  }

  /**
   * Whether what comes right after `offset` was folded into a snapshot, and of which log; undefined when not. It is found out
   * without reading the snapshot, which may be large.
   */
  async foldedAfter(offset: number): Promise<{ readonly epoch: string } | undefined> {
    if (this.#keep) return undefined;
    const none = {
      direction: 'before',
      offset: Number.MAX_SAFE_INTEGER,
      entriesMax: 0,
      bytesMax: 0,
    } as const;
    const { epoch, oldest } = await this.read(none);
    return oldest > offset + 1 ? { epoch } : undefined;
  }

  /** The entries of a kept page from `offset` on; empty when none holds it. */
  kept(epoch: string, offset: number): readonly Entry[] {
    for (const { epoch: ofPage, entries } of this.#kept) {
      const index = offset - (entries[0]?.offset ?? Number.POSITIVE_INFINITY);
      if (ofPage === epoch && index >= 0 && index < entries.length) return entries.slice(index);
    }
    return [];
  }

  /** The log moved on: a read that is under way may not know of it, so whoever asks now gets another. */
  moved(): void {
    this.#flying = undefined;
  }

  /** The log is another one: nothing that was read of it holds. */
  forget(): void {
    this.moved();
    this.#kept = nothing;
    this.#forgotten++;
  }
}

/** As many entries as one frame carries. */
export function pageAfter(offset: number): Part {
  const { batchEntriesMax, batchBytesMax } = limits;
  return { direction: 'after', offset, entriesMax: batchEntriesMax.default, bytesMax: batchBytesMax.default };
}

/** One entry, the next one after `offset` that is kept: its place tells where the log can be read from. */
export function firstAfter(offset: number): Part {
  return { ...pageAfter(offset), entriesMax: 1 };
}
