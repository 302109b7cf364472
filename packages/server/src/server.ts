/**
 * The server's front: wires the rooms together, comes and goes. Whoever runs a node calls it. If it had an `if` about a
 * message, that would be in the wrong file.
 */
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type Contract,
  type Position,
  type StateDefinition,
  type StreamDefinition,
  SyncError,
} from '@syncline/protocol';
import { type CarriedBy, type Clock, type Lookup, lookup, type NameOf } from '@syncline/protocol/wire';
import { Access, type Authenticate, type Authorize, type BeforePublish } from './access.ts';
import type { Broker } from './broker/broker.ts';
import { disk } from './broker/disk.ts';
import { type DeleteIf, type SetFor, Writer } from './hub/writer.ts';
import { Hub } from './hub.ts';
import { calm, type Logger, type Metrics, newMetrics, reason, silentLogger } from './observe.ts';
import { checkOption, type Numbers, resolveClock, resolveNumbers, show } from './options.ts';
import { Pulse } from './pulse.ts';
import { Members } from './session/members.ts';
import { Doors, type Paths } from './transports/doors.ts';
import { serveHttp } from './transports/http.ts';
import {
  checkPlace,
  listening,
  makeServer,
  type OwnServer,
  type Reach,
  watchExposed,
} from './transports/listen.ts';
import type { Tls } from './transports/tls.ts';
import { Turn } from './turn.ts';

/** Options of `createServer`. The numbers, with defaults and bounds, are in docs/reference/options.md. */
export interface ServerOptions<C extends Contract> extends Partial<Numbers> {
  /** Which channels there are and what they carry: made by `defineChannels`. */
  readonly channels: C;
  /** Who is asking; throws to refuse. Without it only connections from this machine are served. */
  readonly authenticate?: Authenticate;
  /** Whether someone may do what neither their capabilities nor the contract allow. Default: nobody may. */
  readonly authorize?: Authorize;
  /** Looks at what clients publish before it is stored: refuses it, or replaces it. */
  readonly beforePublish?: BeforePublish;
  /** The query parameter in which a token may come, such as `token`. Default none: addresses end up in logs. */
  readonly tokenParameter?: string;
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
  /** Where the node writes what an operator should know; pino and console fit. Default: nowhere. */
  readonly logger?: Logger;
  /** Time and chance, for tests. */
  readonly clock?: Clock;
}

/** The part of the time to leave over which clients are spread. */
const windowShare = 0.4;
/** How long a revoked token is remembered when nobody says when it ends. */
const tokenLifeMsMax = 30 * 86_400_000;
/** How long sockets that are cut off may take to say that they are gone. */
const cutMs = 1000;

/** Where a server is found on an HTTP server; what is left out is as in the options. */
interface At {
  readonly path?: string;
  readonly plain?: Readonly<Record<string, string>>;
}

export interface Server<C extends Contract> {
  /** Serves WebSockets on your HTTP server, beside whatever else it does. `path` and `plain` override the options. */
  attach(server: HttpServer, at?: At): void;
  /**
   * Listens by itself. Port 0 takes a free one; the host is this machine only unless you name another.
   *
   * @throws SyncError `bad_option` for a host that others can reach when there is no `authenticate`; `unavailable` when
   * the port is taken; `storage` or `corrupt` when the broker can't start.
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
  /** Resolves when the broker is ready; rejects with what keeps it from being. */
  readonly ready: Promise<void>;
  /** Counters, as in docs/reference/metrics.md. */
  readonly metrics: Readonly<Metrics>;
  /**
   * Ends all sessions of a user on this node, at once and for good: their clients don't come back by themselves. Whoever
   * must stay out is refused by `authenticate`. Returns how many there were.
   */
  disconnect(user: string, why?: string): number;
  /**
   * Withdraws a token by its id (`jti` in a JWT): its sessions on this node end, and it lets nobody in again. Returns how many there were.
   *
   * @throws SyncError `bad_option` for a time that is over, `too_many` when 100,000 tokens are revoked already
   * @param untilMs when the token would have ended by itself, in ms since 1970; default in 30 days
   */
  revoke(tokenId: string, untilMs?: number): number;
  /** Tells clients to come back, lets them leave for up to `drainMs`, and releases everything. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/**
 * A Syncline server.
 *
 * @throws SyncError `bad_option`, which says what was expected and what was given.
 * @example
 * const server = createServer({ channels: defineChannels({ 'chat/:room': stream() }) })
 * await server.listen(8080)
 * await server.publish('chat/lobby', { text: 'hello' })
 */
export function createServer<const C extends Contract>(options: ServerOptions<C>): Server<C> {
  return new Node(options);
}

class Node<C extends Contract> implements Server<C> {
  readonly ready: Promise<void>;
  readonly metrics: Metrics = newMetrics();
  readonly #options: ServerOptions<C>;
  readonly #numbers: Numbers;
  readonly #find: Lookup;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #reach: Reach;
  readonly #access: Access;
  readonly #broker: Broker;
  readonly #hub: Hub;
  readonly #writer: Writer;
  readonly #pulse: Pulse;
  readonly #doors: Doors;
  readonly #members: Members;
  readonly #own = new Set<OwnServer>();
  /** What stops waiting for attached servers to listen. */
  readonly #watching: (() => void)[] = [];
  /** What stops answering plain requests. */
  readonly #answering: (() => void)[] = [];
  #isReady = false;
  #closing: Promise<void> | undefined;

  constructor(options: ServerOptions<C>) {
    if (typeof options !== 'object' || options === null || options.channels === undefined) {
      throw new SyncError(
        'bad_option',
        `Expected \`channels\` to be a contract made by defineChannels(), got ${show(options?.channels)}.`,
      );
    }
    this.#options = Object.freeze({ ...options });
    this.#numbers = resolveNumbers({ ...options });
    refuseUnserved(options.channels);
    this.#find = lookup(options.channels);
    this.#paths({});
    this.#clock = resolveClock(options.clock);
    this.#broker = options.broker ?? disk({ dir: 'syncline-data' });
    this.ready = this.#broker.ready ?? Promise.resolve();
    this.ready.then(
      () => (this.#isReady = true),
      () => {},
    );
    this.#reach = { anonymous: options.authenticate === undefined, trustProxy: options.trustProxy ?? false };
    const logger = calm(options.logger ?? silentLogger, this.#clock);
    this.#logger = logger;
    const turn = new Turn(this.#clock);
    this.#access = new Access({
      authenticate: options.authenticate ?? null,
      authorize: options.authorize ?? null,
      beforePublish: options.beforePublish ?? null,
      tokenParameter: options.tokenParameter ?? null,
      hookMs: this.#numbers.hookMs,
      clock: this.#clock,
      logger: this.#logger,
    });
    const own = { access: this.#access, broker: this.#broker, clock: this.#clock, metrics: this.metrics };
    const tools = { ...own, turn, logger };
    this.#hub = new Hub(this.#numbers, tools, this.#find);
    this.#writer = new Writer(this.#hub);
    this.#pulse = new Pulse(this.#clock, this.#numbers.heartbeatMs);
    this.#members = new Members({ ...tools, ...this.#numbers, hub: this.#hub, pulse: this.#pulse });
    this.#doors = new Doors({
      ...this.#reach,
      identify: (credentials) => this.#access.identify(credentials),
      originsAllowed: options.originsAllowed ?? [],
      hostsAllowed: options.hostsAllowed ?? [],
      connection: { clock: this.#clock, metrics: this.metrics, ...this.#numbers },
      admit: (identity) => this.#members.admit(this.#access.good(identity)),
    });
  }

  attach(server: HttpServer, at: At = {}): void {
    this.#refuseClosed();
    const paths = this.#paths(at);
    const stop = watchExposed(server, this.#reach, this.#logger);
    this.#doors.attach(server, paths);
    this.#watching.push(stop);
    this.#answering.push(
      serveHttp(server, paths.native.replace(/\/$/, ''), {
        ...this.#reach,
        originsAllowed: this.#options.originsAllowed ?? [],
        hostsAllowed: this.#options.hostsAllowed ?? [],
        issueTicket: (credentials) => this.#access.issueTicket(credentials),
        wait: (address) => this.#doors.wait(address),
        ready: () => this.#isReady && !this.#closing,
      }),
    );
  }

  async listen(port = 0, host = 'localhost'): Promise<AddressInfo> {
    const { tls } = this.#options;
    checkPlace(port, host, this.#reach, tls);
    this.#refuseClosed();
    await this.ready;
    const own = await makeServer(tls, { clock: this.#clock, logger: this.#logger, ...this.#numbers });
    this.#own.add(own);
    try {
      this.#refuseClosed();
      this.#doors.guard(own.http);
      const address = await listening(own.http, port, host);
      this.attach(own.http);
      return address;
    } catch (thrown) {
      this.#own.delete(own);
      own.http.close();
      own.cut();
      throw thrown;
    }
  }

  publish(channel: string, data: unknown): Promise<Position> {
    return this.#writer.publish(channel, data);
  }

  set(channel: string, key: string, value: unknown, options?: SetFor): Promise<Position> {
    return this.#writer.set(channel, key, value, options);
  }

  delete(channel: string, key: string, options?: DeleteIf): Promise<Position> {
    return this.#writer.delete(channel, key, options);
  }

  disconnect(user: string, why = 'The server ended this session.'): number {
    this.#access.withdraw(user);
    return this.#members.end((identity) => identity.user === user, 'disconnected', why);
  }

  revoke(tokenId: string, untilMs = this.#clock.now() + tokenLifeMsMax): number {
    if (!(untilMs > this.#clock.now()))
      throw new SyncError(
        'bad_option',
        `Expected \`untilMs\` to be a time to come, in ms since 1970, got ${show(untilMs)}. The claim \`exp\` counts seconds: multiply it by 1000.`,
      );
    const why = 'The token that this session came with was revoked.';
    const ended = this.#members.end((identity) => identity.tokenId === tokenId, 'revoked', why);
    this.#access.revoke(tokenId, untilMs);
    return ended;
  }

  close(options: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#leave(options.drainMs ?? this.#numbers.drainMs);
    return this.#closing;
  }

  /** Which paths lead where. @throws SyncError `bad_option` */
  #paths(at: At): Paths {
    checkOption('path', at.path);
    checkOption('plain', at.plain);
    const native = at.path ?? this.#options.path ?? '/sync';
    const plain = new Map(Object.entries(at.plain ?? this.#options.plain ?? {}));
    for (const [path, channel] of plain) {
      const expected = `Expected \`plain\` to give ${path} a channel of the contract, got ${show(channel)}`;
      try {
        this.#find(channel);
      } catch (thrown) {
        throw new SyncError('bad_option', `${expected}: ${reason(thrown)}`);
      }
    }
    if (!plain.has(native)) return { native, plain };
    throw new SyncError(
      'bad_option',
      `Expected \`plain\` to leave ${native} to the SDK. Give one of the two another path.`,
    );
  }

  #refuseClosed(): void {
    if (this.#closing)
      throw new SyncError('closed', 'This server was closed. Make another one with createServer().');
  }

  /** In order: nobody new, everyone told, everyone answered and gone, and only then the logs. */
  async #leave(drainMs: number): Promise<void> {
    this.#doors.close();
    for (const stop of this.#watching.splice(0)) stop();
    for (const { http } of this.#own) http.close();
    const why = 'The server is restarting; come back.';
    const lastMs = Math.min(cutMs, drainMs / 4);
    // They come back spread over a part of the time. Clients add up to half of theirs, and the rest is for the move itself.
    this.#members.leave(why, drainMs * windowShare);
    await this.#members.emptied(drainMs - lastMs);
    this.#members.finish(why);
    await this.#members.emptied(lastMs);
    this.#pulse.stop();
    this.#doors.detach();
    for (const stop of this.#answering.splice(0)) stop();
    for (const { cut } of this.#own) cut();
    await this.#members.emptied(cutMs);
    this.#access.close();
    this.#hub.close();
    await this.#broker.close();
  }
}

/** Documents need more of a node than this version has; better said at the start than found out in use. */
function refuseUnserved(channels: Contract): void {
  for (const [pattern, { kind }] of Object.entries(channels)) {
    if (kind === 'doc')
      throw new SyncError(
        'bad_option',
        `The channel pattern "${pattern}" is of the kind "${kind}", which this version's server doesn't serve yet. It serves streams and states.`,
      );
  }
}
