/**
 * Where clients come in, on HTTP servers of others and of our own: by sockets, links and plain requests. The front has it attach and
 * listen, and closes it in steps when the node leaves. It brings transports and sessions together, and knows no channel.
 */
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SyncError } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import type { Access, Credentials, Identity } from '../access.ts';
import type { Broker } from '../broker/broker.ts';
import type { Logger, Metrics } from '../observe.ts';
import type { Numbers } from '../options.ts';
import type { Posts } from '../session/posts.ts';
import type { Place, Sessions } from '../session/sessions.ts';
import type { Streams } from '../session/streams.ts';
import { networkOf } from '../transports/crowd.ts';
import { Doors, type Paths } from '../transports/doors.ts';
import { Links } from '../transports/http/link/links.ts';
import { Underway } from '../transports/http/underway.ts';
import { type HttpSettings, serveHttp } from '../transports/http.ts';
import {
  checkHttpServer,
  checkPlace,
  listening,
  makeServer,
  type OwnServer,
  type Reach,
  watchExposed,
} from '../transports/listen.ts';
import type { Tls } from '../transports/tls.ts';
import type { backends } from './backends.ts';
import type { At } from './front.ts';
import type { LogHealth } from './health.ts';

export interface EntranceTools {
  readonly reach: Reach;
  readonly tls: Tls | undefined;
  readonly originsAllowed: readonly string[];
  readonly hostsAllowed: readonly string[];
  readonly numbers: Numbers;
  readonly takesBinary: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly broker: Broker;
  readonly logs: LogHealth;
  readonly access: Access;
  readonly sessions: Sessions;
  readonly posts: Posts;
  readonly streams: Streams;
  readonly backends: ReturnType<typeof backends>;
  readonly pathsOf: (at: At) => Paths;
  /** Resolves when the node can serve somebody. */
  readonly ready: Promise<void>;
}

export class Entrances {
  readonly #tools: EntranceTools;
  /** Who may come in, and how it is found out who that is: for sockets and requests alike. */
  readonly #common: Pick<
    HttpSettings,
    keyof Reach | 'originsAllowed' | 'hostsAllowed' | 'identify' | 'admit' | 'cutOff'
  >;
  readonly #doors: Doors;
  readonly #links: Links;
  readonly #underway: Underway;
  readonly #own = new Set<OwnServer>();
  /** What stops waiting for attached servers to listen. */
  readonly #watching: (() => void)[] = [];
  /** What stops answering plain requests. */
  readonly #answering: (() => void)[] = [];
  #isReady = false;
  #closed = false;

  constructor(tools: EntranceTools) {
    this.#tools = tools;
    const { access, sessions, logs, originsAllowed, hostsAllowed } = tools;
    this.#common = {
      ...tools.reach,
      originsAllowed,
      hostsAllowed,
      identify: (credentials: Credentials) => access.identify(credentials),
      // It throws `too_many`, or why the identity is good no longer.
      admit: (identity: Identity, credentials: Credentials): Place =>
        sessions.admit(access.good(identity), access.caller(credentials)),
      cutOff: () => logs.cutOff,
    };
    const { clock, metrics, takesBinary, numbers } = tools;
    const connection = { clock, metrics, takesBinary, ...numbers };
    this.#doors = new Doors({ ...this.#common, connection });
    this.#underway = new Underway(clock);
    this.#links = new Links(connection, tools.broker);
    tools.ready.then(
      () => (this.#isReady = true),
      () => {},
    );
  }

  /** @throws SyncError `bad_option`, `closed` */
  attach(server: HttpServer, at: At): void {
    this.#refuseClosed();
    checkHttpServer(server);
    const paths = this.#tools.pathsOf(at);
    const stop = watchExposed(server, this.#tools.reach, this.#tools.logger);
    this.#doors.attach(server, paths);
    this.#watching.push(stop);
    this.#answering.push(serveHttp(server, paths.native.replace(/\/$/, ''), this.#httpSettings()));
  }

  /** @throws SyncError `bad_option`, `closed`, `unavailable`, and why the node doesn't become ready */
  async listen(port: number, host: string): Promise<AddressInfo> {
    const { tls, reach, clock, logger, numbers } = this.#tools;
    checkPlace(port, host, reach, tls);
    this.#refuseClosed();
    await this.#tools.ready;
    const own = await makeServer(tls, { clock, logger, ...numbers });
    this.#own.add(own);
    try {
      this.#refuseClosed();
      this.#doors.guard(own.http);
      const address = await listening(own.http, port, host);
      this.attach(own.http, {});
      return address;
    } catch (thrown) {
      this.#own.delete(own);
      own.http.close();
      own.cut();
      throw thrown;
    }
  }

  /** Lets nobody in from now on. */
  close(): void {
    this.#closed = true;
    this.#doors.close();
    for (const stop of this.#watching.splice(0)) stop();
    // Who has a link makes a new request for whatever it sends and for each poll; everybody else is sent elsewhere.
    this.#links.emptied(() => {
      for (const { http } of this.#own) http.close();
    });
  }

  /** Lets whoever has a link hear the last of it; resolves when requests are answered. @param ended the end of all sessions */
  emptied(withinMs: number, ended: Promise<void>): Promise<void> {
    this.#links.letGo();
    return this.#underway.emptied(withinMs, ended);
  }

  /** Cuts off whoever is still there, and leaves the HTTP servers. */
  cut(): void {
    this.#doors.detach();
    this.#links.close();
    for (const stop of this.#answering.splice(0)) stop();
    for (const { cut } of this.#own) cut();
  }

  #refuseClosed(): void {
    if (this.#closed)
      throw new SyncError('closed', 'This server was closed. Make another one with createServer().');
  }

  #httpSettings(): HttpSettings {
    const { numbers, clock, metrics, access, posts, streams, logs } = this.#tools;
    const doors = this.#doors;
    return {
      ...this.#common,
      ...numbers,
      clock,
      issueTicket: (credentials) => access.issueTicket(credentials),
      publish: (post, address) => posts.publish({ ...post, network: networkOf(address) }),
      ...this.#tools.backends,
      wait: (address) => doors.wait(address),
      links: this.#links,
      underway: this.#underway,
      streams,
      networkOf,
      metrics,
      enter: (address) => doors.enter(address),
      refused: () => metrics.sessionsRefused++,
      welcome: ({ socket }) => doors.welcome(socket),
      ready: () => this.#isReady && !this.#closed,
      healthy: () => logs.healthy,
    };
  }
}
