/**
 * What a client of a state channel does with what reaches it, by the rules and no more: it holds the view, and refuses what
 * doesn't follow or goes back. Tests feed it from cursors or from the wire, and compare it with what they know to be so.
 */
import type { Position } from '@syncline/protocol';
import {
  type Data,
  type Entry,
  nextCheck,
  readStateEntry,
  readStateLine,
  readWire,
  type ServerFrame,
  type StateValue,
} from '@syncline/protocol/wire';

/** An entry as it arrives. */
export type Arrived = Pick<Entry, 'offset' | 'at' | 'from' | 'data'>;

export class Mirror {
  position: Position;
  values = new Map<string, StateValue>();
  /** How often which way of delivery was taken. */
  readonly seen = { entries: 0, changes: 0, snapshots: 0 };
  #parts: Data[] = [];

  constructor(position: Position) {
    this.position = position;
  }

  /** A frame of the channel as it came over the wire. A heartbeat must tell where this reader stands. */
  receive(frame: ServerFrame): void {
    const arrived = (offset: number, data: Data): Arrived => {
      const { at, ...more } = readWire(data, true);
      return { offset, at: at ?? 0, ...more };
    };
    if (frame.type === 'entries') {
      this.entries(frame.entries.map((data, i) => arrived(frame.first + i, data)));
    } else if (frame.type === 'changes') {
      const entries = frame.entries.map(({ offset, data }) => arrived(offset, data));
      this.changes(frame.from, frame.check, entries);
    } else if (frame.type === 'snapshot') {
      this.snapshot(frame.offset, frame.check, frame.more, frame.data);
    } else if (frame.type === 'heartbeat') {
      const { offset, check } = this.position;
      for (const head of frame.heads)
        if (head.offset === offset && head.check !== check)
          throw new Error(`The check at ${offset} differs.`);
    } else throw new Error(`Unexpected: ${JSON.stringify(frame)}`);
  }

  /** Consecutive entries (rules D1, P3). */
  entries(entries: readonly Arrived[]): void {
    this.seen.entries += entries.length;
    for (const entry of entries) {
      const { epoch, offset, check } = this.position;
      if (entry.offset !== offset + 1) throw new Error(`Expected entry ${offset + 1}, got ${entry.offset}.`);
      this.#apply(entry);
      this.position = { epoch, offset: entry.offset, check: nextCheck(check, entry.data) };
    }
  }

  /** Fewer entries that stand for all after `from` (rules K9, K10). */
  changes(from: number, check: number, entries: readonly Arrived[]): void {
    const { epoch, offset } = this.position;
    const last = entries.at(-1)?.offset ?? 0;
    if (from > offset) throw new Error(`Changes from ${from} leave a hole: this reader stands at ${offset}.`);
    if (last <= offset) return;
    this.seen.changes++;
    for (const entry of entries) if (entry.offset > offset) this.#apply(entry);
    this.position = { epoch, offset: last, check };
  }

  /** A part of a snapshot (rules S9, K8). */
  snapshot(offset: number, check: number, more: boolean, data: Data): void {
    this.#parts.push(data);
    if (more) return;
    this.seen.snapshots++;
    const before = this.values;
    this.values = new Map(this.#parts.flatMap((part) => readStateLine(String(part))));
    this.#parts = [];
    for (const [key, { version }] of this.values)
      if (version < (before.get(key)?.version ?? 0)) throw new Error(`A snapshot takes ${key} back.`);
    this.position = { ...this.position, offset, check };
  }

  /** The key's value texts, in no particular order. */
  get content(): Record<string, string> {
    return Object.fromEntries([...this.values].map(([key, { text }]) => [key, text]));
  }

  #apply(entry: Arrived): void {
    const change = readStateEntry(entry);
    const known = this.values.get(change.key)?.version ?? 0;
    if (entry.offset <= known)
      throw new Error(`Entry ${entry.offset} takes ${change.key} back from ${known}.`);
    if (change.op === 'set') this.values.set(change.key, change.value);
    else this.values.delete(change.key);
  }
}
