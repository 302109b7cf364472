/**
 * What a view has still to look at, one key after another and as far as a turn allows: what may be in view, and the keys that its
 * reader has and that may lie outside now. A view begins it when it is opened, moved or wakes; what is made of a key is the view's.
 */
import type { Item } from '../index/items.ts';

export class Search {
  /** Keys that the reader had when it began. */
  #had: Iterator<string> | undefined;
  /** What may be in view; undefined comes between where it was looked for in vain. */
  #candidates: Iterator<Item | undefined> | undefined;
  /** One of these, for which the last frame had no room. */
  #next: Item | undefined;
  #from = 0;

  /** Where the log was when it began. */
  get from(): number {
    return this.#from;
  }

  get underWay(): boolean {
    return this.#candidates !== undefined || this.#had !== undefined;
  }

  /** Whether there are keys of the reader's that weren't looked at. */
  get checking(): boolean {
    return this.#had !== undefined;
  }

  /** Whether there may be something in view that wasn't looked at. */
  get finding(): boolean {
    return this.#candidates !== undefined;
  }

  /** Begins with these, where the log is now. Keys that were still to be looked at stay so, unless others are given. */
  begin(
    candidates: Iterator<Item | undefined>,
    from: number,
    had: Iterator<string> | undefined = this.#had,
  ): void {
    this.#candidates = candidates;
    this.#next = undefined;
    this.#from = from;
    this.#had = had;
  }

  stop(): void {
    this.#had = undefined;
    this.#candidates = undefined;
    this.#next = undefined;
  }

  /** The next key that the reader has; undefined when that was the last. */
  check(): string | undefined {
    const { done = true, value } = this.#had?.next() ?? {};
    if (!done) return value;
    this.#had = undefined;
    return undefined;
  }

  /** The next that may be in view, the same one until it was taken; undefined where there is none, or none just now. */
  find(): Item | undefined {
    if (this.#next) return this.#next;
    const { done = true, value } = this.#candidates?.next() ?? {};
    if (done) this.#candidates = undefined;
    else this.#next = value;
    return this.#next;
  }

  /** What was found needn't be given again. */
  took(): void {
    this.#next = undefined;
  }
}
