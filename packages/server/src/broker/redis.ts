/**
 * The broker that keeps logs in Redis, so that any number of nodes serve the same channels. It survives what that Redis is set up to
 * survive. This file puts its parts together: the link to Redis, the logs, and the view of logs that needn't outlive the nodes.
 */
import { SyncError } from '@syncline/protocol';
import { type Cancel, type Clock, systemClock } from '@syncline/protocol/wire';
import type { Append, Appended, Broker, Health, Nodes, Range, Slice, Snapshot, Troubles } from './broker.ts';
import type { Listener } from './listeners.ts';
import { Refused } from './redis/faults.ts';
import { type Link, openLink, type Replicas } from './redis/link.ts';
import { Load } from './redis/load.ts';
import { type Counting, Logs } from './redis/logs.ts';
import { LostCalls } from './redis/lost.ts';
import { type RedisNodes, redisNodes } from './redis/nodes.ts';
import { type RedisOptions, resolveRedis } from './redis/options.ts';
import { loadScript } from './redis/scripts.ts';

const schema = loadScript('schema');
/** The version of the layout; log.lua names the same. */
const layout = '1';
/** How long a log is kept that needn't outlive the nodes, after the last of them used it. */
const volatileIdleMs = 3_600_000;

/** How soon the layout is noted again, where that failed. */
const markMs = 1000;

/** What the logs need to know besides the link. */
export interface LogsOptions {
  /** What all keys and topics begin with. Default `syncline`. */
  readonly prefix?: string;
  /** Whether topics go by slots, as in a Cluster. Default no. */
  readonly sharded?: boolean;
  /** How many replicas must have what is acknowledged. Default: it is enough that it is stored. */
  readonly replicas?: Replicas;
  /** Calls that may wait for Redis; more are refused with `too_many`. Default 100,000. */
  readonly opsQueuedMax?: number;
  /** Payload bytes that may wait for Redis; more are refused with `too_many`. Default 64 MiB. */
  readonly bytesQueuedMax?: number;
  /** How long a read waits for announcements to be heard, in ms. Default 2000. */
  readonly commandMs?: number;
  readonly clock?: Clock;
  /** The time that entries are stamped with, for tests. Default: that of Redis. */
  readonly stamp?: () => number;
  /** How long a log of the volatile view is kept that nobody uses, in ms. Default an hour. */
  readonly volatileMs?: number;
}

/** A broker over Redis, and when it can be used. Calls made before wait; `ready` rejects with why it can't. */
export interface RedisBroker extends Broker {
  readonly ready: Promise<void>;
  readonly volatile: Broker;
  readonly health: Health;
  readonly nodes: Nodes;
  /** How often something in this Redis was wrong, both views counted. */
  readonly troubles: Troubles;
  now(): number;
}

/**
 * A broker over Redis 7 or newer: one server, the master that Sentinels name, or a Cluster. It needs the package `redis`.
 *
 * @throws SyncError `bad_option`; what can't be known before Redis answers, its version say, is what `ready` rejects with
 * @example createServer({ channels, authenticate, broker: redis({ url: 'rediss://user:password@redis.internal:6379' }) })
 */
export function redis(options: RedisOptions): RedisBroker {
  const { link, prefix, sharded, replicas, commandMs, opsQueuedMax, bytesQueuedMax, clock } =
    resolveRedis(options);
  return redisOver(openLink(link), {
    ...{ prefix, sharded, commandMs, opsQueuedMax, bytesQueuedMax },
    ...(replicas ? { replicas } : {}),
    ...(clock ? { clock } : {}),
  });
}

/** The broker over any link. It closes the link with itself. */
export function redisOver(link: Link, options: LogsOptions = {}): RedisBroker {
  return new OverLink(link, options);
}

class OverLink implements RedisBroker {
  readonly ready: Promise<void>;
  readonly volatile: Broker;
  readonly health: Health;
  readonly nodes: Nodes;
  readonly troubles: Counting = { logsBroken: 0, messagesDropped: 0 };
  readonly #link: Link;
  readonly #nodes: RedisNodes;
  readonly #logs: Logs;
  readonly #volatile: Logs;
  readonly #clock: Clock;
  #cancelMark: Cancel = () => {};
  #usable = false;
  #closing: Promise<void> | undefined;

  constructor(link: Link, options: LogsOptions) {
    const { prefix = 'syncline', clock = systemClock } = options;
    this.#link = link;
    this.#clock = clock;
    this.health = link.health;
    this.#nodes = redisNodes(link, { prefix, clock, after: this.#start(prefix) });
    this.nodes = this.#nodes;
    // Once its own name is known to the others, so that what it appends is never taken for that of one who is gone.
    this.ready = this.#nodes.ready;
    this.ready.then(
      () => {
        this.#usable = true;
      },
      // Whoever never asks whether it can be used learns it from the first call.
      () => {},
    );
    const tools = {
      link,
      clock,
      ready: this.ready,
      lost: new LostCalls(),
      load: new Load(options.opsQueuedMax ?? 100_000, options.bytesQueuedMax ?? 64 * 1024 * 1024),
      sender: Buffer.from(clock.randomBytes(12)).toString('base64url'),
      publish: options.sharded ? ('SPUBLISH' as const) : ('PUBLISH' as const),
      stamp: options.stamp,
      commandMs: options.commandMs ?? 2000,
    };
    const { replicas, volatileMs: idleMs = volatileIdleMs } = options;
    this.#logs = new Logs({ ...tools, replicas, idleMs: undefined }, prefix, this.troubles);
    this.#volatile = new Logs({ ...tools, replicas: undefined, idleMs }, `${prefix}:v`, this.troubles);
    this.volatile = this.#volatile;
    // After a flush, or on a new master that never had it.
    link.onResubscribed(() => this.#markAgain(prefix));
  }

  now(): number {
    return this.#link.now();
  }

  append(channel: string, append: Append): Promise<Appended> {
    return this.#logs.append(channel, append);
  }

  read(channel: string, range: Range): Promise<Slice> {
    return this.#logs.read(channel, range);
  }

  compact(channel: string, epoch: string, snapshot: Snapshot): Promise<boolean> {
    return this.#logs.compact(channel, epoch, snapshot);
  }

  listen(channel: string, onNews: Listener): () => void {
    return this.#logs.listen(channel, onNews);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#cancelMark();
    // Nothing was begun before it could be used, and what waits for that need not wait any longer.
    if (!this.#usable) await this.#link.close();
    await Promise.all([this.#logs.close(), this.#volatile.close()]);
    this.#nodes.close();
    await this.#link.close();
  }

  async #start(prefix: string): Promise<void> {
    await this.#link.ready;
    const version = await this.#mark(prefix);
    if (version === layout) return;
    await this.#link.close();
    throw new SyncError(
      'bad_option',
      `What is stored in this Redis under "${prefix}:" is not of this server's layout ${layout} but of ${JSON.stringify(version.slice(0, 20))}: another program or version wrote it. Choose another \`prefix\`.`,
    );
  }

  #markAgain(prefix: string): void {
    this.#cancelMark();
    if (this.#closing) return;
    this.#mark(prefix).catch(() => {
      this.#cancelMark = this.#clock.timer(markMs, () => this.#markAgain(prefix));
    });
  }

  /** Notes the layout where none is noted yet; says which one is in force. */
  async #mark(prefix: string): Promise<string> {
    const key = `${prefix}:schema`;
    try {
      return String(await this.#link.run(schema, key, [key], [layout]));
    } catch (thrown) {
      const cause = thrown instanceof Error ? thrown.cause : undefined;
      if (cause instanceof Refused && cause.word === 'WRONGTYPE') return 'none';
      throw thrown;
    }
  }
}
