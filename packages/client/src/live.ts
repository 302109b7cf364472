/**
 * Streams and state channels with company: the classes that the entry points with presence hand to the client. They only join what
 * stream.ts, state.ts and company.ts do; an entry point without presence takes those of stream.ts and state.ts instead.
 */
import { Company, type WithPresence } from './company.ts';
import type { Core } from './core.ts';
import type { Presence } from './presence.ts';
import type { Signal } from './signals.ts';
import { State } from './state.ts';
import type { Store } from './store.ts';
import { Stream } from './stream.ts';
import type { Terms } from './values.ts';

export class LiveStream<M, P, S> extends Stream<M> implements WithPresence<P, S> {
  readonly #company: Company<P, S>;

  constructor(core: Core, name: string, terms?: Terms<M, P>) {
    super(core, name, terms);
    this.#company = new Company(this, 0, terms);
  }

  get presence(): Presence<P> {
    return this.#company.presence;
  }

  get signals(): Store<readonly Signal<S>[]> {
    return this.#company.signals.shown;
  }

  signal(data: S): void {
    this.#company.signals.send(data);
  }

  onSignal(onSignal: (signal: Signal<S>) => void): () => void {
    return this.#company.signals.on(onSignal);
  }
}

export class LiveState<V, P, S> extends State<V> implements WithPresence<P, S> {
  readonly #company: Company<P, S>;

  constructor(core: Core, name: string, terms?: Terms<V, P>) {
    super(core, name, terms);
    // All that the log holds, since who comes next joins the subscription where it stands.
    this.#company = new Company(this, Number.MAX_SAFE_INTEGER, terms);
  }

  get presence(): Presence<P> {
    return this.#company.presence;
  }

  get signals(): Store<readonly Signal<S>[]> {
    return this.#company.signals.shown;
  }

  signal(data: S): void {
    this.#company.signals.send(data);
  }

  onSignal(onSignal: (signal: Signal<S>) => void): () => void {
    return this.#company.signals.on(onSignal);
  }
}
