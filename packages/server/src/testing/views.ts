/**
 * Views of keyed values and an oracle for them: a log with the folder that holds it, and a client that applies what it is told and
 * holds each frame to what is so. The folder is driven by hand; there is no channel. It is no part of what the package exports.
 */
import { fakeClock } from '@syncline/protocol/testing';
import {
  deleteEntry,
  type Entry,
  expireEntry,
  type StateValue,
  setEntry,
  stateRow,
  type ViewFilter,
} from '@syncline/protocol/wire';
import { expect } from 'vitest';
import { type CountedTraits, Seen, type View } from '../cursor.ts';
import { StateFolder } from '../fold/state.ts';

const geo = { lat: 'lat', lng: 'lng' };

/** Of a view that nobody pays for or wants to be told of. */
export const noTraits: CountedTraits = {
  id: 1,
  onWake: () => {},
  onRelease: () => {},
  onTold: () => {},
  purse: { waitMs: 0, take: () => {} },
};

/** The rule V2 as it reads, about one value. */
function lets({ keys, prefix, bbox }: ViewFilter, key: string, text: string): boolean {
  if (keys && !keys.includes(key)) return false;
  if (prefix !== undefined && !key.startsWith(prefix)) return false;
  if (!bbox) return true;
  const value = JSON.parse(text) as { lat?: unknown; lng?: unknown } | null;
  const [west, south, east, north] = bbox;
  const [lat, lng] = [value?.lat, value?.lng];
  if (typeof lat !== 'number' || typeof lng !== 'number' || lat < south || lat > north) return false;
  return west <= east ? lng >= west && lng <= east : lng >= west || lng <= east;
}

/** A folder with a log of its own, and what the log comes to. */
export class Log {
  readonly clock = fakeClock();
  readonly folder: StateFolder;
  /** Whether views may have fallen asleep: then it isn't known any more what removed a key. */
  readonly dozes: boolean;
  /** What is looked at is charged to it. */
  purse = noTraits.purse;
  values = new Map<string, StateValue>();
  readonly removedAt = new Map<string, number>();
  offset = 0;
  /** How often it turned out to be another one. */
  lives = 0;
  readonly clients: Client[] = [];
  /** Whoever was told that there is something, each time. */
  readonly woken: Client[] = [];
  #ids = 0;
  /** As long as a log is read anew, it isn't seen what removes a key. */
  #replacing = false;

  /** @param notesKept keys that are noted for who doesn't take, beside those that it has; with few views fall asleep often */
  constructor(notesKept?: number) {
    this.folder = new StateFolder(Number.POSITIVE_INFINITY, this.clock, geo, 4, notesKept);
    this.dozes = notesKept !== undefined;
  }

  set(key: string, text: string): void {
    this.#add(setEntry(key, text));
    this.values.set(key, {
      text,
      version: this.offset,
      since: this.offset,
      from: null,
      at: undefined,
      ttlMs: undefined,
    });
    this.#note('exit');
  }

  remove(key: string, why: 'delete' | 'expire'): void {
    this.#add(why === 'delete' ? deleteEntry(key) : expireEntry(key));
    this.values.delete(key);
    this.removedAt.set(key, this.offset);
    this.#note(why);
  }

  /** The log turns out to be another one, with some of the values. */
  replace(keeps: (key: string) => boolean): () => void {
    this.folder.clear();
    this.lives++;
    const kept = [...this.values].filter(([key]) => keeps(key));
    this.values = new Map();
    this.offset = 0;
    this.#replacing = true;
    for (const [key, { text }] of kept) this.set(key, text);
    this.#note('delete');
    return () => {
      this.folder.caughtUp();
      this.#replacing = false;
    };
  }

  async open(filter: ViewFilter): Promise<Client> {
    const client = new Client(this, filter);
    const onWake = (): void => {
      client.wakes++;
      this.woken.push(client);
    };
    const traits = { ...noTraits, id: ++this.#ids, onWake, purse: this.purse };
    client.view = await this.folder.view(traits, filter);
    this.clients.push(client);
    return client;
  }

  #note(why: string): void {
    for (const client of this.clients) {
      if (this.#replacing) client.noteReplaced();
      client.note(why);
    }
  }

  #add(data: string): void {
    const entry: Entry = { offset: ++this.offset, check: 0, at: this.offset, from: null, data };
    this.folder.add([entry]);
  }
}

/** Someone who is told of a view, and applies it. */
export class Client {
  view: View | undefined;
  wakes = 0;
  filter: ViewFilter;
  readonly rows = new Map<string, string>();
  readonly frames: Seen[] = [];
  readonly #log: Log;
  /** Of the keys held: what took them out of view since they were told, one after another. */
  readonly #left = new Map<string, Set<string>>();
  readonly #outside = new Set<string>();
  /** It shows what it showed from the beginning. */
  #unmoved = true;

  constructor(log: Log, filter: ViewFilter) {
    this.#log = log;
    this.filter = filter;
  }

  /** To be called after each thing that happens: keys that are held may have left the view by it. */
  note(why: string): void {
    for (const key of this.rows.keys()) {
      const value = this.#log.values.get(key);
      if (value && lets(this.filter, key, value.text)) this.#outside.delete(key);
      else if (!this.#outside.has(key)) this.#leave(key, value ? 'exit' : why);
    }
  }

  /** The log is another one: where a key is now is all that counts, whatever happened to it before. */
  noteReplaced(): void {
    for (const key of this.rows.keys()) {
      const value = this.#log.values.get(key);
      if (!value) this.#leave(key, 'delete');
      else if (!lets(this.filter, key, value.text)) this.#leave(key, 'exit');
    }
  }

  #leave(key: string, why: string): void {
    this.#outside.add(key);
    this.#left.set(key, new Set(this.#left.get(key)).add(why));
  }

  #forget(key: string): void {
    this.#outside.delete(key);
    this.#left.delete(key);
  }

  move(filter: ViewFilter): void {
    this.filter = filter;
    this.#unmoved = false;
    this.note('exit');
    this.view?.move(filter);
  }

  /** Takes one frame, which is held to what is so now. */
  take(): boolean {
    const seen = this.view?.take();
    if (!(seen instanceof Seen)) return false;
    this.frames.push(seen);
    for (const text of seen.rows) {
      const [key] = JSON.parse(text) as [string];
      const value = this.#log.values.get(key);
      expect(value && stateRow(key, value)).toBe(text);
      expect(lets(this.filter, key, value?.text ?? ''), text).toBe(true);
      this.rows.set(key, text);
      this.#forget(key);
    }
    for (const [key, why] of seen.gone) {
      expect(this.rows.has(key), `${key} was never told`).toBe(true);
      const reasons = this.#log.values.has(key) ? ['exit'] : [...(this.#left.get(key) ?? [])];
      if (this.#log.dozes && !this.#log.values.has(key)) reasons.push('delete');
      expect(reasons, key).toContain(why);
      this.rows.delete(key);
      this.#forget(key);
    }
    const keys = [
      ...seen.rows.map((row) => (JSON.parse(row) as [string])[0]),
      ...seen.gone.map(([key]) => key),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    if (!seen.more && this.#unmoved && this.#log.lives === 0) this.#checkUpTo(seen.offset);
    return true;
  }

  /** What happened up to here has been told. */
  #checkUpTo(offset: number): void {
    const { values, removedAt } = this.#log;
    for (const [key, value] of values) {
      if (value.version > offset) continue;
      const expected = lets(this.filter, key, value.text) ? stateRow(key, value) : undefined;
      expect(this.rows.get(key), key).toBe(expected);
    }
    for (const key of this.rows.keys())
      if (!values.has(key)) expect(removedAt.get(key), key).toBeGreaterThan(offset);
  }

  /** Takes until nothing is left, however long that takes. */
  async drain(): Promise<void> {
    for (let idle = 0; idle < 3; ) {
      if (this.take()) idle = 0;
      else {
        idle++;
        await this.#log.clock.advance(200_000);
      }
    }
    expect(this.view?.hasMore).toBe(false);
  }

  /** What the filter lets through, by key. */
  get expected(): ReadonlyMap<string, string> {
    const { values } = this.#log;
    const rows = new Map<string, string>();
    for (const [key, value] of values)
      if (lets(this.filter, key, value.text)) rows.set(key, stateRow(key, value));
    return rows;
  }
}
