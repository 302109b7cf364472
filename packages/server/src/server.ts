/**
 * The server's front: wires the rooms together, comes and goes. Whoever runs a node calls it. If it had an `if` about a
 * message, that would be in the wrong file.
 */
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Contract, type Position, SyncError } from '@syncline/protocol';
import { type Clock, type Lookup, lookup, systemClock } from '@syncline/protocol/wire';
import { keyRing } from './access/apikeys.ts';
import { Access, type Credentials, type Identity } from './access.ts';
import type { Broker, Health } from './broker/broker.ts';
import { disk } from './broker/disk.ts';
import type { DocJson } from './fold/doc/child.ts';
import { demandYjs, type Write } from './fold/doc/yjs.ts';
import { Documents } from './hub/documents.ts';
import { Faces } from './hub/faces.ts';
import { type WithdrawalHooks, Withdrawals } from './hub/withdrawals.ts';
import { type DeleteIf, type SetFor, Writer } from './hub/writer.ts';
import { Hub } from './hub.ts';
import { calm, type Logger, type Metrics, newMetrics, reason, silentLogger } from './observe.ts';
import { show } from './options/show.ts';
import { type Numbers, resolveNumbers } from './options.ts';
import { Pulse } from './pulse.ts';
import { backends, type Withdrawn } from './server/backends.ts';
import type { At, Server, ServerOptions } from './server/front.ts';
import { pathsOf } from './server/paths.ts';
import { Webhooks } from './server/webhooks.ts';
import { Lookups } from './session/lookups.ts';
import { Posts } from './session/posts.ts';
import { type Place, Sessions } from './session/sessions.ts';
import { Streams } from './session/streams.ts';
import { networkOf } from './transports/crowd.ts';
import { Doors } from './transports/doors.ts';
import { Links } from './transports/http/link/links.ts';
import { Underway } from './transports/http/underway.ts';
import { serveHttp } from './transports/http.ts';
import {
  checkHttpServer,
  checkPlace,
  listening,
  makeServer,
  type OwnServer,
  type Reach,
  watchExposed,
} from './transports/listen.ts';
import { Turn } from './turn.ts';

export type { Server, ServerOptions } from './server/front.ts';

/** The part of the time to leave over which clients are spread. */
const windowShare = 0.4;
/** How long a revoked token is remembered when nobody says when it ends. */
const tokenLifeMsMax = 30 * 86_400_000;
/** Size of one payload where there are documents. */
const pastedBytesMax = 1_048_576;
/** How long sockets that are cut off may take to say that they are gone. */
const cutMs = 1000;

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
  readonly metrics: Metrics;
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
  readonly #documents: Documents;
  readonly #pulse: Pulse;
  readonly #doors: Doors;
  readonly #links: Links;
  readonly #underway: Underway;
  readonly #sessions: Sessions;
  readonly #posts: Posts;
  readonly #streams: Streams;
  readonly #backends: ReturnType<typeof backends>;
  readonly #withdrawals: Withdrawals | undefined;
  readonly #webhooks: Webhooks;
  readonly #own = new Set<OwnServer>();
  /** What stops waiting for attached servers to listen. */
  readonly #watching: (() => void)[] = [];
  /** What stops answering plain requests. */
  readonly #answering: (() => void)[] = [];
  /** Since when the logs can't be reached, as the operator was told. */
  #brokenSince: number | null = null;
  #isReady = false;
  #closing: Promise<void> | undefined;

  constructor(options: ServerOptions<C>) {
    demandContract(options);
    this.#options = Object.freeze({ ...options });
    this.#find = lookup(options.channels);
    const definitions = Object.values(options.channels);
    const takesBinary = definitions.some(({ carries }) => carries === 'bytes');
    this.#numbers = resolveNumbers({ ...(takesBinary && room(options)), ...options });
    if (definitions.some(({ kind }) => kind === 'doc')) demandYjs();
    pathsOf(options, {}, this.#find);
    this.#clock = options.clock ?? systemClock;
    this.#broker = options.broker ?? disk({ dir: 'syncline-data' });
    this.metrics = newMetrics(this.#broker.troubles);
    this.#reach = {
      authenticates: options.authenticate !== undefined,
      trustProxy: options.trustProxy ?? false,
    };
    const logger = calm(options.logger ?? silentLogger, this.#clock);
    this.#logger = logger;
    const turn = new Turn(this.#clock);
    const now = () => this.#broker.now?.() ?? this.#clock.now();
    const common = { broker: this.#broker, clock: this.#clock, turn, metrics: this.metrics, logger };
    this.#webhooks = new Webhooks(options.webhooks ?? [], { ...common, ...this.#numbers });
    // Where nobody is asked who they are there is nobody to send away.
    this.#withdrawals = options.authenticate && new Withdrawals(this.#numbers, common, this.#sentAway);
    this.ready = (this.#broker.ready ?? Promise.resolve()).then(() => this.#withdrawals?.open());
    this.ready.then(
      () => (this.#isReady = true),
      () => {},
    );
    this.#access = new Access({
      ...hooksOf(options),
      hookMs: this.#numbers.hookMs,
      clock: this.#clock,
      logger: this.#logger,
      sharedNow: now,
      known: this.ready,
      broker: this.#broker,
    });
    const tools = { ...common, access: this.#access };
    const watched = { ...tools, broker: this.#webhooks.watch(this.#broker, this.#find) };
    const { news } = this.#webhooks;
    this.#hub = new Hub(this.#numbers, watched, this.#find, { seed: options.seed, news });
    this.#writer = new Writer(this.#hub);
    this.#documents = new Documents(this.#hub, this.#clock);
    this.#pulse = new Pulse(this.#clock, this.#numbers.heartbeatMs);
    const { health } = this.#broker;
    const shared = { ...tools, ...this.#numbers, hub: this.#hub, health, now };
    this.#sessions = new Sessions({ ...shared, pulse: this.#pulse });
    health?.onChange(() => this.#tellHealth(health));
    this.#posts = new Posts(shared, this.#sessions);
    this.#streams = new Streams(shared, this.#sessions, new Faces(this.#hub, options.channels));
    this.#backends = backends({
      ...shared,
      lookups: new Lookups(shared, this.#sessions),
      disconnect: (user, why) => this.#disconnect(user, why),
      revoke: (tokenId, untilMs) => this.#revoke(tokenId, untilMs),
    });
    const connection = { clock: this.#clock, metrics: this.metrics, takesBinary, ...this.#numbers };
    this.#doors = new Doors({
      ...this.#reach,
      identify: (credentials) => this.#access.identify(credentials),
      originsAllowed: options.originsAllowed ?? [],
      hostsAllowed: options.hostsAllowed ?? [],
      connection,
      admit: (identity, credentials) => this.#admit(identity, credentials),
      cutOff: () => this.#cutOff,
    });
    this.#underway = new Underway(this.#clock);
    this.#links = new Links(connection, this.#broker);
  }

  attach(server: HttpServer, at: At = {}): void {
    this.#refuseClosed();
    checkHttpServer(server);
    const paths = pathsOf(this.#options, at, this.#find);
    const stop = watchExposed(server, this.#reach, this.#logger);
    this.#doors.attach(server, paths);
    this.#watching.push(stop);
    this.#answering.push(
      serveHttp(server, paths.native.replace(/\/$/, ''), {
        ...this.#reach,
        originsAllowed: this.#options.originsAllowed ?? [],
        hostsAllowed: this.#options.hostsAllowed ?? [],
        ...this.#numbers,
        clock: this.#clock,
        identify: (credentials) => this.#access.identify(credentials),
        issueTicket: (credentials) => this.#access.issueTicket(credentials),
        publish: (post, address) => this.#posts.publish({ ...post, network: networkOf(address) }),
        ...this.#backends,
        wait: (address) => this.#doors.wait(address),
        links: this.#links,
        underway: this.#underway,
        streams: this.#streams,
        networkOf,
        metrics: this.metrics,
        admit: (identity, credentials) => this.#admit(identity, credentials),
        enter: (address) => this.#doors.enter(address),
        refused: () => this.metrics.sessionsRefused++,
        welcome: ({ socket }) => this.#doors.welcome(socket),
        ready: () => this.#isReady && !this.#closing,
        cutOff: () => this.#cutOff,
        healthy: () => (this.#broker.health?.brokenSince ?? null) === null,
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

  withDoc(channel: string, edit: Write): Promise<Position | null> {
    return this.#documents.edit(channel, edit);
  }

  readDoc(channel: string): Promise<DocJson> {
    return this.#documents.read(channel);
  }

  replaceDoc(channel: string, fill: Write): Promise<Position> {
    return this.#documents.replace(channel, fill);
  }

  disconnect(user: string, why?: string): number {
    return this.#disconnect(user, why).ended;
  }

  revoke(tokenId: string, untilMs?: number): number {
    return this.#revoke(tokenId, untilMs).ended;
  }

  #disconnect(user: string, why = 'The server ended this session.'): Withdrawn {
    const stored = this.#withdrawals?.disconnect(user, why);
    return { ended: this.#sendAway(user, why), stored };
  }

  #revoke(tokenId: string, untilMs = this.#clock.now() + tokenLifeMsMax): Withdrawn {
    if (!(untilMs > this.#clock.now()))
      throw new SyncError(
        'bad_option',
        `Expected \`untilMs\` to be a time to come, in ms since 1970, got ${show(untilMs)}. The claim \`exp\` counts seconds: multiply it by 1000.`,
      );
    const ended = this.#withdrawToken(tokenId, untilMs);
    return { ended, stored: this.#withdrawals?.revoke(tokenId, untilMs) };
  }

  close(options: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#leave(options.drainMs ?? this.#numbers.drainMs);
    return this.#closing;
  }

  /** Sessions hear of it with a heartbeat, an operator by the log. */
  #tellHealth({ brokenSince, what }: Health): void {
    const before = this.#brokenSince;
    this.#brokenSince = brokenSince;
    if (brokenSince !== null)
      this.#logger.error(
        { what },
        'The logs can not be reached: nothing is acknowledged, and clients are told.',
      );
    else if (before !== null)
      this.#logger.error({ brokenMs: this.#clock.now() - before }, 'The logs can be reached again.');
    // Another reason is nothing to a client.
    if ((before === null) !== (brokenSince === null)) this.#sessions.heartbeat();
  }

  /** What any node does when somebody is sent away, this one included. */
  readonly #sentAway: WithdrawalHooks = {
    disconnected: (user, why, at) => void this.#sendAway(user, why, at),
    revoked: (tokenId, untilMs) => {
      try {
        this.#withdrawToken(tokenId, untilMs);
      } catch (thrown) {
        this.#logger.error({ reason: reason(thrown) }, 'A token that another node revoked is still taken.');
      }
    },
  };

  /** Takes a place for a session. @throws SyncError `too_many`, or why the identity is good no longer */
  #admit(identity: Identity, credentials: Credentials): Place {
    return this.#sessions.admit(this.#access.good(identity), this.#access.caller(credentials));
  }

  /** @param at whoever was let in later may stay */
  #sendAway(user: string, why: string, at = Number.POSITIVE_INFINITY): number {
    this.#access.withdraw(user, at);
    this.#hub.leases.withdraw({ user });
    const meant = (identity: Identity) => this.#access.foundBy(identity, at);
    return this.#sessions.end({ user }, 'disconnected', why, meant);
  }

  #withdrawToken(tokenId: string, untilMs: number): number {
    const why = 'The token that this session came with was revoked.';
    const ended = this.#sessions.end({ tokenId }, 'revoked', why);
    this.#access.revoke(tokenId, untilMs);
    this.#hub.leases.withdraw({ tokenId });
    return ended;
  }

  /** Whether the logs haven't been reached for so long that whoever comes had better go to another node. */
  get #cutOff(): boolean {
    const since = this.#broker.health?.brokenSince ?? null;
    return since !== null && this.#clock.now() - since >= this.#numbers.cutOffMs;
  }

  #refuseClosed(): void {
    if (this.#closing)
      throw new SyncError('closed', 'This server was closed. Make another one with createServer().');
  }

  /** In order: nobody new, everyone told, everyone answered and gone, and only then the logs. */
  async #leave(drainMs: number): Promise<void> {
    this.#doors.close();
    for (const stop of this.#watching.splice(0)) stop();
    // Who has a link makes a new request for whatever it sends and for each poll; everybody else is sent elsewhere.
    this.#links.emptied(() => {
      for (const { http } of this.#own) http.close();
    });
    const why = 'The server is restarting; come back.';
    const lastMs = Math.min(cutMs, drainMs / 4);
    // They come back spread over a part of the time. Clients add up to half of theirs, and the rest is for the move itself.
    this.#sessions.leave(why, drainMs * windowShare);
    await this.#sessions.emptied(drainMs - lastMs);
    this.#sessions.finish(why);
    this.#links.letGo();
    await this.#underway.emptied(lastMs, this.#sessions.emptied(lastMs));
    this.#pulse.stop();
    this.#doors.detach();
    this.#links.close();
    for (const stop of this.#answering.splice(0)) stop();
    for (const { cut } of this.#own) cut();
    await this.#sessions.emptied(cutMs);
    this.#access.close();
    await this.#withdrawals?.close();
    await this.#hub.close();
    await this.#webhooks.close(lastMs);
    await this.#broker.close();
  }
}

/** @throws SyncError `bad_option` */
function demandContract(options: Partial<ServerOptions<Contract>> | null | undefined): void {
  if (typeof options === 'object' && options !== null && options.channels !== undefined) return;
  throw new SyncError(
    'bad_option',
    `Expected \`channels\` to be a contract made by defineChannels(), got ${show(options?.channels)}.`,
  );
}

/** What is asked about who is asking. @throws SyncError `bad_option` */
function hooksOf(options: ServerOptions<Contract>) {
  const { authenticate, authorize, beforePublish, tokenParameter, apiKeys } = options;
  return {
    authenticate: authenticate ?? null,
    apiKeys: keyRing(apiKeys, authenticate !== undefined),
    authorize: authorize ?? null,
    beforePublish: beforePublish ?? null,
    tokenParameter: tokenParameter ?? null,
  };
}

/** An edit of a document may hold all that somebody pasted: there is room for that, unless somebody says how much there is. */
function room({ payloadBytesMax, frameBytesMax }: Partial<Numbers>): Partial<Numbers> {
  if (payloadBytesMax !== undefined || frameBytesMax !== undefined) return {};
  return { payloadBytesMax: pastedBytesMax, frameBytesMax: pastedBytesMax + 1024 };
}
