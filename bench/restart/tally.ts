/**
 * What one client got, as numbers: each delivery is told to its tally, which counts what came twice, and keeps the longest
 * time in which nothing came. Pure: times are handed in.
 */
export class Tally {
  delivered = 0;
  doubled = 0;
  longestGapMs = 0;
  #last = 0;
  #skipped = 0;
  #atMs: number | undefined;

  /** A message arrived; returns whether it is news. Sequence numbers begin with 1. */
  take(sequence: number, atMs: number): boolean {
    if (sequence <= this.#last) {
      this.doubled++;
      return false;
    }
    this.#skipped += sequence - this.#last - 1;
    this.#last = sequence;
    this.delivered++;
    if (this.#atMs !== undefined) this.longestGapMs = Math.max(this.longestGapMs, atMs - this.#atMs);
    this.#atMs = atMs;
    return true;
  }

  /** How many of so many messages never came, or came too late to be in order. */
  lost(published: number): number {
    return this.#skipped + published - this.#last;
  }
}
