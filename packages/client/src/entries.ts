/**
 * What a state channel shows: the entry of each key as stores, and what changed. The channel says what a key holds now, this
 * tells all who listen, in one order. It knows nothing of logs, nor why a key holds what it holds.
 */
import type { GoneReason } from '@syncline/protocol/wire';
import { Emitter, type Report, type Store } from './store.ts';

/** What a key holds. Entries don't change; a new one takes the place of the old one. */
export interface StateEntry<V> {
  readonly value: V;
  /** The offset of the entry that set it, which `ifVersion` asks for; 0 while it is pending. */
  readonly version: number;
  /** When the server stored it, in ms since 1970 by the server's clock; when it was set here, until the log tells. */
  readonly since: number;
  /** Who set it, as the server knows them; null for anonymous, and until the log tells of what was set here. */
  readonly from: string | null;
  /** When it was so, as its author said with `at`. */
  readonly at?: number;
  /** Set here and not answered yet; it vanishes if it is refused. */
  readonly pending?: true;
}

/** A key holds something, or something else. */
type Came<T, V> = {
  readonly type: T;
  readonly key: string;
  readonly value: V;
  readonly previous: V | undefined;
};

/** A key holds nothing any more. */
type Went<T, V> = {
  readonly type: T;
  readonly key: string;
  readonly value: undefined;
  readonly previous: V;
};

/** What became of a key: it was set, removed by someone, or removed by the server because its time was over. */
export type StateChange<V> = Came<'set', V> | Went<'delete' | 'expire', V>;

/** What became of a key in a view: besides, it may come into it and go out of it. */
export type ViewChange<V> = Came<'enter', V> | Came<'set', V> | Went<GoneReason, V>;

/** What a key holds now, and what it held. */
export type Step<V> = readonly [
  key: string,
  now: StateEntry<V> | undefined,
  before: StateEntry<V> | undefined,
];

/** What has come together, and what that means. */
interface News<V, C> {
  readonly steps: readonly Step<V>[];
  readonly changes: readonly C[];
}

/** Takes a function that ends listening, and gives one that does so and more. */
type Hold = (off: () => void) => () => void;

/** @typeParam C the changes that it tells: those of a view, or those of a channel, which nothing enters or exits */
export class Entries<V, C extends ViewChange<V> = StateChange<V>>
  implements Store<ReadonlyMap<string, StateEntry<V>>>
{
  readonly #report: Report;
  readonly #hold: Hold;
  readonly #came: 'enter' | 'set';
  readonly #shown = new Map<string, StateEntry<V>>();
  /** A copy of what is shown, since someone asked. */
  #copy: ReadonlyMap<string, StateEntry<V>> | undefined;
  readonly #listeners: Emitter<readonly Step<V>[]>;
  readonly #changes: Emitter<C>;
  /** Those who are told of one key; no key without any. */
  readonly #watched = new Map<string, { readonly told: Emitter<void>; readonly by: Set<unknown> }>();
  /** What is to be told. A listener may write: what comes of that is told after all that is being told. */
  #news: News<V, C>[] = [];

  /** @param came what it is called when a key that held nothing holds something */
  constructor(report: Report, hold: Hold, came: 'enter' | 'set' = 'set') {
    this.#report = report;
    this.#hold = hold;
    this.#came = came;
    this.#listeners = new Emitter(report);
    this.#changes = new Emitter(report);
  }

  readonly get = (): ReadonlyMap<string, StateEntry<V>> => {
    this.#copy ??= new Map(this.#shown);
    return this.#copy;
  };

  readonly subscribe = (onChange: () => void): (() => void) => this.#hold(this.told(() => onChange()));

  /** Tells what came together, once it is shown; keeps nothing followed. */
  told(onSteps: (steps: readonly Step<V>[]) => void): () => void {
    return this.#listeners.on(onSteps);
  }

  /** One key, as a store that is told of that key only. */
  of(key: string): Store<StateEntry<V> | undefined> {
    return {
      get: () => this.#shown.get(key),
      subscribe: (onChange) => {
        const watched = this.#watched.get(key) ?? { told: new Emitter(this.#report), by: new Set() };
        this.#watched.set(key, watched);
        const off = watched.told.on(onChange);
        watched.by.add(off);
        return this.#hold(() => {
          off();
          watched.by.delete(off);
          if (watched.by.size === 0 && this.#watched.get(key) === watched) this.#watched.delete(key);
        });
      },
    };
  }

  onChange(onChange: (change: C) => void): () => void {
    return this.#hold(this.#changes.on(onChange));
  }

  /** Changes are told to nobody any more. */
  close(): void {
    this.#changes.clear();
  }

  /** The keys that are shown. */
  keys(): Iterable<string> {
    return this.#shown.keys();
  }

  /**
   * Shows what keys hold now, and tells what is different.
   *
   * @param keys those that may hold something else than before, in any order, also twice
   * @param gone why one holds nothing any more
   * @param anew whether all was read anew, from another log perhaps, so that the version alone says nothing
   */
  show(
    keys: Iterable<string>,
    holds: (key: string) => StateEntry<V> | undefined,
    gone: (key: string) => GoneReason,
    anew = false,
  ): void {
    const steps: Step<V>[] = [];
    const changes: ViewChange<V>[] = [];
    for (const key of keys) {
      const before = this.#shown.get(key);
      const now = holds(key);
      const version = now?.version !== 0 && before?.version === now?.version;
      const same = version && before?.since === now?.since && before?.from === now?.from;
      if (before === now || same) continue;
      steps.push([key, now, before]);
      if (now) {
        this.#shown.set(key, now);
        // What was written here and is stored now is no news.
        if ((version && !anew) || (before?.pending && before.value === now.value)) continue;
        const type = before ? 'set' : this.#came;
        changes.push({ type, key, value: now.value, previous: before?.value });
      } else if (before) {
        this.#shown.delete(key);
        changes.push({ type: gone(key), key, value: undefined, previous: before.value });
      }
    }
    // Nothing else comes of the types that it was made for.
    if (steps.length > 0) this.#tell({ steps, changes: changes as readonly ViewChange<V>[] as readonly C[] });
  }

  #tell(news: News<V, C>): void {
    this.#copy = undefined;
    if (this.#news.push(news) > 1) return;
    for (const { steps, changes } of this.#news) {
      for (const [key] of steps) this.#watched.get(key)?.told.emit();
      this.#listeners.emit(steps);
      for (const change of changes) this.#changes.emit(change);
    }
    this.#news = [];
  }
}
