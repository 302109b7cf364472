/**
 * What a channel of any kind has besides its log: who is there, and what they signal. The entry points that offer it make their
 * channels with it; it makes its parts when they are first asked for. It must not know what the log holds.
 */
import type { Channel } from './channel.ts';
import { type Presence, PresenceFor } from './presence.ts';
import { type Signal, SignalsFor } from './signals.ts';
import type { Store } from './store.ts';
import type { Terms } from './values.ts';

/** Who is in a channel, and what they signal: `P` is what members say of themselves, `S` what they signal. */
export interface WithPresence<P, S> {
  /** Who is there. */
  readonly presence: Presence<P>;
  /**
   * Tells all who follow the channel just now, without storing it: that someone types, say. The same again is sent only after
   * 3 s, anything else at most each 50 ms, the newest; nothing while there is no connection.
   *
   * @example
   * input.oninput = () => room.signal('typing')
   */
  signal(data: S): void;
  /** The newest signal of each other client, for 6 s. The channel is followed while someone subscribes to it. */
  readonly signals: Store<readonly Signal<S>[]>;
  /** Calls `onSignal` for each signal of others from now on; the channel is followed meanwhile. */
  onSignal(onSignal: (signal: Signal<S>) => void): () => void;
}

/** What of a channel its company needs: the subscription under which signals come, and how that is kept up. */
type Host = Pick<Channel<never>, 'core' | 'name' | 'subscription' | 'hold'>;

export class Company<P, S> {
  readonly #host: Host;
  readonly #start: number;
  readonly #terms: Terms<P> | undefined;
  #presence: PresenceFor<P> | undefined;
  #signals: SignalsFor<S> | undefined;

  /** @param start with how many of its last entries the channel's subscription is to begin */
  constructor(host: Host, start: number, terms?: Terms<unknown, P>) {
    this.#host = host;
    this.#start = start;
    this.#terms = terms?.presence ?? undefined;
  }

  get presence(): PresenceFor<P> {
    this.#presence ??= new PresenceFor<P>(this.#host.core, this.#host.name, this.#terms);
    return this.#presence;
  }

  get signals(): SignalsFor<S> {
    const { core, name, subscription } = this.#host;
    this.#signals ??= new SignalsFor<S>(core, name, subscription, (off) => this.#host.hold(off, this.#start));
    return this.#signals;
  }
}
