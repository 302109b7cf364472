/**
 * Keyed values with the real client against the real server over real sockets: what clients set, remove and let expire reaches
 * all of them, conditions decide races, and who comes late, comes back or was offline comes to the same values.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type StateChannel, type StateEntry } from '@syncline/client';
import { defineChannels, type Schema, state } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import { createServer, disk, memory, type ServerOptions } from '@syncline/server';
import { afterEach, expect, test } from 'vitest';
import { FaultProxy } from '../faults/proxy.ts';
import { until } from './until.ts';

interface Spot {
  readonly lat: number;
  readonly lng: number;
}

const spot: Schema<Spot> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const { lat, lng } = { ...(value as Partial<Spot>) };
      return typeof lat === 'number' && typeof lng === 'number'
        ? { value: { lat, lng } }
        : { issues: [{ message: 'it is no place' }] };
    },
  },
};

const channels = defineChannels({
  'fleet/:city': state({ value: spot }),
  'short/:city': state<string>({ ttl: '300ms' }),
  'count/:name': state<number>(),
  'own/:room': state<string>({ own: true }),
});
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function client(port: number) {
  const made = createClient<typeof channels>({ url: `ws://localhost:${port}/sync`, onError: () => {} });
  cleanups.push(() => made.close());
  return made;
}

async function serve(options: Partial<ServerOptions<typeof channels>> = {}) {
  const server = createServer({ channels, broker: memory(), ...options });
  cleanups.push(() => server.close({ drainMs: 0 }));
  const { port } = await server.listen(0);
  return { server, port };
}

const live = (channel: StateChannel<never>) => until(channel.freshness, (fresh) => fresh.state === 'live');

/** Follows a channel; what is told of it is kept as a map of its own. */
function follow<V>(channel: StateChannel<V>) {
  const told = new Map<string, V>();
  const types: string[] = [];
  cleanups.push(
    channel.on('change', ({ type, key, value }) => {
      types.push(`${type} ${key}`);
      if (type === 'set') told.set(key, value);
      else told.delete(key);
    }),
  );
  return { told, types };
}

const plain = <V>(entries: ReadonlyMap<string, StateEntry<V>>) =>
  Object.fromEntries([...entries].map(([key, { value }]) => [key, value]));

test('[K1] [K2] what one sets, all have: value, version, author, and what its device says of the time', async () => {
  const { server, port } = await serve();
  const readers = client(port);
  const [one, two] = [client(port).state('fleet/berlin'), readers.state('fleet/berlin')];
  const { types } = follow(two);
  const written = await one.set('van-1', { lat: 52.5, lng: 13.4 }, { at: 1_000 });
  expect(written).toMatchObject({ version: 1, position: { offset: 1 } });
  await server.set('fleet/berlin', 'van-2', { lat: 1, lng: 2 });
  const entries = await until(two.entries, ({ size }) => size === 2);
  expect(plain(entries)).toEqual({ 'van-1': { lat: 52.5, lng: 13.4 }, 'van-2': { lat: 1, lng: 2 } });
  expect(entries.get('van-1')).toMatchObject({ version: 1, at: 1_000 });
  const ageMs = readers.serverNow() - (entries.get('van-2')?.since ?? 0);
  expect(Math.abs(ageMs)).toBeLessThan(60_000);
  await one.delete('van-1', { ifVersion: 1 });
  await until(two.get('van-1'), (entry) => entry === undefined);
  expect(types).toEqual(['set van-1', 'set van-2', 'delete van-1']);
});

test('[K5] what is not set again expires, and is told so', async () => {
  const { port } = await serve();
  const city = client(port).state('short/berlin');
  const { types } = follow(city);
  await live(city as never);
  await city.set('a', 'x');
  await city.set('b', 'y', { ttl: 5 });
  await until(city.entries, ({ size }) => size === 0);
  expect(types).toEqual(['set a', 'set b', 'expire b', 'expire a']);
});

test('[K3] [K4] conditions decide races: of many who count at once none is lost, and who is late is told so', async () => {
  const { port } = await serve();
  const counters = [client(port), client(port), client(port)].map((made) => made.state('count/all'));
  const add = async (counter: StateChannel<number>) => {
    for (;;) {
      const { value, version } = counter.get('n').get() ?? { value: 0, version: 0 };
      try {
        return await counter.set('n', value + 1, { ifVersion: version });
      } catch (error) {
        const { code, detail } = error as { code: string; detail: { offset: number } };
        if (code !== 'precondition') throw error;
        await until(counter.get('n'), (entry) => (entry?.version ?? 0) >= detail.offset);
      }
    }
  };
  await Promise.all(
    counters.map(async (counter) => {
      follow(counter);
      await live(counter as never);
      for (let i = 0; i < 10; i++) await add(counter);
    }),
  );
  const [first] = counters;
  if (!first) throw new Error('There are three.');
  expect((await until(first.get('n'), (entry) => entry?.value === 30))?.version).toBe(30);
  await first.set('late', 1, { at: 2_000 });
  expect(await first.set('late', 2, { at: 1_000 })).toEqual({ version: 31, superseded: true });
  await expect(first.set('late', 3, { ifAbsent: true })).rejects.toMatchObject({ code: 'precondition' });
  expect(first.get('late').get()?.value).toBe(1);
});

test('[K7] what the server refuses is taken back, and the reason told', async () => {
  const capabilities = { 'own/:room': ['subscribe', 'publish'] } as const;
  const { port } = await serve({ authenticate: () => ({ user: 'ada', capabilities }) });
  const room = client(port).state('own/a');
  const { types } = follow(room);
  await live(room as never);
  const refused = room.set('somebody', 'x');
  expect(room.get('somebody').get()).toMatchObject({ value: 'x', pending: true });
  await expect(refused).rejects.toMatchObject({ code: 'forbidden' });
  expect(types).toEqual(['set somebody', 'delete somebody']);
  await room.set('ada', 'x');
  await room.set('ada/cursor', 'y');
  await until(room.entries, (now) => now.get('ada/cursor')?.from === 'ada');
});

test('[S9] [K8] who comes late to many keys has them all at once, whatever was folded', async () => {
  const { server, port } = await serve();
  const keys = 3_000;
  for (let round = 0; round < 3; round++) {
    const sets = Array.from({ length: keys }, (_, i) => ({ lat: round, lng: i }));
    await Promise.all(sets.map((value, i) => server.set('fleet/berlin', `van-${i}`, value)));
  }
  await server.delete('fleet/berlin', 'van-7');
  const city = client(port).state('fleet/berlin');
  const sizes = new Set<number>();
  const { told } = follow(city);
  cleanups.push(city.entries.subscribe(() => sizes.add(city.entries.get().size)));
  const entries = await until(city.entries, ({ size }) => size > 0);
  expect([...sizes]).toEqual([keys - 1]);
  expect(entries.get('van-8')).toMatchObject({ value: { lat: 2, lng: 8 }, version: 2 * keys + 9 });
  expect(entries.has('van-7')).toBe(false);
  expect(Object.fromEntries(told)).toEqual(plain(entries));
});

test('[S3] [A2] over a restart: what was set offline is sent once, its newest only, and all come to the same', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-state-'));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  const first = createServer({ channels, broker: disk({ dir }) });
  const { port } = await first.listen(0);
  const [writer, reader] = [client(port), client(port)];
  const city = reader.state('fleet/berlin');
  const { told, types } = follow(city);
  await live(city as never);
  const mine = writer.state('fleet/berlin');
  await mine.set('a', { lat: 0, lng: 0 });
  await mine.set('b', { lat: 0, lng: 0 });
  await until(city.entries, ({ size }) => size === 2);
  await first.close({ drainMs: 0 });
  await until(writer.status, ({ state }) => state === 'waiting');
  const moves = Array.from({ length: 20 }, (_, i) => mine.set('a', { lat: i, lng: i }));
  const removed = mine.delete('b');
  expect(writer.unsent.get()).toBe(2);
  expect(plain(mine.entries.get())).toEqual({ a: { lat: 19, lng: 19 } });
  const second = createServer({ channels, broker: disk({ dir }) });
  cleanups.push(() => second.close({ drainMs: 0 }));
  await second.listen(port);
  const outcomes = await Promise.all(moves);
  expect(outcomes.filter(({ superseded }) => superseded)).toHaveLength(19);
  expect(outcomes.at(-1)).toMatchObject({ version: 3 });
  expect(await removed).toMatchObject({ version: 4 });
  await second.set('fleet/berlin', 'c', { lat: 9, lng: 9 });
  const entries = await until(city.entries, (now) => now.has('c'));
  expect(plain(entries)).toEqual({ a: { lat: 19, lng: 19 }, c: { lat: 9, lng: 9 } });
  expect(Object.fromEntries(told)).toEqual(plain(entries));
  expect(types).toEqual(['set a', 'set b', 'set a', 'delete b', 'set c']);
}, 60_000);

/** A client behind a link that can be broken and held. */
async function behind(port: number) {
  const proxy = await FaultProxy.open(port, systemClock);
  cleanups.push(() => proxy.close());
  return { proxy, reader: client(proxy.port) };
}

const newest = (entries: ReadonlyMap<string, StateEntry<number>>) => entries.get('k49')?.value === 4_999;

test('[S9] [K10] who was away while much changed comes back to the newest of each key', async () => {
  const { server, port } = await serve();
  const { proxy, reader } = await behind(port);
  const city = reader.state('count/all');
  const { told } = follow(city);
  await server.set('count/all', 'gone', 1);
  await until(city.entries, ({ size }) => size === 1);
  proxy.refuse();
  for (const link of proxy.links) link.reset();
  await until(reader.status, ({ state }) => state === 'waiting');
  await server.delete('count/all', 'gone');
  await Promise.all(Array.from({ length: 5_000 }, (_, i) => server.set('count/all', `k${i % 50}`, i)));
  expect(plain(city.entries.get())).toEqual({ gone: 1 });
  proxy.refuse(false);
  const entries = await until(city.entries, newest);
  expect(entries.size).toBe(50);
  expect(Object.fromEntries(told)).toEqual(plain(entries));
});

test('[K9] who reads slowly sees fewer of the values, of each key the newest in the end, and none go back', async () => {
  const { server, port } = await serve({ socketBytesMax: 65_536 });
  const { proxy, reader } = await behind(port);
  const city = reader.state('count/all');
  const { told } = follow(city);
  let backwards = 0;
  let seen = 0;
  cleanups.push(
    city.on('change', ({ value, previous }) => {
      seen++;
      if ((value ?? 0) < (previous ?? 0)) backwards++;
    }),
  );
  await live(city as never);
  for (const link of proxy.links) link.down.hold();
  // Long keys, so that the buffers of the machine don't hold all of it.
  const key = (n: number) => `k${n % 50}`.padEnd(250, '-');
  for (let round = 0; round < 100; round++) {
    const sets = Array.from({ length: 500 }, (_, i) => round * 500 + i);
    await Promise.all(sets.map((n) => server.set('count/all', key(n), n)));
    // What is stored at once is answered at once, and nothing is written before a turn ends.
    await new Promise<void>((done) => systemClock.endOfTurn(done));
  }
  for (const link of proxy.links) link.down.pass();
  const entries = await until(city.entries, (now) => now.get(key(49))?.value === 49_999);
  expect(entries.size).toBe(50);
  expect(backwards).toBe(0);
  expect(seen).toBeLessThan(50_000);
  expect(server.metrics.entriesSent).toBeLessThan(50_000);
  expect(Object.fromEntries(told)).toEqual(plain(entries));
});
