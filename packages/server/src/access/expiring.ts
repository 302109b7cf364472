/**
 * Values that are kept for a time, and no more of them than fit: the oldest makes room. Answers of webhooks
 * are kept in one; nothing may rest on a value still being there.
 */
import type { Clock } from '@syncline/protocol/wire';

export class Expiring<Value> {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #values = new Map<string, { readonly value: Value; readonly until: number }>();

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  /** Keeps a value until a time in ms since 1970. */
  set(key: string, value: Value, until: number): void {
    this.#values.delete(key);
    if (until <= this.#clock.now()) return;
    for (const [oldest, { until: end }] of this.#values) {
      if (end > this.#clock.now() && this.#values.size < this.#max) break;
      this.#values.delete(oldest);
    }
    this.#values.set(key, { value, until });
  }

  get(key: string): Value | undefined {
    const kept = this.#values.get(key);
    if (!kept) return undefined;
    if (kept.until > this.#clock.now()) return kept.value;
    this.#values.delete(key);
    return undefined;
  }
}
