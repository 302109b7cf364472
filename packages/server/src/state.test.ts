/**
 * Channels of keyed values over real sockets, rule by rule: what clients publish and readers get, conditions, order, time to
 * live, whose keys are whose. The client is one that speaks frames by hand.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineChannels, type Position, state, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { decodeServer, type ServerFrame } from '@syncline/protocol/wire';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { BeforePublish } from './access.ts';
import { disk } from './broker/disk.ts';
import { memory } from './broker/memory.ts';
import { lasting, turns } from './testing/meddle.ts';
import { Mirror } from './testing/mirror.ts';
import { RawClient, type RawFrame } from './testing/raw.ts';
import { everything, serveChannels } from './testing/serve.ts';
import { dial, WireClient } from './testing/wire.ts';

const fleet = 'fleet/x';
const validate = (value: unknown) =>
  typeof value === 'number' ? { value } : { issues: [{ message: 'no number' }] };
const channels = defineChannels({
  'fleet/:city': state({ ttl: '60s' }),
  'few/:x': state({ keys: 2 }),
  'own/:x': state({ own: true }),
  'number/:x': state({ value: { '~standard': { version: 1, vendor: 'test', validate } } }),
  'chat/:room': stream(),
});

type Options = Parameters<typeof serveChannels<typeof channels>>[1];
const serveStates = (options: Options = {}) => serveChannels(channels, options);

/** A client that publishes as one producer, and says what came of each. */
async function author(port: number, options: Parameters<typeof WireClient.dial>[2] = {}, channel = fleet) {
  const client = await WireClient.dial(port, '/sync', options);
  await client.expect('welcome');
  let sequence = 1;
  const publish = async (operation: unknown) => {
    client.publish(channel, operation, 'p', sequence);
    const answer = await client.frame();
    if (answer.type === 'ack') {
      sequence++;
      return answer.position.offset;
    }
    if (answer.type === 'error') return { code: answer.code, ...(answer.detail ?? {}) };
    throw new Error(`Expected an answer, got ${JSON.stringify(answer)}.`);
  };
  return { client, publish };
}

/** A reader from the beginning, which has read all there is. */
async function reader(port: number, channel = fleet, start: Position | number = Number.MAX_SAFE_INTEGER) {
  const client = await WireClient.connect(port);
  const { position, top } = await client.subscribe(channel, start);
  const mirror = new Mirror(position);
  const until = async (offset: number) => {
    while (mirror.position.offset < offset) mirror.receive(await client.frame());
    for (const frame of await client.flush()) mirror.receive(frame);
    return mirror.content;
  };
  await until(top);
  return { client, mirror, until };
}

describe('what is published', () => {
  it('[K1] is an operation, and readers get an entry, stamped, with the value as its author wrote it', async () => {
    const { port } = await serveStates();
    const { client } = await reader(port);
    const { publish } = await author(port);
    expect(await publish(['set', 'van', 1, { at: 5, ttlMs: 7000 }])).toBe(1);
    const raw = await WireClient.connect(port);
    raw.sendText(`["publish",9,"${fleet}","q",1, ["set", "van", {"n": 1.0, "n": 12345678901234567890}] ]`);
    await raw.expect('ack');
    raw.sendText(`["publish",10,"${fleet}","q",2,["delete","van"]]`);
    await raw.expect('ack');
    const got: string[] = [];
    while (got.length < 3)
      for (const data of (await client.expect('entries')).entries)
        got.push(String(data).replace(/\d{13}/, 'T'));
    expect(got).toEqual([
      '[T,null,["van",1,{"at":5,"ttlMs":7000}]]',
      '[T,null,["van",{"n": 1.0, "n": 12345678901234567890}]]',
      '[T,null,["van"]]',
    ]);
  });

  it('[K1] [A3] is refused when it is no operation, an expiry say, and its number stays free', async () => {
    const { port } = await serveStates();
    const { publish } = await author(port);
    for (const entry of [['van', 1], ['van', null, { expired: true }], ['van'], ['set'], 'set', null])
      expect(await publish(entry)).toEqual({ code: 'bad_payload' });
    expect(await publish(['set', 'van', 1])).toBe(1);
  });

  it('may come from the server itself, which sets and removes keys', async () => {
    const { port, server } = await serveStates();
    const { until } = await reader(port);
    expect((await server.set(fleet, 'van', { lat: 1 }, { ttl: '5s', at: 7 })).offset).toBe(1);
    await expect(server.set(fleet, 'van', 2, { at: 6 })).rejects.toMatchObject({ code: 'superseded' });
    await expect(server.set(fleet, 'van', 2, { ifVersion: 9 })).rejects.toMatchObject({
      code: 'precondition',
      detail: { offset: 1 },
    });
    expect((await server.set(fleet, '__proto__', 'x')).offset).toBe(2);
    expect((await server.delete(fleet, 'van', { ifVersion: 1 })).offset).toBe(3);
    expect(await until(3)).toEqual(Object.fromEntries([['__proto__', '"x"']]));
    await expect(server.set(fleet, '', 1)).rejects.toMatchObject({ code: 'bad_payload' });
    await expect(server.set(fleet, 'van', undefined)).rejects.toMatchObject({ code: 'bad_payload' });
    const untyped: { set(channel: string, key: string, value: unknown): Promise<Position> } = server;
    await expect(untyped.set('chat/x', 'k', 1)).rejects.toMatchObject({ code: 'unsupported_data' });
  });

  it('is held to the schema by its value', async () => {
    const { port, server } = await serveStates();
    const { publish } = await author(port, {}, 'number/x');
    expect(await publish(['set', 'k', 'one'])).toEqual({ code: 'bad_payload' });
    expect(await publish(['set', 'k', 1])).toBe(1);
    expect(await publish(['delete', 'k'])).toBe(2);
    const untyped: { set(channel: string, key: string, value: unknown): Promise<Position> } = server;
    await expect(untyped.set('number/x', 'k', 'one')).rejects.toMatchObject({ code: 'bad_payload' });
  });

  it('is looked at by the hook, as key and value, and may be replaced', async () => {
    const seen: unknown[] = [];
    const beforePublish: BeforePublish = ({ key, data, channel }) => {
      seen.push([channel, key, data]);
      return data === 1 ? { data: { rounded: true } } : undefined;
    };
    const { port } = await serveStates({ beforePublish });
    const { publish } = await author(port);
    for (const operation of [
      ['set', 'a', 1, { at: 3 }],
      ['set', 'b', 2],
      ['delete', 'b'],
    ])
      await publish(operation);
    expect(seen).toEqual([
      [fleet, 'a', 1],
      [fleet, 'b', 2],
      [fleet, 'b', undefined],
    ]);
    const { mirror } = await reader(port);
    expect(mirror.content).toEqual({ a: '{"rounded":true}' });
    expect(mirror.values.get('a')?.at).toBe(3);
  });

  it('reaches plain clients as entries, and theirs are operations', async () => {
    const { port } = await serveStates({ plain: { '/fleet': fleet } });
    const plain = await dial(`ws://localhost:${port}/fleet`);
    const { publish } = await author(port);
    await publish(['set', 'a', 1]);
    expect(await plain.next()).toBe('["a",1]');
    plain.socket.send('{"a":1}');
    expect(JSON.parse(await plain.next())).toMatchObject({ error: { code: 'bad_payload' } });
    plain.socket.send('["set","b",[2]]');
    const { until } = await reader(port);
    expect(await until(2)).toEqual({ a: '1', b: '[2]' });
  });
});

describe('conditions', () => {
  it('[K2] [K3] a version is where the value was set; a condition on another is refused with the one that stands', async () => {
    const { port } = await serveStates();
    const { publish } = await author(port);
    expect(await publish(['set', 'a', 1, { ifVersion: 1 }])).toEqual({ code: 'precondition', offset: 0 });
    expect(await publish(['set', 'a', 1, { ifVersion: 0 }])).toBe(1);
    expect(await publish(['set', 'a', 2, { ifVersion: 0 }])).toEqual({ code: 'precondition', offset: 1 });
    expect(await publish(['set', 'a', 2, { ifVersion: 1 }])).toBe(2);
    expect(await publish(['delete', 'a', { ifVersion: 1 }])).toEqual({ code: 'precondition', offset: 2 });
    expect(await publish(['delete', 'a', { ifVersion: 2 }])).toBe(3);
    expect(await publish(['set', 'a', 3, { ifVersion: 3 }])).toEqual({ code: 'precondition', offset: 0 });
    expect(await publish(['set', 'a', 3, { ifVersion: 0 }])).toBe(4);
  });

  it('[K4] an older value is superseded by the one that stands, and its number stays free', async () => {
    const { port } = await serveStates();
    const { publish } = await author(port);
    expect(await publish(['set', 'a', 1, { at: 100 }])).toBe(1);
    expect(await publish(['set', 'a', 0, { at: 99 }])).toEqual({ code: 'superseded', offset: 1 });
    expect(await publish(['set', 'a', 2, { at: 100 }])).toBe(2);
    expect(await publish(['set', 'a', 3])).toBe(3);
    expect(await publish(['set', 'a', 4, { at: 1 }])).toBe(4);
  });

  it("[K4] a device whose clock is ahead doesn't shut its key", async () => {
    const clock = fakeClock();
    const { port } = await serveStates({ clock, broker: memory({ clock }) });
    const { publish } = await author(port);
    expect(await publish(['set', 'a', 1, { at: clock.now() + 1e9 }])).toBe(1);
    expect(await publish(['set', 'a', 2, { at: clock.now() - 1 }])).toEqual({
      code: 'superseded',
      offset: 1,
    });
    await clock.advance(10);
    expect(await publish(['set', 'a', 2, { at: clock.now() - 1 }])).toBe(2);
  });

  it('[K6] one key more than the channel holds is refused, until one is gone', async () => {
    const { port } = await serveStates();
    const { publish } = await author(port, {}, 'few/x');
    expect([await publish(['set', 'a', 1]), await publish(['set', 'b', 1])]).toEqual([1, 2]);
    expect(await publish(['set', 'c', 1])).toEqual({ code: 'too_many' });
    expect([
      await publish(['set', 'a', 2]),
      await publish(['delete', 'b']),
      await publish(['set', 'c', 1]),
    ]).toEqual([3, 4, 5]);
  });

  it('[K7] a client writes its own keys only, where the contract says so', async () => {
    const { port, server } = await serveStates({
      authenticate: ({ token }) => ({ user: token, capabilities: everything }),
    });
    const { publish } = await author(port, { headers: { authorization: 'Bearer ann' } }, 'own/x');
    expect(await publish(['set', 'ann', 1])).toBe(1);
    expect(await publish(['set', 'ann/bike', 1])).toBe(2);
    for (const operation of [
      ['set', 'bob', 1],
      ['delete', 'bob'],
      ['set', 'anna', 1],
    ])
      expect(await publish(operation)).toEqual({ code: 'forbidden' });
    expect((await server.set('own/x', 'bob', 1)).offset).toBe(3);
    expect(await publish(['delete', 'ann'])).toBe(4);
  });
});

describe('time to live', () => {
  it('[K5] ends a value for all readers, unless it was set again', async () => {
    const clock = fakeClock();
    const { port, server } = await serveStates({ clock, broker: memory({ clock }) });
    const { client, mirror } = await reader(port);
    await server.set(fleet, 'still', 1);
    await server.set(fleet, 'moving', 1);
    await server.set(fleet, 'short', 1, { ttl: '10s' });
    await turns();
    await clock.advance(30_000);
    await server.set(fleet, 'moving', 2);
    await turns();
    await clock.advance(30_000);
    while (mirror.position.offset < 6) mirror.receive(await client.frame());
    expect(mirror.content).toEqual({ moving: '2' });
    expect(server.metrics.dueAppended).toBe(2);
  });

  it('[K5] ends values while no node has the channel open: nobody who comes then sees them', async () => {
    const clock = fakeClock();
    const broker = lasting(memory({ clock }));
    const first = await serveStates({ clock, broker });
    await first.server.set(fleet, 'a', 1);
    await clock.advance(30_000);
    await first.server.set(fleet, 'b', 1);
    await first.server.close({ drainMs: 0 });
    await clock.advance(30_000);
    const { port, server } = await serveStates({ clock, broker });
    const { mirror } = await reader(port);
    expect(mirror.content).toEqual({ b: '1' });
    expect((await server.set(fleet, 'a', 2, { ifVersion: 0 })).offset).toBe(4);
  });

  it("[K5] doesn't hold a channel open that nobody uses, and is made up for when it is opened again", async () => {
    const clock = fakeClock();
    const { port, server } = await serveStates({ clock, broker: memory({ clock }), channelIdleMs: 5000 });
    await server.set(fleet, 'a', 1);
    await clock.advance(10_000);
    expect(server.metrics.channelsOpen).toBe(0);
    await clock.advance(60_000);
    expect(server.metrics.dueAppended).toBe(0);
    const { mirror } = await reader(port);
    expect(mirror.content).toEqual({});
    expect(server.metrics.dueAppended).toBe(1);
  });
});

describe('readers', () => {
  it('[K8] who comes late gets a snapshot and what came after it, with authors and times', async () => {
    const { port, server } = await serveStates({
      foldEntriesMax: 10,
      tailEntriesMax: 1,
      authenticate: ({ token }) => ({ user: token, capabilities: { '*': ['publish'] } }),
      authorize: () => true,
    });
    const { publish } = await author(port, { headers: { authorization: 'Bearer ann' } });
    for (let i = 0; i < 5; i++) await publish(['set', `v${i}`, i, { at: i, ttlMs: 50_000 }]);
    for (let i = 0; i < 18; i++) await publish(['set', 'v0', `again ${i}`]);
    await expect.poll(() => server.metrics.snapshotsStored).toBe(2);
    const late = await WireClient.dial(port, '/sync', { headers: { authorization: 'Bearer bob' } });
    await late.expect('welcome');
    await late.subscribe(fleet, Number.MAX_SAFE_INTEGER);
    const { data, offset, more } = await late.expect('snapshot');
    expect([offset, more]).toEqual([22, false]);
    const rows = JSON.parse(String(data)) as unknown[][];
    expect(rows.map(([key, value, version, , from, facts]) => [key, value, version, from, facts])).toEqual([
      ...[1, 2, 3, 4].map((i) => [`v${i}`, i, i + 1, 'ann', { at: i, ttlMs: 50_000 }]),
      ['v0', 'again 16', 22, 'ann', undefined],
    ]);
    expect(Math.abs(Number(rows[0]?.[3]) - Date.now())).toBeLessThan(60_000);
    expect(String((await late.expect('entries')).entries[0])).toContain('["v0","again 17"]');
  });

  it('[K9] [K10] who reads slowly gets the newest of each key and every removal, and comes to what is so', async () => {
    const { port, server } = await serveStates({ tailEntriesMax: 10 });
    const raw = await RawClient.open(port);
    await raw.frame();
    const slow = new Mirror(await subscribed(raw));
    raw.socket.pause();
    const last = new Map<string, string>();
    for (let i = 0; i < 1500; i++) {
      const key = `v${i % 40}`;
      const value = `${i} ${'x'.repeat(20_000)}`;
      await server.set(fleet, key, value);
      last.set(key, JSON.stringify(value));
      if (i % 7 !== 0) continue;
      await server.delete(fleet, `v${(i * 3) % 40}`);
      last.delete(`v${(i * 3) % 40}`);
    }
    const { offset: top } = await server.delete(fleet, 'nothing');
    raw.socket.resume();
    while (slow.position.offset < top) slow.receive(decoded(await raw.frame()));
    expect(slow.content).toEqual(Object.fromEntries(last));
    expect(slow.seen.changes).toBeGreaterThan(0);
    expect(slow.seen.entries).toBeLessThan(1400);
    const { mirror } = await reader(port);
    expect(mirror.position).toEqual(slow.position);
    expect([...mirror.values].sort()).toEqual([...slow.values].sort());
  });

  it('[K2] [K4] find versions, order and values again after a restart, from disk', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'syncline-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const first = await serveStates({ broker: disk({ dir }), foldEntriesMax: 5 });
    for (let i = 1; i <= 20; i++) await first.server.set(fleet, `v${i % 4}`, i, { at: i });
    await first.server.delete(fleet, 'v1');
    await expect.poll(() => first.server.metrics.snapshotsStored).toBeGreaterThan(0);
    await first.server.close({ drainMs: 0 });
    const { port, server } = await serveStates({ broker: disk({ dir }) });
    const { mirror, until } = await reader(port);
    expect(mirror.content).toEqual({ v0: '20', v2: '18', v3: '19' });
    await expect(server.set(fleet, 'v2', 0, { at: 17 })).rejects.toMatchObject({
      code: 'superseded',
      detail: { offset: 18 },
    });
    expect((await server.set(fleet, 'v2', 22, { ifVersion: 18 })).offset).toBe(22);
    expect((await server.set(fleet, 'v1', 23, { ifVersion: 0, at: 1 })).offset).toBe(23);
    expect(await until(23)).toEqual({ v0: '20', v1: '23', v2: '22', v3: '19' });
  });

  it('[S3] who comes back gets what it missed', async () => {
    const { port, server } = await serveStates();
    const { mirror, client } = await reader(port);
    client.close();
    await server.set(fleet, 'a', 1);
    await server.delete(fleet, 'a');
    await server.set(fleet, 'b', 1);
    const again = await WireClient.connect(port);
    expect(await again.subscribe(fleet, mirror.position)).toMatchObject({
      position: mirror.position,
      gap: null,
    });
    while (mirror.position.offset < 3) mirror.receive(await again.frame());
    expect(mirror.content).toEqual({ b: '1' });
  });
});

function decoded({ payload }: RawFrame): ServerFrame {
  const frame = decodeServer(payload.toString());
  if (!frame) throw new Error(`A frame nobody knows: ${payload.toString()}`);
  return frame;
}

async function subscribed(raw: RawClient): Promise<Position> {
  raw.send(JSON.stringify(['subscribe', 1, fleet, 0]));
  const frame = decoded(await raw.frame());
  if (frame.type !== 'subscribed') throw new Error(`Expected an answer, got ${JSON.stringify(frame)}.`);
  return frame.position;
}
