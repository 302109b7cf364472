/**
 * What a server is to whoever runs one: its options, and everything that can be asked of it. server.ts builds what is described
 * here, index.ts shows it; there is nothing of it at run time.
 */
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type {
  Contract,
  DocDefinition,
  Position,
  StateDefinition,
  StreamDefinition,
} from '@syncline/protocol';
import type { CarriedBy, Clock, NameOf } from '@syncline/protocol/wire';
import type { Doc } from 'yjs';
import type { ApiKeys } from '../access/apikeys.ts';
import type { Authenticate, Authorize, BeforePublish } from '../access.ts';
import type { Broker } from '../broker/broker.ts';
import type { Seed } from '../fold/docs.ts';
import type { DeleteIf, SetFor } from '../hub/writer.ts';
import type { Logger, Metrics } from '../observe.ts';
import type { Numbers } from '../options.ts';
import type { Tls } from '../transports/tls.ts';
import type { WebhookTarget } from './webhooks.ts';

/** Options of `createServer`. The numbers, with defaults and bounds, are in docs/reference/options.md. */
export interface ServerOptions<C extends Contract> extends Partial<Numbers> {
  /** Which channels there are and what they carry: made by `defineChannels`. */
  readonly channels: C;
  /** Who is asking; throws to refuse. Without it only connections from this machine are served. */
  readonly authenticate?: Authenticate;
  /** Whether someone may do what neither their capabilities nor the contract allow. Default: nobody may. */
  readonly authorize?: Authorize;
  /** Looks at what clients publish before it is stored, but for edits of documents: refuses it, or replaces it. */
  readonly beforePublish?: BeforePublish;
  /** Keys by which your backends show who they are, by name: their hashes, and what they may do. Default none. */
  readonly apiKeys?: ApiKeys;
  /** The query parameter in which a token may come, such as `token`. Default none: addresses end up in logs. */
  readonly tokenParameter?: string;
  /** Fills a document that nobody has edited; the same name must give the same content. Default: documents begin empty. */
  readonly seed?: Seed;
  /** Where logs are stored. Default: on disk, in the folder `syncline-data`. */
  readonly broker?: Broker;
  /** Where the SDK connects. Default `/sync`. */
  readonly path?: string;
  /** Paths for WebSocket clients without the SDK, and the channel that each stands for. Default none. */
  readonly plain?: Readonly<Record<string, string>>;
  /** Origins, besides the server's own, whose pages may connect. Default none. */
  readonly originsAllowed?: readonly string[];
  /** The names, with or without a port, by which clients may call the server; others get 421. Default: any. */
  readonly hostsAllowed?: readonly string[];
  /** Makes `listen()` serve https and wss. Default none: then it is for this machine only, or behind a proxy. */
  readonly tls?: Tls;
  /** Whether a proxy of yours serves TLS before this server, or how many in a row. Default false. */
  readonly trustProxy?: boolean | number;
  /** Addresses of yours that are told, signed, of entries and members. Default none. */
  readonly webhooks?: readonly WebhookTarget[];
  /** Where the node writes what an operator should know; pino and console fit. Default: nowhere. */
  readonly logger?: Logger;
  /** Time and chance, for tests. */
  readonly clock?: Clock;
}

/** Where a server is found on an HTTP server; what is left out is as in the options. */
export interface At {
  readonly path?: string;
  readonly plain?: Readonly<Record<string, string>>;
}

export interface Server<C extends Contract> {
  /**
   * Serves WebSockets on your HTTP server, beside whatever else it does. `path` and `plain` override the options.
   *
   * @throws SyncError `bad_option` for what is no HTTP server, such as an Express app, and for a path that is taken; `closed`
   * after `close`
   */
  attach(server: HttpServer, at?: At): void;
  /**
   * Listens by itself. Port 0 takes a free one; the host is this machine only unless you name another.
   *
   * @throws SyncError `bad_option` for a host that others can reach when there is no `authenticate`; `unavailable` when
   * the port is taken; `storage` or `corrupt` when the broker can't start; `closed` after `close`.
   */
  listen(port?: number, host?: string): Promise<AddressInfo>;
  /**
   * Appends a message to a stream; resolves with its position once it is stored.
   *
   * @throws SyncError `bad_payload`, `payload_too_large`, `unknown_channel`, `storage`, `unavailable`.
   */
  publish<const N extends string>(
    channel: NameOf<C, N, StreamDefinition<unknown>>,
    data: CarriedBy<C, N>,
  ): Promise<Position>;
  /**
   * Sets a key of a state channel; resolves with the position of the entry once it is stored: its offset is the value's version.
   *
   * @throws SyncError `precondition` and `superseded`, whose detail `offset` is the version that stands; `bad_payload`,
   * `payload_too_large`, `too_many` when the channel has no room for another key, `unknown_channel`, `storage`, `unavailable`.
   * @example
   * await server.set('fleet/berlin', 'van-7', { lat: 52.5, lng: 13.4 }, { ttl: '60s' })
   */
  set<const N extends string>(
    channel: NameOf<C, N, StateDefinition<unknown>>,
    key: string,
    value: CarriedBy<C, N>,
    options?: SetFor,
  ): Promise<Position>;
  /**
   * Removes a key of a state channel, whether or not it is there.
   *
   * @throws SyncError `precondition`, whose detail `offset` is the version that stands; `bad_payload`, `unknown_channel`,
   * `storage`, `unavailable`.
   */
  delete<const N extends string>(
    channel: NameOf<C, N, StateDefinition<unknown>>,
    key: string,
    options?: DeleteIf,
  ): Promise<Position>;
  /**
   * Edits a document: `edit` gets a copy of it, and what it changes there is appended, once it has returned or resolved. Resolves
   * with the position of the entry once it is stored; null when nothing was changed. Edits of one document wait for each other,
   * so `edit` must not wait for another one of the same. Clients' edits meanwhile are merged, as Yjs does.
   *
   * @throws SyncError `quarantined` for a document that can't be folded, `payload_too_large` for one that takes longer to load than
   * `docEditMs`, `precondition` when it was replaced meanwhile, `unknown_channel`, `unsupported_data`, `storage`, `unavailable`;
   * and what `edit` throws, after which nothing is stored.
   * @example
   * await server.withDoc('board/7', (doc) => { doc.getMap('shapes').delete('s1') })
   */
  withDoc<const N extends string>(
    channel: NameOf<C, N, DocDefinition>,
    edit: (doc: Doc) => void | Promise<void>,
  ): Promise<Position | null>;
  /**
   * A document as JSON: an object of its shared types by name. Maps become objects, arrays lists, texts and XML strings, bytes
   * base64; a type that nothing is left in is left out.
   *
   * @throws SyncError `quarantined`, `payload_too_large` for one that is too much to be shown, `unknown_channel`,
   * `unsupported_data`, `storage`, `unavailable`.
   * @example
   * const { shapes } = await server.readDoc('board/7')
   */
  readDoc<const N extends string>(
    channel: NameOf<C, N, DocDefinition>,
  ): Promise<Readonly<Record<string, unknown>>>;
  /**
   * Begins another document in the place of this one, filled by `fill`; resolves with its position once it is stored. Clients
   * don't merge what they have: they take the new one, and hand their own out. It also ends a quarantine.
   *
   * @throws SyncError `unknown_channel`, `unsupported_data`, `storage`, `unavailable`; and what `fill` throws.
   */
  replaceDoc<const N extends string>(
    channel: NameOf<C, N, DocDefinition>,
    fill: (doc: Doc) => void | Promise<void>,
  ): Promise<Position>;
  /**
   * Resolves when the broker is ready; rejects with what keeps it from being. Where nobody asks for it, and nobody listens or closes,
   * that is an unhandled rejection, which ends the process: a server without its logs serves nobody.
   *
   * @example
   * server.attach(http)
   * await server.ready
   */
  readonly ready: Promise<void>;
  /** Counters, as in docs/reference/metrics.md. */
  readonly metrics: Readonly<Metrics>;
  /**
   * Ends all sessions of a user, at once and for good: their clients don't come back by themselves. Whoever must stay out is
   * refused by `authenticate`. Returns how many there were on this node; the others are told through the broker, and end theirs
   * as soon as they hear of it, up to an hour later where one is cut off. Whoever comes in after this call may stay.
   */
  disconnect(user: string, why?: string): number;
  /**
   * Withdraws a token by its id (`jti` in a JWT): its sessions end, and it lets nobody in again. Returns how many there were on this node;
   * the others are told through the broker, however late. It is stored there, so that a node which restarts remembers.
   *
   * @throws SyncError `bad_option` for a time that is over, `too_many` when 100,000 tokens are revoked already
   * @param untilMs when the token would have ended by itself, in ms since 1970; default in 30 days
   */
  revoke(tokenId: string, untilMs?: number): number;
  /** Tells clients to come back, lets them leave for up to `drainMs`, and releases everything. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}
