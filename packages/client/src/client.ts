/**
 * The front door: takes the options, holds the one core, and hands out a channel per name, typed by the contract. Everything
 * it does is done by the rooms behind it; machine and time come in through `createClientWith`.
 */
import type { Contract, StreamDefinition } from '@syncline/protocol';
import type { CarriedBy, Clock, NameOf } from '@syncline/protocol/wire';
import type { Status } from './connection.ts';
import { Core } from './core.ts';
import { badOption, notA } from './faults.ts';
import type { Lifecycle } from './lifecycle.ts';
import { definitionOf } from './names.ts';
import type { GetToken } from './rights.ts';
import { type Report, reporter, type Store } from './store.ts';
import { Stream, type StreamChannel } from './stream.ts';
import type { Transport } from './transports/transport.ts';
import { resolveUrl } from './transports/websocket.ts';

/** A name that the contract has a stream for; any name where there is no contract to tell. */
export type StreamName<C extends Contract, N extends string> = NameOf<C, N, StreamDefinition<unknown>>;

/** What the stream called `N` carries; `unknown` where there is no contract to tell. */
export type MessageOf<C extends Contract, N extends string> = CarriedBy<C, N>;

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

/** A client of one server. */
export interface Client<C extends Contract = Contract> {
  /** How the connection is. */
  readonly status: Store<Status>;
  /** How many published messages have no answer yet; leaving the page loses them. */
  readonly unsent: Store<number>;
  /**
   * The stream of that name; the same object each time.
   *
   * @throws SyncError `unknown_channel` for a name that can't be one or, with `channels` given, isn't in the contract.
   */
  stream<const N extends string>(name: StreamName<C, N>): StreamChannel<MessageOf<C, N>>;
  /** Ends the connection for good. What is unanswered fails with `closed`; no handler is called any more. */
  close(): void;
}

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
}

/** A client in surroundings of one's own: for the simulator and for tests. */
export function createClientWith<const C extends Contract = Contract>(
  surroundings: Surroundings,
  options: ClientOptions<C> = {},
): Client<C> {
  const { channels, url, getToken, onError } = options;
  const limits: Record<keyof typeof defaults, number> = { ...defaults };
  for (const name of Object.keys(defaults) as (keyof typeof defaults)[]) {
    limits[name] = options[name] ?? defaults[name];
    if (limits[name] > 0) continue;
    throw badOption(`\`${name}\` to be above 0`, limits[name]);
  }
  const core = new Core({
    ...{ ...surroundings, ...limits, url: resolveUrl(url), getToken },
    report: reporter(onError),
  });
  const streams = new Map<string, Stream<unknown>>();
  const stream = (name: string): Stream<unknown> => {
    const known = streams.get(name);
    if (known) return known;
    const definition = definitionOf(name, channels);
    if (definition && definition.kind !== 'stream') throw notA('stream of the contract', name);
    const made = new Stream<unknown>(core, name, definition?.schema);
    streams.set(name, made);
    return made;
  };
  return {
    status: core.connection.status,
    unsent: core.unsent,
    // The contract is the types' word for what the channel carries.
    stream: stream as unknown as Client<C>['stream'],
    close: () => core.connection.stop(),
  };
}
