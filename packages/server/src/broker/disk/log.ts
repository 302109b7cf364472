/**
 * One log in the file: its head in memory, its rows behind it. store.ts opens it, has it carry out operations and tells
 * it to save before each commit. What is admitted, trimmed and compacted is head.ts's to say; it never sees a kind.
 */
import { SyncError } from '@syncline/protocol';
import { type Entry, nextCheck } from '@syncline/protocol/wire';
import type { Append, Appended, Range, Slice, Snapshot } from '../broker.ts';
import { admit, advance, compacted, type Head, newHead, type Sizes, takes, trim } from '../head.ts';
import { StoredProducers } from './producers.ts';
import type { SizeAt, Tables } from './tables.ts';

/** Entries read ahead when trimming asks for sizes, so that it costs a fraction of a query per entry. */
const sizesAhead = 256;
/** Dropped entries stay in the file until they outnumber the kept or are so many; then as many leave per transaction. */
const sweepMin = 256;
const sweepMax = 8192;
/** The newest entries are checked when a log is opened: up to so many, and so many bytes. */
const verifiedEntries = 64;
const verifiedBytes = 256 * 1024;

export class StoredLog implements Sizes {
  readonly name: string;
  readonly head: Head;
  readonly #tables: Tables;
  readonly #producers: StoredProducers;
  /** Its number in the file; undefined until something is stored, so that reading unknown names writes nothing. */
  #id: number | undefined;
  /** Offset below which the file holds no entry. */
  #swept: number;
  #weight = 0;
  #sizes: { readonly from: number; readonly list: readonly SizeAt[] } = { from: 0, list: [] };

  private constructor(name: string, tables: Tables, newEpoch: () => string) {
    this.name = name;
    this.#tables = tables;
    const stored = tables.log(name);
    this.#id = stored?.id;
    this.#producers = new StoredProducers(tables, () => this.#id);
    const begun = newHead(stored?.head.epoch ?? newEpoch(), this.#producers, new Set());
    this.head = stored ? { ...begun, ...stored.head, ...tables.keys(stored.id) } : begun;
    this.#swept = (stored && tables.first(stored.id)) ?? this.head.oldest;
  }

  /** Loads a log, or begins one. @throws SyncError `corrupt` when what is stored doesn't hold together */
  static open(name: string, tables: Tables, newEpoch: () => string): StoredLog {
    const log = new StoredLog(name, tables, newEpoch);
    if (log.#id !== undefined) log.#verify(log.#id);
    return log;
  }

  /** What its head took in memory when last weighed, in bytes, roughly. */
  get weight(): number {
    return this.#weight;
  }

  /** Weighs the head and returns by how much it grew since the last time. */
  weigh(): number {
    const before = this.#weight;
    this.#weight =
      1000 +
      this.#producers.held * 1800 +
      (this.head.keys?.size ?? 0) * 150 +
      (this.head.orders?.size ?? 0) * 100;
    return this.#weight - before;
  }

  append(append: Append, now: number): Appended {
    const { answer, entry } = admit(this.head, append, now);
    if (!entry) return answer;
    this.#tables.addEntry(this.#stored(), entry);
    advance(this.head, append, entry);
    trim(this.head, append.keep, now, this);
    return answer;
  }

  read(range: Range, now: number): Slice {
    trim(this.head, range.keep, now, this);
    const { epoch, top, check, oldest } = this.head;
    const snapshot = range.direction === 'after' && range.offset < oldest - 1 ? this.#snapshot() : null;
    return { epoch, top: { offset: top, check }, oldest, snapshot, entries: this.#cut(range) };
  }

  compact(epoch: string, snapshot: Snapshot): boolean {
    const id = this.#id;
    if (id === undefined || !takes(this.head, epoch, snapshot, (offset) => this.#entryAt(id, offset).check))
      return false;
    this.#tables.putSnapshot(id, snapshot);
    compacted(this.head, snapshot.offset, this.#tables.bytesFrom(id, snapshot.offset + 1));
    return true;
  }

  /** Writes the head and what changed beside it, once per transaction, and sweeps. */
  save(): void {
    const { head } = this;
    const id = this.#stored();
    this.#tables.putLog(id, head);
    this.#producers.save();
    for (const key of head.changedKeys ?? [])
      this.#tables.putKey(id, key, head.keys?.get(key), head.orders?.get(key));
    head.changedKeys?.clear();
    const kept = head.top - head.oldest + 1;
    if (head.oldest - this.#swept < Math.min(sweepMin, kept + 1)) return;
    this.#swept = Math.min(head.oldest, this.#swept + sweepMax);
    this.#tables.dropEntries(id, this.#swept);
  }

  #stored(): number {
    this.#id ??= this.#tables.addLog(this.name, this.head.epoch);
    return this.#id;
  }

  at(offset: number): number {
    return this.#sizeAt(offset).at;
  }

  bytes(offset: number): number {
    return this.#sizeAt(offset).bytes;
  }

  #sizeAt(offset: number): SizeAt {
    const known = this.#sizes.list[offset - this.#sizes.from];
    if (known) return known;
    this.#sizes = { from: offset, list: this.#tables.sizes(this.#stored(), offset, sizesAhead) };
    const [size] = this.#sizes.list;
    if (size && this.#sizes.list.every((ahead, i) => ahead.offset === offset + i)) return size;
    throw this.#damaged(`entries near ${offset} are missing`);
  }

  #entryAt(id: number, offset: number): Entry {
    for (const { entry } of this.#tables.entries(id, 'after', offset, 1))
      if (entry.offset === offset) return entry;
    throw this.#damaged(`entry ${offset} is missing`);
  }

  #snapshot(): Snapshot | null {
    if (this.#id === undefined || this.head.snapshot === 0) return null;
    const snapshot = this.#tables.snapshot(this.#id);
    if (snapshot?.offset !== this.head.snapshot) throw this.#damaged('its snapshot is missing');
    return snapshot;
  }

  /** The entries of a range, within its bounds, checked to be consecutive and unaltered. */
  #cut(range: Range): Entry[] {
    const { oldest, top } = this.head;
    const forwards = range.direction === 'after';
    const first = forwards ? Math.max(range.offset + 1, oldest) : Math.min(range.offset - 1, top);
    const count = Math.min(range.entriesMax, forwards ? top - first + 1 : first - oldest + 1);
    if (this.#id === undefined || count <= 0) return [];
    const entries: Entry[] = [];
    let left = range.bytesMax;
    let whole = true;
    for (const { entry, bytes } of this.#tables.entries(this.#id, range.direction, first, count)) {
      left -= bytes;
      whole = left >= 0 || entries.length === 0;
      if (!whole) break;
      entries.push(entry);
    }
    if (!forwards) entries.reverse();
    this.#chain(entries);
    const end = forwards ? entries[0]?.offset : entries.at(-1)?.offset;
    if (end !== first || (whole && entries.length < count))
      throw this.#damaged(`entries near ${first} are missing`);
    return entries;
  }

  /** SQLite has no checksums of its own: the chain tells a flipped bit and a lost row. */
  #chain(entries: readonly Entry[]): void {
    let before: Entry | undefined;
    for (const entry of entries) {
      if (
        before &&
        (entry.offset !== before.offset + 1 || entry.check !== nextCheck(before.check, entry.data))
      ) {
        throw this.#damaged(`entry ${entry.offset} does not follow the one before it`);
      }
      before = entry;
    }
  }

  /** Whether the newest entries lead to the head. */
  #verify(id: number): void {
    const { top, check, oldest } = this.head;
    if (top < oldest) {
      const snapshot = this.#snapshot();
      if (snapshot?.offset === top && snapshot.check !== check)
        throw this.#damaged('its snapshot is not the one its head names');
      return;
    }
    const newest = this.#cut({
      direction: 'before',
      offset: top + 1,
      entriesMax: verifiedEntries,
      bytesMax: verifiedBytes,
      keep: null,
    });
    const last = newest.at(-1);
    if (last?.offset !== top || last.check !== check)
      throw this.#damaged('its newest entry is not the one its head names');
    if (this.#entryAt(id, oldest).offset !== oldest) throw this.#damaged(`entry ${oldest} is missing`);
  }

  #damaged(why: string): SyncError {
    return new SyncError(
      'corrupt',
      `The log of channel "${this.name}" is damaged: ${why}. Restore a backup of the file, or move it away to begin anew.`,
    );
  }
}
