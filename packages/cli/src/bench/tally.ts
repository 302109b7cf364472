/**
 * What came of a run, as numbers: times with their distribution, counts, errors by code. Seats and publishers write into it, the
 * report reads it. It must not know connections.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Longer times are all counted as this, in µs. */
const usMax = 600_000_000;

/** Upper bounds of the bars that are shown, in ms; the last bar has none. */
export const barsMs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] as const;

/** Times and how they are distributed, to three digits. */
export class Times {
  readonly #histogram: RecordableHistogram = createHistogram({ lowest: 1, highest: usMax, figures: 3 });
  readonly #bars: number[] = [...barsMs, 0].map(() => 0);

  /** @param ms what was measured; below 1 µs counts as that */
  add(ms: number): void {
    this.#histogram.record(Math.min(usMax, Math.max(1, Math.round(ms * 1000))));
    const at = barsMs.findIndex((most) => ms <= most);
    const bar = at < 0 ? barsMs.length : at;
    this.#bars[bar] = (this.#bars[bar] ?? 0) + 1;
  }

  get count(): number {
    return this.#histogram.count;
  }

  /** In ms; null where nothing was measured. */
  at(percentile: number): number | null {
    return this.count === 0 ? null : this.#histogram.percentile(percentile) / 1000;
  }

  get max(): number | null {
    return this.count === 0 ? null : this.#histogram.max / 1000;
  }

  /** How many are in each bar: one for each of `barsMs`, and one for what is above. */
  get bars(): readonly number[] {
    return this.#bars;
  }
}

/** What was counted in a run. */
export class Tally {
  /** From publishing an entry to each reader having it. */
  readonly delivery = new Times();
  /** From publishing an entry to its answer. */
  readonly answer = new Times();
  /** From dialling to `welcome`. */
  readonly opening = new Times();
  /** By how much the generator itself was late with what it wanted to send. */
  readonly lateness = new Times();
  published = 0;
  /** Publishes that had to wait for answers or for a connection. */
  held = 0;
  acked = 0;
  delivered = 0;
  bytes = 0;
  /** Entries that a reader never got, although something after them came. */
  lost = 0;
  /** Entries that a reader got more than once. */
  doubled = 0;
  /** Entries that were acknowledged and had not come when the run was over. */
  missing = 0;
  /** Times that a reader was told that the log no longer reaches back to it, or is another one. */
  gaps = 0;
  /** Entries that readers were spared, since newer ones of the same keys came. */
  conflated = 0;
  /** Entries whose place or content isn't what the answer to their publish said. */
  diverged = 0;
  /** What was refused, by code, with the first sentence that was said. */
  readonly refused = new Map<string, { count: number; message: string }>();

  /** Connections that broke after they had been open, by how they ended. */
  readonly cut = new Map<string, { count: number; message: string }>();

  refuse(code: string, message: string): void {
    count(this.refused, code, message);
  }

  cutOff(code: string, message: string): void {
    count(this.cut, code, message);
  }

  /** How many connections broke after they had been open. */
  get cuts(): number {
    return [...this.cut.values()].reduce((sum, one) => sum + one.count, 0);
  }
}

function count(counts: Map<string, { count: number; message: string }>, code: string, message: string): void {
  const before = counts.get(code) ?? { count: 0, message };
  counts.set(code, { ...before, count: before.count + 1 });
}
