/**
 * The real client against the real server by each transport, over real sockets: the same calls with the same answers, and from one
 * transport to another in the midst of everything. What each kind of channel promises besides is tested beside this file.
 */
import { createClient } from '@syncline/client';
import { longPoll, sse, type Transport, websocket } from '@syncline/client/http';
import { createClientWith, inOrder } from '@syncline/client/internal';
import { defineChannels, state, stream } from '@syncline/protocol';
import { type Clock, systemClock } from '@syncline/protocol/wire';
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

  test('[L8] [A2] a burst of small messages is stored where a frame must be small', async () => {
    const { port } = await serve({ frameBytesMax: 1024, payloadBytesMax: 512 });
    const room = client(port, [transport]).stream('chat/lobby');
    // What waited while there was no connection goes up together, in letters of three bytes each.
    const long = { n: 1, text: '€'.repeat(120) };
    await Promise.all(Array.from({ length: 60 }, () => room.publish(long)));
  });

  test('[L1] [A1] what is published while its server leaves is stored and told', async () => {
    const { server, port } = await serve();
    const one = client(port, [transport]);
    const room = one.stream('chat/lobby');
    const got: number[] = [];
    cleanups.push(room.onMessage(({ data }) => got.push(data.n)));
    await until(room.freshness, ({ state }) => state === 'live');
    const closed = server.close({ drainMs: 20_000 });
    for (let n = 1; n <= 5; n++) await room.publish({ n });
    await expect.poll(() => got).toEqual([1, 2, 3, 4, 5]);
    expect(server.metrics.sessionsOpened).toBe(1);
    await one.close();
    await closed;
  });
});

/** WebSocket, where something on the way may let it through or not. */
function wall(): Transport & { up: boolean; opened: number } {
  const made = {
    up: true,
    opened: 0,
    open: (...given: Parameters<Transport['open']>) => {
      made.opened++;
      if (!made.up) return websocket.open(...given);
      const [, , tell] = given;
      systemClock.endOfTurn(() => tell.close(1006, ''));
      return { send: () => {}, close: () => {}, bufferedAmount: 0 };
    },
  };
  return made;
}

/** What would take a minute takes a moment. */
const hasty: Clock = {
  ...systemClock,
  timer: (ms, run) => systemClock.timer(ms >= 60_000 && ms <= 900_000 ? 40 : ms, run),
};

describe.each([
  ['sse', sse],
  ['longPoll', longPoll],
])('from %s back to WebSocket', (_, fallback) => {
  test('[L10] [L3] [A2] [D2] in the midst of everything, nothing is lost or comes twice', async () => {
    const { server, port } = await serve();
    const websockets = wall();
    const transport = inOrder([websockets, fallback], hasty);
    const world = { clock: systemClock, transport, lifecycle: () => () => {} };
    const made = createClientWith<typeof channels>(world, { url: `ws://localhost:${port}/sync` });
    cleanups.push(() => made.close());
    const room = made.stream('chat/lobby');
    const got: number[] = [];
    const recoveries: string[] = [];
    const states: string[] = [];
    cleanups.push(room.onMessage(({ data }) => got.push(data.n)));
    cleanups.push(room.onRecover(({ via }) => recoveries.push(via)));
    cleanups.push(made.status.subscribe(() => states.push(made.status.get().state)));
    await until(room.freshness, ({ state }) => state === 'live');
    const tried = websockets.opened;
    expect(tried).toBeGreaterThan(0);
    let count = 0;
    const stored: Promise<unknown>[] = [];
    const goOn = async (rounds: number) => {
      for (let i = 0; i < rounds; i++) {
        stored.push(room.publish({ n: ++count }));
        await server.publish('chat/lobby', { n: ++count });
        if (stored.length > 30) await Promise.all(stored.splice(0));
      }
    };
    await goOn(20);
    await expect.poll(() => websockets.opened).toBeGreaterThan(tried);
    const { sessionsOpened } = server.metrics;
    websockets.up = false;
    // It is found to work, the next link is made, and the old one is left, while messages go on all the time.
    const isMoved = () =>
      server.metrics.sessionsOpened >= sessionsOpened + 2 && server.metrics.sessionsOpen === 1;
    while (!isMoved()) await goOn(1);
    await goOn(20);
    await Promise.all(stored);
    await expect.poll(() => got.length).toBe(count);
    expect([...got].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    expect(new Set(states)).toEqual(new Set(['open']));
    expect(recoveries.filter((via) => via !== 'start' && via !== 'recovered')).toEqual([]);
    expect(server.metrics.sessionsOpen).toBe(1);
    const { opened } = websockets;
    await goOn(5);
    await Promise.all(stored);
    expect(websockets.opened).toBe(opened);
  });
});
