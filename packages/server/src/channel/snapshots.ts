/**
 * Who of a channel's cursors is taking a snapshot, and how far. A channel begins it for cursors from before what was folded,
 * and hands on one part at a time; those who take the same one share its parts. It reads nothing itself.
 */
import type { Snapshot } from '../broker/broker.ts';
import { type Cursor, type SnapshotPart, SnapshotParts } from '../cursor.ts';

/** How far one cursor is. */
interface Taking {
  readonly snapshot: SnapshotParts;
  next: number;
}

export class Snapshots {
  readonly #id: number;
  /** Undefined until somebody takes one. */
  #taking: Map<Cursor, Taking> | undefined;
  /** The newest that somebody is taking, for whoever comes meanwhile. */
  #newest: SnapshotParts | undefined;

  /** @param id the channel's number on the wire */
  constructor(id: number) {
    this.#id = id;
  }

  /** Has a cursor take this one. */
  begin(cursor: Cursor, snapshot: Snapshot): void {
    if (this.#newest?.offset !== snapshot.offset) this.#newest = new SnapshotParts(this.#id, snapshot);
    this.#take(cursor, this.#newest);
  }

  /** Has a cursor take what others are taking, if it is newer than its place and `follows` says that one can go on from there. */
  join(cursor: Cursor, follows: (offset: number) => boolean): boolean {
    const newest = this.#newest;
    if (!newest || newest.offset <= cursor.offset || !follows(newest.offset)) return false;
    this.#take(cursor, newest);
    return true;
  }

  has(cursor: Cursor): boolean {
    return this.#taking?.has(cursor) ?? false;
  }

  /** The next part for a cursor, if it is taking one. With the last it stands where the snapshot ends. */
  next(cursor: Cursor): SnapshotPart | undefined {
    const taking = this.#taking?.get(cursor);
    const part = taking?.snapshot.parts[taking.next++];
    if (!part || part.more) return part;
    this.leave(cursor);
    cursor.place(part.offset);
    return part;
  }

  /** A cursor takes none any more. Once nobody does, it is let go of. */
  leave(cursor: Cursor): void {
    if (this.#taking?.delete(cursor) && this.#taking.size === 0) this.clear();
  }

  clear(): void {
    this.#taking = undefined;
    this.#newest = undefined;
  }

  #take(cursor: Cursor, snapshot: SnapshotParts): void {
    this.#taking ??= new Map();
    this.#taking.set(cursor, { snapshot, next: 0 });
  }
}
