/**
 * Views with the real client against the real server over real sockets: a map that is looked at through windows which move, while
 * vehicles drive, links break and rights end. Each window must show what lies in it, and what it tells must make what it shows.
 */
import { createClient, type StateEntry, type StateView } from '@syncline/client';
import { defineChannels, state } from '@syncline/protocol';
import { seeded } from '@syncline/protocol/testing';
import { systemClock } from '@syncline/protocol/wire';
import { createServer, memory, type ServerOptions } from '@syncline/server';
import { afterEach, expect, test } from 'vitest';
import { FaultProxy } from '../faults/proxy.ts';
import { until } from './until.ts';

interface Spot {
  readonly lat: number;
  readonly lng: number;
}
type Box = readonly [west: number, south: number, east: number, north: number];

const channels = defineChannels({
  'fleet/:city': state<Spot>({ geo: { lat: 'lat', lng: 'lng' } }),
  'short/:city': state<Spot>({ geo: { lat: 'lat', lng: 'lng' }, ttl: '300ms' }),
  'count/:name': state<number>(),
});
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(options: Partial<ServerOptions<typeof channels>> = {}) {
  const server = createServer({ channels, broker: memory(), ...options });
  cleanups.push(() => server.close({ drainMs: 0 }));
  const { port } = await server.listen(0);
  return { server, port };
}

function client(port: number, errors: unknown[] = []) {
  const made = createClient<typeof channels>({
    url: `ws://localhost:${port}/sync`,
    onError: (error) => errors.push(error),
  });
  cleanups.push(() => made.close());
  return made;
}

/** Looks at a view; what is told of it is kept as a map of its own, which must make what is shown. */
function look<V>(view: StateView<V>) {
  const told = new Map<string, V>();
  const types: string[] = [];
  cleanups.push(
    view.on('change', ({ type, key, value, previous }) => {
      types.push(`${type} ${key}`);
      expect(previous).toEqual(told.get(key));
      if (type === 'enter' || type === 'set') told.set(key, value);
      else told.delete(key);
    }),
  );
  return { told, types };
}

const live = <V>(view: StateView<V>) => until(view.freshness, ({ state }) => state === 'live');
const keys = (entries: ReadonlyMap<string, unknown>) => [...entries.keys()].sort();
const plain = <V>(entries: ReadonlyMap<string, StateEntry<V>>) =>
  Object.fromEntries([...entries].map(([key, { value }]) => [key, value]));

test('[V1] [V3] [V4] a window shows what lies in it: what enters, moves, leaves, is removed and expires', async () => {
  const { server, port } = await serve();
  await server.set('fleet/berlin', 'in', { lat: 52.5, lng: 13.4 });
  await server.set('fleet/berlin', 'out', { lat: 48, lng: 11 });
  const view = client(port)
    .state('fleet/berlin')
    .view({ bbox: [13, 52, 14, 53] });
  const { types, told } = look(view);
  const first = await until(view.entries, ({ size }) => size === 1);
  expect(first.get('in')).toMatchObject({ value: { lat: 52.5, lng: 13.4 }, version: 1, from: null });
  const writer = client(port).state('fleet/berlin');
  await writer.set('out', { lat: 52.1, lng: 13.1 });
  await writer.set('in', { lat: 52.6, lng: 13.4 });
  await until(view.get('in'), (entry) => entry?.value.lat === 52.6);
  await writer.set('in', { lat: 40, lng: 13.4 });
  await until(view.get('in'), (entry) => entry === undefined);
  await writer.delete('out');
  const empty = await until(view.entries, ({ size }) => size === 0);
  expect(told.size).toBe(empty.size);
  expect(types).toEqual(['enter in', 'enter out', 'set in', 'exit in', 'delete out']);
});

test('[V3] what has lived its time is told to have expired', async () => {
  const { server, port } = await serve();
  const view = client(port).state('short/berlin').view({ prefix: 'v' });
  const { types } = look(view);
  await live(view);
  await server.set('short/berlin', 'v1', { lat: 1, lng: 1 });
  await until(view.entries, ({ size }) => size === 1);
  await until(view.entries, ({ size }) => size === 0);
  expect(types).toEqual(['enter v1', 'expire v1']);
});

test('[V5] a window that is moved tells the difference only, the newest of many moves', async () => {
  const { server, port } = await serve();
  for (let i = 0; i < 20; i++) await server.set('fleet/berlin', `v${i}`, { lat: 0.5, lng: i + 0.5 });
  const view = client(port)
    .state('fleet/berlin')
    .view({ bbox: [0, 0, 10, 1] });
  const { types } = look(view);
  await until(view.entries, ({ size }) => size === 10);
  types.length = 0;
  for (let west = 1; west <= 5; west++) view.update({ bbox: [west, 0, west + 10, 1] });
  await until(view.get('v14'), (entry) => entry !== undefined);
  await until(view.get('v4'), (entry) => entry === undefined);
  expect(types.sort()).toEqual(
    [...[0, 1, 2, 3, 4].map((i) => `exit v${i}`), ...[10, 11, 12, 13, 14].map((i) => `enter v${i}`)].sort(),
  );
  expect(view.freshness.get()).toEqual({ state: 'live' });
});

test('[V2] keys, a prefix and a box must all hold; a box may cross the antimeridian', async () => {
  const { server, port } = await serve();
  const spots = { a1: 179, a2: -179, a3: 0, b1: 179.5 };
  for (const [key, lng] of Object.entries(spots)) await server.set('fleet/sea', key, { lat: 0, lng });
  const sea = client(port).state('fleet/sea');
  const bbox = [170, -10, -170, 10] as const;
  const [around, some, one] = [
    sea.view({ bbox }),
    sea.view({ bbox, prefix: 'a' }),
    sea.view({ bbox, prefix: 'a', keys: ['a2', 'a3', 'b1'] }),
  ];
  for (const view of [around, some, one]) look(view);
  expect(keys(await until(around.entries, ({ size }) => size === 3))).toEqual(['a1', 'a2', 'b1']);
  expect(keys(await until(some.entries, ({ size }) => size === 2))).toEqual(['a1', 'a2']);
  expect(keys(await until(one.entries, ({ size }) => size === 1))).toEqual(['a2']);
});

test('[V6] a slow window is told the newest only, and ends with all of it', async () => {
  const { server, port } = await serve();
  const view = client(port)
    .state('count/all')
    .view({ keys: ['n'], maxHz: 5 });
  const { types } = look(view);
  await live(view);
  for (let i = 1; i <= 300; i++) await server.set('count/all', 'n', i);
  await until(view.get('n'), (entry) => entry?.value === 300);
  expect(types.length).toBeLessThan(100);
});

test('[V4] a window whose link breaks shows what it did, and then what is there now', async () => {
  const { server, port } = await serve();
  const proxy = await FaultProxy.open(port, systemClock);
  cleanups.push(() => proxy.close());
  const links: { reset(): void }[] = [];
  proxy.onLink = (link) => void links.push(link);
  for (const key of ['stays', 'moves', 'goes']) await server.set('fleet/berlin', key, { lat: 0.5, lng: 0.5 });
  const view = client(proxy.port)
    .state('fleet/berlin')
    .view({ bbox: [0, 0, 1, 1] });
  const { types } = look(view);
  await until(view.entries, ({ size }) => size === 3);
  types.length = 0;
  proxy.refuse();
  for (const link of links) link.reset();
  await until(view.freshness, ({ state }) => state === 'stale');
  await server.set('fleet/berlin', 'moves', { lat: 0.6, lng: 0.5 });
  await server.set('fleet/berlin', 'comes', { lat: 0.5, lng: 0.5 });
  await server.set('fleet/berlin', 'goes', { lat: 9, lng: 9 });
  expect(keys(view.entries.get())).toEqual(['goes', 'moves', 'stays']);
  proxy.refuse(false);
  await until(view.freshness, ({ state }) => state === 'live');
  expect(keys(view.entries.get())).toEqual(['comes', 'moves', 'stays']);
  expect(types.sort()).toEqual(['enter comes', 'exit goes', 'set moves']);
});

test('[V2] [V8] what can’t be viewed is refused, and said', async () => {
  const { port } = await serve();
  const errors: unknown[] = [];
  const { state: channel } = client(port, errors);
  const views = [
    channel('count/all').view({ bbox: [0, 0, 1, 1] }),
    channel('count/all').view({ keys: Array.from({ length: 1_001 }, (_, i) => `k${i}`) }),
    channel('fleet/berlin').view({ bbox: [0, 10, 1, 5] }),
  ];
  const codes: string[] = [];
  for (const view of views as StateView<unknown>[]) {
    look(view);
    const fresh = await until(view.freshness, ({ state }) => state === 'refused');
    if (fresh.state === 'refused') codes.push(fresh.error.code);
  }
  expect(codes).toEqual(['bad_payload', 'bad_frame', expect.stringMatching(/^bad_/)]);
  expect(errors).toHaveLength(3);
  views[0]?.update({ prefix: '' });
  await live(views[0] as StateView<unknown>);
});

test('[V8] [I5] rights that are renewed without the channel end the view of it', async () => {
  const rights = { '*': ['subscribe'] } as const;
  let asked = 0;
  const { server, port } = await serve({
    authenticate: () =>
      asked++ === 0
        ? { user: 'ada', capabilities: rights, expiresAt: systemClock.now() + 2_500 }
        : { user: 'ada' },
  });
  const made = createClient<typeof channels>({
    url: `ws://localhost:${port}/sync`,
    getToken: () => 'token',
    onError: () => {},
  });
  cleanups.push(() => made.close());
  const view = made.state('fleet/berlin').view({ prefix: '' });
  const { types } = look(view);
  await live(view);
  await server.set('fleet/berlin', 'a', { lat: 1, lng: 1 });
  await until(view.entries, ({ size }) => size === 1);
  const fresh = await until(view.freshness, ({ state }) => state === 'refused');
  expect(fresh).toMatchObject({ error: { code: 'forbidden' } });
  await server.set('fleet/berlin', 'b', { lat: 1, lng: 1 });
  expect(made.status.get().state).toBe('open');
  expect(types).toEqual(['enter a']);
});

test('[V3] [V4] [V5] [V6] many windows over a city that drives: each ends with what lies in it', async () => {
  const { server, port } = await serve();
  const random = seeded(7);
  const spot = (): Spot => ({ lat: random() * 10, lng: random() * 10 });
  const box = (): Box => {
    const { lat, lng } = spot();
    return [lng - 2, lat - 2, lng + 2, lat + 2];
  };
  const boxes = Array.from({ length: 12 }, box);
  const clients = Array.from({ length: 3 }, () => client(port).state('fleet/berlin'));
  const windows = boxes.map((bbox, i) => {
    const view = (clients[i % 3] as (typeof clients)[0]).view({ bbox, ...(i % 4 === 0 && { maxHz: 20 }) });
    return { view, ...look(view) };
  });
  const city = new Map<string, Spot>();
  for (let step = 0; step < 1_500; step++) {
    const key = `v${Math.floor(random() * 60)}`;
    const writes: Promise<unknown>[] = [];
    if (random() < 0.1) {
      city.delete(key);
      writes.push(server.delete('fleet/berlin', key));
    } else {
      const at = spot();
      city.set(key, at);
      writes.push(server.set('fleet/berlin', key, at));
    }
    const i = Math.floor(random() * boxes.length);
    if (random() < 0.05) {
      boxes[i] = box();
      windows[i]?.view.update({ bbox: boxes[i] as Box });
    }
    await Promise.all(writes);
  }
  for (const [i, { view, told }] of windows.entries()) {
    const [west, south, east, north] = boxes[i] as Box;
    const inside = [...city].filter(
      ([, { lat, lng }]) => lng >= west && lng <= east && lat >= south && lat <= north,
    );
    const wanted = JSON.stringify(inside.sort());
    await expect
      .poll(() => JSON.stringify(Object.entries(plain(view.entries.get())).sort()), { timeout: 5_000 })
      .toBe(wanted);
    expect(Object.fromEntries(told)).toEqual(plain(view.entries.get()));
  }
});
