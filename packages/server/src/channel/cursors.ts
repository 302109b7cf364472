/**
 * The cursors in a channel, in the order in which they came. Most channels have one, which costs no table. Whoever is told of the
 * channel's moves goes through them; what a cursor is it needn't know.
 */
import type { Cursor } from '../cursor.ts';

export class Cursors {
  #only: Cursor | undefined;
  /** All of them, once there are several. */
  #all: Set<Cursor> | undefined;

  add(cursor: Cursor): void {
    if (this.#all) this.#all.add(cursor);
    else if (!this.#only || this.#only === cursor) this.#only = cursor;
    else {
      this.#all = new Set([this.#only, cursor]);
      this.#only = undefined;
    }
  }

  has(cursor: Cursor): boolean {
    return this.#all ? this.#all.has(cursor) : this.#only === cursor;
  }

  /** Whether it was one of them. */
  delete(cursor: Cursor): boolean {
    if (this.#all) return this.#all.delete(cursor);
    if (this.#only !== cursor) return false;
    this.#only = undefined;
    return true;
  }

  /** Calls `each` with those that are there; one that leaves meanwhile isn't called any more. */
  each(each: (cursor: Cursor) => void): void {
    if (this.#all) for (const cursor of this.#all) each(cursor);
    else if (this.#only) each(this.#only);
  }
}
