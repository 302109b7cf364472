/**
 * Links over HTTP whose requests are lost, come twice, or are answered in vain, by chance but the same for each seed: the real client,
 * the real server, and between them a `fetch` that fails. Whatever happens, each message is stored once, and everyone sees them all.
 */
import { longPoll, sse } from '@syncline/client/http';
import { createClientWith, type Transport } from '@syncline/client/internal';
import { defineChannels, stream } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import { createServer, memory } from '@syncline/server';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { until } from './until.ts';

const channels = defineChannels({ 'chat/:room': stream<string>() });
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  vi.unstubAllGlobals();
});

/** A number from 0 up to, not including, 1, and the next, always the same for a seed. */
function chance(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), state | 1) + 0x6d2b79f5) | 0;
    return ((state ^ (state >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What became of requests. */
interface Weather {
  lost: number;
  unanswered: number;
  doubled: number;
  cut: number;
}

const fates = ['lost', 'unanswered', 'doubled', 'cut'] as const;

/** A `fetch` that fails so often. */
function failing(share: number, random: () => number): Weather {
  const weather = { lost: 0, unanswered: 0, doubled: 0, cut: 0 };
  const real = globalThis.fetch;
  const failed = () => new TypeError('The network failed.');
  vi.stubGlobal('fetch', async (url: URL, init: RequestInit) => {
    const fate = random();
    if (fate < share) {
      weather.lost++;
      throw failed();
    }
    const first = real(url, init);
    // A request that is sent again by something on the way reaches the server while the first does.
    if (fate > 1 - share && init.method === 'POST' && url.pathname.endsWith('/frames')) {
      weather.doubled++;
      void real(url, init).then(
        (response) => response.text(),
        () => {},
      );
    }
    const response = await first;
    if (fate < 2 * share) {
      weather.unanswered++;
      await response.body?.cancel();
      throw failed();
    }
    if (fate > 3 * share || !response.body) return response;
    weather.cut++;
    return cut(response, Math.floor(random() * 2_000));
  });
  return weather;
}

/** The same response, which breaks off after so many bytes. */
function cut(response: Response, bytes: number): Response {
  let left = bytes;
  const breaking = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      left -= chunk.length;
      if (left >= 0) controller.enqueue(chunk);
      else controller.error(new TypeError('The network failed.'));
    },
  });
  return new Response(response.body?.pipeThrough(breaking) ?? null, response);
}

describe.each([
  ['sse', sse],
  ['longPoll', longPoll],
])('%s', (_, transport: Transport) => {
  const total = { lost: 0, unanswered: 0, doubled: 0, cut: 0 };

  test.each([1, 2, 3, 4, 5, 6])(
    '[A2] [D2] [L8] [L7] everything is stored once, and everyone sees it in order: seed %i',
    async (seed) => {
      const server = createServer({ channels, broker: memory(), linkGraceMs: 1000 });
      cleanups.push(() => server.close({ drainMs: 0 }));
      const { port } = await server.listen(0);
      const random = chance(seed);
      const weather = failing(0.06 + random() / 10, random);
      const make = () => {
        const url = `http://localhost:${port}/sync`;
        const world = { clock: systemClock, transport, lifecycle: () => () => {} };
        const client = createClientWith<typeof channels>(world, { url, onError: () => {} });
        cleanups.push(() => client.close());
        return client;
      };
      const clients = [make(), make()];
      const rooms = clients.map((client) => client.stream('chat/lobby'));
      const got: string[][] = [[], []];
      for (const [i, room] of rooms.entries())
        cleanups.push(room.onMessage(({ data }) => got[i]?.push(data)));
      await Promise.all(rooms.map((room) => until(room.freshness, ({ state }) => state === 'live')));
      const sent: string[] = [];
      const stored: Promise<unknown>[] = [];
      for (let n = 0; n < 25; n++) {
        for (const [i, room] of rooms.entries()) {
          sent.push(`${i}/${n}`);
          stored.push(room.publish(`${i}/${n}`));
        }
        if (n % 5 === 4) await Promise.all(stored);
      }
      await Promise.all(stored);
      await server.publish('chat/lobby', 'end');
      for (const list of got) await expect.poll(() => list.at(-1), { timeout: 20_000 }).toBe('end');
      const [one = [], other = []] = got;
      expect(one).toEqual(other);
      expect([...one].sort()).toEqual([...sent, 'end'].sort());
      for (const i of [0, 1])
        expect(one.filter((text) => text.startsWith(`${i}/`))).toEqual(
          sent.filter((text) => text.startsWith(`${i}/`)),
        );
      for (const fate of fates) total[fate] += weather[fate];
    },
    60_000,
  );

  test.each(fates)('in all of that some were %s', (fate) => {
    expect(total[fate]).toBeGreaterThan(0);
  });
});
