/**
 * The real client against the real server over real sockets, in Node: what the simulator shows with links of its own
 * holds with the platform's WebSocket too. The browser has tests of its own beside this folder.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@syncline/client';
import { defineChannels, stream } from '@syncline/protocol';
import { createServer, disk, memory } from '@syncline/server';
import { afterEach, expect, test } from 'vitest';
import { until } from './until.ts';

const channels = defineChannels({ 'chat/:room': stream<{ n: number }>({ stamp: true }) });
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function client(port: number) {
  const made = createClient<typeof channels>({ url: `ws://localhost:${port}/sync` });
  cleanups.push(() => made.close());
  return made;
}

test('[A1] [D2] what two clients publish reaches both in one order, each entry once', async () => {
  const server = createServer({ channels, broker: memory() });
  cleanups.push(() => server.close());
  const { port } = await server.listen(0);
  const rooms = [client(port), client(port)].map((c) => c.stream('chat/lobby'));
  const lists = rooms.map((room) => room.timeline());
  for (const list of lists) cleanups.push(list.subscribe(() => {}));
  await Promise.all(
    rooms.flatMap((room, r) => Array.from({ length: 50 }, (_, i) => room.publish({ n: r * 1000 + i }))),
  );
  const seen = await Promise.all(
    lists.map((list) =>
      until(list, ({ items }) => items.length === 100 && items.every((i) => i.status === 'sent')),
    ),
  );
  const [one, other] = seen.map(({ items }) => items.map(({ offset, data }) => [offset, data.n]));
  expect(one).toEqual(other);
  expect(new Set(one?.map(([, n]) => n)).size).toBe(100);
  expect(one?.map(([offset]) => offset)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
});

test('[S3] [A2] a server that leaves and comes back on its disk: subscriptions go on, what was typed meanwhile is sent', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-sockets-'));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  const first = createServer({ channels, broker: disk({ dir }) });
  const { port } = await first.listen(0);
  const writer = client(port);
  const reader = client(port).stream('chat/lobby');
  const recoveries: string[] = [];
  const got: number[] = [];
  cleanups.push(reader.onRecover(({ via }) => recoveries.push(via)));
  cleanups.push(reader.onMessage(({ data }) => got.push(data.n)));
  await until(reader.freshness, ({ state }) => state === 'live');
  await writer.stream('chat/lobby').publish({ n: 1 });
  await first.close({ drainMs: 500 });
  const meanwhile = [2, 3, 4].map((n) => writer.stream('chat/lobby').publish({ n }));
  await until(reader.freshness, ({ state }) => state === 'stale');
  const second = createServer({ channels, broker: disk({ dir }) });
  cleanups.push(() => second.close());
  await second.listen(port);
  await Promise.all(meanwhile);
  await second.publish('chat/lobby', { n: 5 });
  await expect.poll(() => got, { timeout: 20_000 }).toEqual([1, 2, 3, 4, 5]);
  expect(recoveries).toEqual(['start', 'recovered']);
}, 60_000);
