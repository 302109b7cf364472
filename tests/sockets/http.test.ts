/**
 * The real client against the real server by each transport, over real sockets: the same calls with the same answers, and from one
 * transport to another in the midst of everything. What each kind of channel promises besides is tested beside this file.
 */
import { createClient } from '@syncline/client';
import { longPoll, sse, type Transport, websocket } from '@syncline/client/http';
import { defineChannels, state, stream } from '@syncline/protocol';
import { createServer, memory, type ServerOptions } from '@syncline/server';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from './until.ts';

const channels = defineChannels({
  'chat/:room': stream<{ n: number }>({ stamp: true }),
  'fleet/:city': state<{ lat: number }>({}),
});
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(options: Partial<ServerOptions<typeof channels>> = {}) {
  const server = createServer({ channels, broker: memory(), ...options });
  cleanups.push(() => server.close({ drainMs: 0 }));
  return { server, port: (await server.listen(0)).port };
}

function client(port: number, transports: readonly Transport[], token?: string) {
  const made = createClient<typeof channels>({
    url: `ws://localhost:${port}/sync`,
    transports,
    ...(token !== undefined && { getToken: () => token }),
  });
  cleanups.push(() => made.close());
  return made;
}

describe.each([
  ['websocket', websocket],
  ['sse', sse],
  ['longPoll', longPoll],
])('%s', (_, transport) => {
  test('[A1] [D2] what two clients publish reaches both in one order, each entry once', async () => {
    const { port } = await serve();
    const rooms = [client(port, [transport]), client(port, [transport])].map((c) => c.stream('chat/lobby'));
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
    expect(one?.map(([offset]) => offset)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  });
});
