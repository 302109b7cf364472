/**
 * Values that can be watched, and lists of listeners that can't break the SDK. Everything the SDK shows is one of these;
 * React, Vue and Svelte adapters need no more. It must not know what the values mean.
 */

/** A value and a way to be told that it changed; the shape that `useSyncExternalStore` takes. */
export interface Store<T> {
  /** The value now; the same object until it changes. Works detached from its store. */
  readonly get: () => T;
  /** Calls `onChange` after each change, until the function that is returned is called. Works detached from its store. */
  readonly subscribe: (onChange: () => void) => () => void;
}

/** Takes what went wrong where nobody waits for it: in a listener, say. */
export type Report = (error: unknown) => void;

/** Reports later, outside the SDK's own work, so that no hook can break it. The default is what an uncaught error gets. */
export function reporter(hook: Report | undefined): Report {
  return (error) => {
    Promise.resolve(error)
      // biome-ignore lint/suspicious/noConsole: Node has no reportError, and an error must not vanish.
      .then(hook ?? globalThis.reportError ?? console.error)
      // A hook that throws has nowhere left to report to.
      .catch(() => {});
  };
}

/** Listeners that are called in the order they came. One that throws is reported; one that has left isn't called. */
export class Emitter<T> {
  readonly #report: Report;
  readonly #listeners = new Set<(value: T) => void>();

  constructor(report: Report) {
    this.#report = report;
  }

  /** Adds a listener, the same function also twice; what is returned removes it. */
  on(run: (value: T) => void): () => void {
    const listener = (value: T) => run(value);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  emit(value: T): void {
    for (const listener of [...this.#listeners]) {
      if (!this.#listeners.has(listener)) continue;
      try {
        listener(value);
      } catch (thrown) {
        this.#report(thrown);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}

/** A store that its owner sets. */
export class Value<T> implements Store<T> {
  readonly #changes: Emitter<void>;
  #value: T;

  constructor(value: T, report: Report) {
    this.#value = value;
    this.#changes = new Emitter(report);
  }

  readonly get = (): T => this.#value;

  readonly subscribe = (onChange: () => void): (() => void) => this.#changes.on(onChange);

  set(value: T): void {
    if (value === this.#value) return;
    this.#value = value;
    this.#changes.emit();
  }
}
