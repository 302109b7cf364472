/**
 * Harms that can be done to nodes and the Redis between them, each by itself and undone at its end. Scenarios are made of them, and
 * the random one picks among them all.
 */
import type { RedisServer } from '@syncline/server/testing/redis';
import type { Rig } from '../rig.ts';
import { setClock } from './clocks.ts';

/** Something that is done for so many ms and undone then; what it loses stays lost. */
export type Harm = (rig: Rig, ms: number) => Promise<void>;

/** Runs a command on the Redis that is written to; one that the Redis refuses is no harm. */
export async function command(rig: Rig, ...args: string[]): Promise<unknown> {
  return rig.redis.master.command(...args).catch((error: unknown) => String(error));
}

/** Does it again and again until the time is over. */
async function again(rig: Rig, ms: number, everyMs: number, harm: () => Promise<unknown>): Promise<void> {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    await harm();
    await rig.wait(everyMs);
  }
}

/** Sets something in the Redis, and puts back what it was. */
async function withConfig(rig: Rig, settings: Readonly<Record<string, string>>, ms: number): Promise<void> {
  const before = new Map<string, string>();
  for (const [name, value] of Object.entries(settings)) {
    const [, was] = (await rig.redis.master.command('CONFIG', 'GET', name)) as string[];
    before.set(name, String(was ?? ''));
    await command(rig, 'CONFIG', 'SET', name, value);
  }
  await rig.wait(ms);
  for (const [name, was] of before) await command(rig, 'CONFIG', 'SET', name, was);
}

/** The name of a log's key in Redis: `m` meta, `l` entries, `p` producers. */
export const keyOf = (channel: string, part: string): string => `syncline:{${channel}}:${part}`;

const killPubsub: Harm = (rig, ms) =>
  again(rig, ms, 700, async () => {
    rig.fault('CLIENT KILL TYPE pubsub', 'redis');
    await command(rig, 'CLIENT', 'KILL', 'TYPE', 'pubsub');
  });

const killAll: Harm = (rig, ms) =>
  again(rig, ms, 700, async () => {
    rig.fault('CLIENT KILL TYPE normal', 'redis');
    await command(rig, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  });

const deafNode: Harm = async (rig, ms) => {
  const node = rig.pick(rig.nodes.filter(({ running }) => running));
  rig.fault('announcements lost', node.name);
  const links = await rig.redis.subscribers(node.name);
  for (const link of links) link.down.swallow();
  await rig.wait(ms);
  for (const link of links) link.reset();
};

const cutNode: Harm = async (rig, ms) => {
  const node = rig.pick(rig.nodes.filter(({ running }) => running));
  rig.fault('cut off from Redis', node.name);
  const ways = rig.redis.ways(node.name);
  for (const way of ways) {
    way.refuse();
    for (const link of way.links) {
      link.up.swallow();
      link.down.swallow();
    }
  }
  await rig.wait(ms);
  for (const way of ways) way.heal();
};

const resetNode: Harm = (rig, ms) =>
  again(rig, ms, 400, async () => {
    const node = rig.pick(rig.nodes.filter(({ running }) => running));
    rig.fault('ways to Redis reset, some attempts refused', node.name);
    for (const way of rig.redis.ways(node.name)) {
      way.refuse(rig.random() < 0.5);
      for (const link of way.links) link.reset();
    }
  }).finally(() => {
    for (const way of rig.redis.allWays) way.refuse(false);
  });

const slowRedis: Harm = async (rig, ms) => {
  rig.fault('200 ms on every answer', 'redis');
  for (const way of rig.redis.allWays) for (const link of way.links) link.down.delay(200);
  await rig.wait(ms);
  for (const way of rig.redis.allWays) way.heal();
};

const frozenRedis: Harm = async (rig, ms) => {
  rig.fault('SIGSTOP', 'redis');
  const { master } = rig.redis;
  master.freeze();
  await rig.wait(ms);
  master.thaw();
};

const pausedWrites: Harm = async (rig, ms) => {
  rig.fault('CLIENT PAUSE WRITE', 'redis');
  await command(rig, 'CLIENT', 'PAUSE', String(ms), 'WRITE');
  await rig.wait(ms);
};

const busyScript: Harm = async (rig, ms) => {
  rig.fault('a script that does not end', 'redis');
  await command(rig, 'CONFIG', 'SET', 'busy-reply-threshold', '100');
  const { master } = rig.redis;
  // The administrator's one connection waits for it, so it is ended by another.
  const script = `local until_ms = ARGV[1] + 0
    local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end
    local from = now()
    while now() - from < until_ms do end
    return 1`;
  await master.command('EVAL', script, '0', String(ms)).catch(() => {});
};

const readOnly: Harm = async (rig, ms) => {
  rig.fault('REPLICAOF a server that is not there', 'redis');
  await command(rig, 'REPLICAOF', '127.0.0.1', '1');
  await rig.wait(ms);
  await command(rig, 'REPLICAOF', 'NO', 'ONE');
};

const fewReplicas: Harm = async (rig, ms) => {
  rig.fault('min-replicas-to-write 3', 'redis');
  await withConfig(rig, { 'min-replicas-to-write': '3' }, ms);
};

const fullMemory: Harm = async (rig, ms) => {
  rig.fault('maxmemory reached', 'redis');
  await withConfig(rig, { maxmemory: '100kb' }, ms);
};

const noScripts: Harm = (rig, ms) =>
  again(rig, ms, 100, async () => {
    rig.fault('SCRIPT FLUSH', 'redis');
    await command(rig, 'SCRIPT', 'FLUSH');
  });

const smallBuffers: Harm = async (rig, ms) => {
  rig.fault('client-output-buffer-limit pubsub 64kb, links held', 'redis');
  const links = (await Promise.all(rig.nodes.map(({ name }) => rig.redis.subscribers(name)))).flat();
  for (const link of links) link.down.hold();
  await withConfig(rig, { 'client-output-buffer-limit': 'pubsub 64kb 32kb 1' }, ms);
  for (const link of links) link.down.pass();
};

const fewClients: Harm = async (rig, ms) => {
  rig.fault('maxclients reached', 'redis');
  await command(rig, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await command(rig, 'CLIENT', 'KILL', 'TYPE', 'pubsub');
  await withConfig(rig, { maxclients: '1' }, ms);
};

const noPassword: Harm = async (rig, ms) => {
  rig.fault('the password was changed', 'redis');
  await command(rig, 'ACL', 'SETUSER', 'default', 'resetpass', '>another');
  await command(rig, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await command(rig, 'CLIENT', 'KILL', 'TYPE', 'pubsub');
  await rig.wait(ms);
  await command(rig, 'ACL', 'SETUSER', 'default', 'nopass');
};

const killNode: Harm = async (rig, ms) => {
  const node = rig.pick(rig.nodes.filter(({ running }) => running));
  rig.fault('kill -9', node.name);
  await node.kill();
  await rig.wait(ms);
  await rig.startNode();
};

const freezeNode: Harm = async (rig, ms) => {
  const node = rig.pick(rig.nodes.filter(({ running }) => running));
  rig.fault('SIGSTOP', node.name);
  node.freeze();
  await rig.wait(ms);
  node.thaw();
};

const leaveNode: Harm = async (rig) => {
  await rig.startNode();
  const node = rig.node;
  rig.fault('SIGTERM', node.name);
  const how = await node.leave();
  if (how !== 'code 0') throw new Error(`A node that was asked to leave ended with ${how}.`);
};

const movedClock: Harm = async (rig, ms) => {
  const node = rig.pick(rig.nodes.filter(({ running }) => running));
  await setClock(rig, node, rig.pick([-3_600_000, -5000, 600_000, 3_600_000]));
  await rig.wait(ms);
  await setClock(rig, node, 0);
};

/** Nothing of these is lost, whatever they are combined with. */
export const harms = {
  killPubsub,
  killAll,
  deafNode,
  cutNode,
  resetNode,
  slowRedis,
  frozenRedis,
  pausedWrites,
  busyScript,
  readOnly,
  fewReplicas,
  fullMemory,
  noScripts,
  smallBuffers,
  fewClients,
  noPassword,
  killNode,
  freezeNode,
  leaveNode,
  movedClock,
} as const satisfies Record<string, Harm>;

/** Kills a Redis and starts it again on what it left. */
export async function restartRedis(rig: Rig, server: RedisServer, awayMs: number): Promise<void> {
  rig.fault('kill -9', 'redis');
  await server.kill();
  await rig.wait(awayMs);
  await server.start();
}
