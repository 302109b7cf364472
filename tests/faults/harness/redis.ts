/**
 * Real Redis servers behind fault proxies: one, a master with its replica, a master that Sentinels watch, or a Cluster. Each node has a
 * proxy of its own to each server, and replicas one to their master, so that any way can be harmed by itself.
 */
import { systemClock } from '@syncline/protocol/wire';
import {
  type ClusterSet,
  type RedisServer,
  replicaOf,
  type SentinelSet,
  startCluster,
  startRedis,
  startSentinel,
} from '@syncline/server/testing/redis';
import { FaultProxy, type Link } from '../proxy.ts';
import type { Topology } from './setting.ts';
import type { BrokerPlan, RedisTarget, Store } from './store.ts';

const prefix = 'syncline';
const host = '127.0.0.1';

export class RedisStore implements Store {
  /** The server that is written to: the master, or the first one of a Cluster. */
  master: RedisServer;
  readonly replica: RedisServer | undefined;
  readonly sentinels: SentinelSet | undefined;
  readonly cluster: ClusterSet | undefined;
  /** The way from the replica to its master. */
  readonly replication: FaultProxy | undefined;
  readonly #ack: 'stored' | 'replicated';
  readonly #password: string;
  /** By node, then by the port of the server. */
  readonly #ways = new Map<string, Map<number, FaultProxy>>();
  readonly #servers: RedisServer[];
  #seed: number;

  private constructor(
    { seed, ack, password }: Wishes,
    servers: readonly [RedisServer, ...RedisServer[]],
    { replica, replication, sentinels, cluster }: Partial<Parts> = {},
  ) {
    this.#seed = seed;
    this.#ack = ack;
    this.#password = password;
    this.#servers = [...servers];
    this.master = servers[0];
    this.replica = replica;
    this.replication = replication;
    this.sentinels = sentinels;
    this.cluster = cluster;
  }

  static async start(topology: Exclude<Topology, 'disk'>, wishes: Wishes): Promise<RedisStore> {
    if (topology === 'sentinel') {
      const sentinels = await startSentinel();
      const { master, replica } = sentinels;
      return new RedisStore(wishes, [master, replica], { sentinels, replica });
    }
    if (topology === 'cluster') {
      const cluster = await startCluster({ replicas: true });
      const [first, ...others] = cluster.masters;
      if (!first) throw new Error('The Cluster has no master.');
      return new RedisStore(wishes, [first, ...others, ...cluster.replicas], { cluster });
    }
    const master = await startRedis({ tcp: true });
    if (topology === 'redis') return new RedisStore(wishes, [master]);
    const replication = await FaultProxy.open(master.port, systemClock, wishes.seed);
    const replica = await replicaOf(replication);
    return new RedisStore(wishes, [master, replica], { replica, replication });
  }

  async planFor(node: string): Promise<BrokerPlan> {
    const ways = new Map<number, FaultProxy>();
    for (const { port } of this.#servers)
      ways.set(port, await FaultProxy.open(port, systemClock, ++this.#seed));
    this.#ways.set(node, ways);
    const addressMap = Object.fromEntries(
      [...ways].map(([of, { port }]) => [`${host}:${of}`, `${host}:${port}`]),
    );
    return { redis: { ...this.#target(ways), ack: this.#ack, prefix, addressMap } };
  }

  /** A node's ways to all servers. */
  ways(node: string): FaultProxy[] {
    return [...(this.#ways.get(node)?.values() ?? [])];
  }

  /** The ways of all nodes. */
  get allWays(): FaultProxy[] {
    return [...this.#ways.keys()].flatMap((node) => this.ways(node));
  }

  /** A node's connections on which it hears what is announced. */
  async subscribers(node: string): Promise<Link[]> {
    const list = String(await this.master.command('CLIENT', 'LIST', 'TYPE', 'pubsub'));
    const ports = new Set([...list.matchAll(/ addr=[^ ]*:(\d+)/g)].map(([, port]) => Number(port)));
    return this.ways(node).flatMap(({ links }) => links.filter((link) => link.open && ports.has(link.port)));
  }

  /** From now on nodes that dial are led to the replica, which takes writes and gets a replica of its own: an operator's failover. */
  async promote(): Promise<void> {
    if (!this.replica) throw new Error('There is no replica.');
    await this.replica.command('REPLICAOF', 'NO', 'ONE');
    for (const way of this.allWays) {
      way.retarget(this.replica.port);
      for (const link of way.links) if (link.open) link.reset();
    }
    this.master = this.replica;
    this.#servers.push(await replicaOf(this.master));
  }

  /** One more Redis, which has nothing to do with the others; its port. */
  async another(): Promise<number> {
    const server = await startRedis({ tcp: true });
    this.#servers.push(server);
    return server.port;
  }

  async heal(): Promise<void> {
    for (const server of this.#servers) server.thaw();
    for (const way of this.allWays) way.heal();
    this.replication?.heal();
  }

  async close(): Promise<void> {
    await Promise.all(
      [...this.allWays, ...(this.replication ? [this.replication] : [])].map((way) => way.close()),
    );
    for (const server of this.#servers) server.thaw();
    await this.sentinels?.stop();
    await this.cluster?.stop();
    if (!this.sentinels && !this.cluster) await Promise.all(this.#servers.map((server) => server.stop()));
  }

  #target(ways: ReadonlyMap<number, FaultProxy>): RedisTarget {
    const { sentinels, cluster } = this;
    if (sentinels) {
      const nodes = sentinels.sentinels.map(({ port }) => `${host}:${port}`);
      return { sentinel: { name: sentinels.name, nodes } };
    }
    if (cluster) return { cluster: [...ways.values()].map(({ port }) => `${host}:${port}`) };
    return { url: `redis://default:${this.#password}@${host}:${ways.get(this.master.port)?.port}` };
  }
}

interface Wishes {
  readonly seed: number;
  /** What an acknowledgement is to say. */
  readonly ack: 'stored' | 'replicated';
  /** Nodes show it where there is one Redis; it needs none, and takes any. */
  readonly password: string;
}

interface Parts {
  readonly replica: RedisServer;
  readonly replication: FaultProxy;
  readonly sentinels: SentinelSet;
  readonly cluster: ClusterSet;
}
