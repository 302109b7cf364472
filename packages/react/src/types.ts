/**
 * The hooks as applications see them: what each takes, for which names of the contract, and what it gives. `createHooks` hands them
 * out; hooks.ts does what they say. They must not say how.
 */
import type {
  Client,
  Freshness,
  Member,
  Position,
  Signal,
  StateEntry,
  Status,
  Store,
  StreamChannel,
  TimelineItem,
  WithPresence,
} from '@syncline/client';
import type { Contract, StateDefinition, StreamDefinition } from '@syncline/protocol';
import type { CarriedBy, NameOf, PresenceOf, SignalOf, ViewFilter } from '@syncline/protocol/wire';
import type { ReactElement, ReactNode } from 'react';

export type TimelineOptions = NonNullable<Parameters<StreamChannel<unknown>['timeline']>[0]>;

/** A stream's timeline, shown. `publish` and `loadOlder` stay the same functions. */
export interface ShownTimeline<M> {
  /** Confirmed items by offset, then those pending or failed as they were sent. `key` is what React needs. */
  readonly items: readonly TimelineItem<M>[];
  /** Whether there may be more above the first item. */
  readonly hasOlder: boolean;
  /** Whether older items are being fetched. */
  readonly loading: boolean;
  readonly freshness: Freshness;
  /** Publishes, showing the message at once. Resolves when it is stored; a failure also shows as a `failed` item. */
  readonly publish: (data: M) => Promise<Position>;
  /** Fetches up to `count` older messages, by default a page. Does nothing where there are none. */
  readonly loadOlder: (count?: number) => Promise<void>;
}

/** A state channel or a view of it, shown. */
export interface ShownEntries<V> {
  readonly entries: ReadonlyMap<string, StateEntry<V>>;
  readonly freshness: Freshness;
}

/** What provides components with their client. */
export type Provider<T> = (props: { readonly client: T; readonly children?: ReactNode }) => ReactElement;

/**
 * All hooks, typed by a contract. Until there is anything to show, and while a server renders the page, they give what is empty:
 * no items, no entries, nobody; a status of `idle`, and a freshness of `catching-up`.
 *
 * Some take a channel of any kind, since whoever is there or signals may be so anywhere. In place of a stream its name will do.
 */
export interface Hooks<C extends Contract = Contract> {
  /** Gives all components inside of it their client. Closing the client is up to who made it. */
  readonly SynclineProvider: Provider<Client<C>>;
  /**
   * The client of the nearest provider, for whatever isn't shown: `useClient().state(name).set(key, value)`.
   *
   * @throws Error outside of any provider; so do all others
   */
  useClient(): Client<C>;
  /**
   * What a store of the client holds, for those that have no hook of their own: `useStore(client.unsent)`. It must be the same
   * one at each render: `useMemo` keeps one that is made, such as `channel.get(key)`.
   */
  useStore<T>(store: Store<T>): T;
  /** How the connection is. It doesn't connect: whatever follows a channel does. */
  useStatus(): Status;
  /**
   * The timeline of the stream of that name, followed while the component is mounted; the same one for all components, options
   * count at the first call.
   *
   * @throws SyncError `unknown_channel` for a name that can't be one or, where the client has the contract, isn't in it
   * @example
   * const { items, publish } = useTimeline('chat/lobby', { pageSize: 100 })
   */
  useTimeline<const N extends string>(
    name: NameOf<C, N, StreamDefinition<unknown>>,
    options?: TimelineOptions,
  ): ShownTimeline<CarriedBy<C, N>>;
  /**
   * All keys of the state channel of that name and what they hold, followed while the component is mounted. With a filter only
   * what is in that view is sent; given another filter, by value, the view moves. A filter of `{ keys: [] }` shows nothing yet.
   *
   * @throws SyncError `unknown_channel` as `useTimeline`
   * @example
   * const { entries } = useEntries('fleet/berlin', { bbox: map.bounds, maxHz: 2 })
   */
  useEntries<const N extends string>(
    name: NameOf<C, N, StateDefinition<unknown>>,
    filter?: ViewFilter,
  ): ShownEntries<CarriedBy<C, N>>;
  /**
   * What one key holds; the component renders when this one changes. The whole channel is followed: to be sent some keys
   * only, give `useEntries` a filter.
   *
   * @throws SyncError `unknown_channel` as `useTimeline`
   */
  useEntry<const N extends string>(
    name: NameOf<C, N, StateDefinition<unknown>>,
    key: string,
  ): StateEntry<CarriedBy<C, N>> | undefined;
  /**
   * Who is in a channel. Given `data`, this client is there too while the component is mounted, with the newest data, compared
   * by its JSON. Where several components enter one channel, what the last of them says counts.
   *
   * A document's `awareness` enters its channel too: there only one of both has a say.
   *
   * A refusal is an unhandled rejection of the page, with why the server refused.
   *
   * @example
   * const members = usePresence('chat/lobby', { name })
   * const editors = usePresence(useClient().state('fleet/berlin'))
   */
  usePresence<const N extends string>(
    stream: NameOf<C, N, StreamDefinition<unknown>>,
    data?: PresenceOf<C, N>,
  ): readonly Member<PresenceOf<C, N>>[];
  usePresence<P>(
    channel: Pick<WithPresence<P, unknown>, 'presence'>,
    data?: NoInfer<P>,
  ): readonly Member<P>[];
  /**
   * The newest signal of each other client, for 6 s, and a function that sends one; it stays the same function.
   *
   * @example
   * const [typing, signal] = useSignal('chat/lobby')
   */
  useSignal<const N extends string>(
    stream: NameOf<C, N, StreamDefinition<unknown>>,
  ): ShownSignals<SignalOf<C, N>>;
  useSignal<S>(channel: Pick<WithPresence<unknown, S>, 'signal' | 'signals'>): ShownSignals<S>;
  /** How far a channel can be trusted to be up to date, where that is shown apart from what it holds. Doesn't follow it. */
  useFreshness<const N extends string>(stream: NameOf<C, N, StreamDefinition<unknown>>): Freshness;
  useFreshness(channel: { readonly freshness: Store<Freshness> }): Freshness;
}

export type ShownSignals<S> = readonly [signals: readonly Signal<S>[], signal: (data: S) => void];
