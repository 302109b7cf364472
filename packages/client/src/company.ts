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
   * 3 s, or after something was published; anything else at most each 50 ms, the newest; nothing while there is no connection.
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

/** What of a channel its company needs: where signals come, how that is kept up, and what is published between them. */
type Host = Pick<Channel<never>, 'core' | 'name' | 'outbox' | 'subscription' | 'hold'>;

/**
 * Gives a channel its company. What of it isn't asked for costs nothing.
 *
 * @param start with how many of its last entries the channel's subscription is to begin, if signals are what begins it
 */
export function withCompany<T extends Host, P, S>(
  host: T,
  start: number,
  terms?: Terms<unknown, P>,
): T & WithPresence<P, S> {
  const { core, name } = host;
  let presence: PresenceFor<P> | undefined;
  let made: SignalsFor<S> | undefined;
  const signals = () => {
    made ??= new SignalsFor<S>(core, name, host, (off) => host.hold(off, start));
    return made;
  };
  const company: { readonly [K in keyof WithPresence<P, S>]: PropertyDescriptor } = {
    presence: {
      get: () => {
        presence ??= new PresenceFor<P>(core, name, terms?.presence ?? undefined);
        return presence;
      },
    },
    signals: { get: () => signals().shown },
    signal: { value: (data: S) => signals().send(data) },
    onSignal: { value: (onSignal: (signal: Signal<S>) => void) => signals().on(onSignal) },
  };
  // The compiler can't tell what properties are defined.
  return Object.defineProperties(host, company) as T & WithPresence<P, S>;
}
