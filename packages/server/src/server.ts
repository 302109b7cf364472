/**
 * The server's front: wires the rooms together, comes and goes. Whoever runs a node calls it. If it had an `if` about a
 * message, that would be in the wrong file.
 */
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Contract, Position } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import { Access } from './access.ts';
import type { Broker } from './broker/broker.ts';
import { disk } from './broker/disk.ts';
import type { DocJson } from './fold/doc/child.ts';
import type { Write } from './fold/doc/yjs.ts';
import { Documents } from './hub/documents.ts';
import { Faces } from './hub/faces.ts';
import { type WithdrawalHooks, Withdrawals } from './hub/withdrawals.ts';
import { type DeleteIf, type SetFor, Writer } from './hub/writer.ts';
import { Hub } from './hub.ts';
import { calm, type Metrics, newMetrics, silentLogger } from './observe.ts';
import type { Numbers } from './options.ts';
import { Pulse } from './pulse.ts';
import { backends } from './server/backends.ts';
import { Dismissals } from './server/dismissals.ts';
import { Entrances } from './server/entrances.ts';
import type { At, Server, ServerOptions } from './server/front.ts';
import { LogHealth } from './server/health.ts';
import { pathsOf } from './server/paths.ts';
import { settingsOf } from './server/settings.ts';
import { Webhooks } from './server/webhooks.ts';
import { Lookups } from './session/lookups.ts';
import { Posts } from './session/posts.ts';
import { Sessions } from './session/sessions.ts';
import { Streams } from './session/streams.ts';
import { Turn } from './turn.ts';

export type { Server, ServerOptions } from './server/front.ts';

/** The part of the time to leave over which clients are spread. */
const windowShare = 0.4;
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
  readonly metrics: Metrics;
  /** Resolves when the logs can be used. */
  readonly #opened: Promise<void>;
  /** Whether somebody asked to be told if they can't. */
  #isAsked = false;
  readonly #numbers: Numbers;
  readonly #access: Access;
  readonly #broker: Broker;
  readonly #hub: Hub;
  readonly #writer: Writer;
  readonly #documents: Documents;
  readonly #pulse: Pulse;
  readonly #sessions: Sessions;
  readonly #entrances: Entrances;
  readonly #dismissals: Dismissals;
  readonly #withdrawals: Withdrawals | undefined;
  readonly #webhooks: Webhooks;
  #closing: Promise<void> | undefined;

  constructor(given: ServerOptions<C>) {
    const { numbers, find, takesBinary, hooks } = settingsOf(given);
    const options = Object.freeze({ ...given });
    this.#numbers = numbers;
    const clock = options.clock ?? systemClock;
    const broker = options.broker ?? disk({ dir: 'syncline-data' });
    this.#broker = broker;
    const metrics = newMetrics(broker.troubles);
    this.metrics = metrics;
    const logger = calm(options.logger ?? silentLogger, clock);
    const common = { broker, clock, turn: new Turn(clock), metrics, logger };
    this.#webhooks = new Webhooks(options.webhooks ?? [], { ...common, ...numbers });
    const told: WithdrawalHooks = {
      disconnected: (...whom) => this.#dismissals.disconnected(...whom),
      revoked: (...what) => this.#dismissals.revoked(...what),
    };
    // Where nobody is asked who they are there is nobody to send away.
    this.#withdrawals = options.authenticate && new Withdrawals(numbers, common, told);
    this.#opened = (broker.ready ?? Promise.resolve()).then(() => this.#withdrawals?.open());
    const now = () => broker.now?.() ?? clock.now();
    const access = new Access({
      ...hooks,
      hookMs: numbers.hookMs,
      clock,
      logger,
      sharedNow: now,
      known: this.#opened,
      broker,
    });
    this.#access = access;
    const tools = { ...common, access };
    const watched = { ...tools, broker: this.#webhooks.watch(broker, find) };
    const { news } = this.#webhooks;
    const hub = new Hub(numbers, watched, find, { seed: options.seed, news });
    this.#hub = hub;
    this.#writer = new Writer(hub);
    this.#documents = new Documents(hub, clock);
    this.#pulse = new Pulse(clock, numbers.heartbeatMs);
    const { health } = broker;
    const shared = { ...tools, ...numbers, hub, health, now };
    const sessions = new Sessions({ ...shared, pulse: this.#pulse });
    this.#sessions = sessions;
    const logs = new LogHealth({ ...shared, heartbeat: () => sessions.heartbeat() });
    this.#dismissals = new Dismissals({ ...tools, hub, sessions }, this.#withdrawals);
    this.#entrances = new Entrances({
      ...tools,
      reach: {
        authenticates: options.authenticate !== undefined,
        trustProxy: options.trustProxy ?? false,
      },
      tls: options.tls,
      originsAllowed: options.originsAllowed ?? [],
      hostsAllowed: options.hostsAllowed ?? [],
      numbers,
      takesBinary,
      logs,
      sessions,
      posts: new Posts(shared, sessions),
      streams: new Streams(shared, sessions, new Faces(hub, options.channels)),
      backends: backends({
        ...shared,
        lookups: new Lookups(shared, sessions),
        disconnect: (user, why) => this.#dismissals.disconnect(user, why),
        revoke: (tokenId, untilMs) => this.#dismissals.revoke(tokenId, untilMs),
      }),
      pathsOf: (at) => pathsOf(options, at, find),
      ready: this.#opened,
    });
    this.#opened.catch((thrown: unknown) => this.#refuse(thrown));
  }

  get ready(): Promise<void> {
    this.#isAsked = true;
    return this.#opened;
  }

  /** The logs can't be used. It would go on and serve nobody: where nobody hears of that the process ends, as by any unhandled rejection. */
  #refuse(thrown: unknown): void {
    if (!this.#isAsked) throw thrown;
  }

  attach(server: HttpServer, at: At = {}): void {
    this.#entrances.attach(server, at);
  }

  listen(port = 0, host = 'localhost'): Promise<AddressInfo> {
    this.#isAsked = true;
    return this.#entrances.listen(port, host);
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
    return this.#dismissals.disconnect(user, why).ended;
  }

  revoke(tokenId: string, untilMs?: number): number {
    return this.#dismissals.revoke(tokenId, untilMs).ended;
  }

  close(options: { readonly drainMs?: number } = {}): Promise<void> {
    this.#isAsked = true;
    this.#closing ??= this.#leave(options.drainMs ?? this.#numbers.drainMs);
    return this.#closing;
  }

  /** In order: nobody new, everyone told, everyone answered and gone, and only then the logs. */
  async #leave(drainMs: number): Promise<void> {
    this.#entrances.close();
    const why = 'The server is restarting; come back.';
    const lastMs = Math.min(cutMs, drainMs / 4);
    // They come back spread over a part of the time. Clients add up to half of theirs, and the rest is for the move itself.
    this.#sessions.leave(why, drainMs * windowShare);
    await this.#sessions.emptied(drainMs - lastMs);
    this.#sessions.finish(why);
    await this.#entrances.emptied(lastMs, this.#sessions.emptied(lastMs));
    this.#pulse.stop();
    this.#entrances.cut();
    await this.#sessions.emptied(cutMs);
    this.#access.close();
    await this.#withdrawals?.close();
    await this.#hub.close();
    await this.#webhooks.close(lastMs);
    await this.#broker.close();
  }
}
