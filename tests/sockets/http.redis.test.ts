/**
 * Three nodes, which are processes of their own, on one real Redis, behind a balancer that sends each request to the next: the real
 * client by plain HTTP, whose session is on one node while its requests reach all of them, also when a node is killed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createClient } from '@syncline/client';
import { longPoll, sse } from '@syncline/client/http';
import { defineChannels, stream } from '@syncline/protocol';
import { noRedis, startRedis } from '@syncline/server/testing/redis';
import { afterEach, describe, expect, test } from 'vitest';
import { balance } from './balancer.ts';
import { until } from './until.ts';

const channels = defineChannels({ 'chat/:room': stream<string>() });
const script = new URL('../../packages/server/src/testing/node.fixture.ts', import.meta.url).pathname;
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** So many nodes on one Redis, and the balancer before them. */
async function start(count: number) {
  const redis = await startRedis();
  cleanups.push(() => redis.stop());
  const one = async () => {
    const child: ChildProcess = fork(script, [redis.path, 'app'], { execArgv: [] });
    cleanups.push(() => child.kill('SIGKILL'));
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return { child, port };
  };
  const nodes = await Promise.all(Array.from({ length: count }, one));
  const balancer = await balance(nodes.map(({ port }) => port));
  cleanups.push(() => balancer.close());
  return { nodes, balancer };
}

describe.skipIf(noRedis)('over a real Redis', () => {
  test('[L9] [A2] [D2] each request to another node, one of which is killed: each message once, in order, for everyone', async () => {
    const { nodes, balancer } = await start(3);
    const clients = [sse, longPoll, sse, longPoll].map((transport, i) => {
      const url = `http://localhost:${balancer.port}/sync?user${i}`;
      const client = createClient<typeof channels>({ url, transports: [transport], onError: () => {} });
      cleanups.push(() => client.close());
      return client;
    });
    const rooms = clients.map((client) => client.stream('chat/lobby'));
    const got: string[][] = rooms.map(() => []);
    for (const [i, room] of rooms.entries()) cleanups.push(room.onMessage(({ data }) => got[i]?.push(data)));
    await Promise.all(rooms.map((room) => until(room.freshness, ({ state }) => state === 'live')));

    const sent: string[] = [];
    const round = async (count: number) => {
      const stored: Promise<unknown>[] = [];
      for (let n = 0; n < count; n++) {
        for (const [i, room] of rooms.entries()) {
          sent.push(`${i}/${sent.length}`);
          stored.push(room.publish(sent.at(-1) ?? ''));
        }
        if (n % 4 === 3) await Promise.all(stored);
      }
      await Promise.all(stored);
    };
    await round(20);
    for (const { port } of nodes) expect(balancer.counts.get(port)).toBeGreaterThan(10);
    const [, dead] = nodes;
    dead?.child.kill('SIGKILL');
    const going = round(10);
    await round(5);
    balancer.remove(dead?.port ?? 0);
    await going;
    await round(20);
    for (const list of got) await expect.poll(() => list.length, { timeout: 30_000 }).toBe(sent.length);
    for (const list of got) expect(list).toEqual(got[0]);
    expect([...(got[0] ?? [])].sort()).toEqual([...sent].sort());
    await Promise.all(rooms.map((room) => until(room.freshness, ({ state }) => state === 'live')));
  }, 90_000);
});
