/**
 * How keyed values fold on a server: the newest entry of each key, in the order of the log, removals included for as long as
 * a reader may have to be told of them. The fold room drives it, and what happens is told to the views of these values. It knows
 * keys and times, no log and no reader.
 */
import { limits } from '@syncline/protocol';
import {
  type Clock,
  type Data,
  type Entry,
  expireEntry,
  type Geo,
  readStateEntry,
  readStateLine,
  type StateValue,
  stateLines,
} from '@syncline/protocol/wire';
import type { OpenView } from '../cursor.ts';
import { type Ending, Endings } from './endings.ts';
import type { Due, Folder } from './folder.ts';
import { Views } from './views.ts';

/** The newest of a key. */
interface Row extends Ending {
  readonly key: string;
  readonly offset: number;
  /** Null when the key was removed. */
  readonly value: StateValue | null;
  /** Undefined when it came from a snapshot, or another one took its place. */
  entry: Entry | undefined;
}

/** What a channel's keys hold, for those who follow them on the node itself. */
export interface Values {
  /** Up to where the log is folded. */
  readonly offset: number;
  get(key: string): StateValue | undefined;
  /** Each key that has a value, in the order of versions. */
  all(): Iterable<readonly [key: string, value: StateValue]>;
}

/**
 * Is told, once nothing more has come for now, which keys may hold something else than before; undefined: all was read anew.
 * Told first when the log has been folded up to where it ended when it was opened.
 */
export type Changed = (keys: ReadonlySet<string> | undefined) => void;

/** Lines of a snapshot that are made in one go. */
const linesPerStep = 4;
/** Rows in `#newest` whose place another one took may be so many, or half of all. */
const replacedMin = 1024;
/** Removals that are remembered, or as many as there are keys; when they are twice as many half of them go. */
const removalsKeptDefault = 1024;

export class StateFolder implements Folder, Values {
  readonly #ttlMs: number;
  readonly #removalsKept: number;
  /** By key, in the order of their entries. */
  #rows = new Map<string, Row>();
  #removals = 0;
  /** The rows that have an entry in the order of those, and some whose place another one took. */
  #newest: Row[] = [];
  #replaced = 0;
  /** What happened up to here is known only by what it came to. */
  #floor = 0;
  #offset = 0;
  #endings = new Endings<Row>();
  readonly #views: Views;
  /** Who follows what changes, and the keys of which it wasn't told; undefined: all. */
  #changed: Changed | undefined;
  #keys: Set<string> | undefined;

  /**
   * @param ttlMs how long any value stays at most; Infinity for no bound
   * @param geo which members of a value say where it is; null: none
   * @param removalsKept removals that are remembered at least; as many as there are keys, if that is more
   * @param notesKept keys that views note for who doesn't take from them
   */
  constructor(
    ttlMs: number,
    clock: Clock,
    geo: Geo | null = null,
    removalsKept = removalsKeptDefault,
    notesKept?: number,
  ) {
    const folder = this;
    this.#ttlMs = ttlMs;
    this.#removalsKept = removalsKept;
    const viewed = {
      geo,
      clock,
      values: () => folder.all(),
      get offset() {
        return folder.#offset;
      },
    };
    this.#views = new Views(viewed, notesKept);
  }

  get size(): number {
    return this.#rows.size - this.#removals;
  }

  get offset(): number {
    return this.#offset;
  }

  get(key: string): StateValue | undefined {
    return this.#rows.get(key)?.value ?? undefined;
  }

  *all(): Generator<readonly [string, StateValue]> {
    for (const { key, value } of this.#rows.values()) if (value) yield [key, value];
  }

  /** From now on this is told of what changes; one may follow at a time. */
  follow(changed: Changed): void {
    this.#changed = changed;
    this.#keys = undefined;
  }

  get dueAt(): number {
    return this.#endings.first?.due ?? Number.POSITIVE_INFINITY;
  }

  clear(): void {
    this.#rows = new Map();
    this.#removals = 0;
    this.#newest = [];
    this.#replaced = 0;
    this.#floor = 0;
    this.#offset = 0;
    this.#endings = new Endings();
    this.#views.clear();
    this.#keys = undefined;
  }

  readonly view: OpenView = (traits, filter) => this.#views.open(traits, filter);

  caughtUp(): void {
    this.#views.caughtUp();
    const keys = this.#keys;
    if (!this.#changed || keys?.size === 0) return;
    this.#keys = new Set();
    this.#changed(keys);
  }

  restore(part: Data, offset: number): void {
    this.#floor = offset;
    this.#offset = offset;
    for (const [key, value] of readStateLine(String(part))) {
      this.#put(key, value.version, value, undefined);
      this.#views.set(key, value);
    }
  }

  add(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.offset <= this.#offset) continue;
      const change = readStateEntry(entry);
      const row = this.#put(change.key, entry.offset, change.op === 'set' ? change.value : null, entry);
      if (this.#changed) this.#keys?.add(change.key);
      if (change.op === 'set') this.#views.set(change.key, change.value);
      else this.#views.remove(change.key, entry.offset, change.op);
      this.#newest.push(row);
      this.#offset = entry.offset;
    }
    const removalsKept = Math.max(this.#removalsKept, this.size);
    if (this.#removals > 2 * removalsKept) this.#forgetRemovals(this.#removals - removalsKept);
    if (this.#replaced > replacedMin && this.#replaced * 2 > this.#newest.length) this.#cutNewest();
  }

  async snapshot(pause: () => Promise<void>): Promise<Data> {
    const lines: string[] = [];
    for (const line of stateLines(this.all())) {
      lines.push(line);
      if (lines.length % linesPerStep === 0) await pause();
    }
    return lines.join('\n');
  }

  after(offset: number): readonly Entry[] | undefined {
    if (offset < this.#floor || offset >= this.#offset) return undefined;
    const { batchBytesMax, batchEntriesMax } = limits;
    const entries: Entry[] = [];
    let bytes = 0;
    for (let i = this.#firstAfter(offset); i < this.#newest.length; i++) {
      const entry = this.#newest[i]?.entry;
      if (!entry) continue;
      bytes += entry.data.length;
      if (entries.length > 0 && (bytes > batchBytesMax.default || entries.length >= batchEntriesMax.default))
        break;
      entries.push(entry);
    }
    return entries;
  }

  takeDue(now: number, max: number): readonly Due[] {
    const due: Due[] = [];
    while (due.length < max) {
      const { first } = this.#endings;
      if (!first || first.due > now) break;
      this.#endings.remove(first);
      const { key, offset } = first;
      due.push({ data: expireEntry(key), from: null, key, keyEnds: true, ifKeyAt: offset });
    }
    return due;
  }

  putBack({ key = '', ifKeyAt }: Due, at: number): void {
    const row = this.#rows.get(key);
    if (row?.value && row.offset === ifKeyAt && row.place < 0) this.#endings.add(row, at);
  }

  /** Puts a row in the place of the key's last one. */
  #put(key: string, offset: number, value: StateValue | null, entry: Entry | undefined): Row {
    const before = this.#rows.get(key);
    if (before) {
      this.#rows.delete(key);
      this.#endings.remove(before);
      if (!before.value) this.#removals--;
      if (before.entry) this.#replaced++;
      before.entry = undefined;
    }
    const row: Row = { key, offset, value, entry, due: 0, place: -1 };
    this.#rows.set(key, row);
    if (!value) {
      this.#removals++;
      return row;
    }
    const ttlMs = Math.min(this.#ttlMs, value.ttlMs ?? Number.POSITIVE_INFINITY);
    if (ttlMs !== Number.POSITIVE_INFINITY) this.#endings.add(row, value.since + ttlMs);
    return row;
  }

  /** The index in `#newest` of the first row after an offset. */
  #firstAfter(offset: number): number {
    let low = 0;
    let high = this.#newest.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#newest[middle]?.offset ?? offset) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Forgets the oldest removals: readers from before the last of them can't be helped any more. */
  #forgetRemovals(count: number): void {
    let left = count;
    for (const row of this.#newest) {
      if (left === 0) break;
      if (!row.entry || row.value) continue;
      this.#rows.delete(row.key);
      row.entry = undefined;
      this.#floor = row.offset;
      left--;
    }
    this.#removals -= count - left;
    this.#cutNewest();
  }

  /** Lets go of the rows whose place another one took. */
  #cutNewest(): void {
    this.#newest = this.#newest.filter((row) => row.entry);
    this.#replaced = 0;
  }
}
