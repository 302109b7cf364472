/**
 * A rolling restart, with two real servers on one log and the real client before them: the client makes the second connection
 * before it leaves the first, while both it and others publish. Nothing may be lost or doubled, and nobody be told of a break.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { createClient } from '@syncline/client';
import { defineChannels, stream } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import { createServer, memory } from '@syncline/server';
import { memoryNodes, onNode } from '@syncline/server/testing';
import { afterEach, expect, test } from 'vitest';

const channels = defineChannels({ 'chat/:room': stream<{ n: number }>() });
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** One address for whichever server is the target; connections that stand stay where they are. */
async function balancer() {
  const sockets = new Set<Socket>();
  const to = { port: 0 };
  const front = createTcpServer((near) => {
    const far = connect(to.port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => sockets.delete(one));
      one.pipe(other);
    }
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  cleanups.push(() => {
    front.close();
    for (const socket of sockets) socket.destroy();
  });
  return { to, port: (front.address() as AddressInfo).port };
}

test('[L1] [L3] from server to server in a rolling restart: nothing lost, nothing doubled, no break', async () => {
  const { to, port } = await balancer();
  // The log outlives the servers that use it, and they pass on what reaches the wrong one.
  const broker = memory();
  const nodes = memoryNodes();
  // Chance decides when the server wants whom back; a small number keeps the test short.
  const clock = { ...systemClock, random: () => 0.1 };
  const start = async () => {
    const server = createServer({ channels, broker: onNode(broker, nodes.join()), clock });
    cleanups.push(() => server.close({ drainMs: 0 }));
    to.port = (await server.listen(0)).port;
    return server;
  };
  let server = await start();
  const clients = [1, 2].map(() => createClient<typeof channels>({ url: `ws://127.0.0.1:${port}/sync` }));
  for (const client of clients) cleanups.push(() => client.close());
  const [writer, reader] = clients.map((client) => client.stream('chat/lobby'));
  const got: number[] = [];
  const recoveries: string[] = [];
  reader?.onRecover(({ via }) => recoveries.push(via));
  reader?.onMessage(({ data }) => got.push(data.n));
  await expect.poll(() => reader?.freshness.get().state).toBe('live');
  await writer?.publish({ n: 0 });
  const seen: string[] = [];
  for (const client of clients) client.status.subscribe(() => seen.push(client.status.get().state));
  reader?.freshness.subscribe(() => seen.push(reader.freshness.get().state));

  const stored: Promise<unknown>[] = [];
  let next = 1;
  let moving = true;
  const publishing = (async () => {
    // Five more whenever the reader has those before them, so that there are always some unanswered, until both moves are done.
    while (moving) {
      const before = next;
      for (let i = 0; i < 5; i++) stored.push(writer?.publish({ n: next++ }) ?? Promise.reject());
      await expect.poll(() => got.length, { interval: 40 }).toBeGreaterThanOrEqual(before);
    }
  })();
  for (let restart = 0; restart < 2; restart++) {
    const old = server;
    server = await start();
    const before = next;
    await old.close({ drainMs: 8_000 });
    // It was published through.
    expect(next).toBeGreaterThan(before);
    expect([old.metrics.sessionsOpen, server.metrics.sessionsOpen]).toEqual([0, 2]);
  }
  moving = false;
  await publishing;
  await Promise.all(stored);
  await expect.poll(() => got.length).toBe(next);
  expect(got).toEqual(Array.from({ length: next }, (_, n) => n));
  // The last of it may have come on the old connection.
  await expect.poll(() => recoveries).toEqual(['start', 'recovered', 'recovered']);
  // While it moves, entries are on their way; it is never stale, and no connection was ever gone.
  expect(new Set(seen)).toEqual(new Set(['catching-up', 'live']));
}, 60_000);
