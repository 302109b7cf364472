/**
 * The front door: takes the options, holds the one core, and hands out a channel per name, typed by the contract. Everything
 * it does is done by the rooms behind it; machine, time and the kinds that there are come in through `createClientWith`.
 */
import type { Contract, StateDefinition, StreamDefinition } from '@syncline/protocol';
import type { CarriedBy, Clock, NameOf, PresenceOf, SignalOf } from '@syncline/protocol/wire';
import type { WithPresence } from './company.ts';
import type { Status } from './connection.ts';
import { Core } from './core.ts';
import { badOption, notA } from './faults.ts';
import type { OnLeave } from './lease.ts';
import type { Lifecycle } from './lifecycle.ts';
import { definitionOf } from './names.ts';
import type { Language } from './requests.ts';
import type { GetToken } from './rights.ts';
import type { StateChannel } from './state.ts';
import { type Report, reporter, type Store } from './store.ts';
import type { StreamChannel } from './stream.ts';
import type { Fallback, Transport } from './transports/transport.ts';
import { resolveUrl } from './transports/websocket.ts';
import type { Terms } from './values.ts';

export interface ClientOptions<C extends Contract = Contract> {
  /** `wss://…`, `https://…`, or a path on the page's own origin. Default `/sync`. */
  readonly url?: string;
  /**
   * The contract as a value: payloads are then validated in the client too, before they are sent and after they arrive.
   * For types alone `createClient<typeof channels>()` is enough.
   */
  readonly channels?: C;
  /**
   * Called before each attempt to connect, and before the rights that the last token gave end. A text of JWT or base64url
   * characters; must answer within 10 s.
   */
  readonly getToken?: GetToken;
  /**
   * By which ways to connect, those of `@syncline/client/http` among them: tried in order, and what worked is begun with for an hour.
   * Default: WebSocket alone.
   */
  readonly transports?: readonly Transport[];
  /** How long an answer may take before the connection is given up and made anew, in ms. Default 10 000. */
  readonly requestTimeoutMs?: number;
  /** Most messages that wait to be sent or answered, over all channels. Default 1000. */
  readonly outboxEntriesMax?: number;
  /** Most bytes of such messages. Default 1 MiB. */
  readonly outboxBytesMax?: number;
  /** How long a message may wait before it fails, in ms. Default 300 000. */
  readonly outboxAgeMs?: number;
  /** Told of what goes wrong where nobody waits: handlers that throw, entries that don't fit the contract. Default `reportError`. */
  readonly onError?: Report;
}

/** What a client is besides its channels. */
interface Connected {
  /** How the connection is. */
  readonly status: Store<Status>;
  /** How many published messages and written keys have no answer yet; leaving the page loses them. */
  readonly unsent: Store<number>;
  /**
   * The server's time now, in ms since 1970, to tell how old something is that it stored. As far as the last connection told, so
   * a little late; this machine's time before there was one.
   */
  serverNow(): number;
  /**
   * Connects now, without waiting until something is subscribed to or sent or, where attempts failed, until the next one is due: for a
   * page's "Try now", or to be there early. From the second failure in a row on the next attempt is still a second after the last
   * one, and none comes before the server asked for it. A connection that is there is asked whether it still is. After `close`
   * this does nothing.
   *
   * @example
   * button.onclick = () => client.connect()
   */
  connect(): void;
  /** Leaves, and ends the connection for good. What is unanswered fails with `closed`; no handler is called any more. */
  close(): void;
}

/** How channels of each kind are had. */
interface Channels<C extends Contract> {
  /**
   * The stream of that name; the same object each time.
   *
   * @throws SyncError `unknown_channel` for a name that can't be one, was asked for as another kind before or, with `channels` given,
   * isn't in the contract.
   */
  stream<const N extends string>(
    name: NameOf<C, N, StreamDefinition<unknown>>,
  ): StreamChannel<CarriedBy<C, N>> & WithPresence<PresenceOf<C, N>, SignalOf<C, N>>;
  /**
   * The state channel of that name; the same object each time.
   *
   * @throws SyncError `unknown_channel` for a name that can't be one, was asked for as another kind before or, with `channels` given,
   * isn't in the contract.
   */
  state<const N extends string>(
    name: NameOf<C, N, StateDefinition<unknown>>,
  ): StateChannel<CarriedBy<C, N>> & WithPresence<PresenceOf<C, N>, SignalOf<C, N>>;
}

/** A client of one server. */
export interface Client<C extends Contract = Contract> extends Connected, Channels<C> {}

/** A client of one server that has streams only, without presence. */
export interface StreamClient<C extends Contract = Contract> extends Connected {
  /** The stream of that name, as `client.stream` of `@syncline/client` gives it, but for who is there and what they signal. */
  stream<const N extends string>(
    name: NameOf<C, N, StreamDefinition<unknown>>,
  ): StreamChannel<CarriedBy<C, N>>;
}

/** What makes a channel of one kind, whatever it carries; options as that kind has them. */
export type Maker = (core: Core, name: string, terms: Terms, options?: never) => { readonly kind: string };

const defaults = {
  requestTimeoutMs: 10_000,
  outboxEntriesMax: 1000,
  outboxBytesMax: 1_048_576,
  outboxAgeMs: 300_000,
} as const;

/** The world outside, as parameters. */
export interface Surroundings {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly lifecycle: Lifecycle;
  /** What frames the client understands: what its kinds need. Default: those that streams need. */
  readonly language?: Language;
  /** How the client learns that the page goes for good, so that it leaves what it entered. Default: it doesn't. */
  readonly onLeave?: OnLeave;
}

/**
 * A client in surroundings of one's own, that has channels of these kinds. Who imports few kinds ships few: nothing else in
 * the client knows which there are.
 */
export function createClientWith<const C extends Contract, K extends string>(
  surroundings: Surroundings,
  kinds: { readonly [Kind in K]: Maker },
  options: ClientOptions<C> = {},
): Connected & Pick<Channels<C>, K & keyof Channels<C>> {
  const { channels, url, getToken, onError, transports, ...numbers } = options;
  for (const [name, value] of Object.entries(numbers)) {
    if (!(name in defaults && value > 0)) throw badOption(`\`${name}\` to be an option above 0`, value);
  }
  const core = new Core({
    ...defaults,
    ...numbers,
    ...surroundings,
    getToken,
    url: resolveUrl(url),
    report: reporter(onError),
    transport:
      transports?.find((one): one is Fallback => 'among' in one)?.among(transports) ?? surroundings.transport,
  });
  const { connection, clock, unsent } = core;
  const made = new Map<string, ReturnType<Maker>>();
  const client: Connected & { [kind: string]: unknown } = {
    status: connection.status,
    unsent,
    serverNow: () => clock.now() + connection.aheadMs,
    connect: () => connection.hint('wake'),
    close: () => {
      core.lease?.end();
      connection.stop();
    },
  };
  for (const [kind, make] of Object.entries<Maker>(kinds)) {
    client[kind] = (name: string, options?: never) => {
      const channel = made.get(name) ?? make(core, name, definitionOf(kind, name, channels), options);
      // Two of them would each take the other's entries for their own.
      if (channel.kind !== kind) throw notA(`${kind}: it is a ${channel.kind} already`, name);
      made.set(name, channel);
      return channel;
    };
  }
  // The contract is the types' word for what the channels carry.
  return client as Connected & Pick<Channels<C>, K & keyof Channels<C>>;
}
