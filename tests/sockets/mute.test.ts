/**
 * Something on the way that lets a WebSocket open and its first frame through, and nothing after that, as some proxies and virus
 * scanners do: the real client, the real server, and such a thing between them. The client leaves for another way, and stays there.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createClient } from '@syncline/client';
import { longPoll, sse, websocket } from '@syncline/client/http';
import { createClientWith, inOrder } from '@syncline/client/internal';
import { defineChannels, stream } from '@syncline/protocol';
import { type Clock, systemClock } from '@syncline/protocol/wire';
import { createServer, memory } from '@syncline/server';
import { takeFrame } from '@syncline/server/testing';
import { afterEach, expect, test } from 'vitest';
import { forwarding } from '../forward.ts';
import { until } from './until.ts';

const channels = defineChannels({ 'chat/:room': stream<number>() });
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** How many connections asked for an upgrade, and how many of them were let through by a frame. */
interface Seen {
  upgrades: number;
  muted: number;
}

async function muting(target: number): Promise<Seen & { readonly port: number }> {
  const seen = { upgrades: 0, muted: 0 };
  const http = forwarding(target);
  http.on('upgrade', (asked: IncomingMessage, near: Socket) => {
    const far = connect(target, 'localhost');
    const ends = [near, far] as const;
    for (const end of ends) {
      end.on('error', () => {});
      end.on('close', () => {
        for (const other of ends) other.destroy();
      });
      cleanups.push(() => end.destroy());
    }
    const lines = asked.rawHeaders.map((text, i) => text + (i % 2 ? '\r\n' : ': '));
    far.write(`GET ${asked.url} HTTP/1.1\r\n${lines.join('')}\r\n`);
    oneFrame(near, far, seen);
  });
  http.listen(0, 'localhost');
  await once(http, 'listening');
  cleanups.push(() => {
    http.closeAllConnections();
    http.close();
  });
  return Object.assign(seen, { port: (http.address() as AddressInfo).port });
}

/** Passes on the answer to the handshake and one frame; what comes after that, either way, is taken and kept. */
function oneFrame(near: Socket, far: Socket, seen: Seen): void {
  seen.upgrades++;
  let came: Buffer = Buffer.alloc(0);
  let passed = false;
  near.resume();
  far.on('data', (chunk) => {
    came = Buffer.concat([came, chunk]);
    const head = came.indexOf('\r\n\r\n') + 4;
    const frame = head > 3 ? takeFrame(came.subarray(head)) : undefined;
    if (passed || !frame) return;
    passed = true;
    seen.muted++;
    near.write(came.subarray(0, came.length - frame.rest.length));
  });
}

async function scene() {
  const server = createServer({ channels, broker: memory() });
  cleanups.push(() => server.close({ drainMs: 0 }));
  const { port } = await server.listen(0);
  return { server, way: await muting(port) };
}

test('[L10] who gets a first word by WebSocket and nothing after it goes on by another transport', async () => {
  const { server, way } = await scene();
  const url = `ws://localhost:${way.port}/sync`;
  const client = () => {
    const made = createClient<typeof channels>({
      ...{ url, transports: [websocket, sse, longPoll], requestTimeoutMs: 1_500, onError: () => {} },
    });
    cleanups.push(() => made.close());
    return made.stream('chat/lobby');
  };
  const room = client();
  const got: number[] = [];
  cleanups.push(room.onMessage(({ data }) => got.push(data)));
  await room.publish(1);
  await until(room.freshness, ({ state }) => state === 'live');
  await server.publish('chat/lobby', 2);
  await expect.poll(() => got).toEqual([1, 2]);
  expect(way).toMatchObject({ upgrades: 1, muted: 1 });
  // Another one in the same place begins with what works.
  await client().publish(3);
  await expect.poll(() => got).toEqual([1, 2, 3]);
  expect(way.upgrades).toBe(1);
});

test('[L10] [L3] it tries WebSocket again, and does not go back for a first word', async () => {
  const { server, way } = await scene();
  // What would take a minute takes a moment, and what would take ten seconds a second.
  const hasty: Clock = {
    ...systemClock,
    timer: (ms, run) =>
      systemClock.timer(ms >= 60_000 && ms <= 900_000 ? 40 : ms === 10_000 ? 1_000 : ms, run),
  };
  const transport = inOrder([websocket, sse], hasty);
  const world = { clock: systemClock, transport, lifecycle: () => () => {} };
  const options = { url: `ws://localhost:${way.port}/sync`, requestTimeoutMs: 1_500, onError: () => {} };
  const made = createClientWith<typeof channels>(world, options);
  cleanups.push(() => made.close());
  const room = made.stream('chat/lobby');
  await room.publish(1);
  const states: string[] = [];
  cleanups.push(made.status.subscribe(() => states.push(made.status.get().state)));
  // The first attempt, and two more to see whether it works by now.
  await expect.poll(() => way.muted, { timeout: 10_000 }).toBeGreaterThanOrEqual(3);
  await room.publish(2);
  expect(states).toEqual([]);
  expect((await room.history()).messages.map(({ data }) => data)).toEqual([1, 2]);
  expect(server.metrics.sessionsOpen).toBeGreaterThan(0);
});
