/**
 * Keeps order where some steps take time and others don't: each step begins when the one before is through, and at once
 * when nothing is under way. A channel has one for what it receives and one for what it publishes.
 */

export class Sequence {
  #last: Promise<void> | undefined;
  #life = 0;

  /** Hands a value on once it is there and all before it were handed on; without delay where nothing needs to be waited for. */
  run<T>(value: T | Promise<T>, deliver: (value: T) => void): void {
    if (!this.#last && !(value instanceof Promise)) return deliver(value);
    const life = this.#life;
    const last = Promise.all([value, this.#last]).then(([ready]) => {
      if (this.#last === last) this.#last = undefined;
      if (life === this.#life) deliver(ready);
    });
    this.#last = last;
  }

  /** The same for a batch, once all of it is there and `after` has happened. */
  arrive<T>(
    batch: readonly (T | Promise<T>)[],
    take: (ready: readonly T[]) => void,
    after: readonly Promise<void>[] = [],
  ): void {
    const wait = [...after, ...batch].some((one) => one instanceof Promise);
    this.run(wait ? Promise.all(after).then(() => Promise.all(batch)) : (batch as readonly T[]), take);
  }

  /** Forgets the steps that were begun or wait: none of them delivers any more. */
  clear(): void {
    this.#life++;
    this.#last = undefined;
  }
}
