/**
 * What bounds the broker: how much waits for Redis, how much one script call takes and gives, what replicas must have, and what a Redis
 * that is full still does.
 */
import { systemClock } from '@syncline/protocol/wire';
import { describe, expect, it, onTestFinished } from 'vitest';
import { noRedis, type RedisServer, replicaOf } from '../../testing/redis.ts';
import { appendOf, data, everything, expectWhole, offsets, rangeOf, refusal } from '../testing.ts';
import { brokerOn, keysOf, newsOf, redisFor } from './testing.ts';

/** How often a command was run since the last reset. */
async function callsOf(server: RedisServer, command: string): Promise<number> {
  const stats = String(await server.command('INFO', 'commandstats'));
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

describe.skipIf(noRedis)('redis, its bounds', () => {
  it('refuses with `too_many`, not begun, what would wait in too long a queue', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server, { opsQueuedMax: 2, bytesQueuedMax: 100 });
    const two = [broker.append('c', appendOf('1')), broker.append('other', appendOf('2'))];
    expect(await refusal(broker.append('c', appendOf('3')))).toMatchObject({ code: 'too_many' });
    await Promise.all(two);
    expect(await refusal(broker.append('c', appendOf('x'.repeat(101))))).toMatchObject({ code: 'too_many' });
    expect((await broker.append('c', appendOf('3'))).offset).toBe(2);
  });

  it('appends that wait share a call, of 128 at most, and no call takes much more than a mebibyte', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server);
    await broker.append('c', appendOf('1'));
    await server.command('CONFIG', 'RESETSTAT');
    await Promise.all(Array.from({ length: 1280 }, () => broker.append('c', appendOf('1'))));
    expect(await callsOf(server, 'xadd')).toBe(1280);
    expect(await callsOf(server, 'hmget')).toBe(10);
    await server.command('CONFIG', 'RESETSTAT');
    const large = 'x'.repeat(400_000);
    await Promise.all(Array.from({ length: 9 }, () => broker.append('c', appendOf(large))));
    expect(await callsOf(server, 'hmget')).toBe(5);
    expectWhole(await broker.read('c', rangeOf({ entriesMax: 10_000 })));
  });

  it('a Redis that is slow has 64 calls of a node to do; appends that wait meanwhile go together', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server);
    const channels = Array.from({ length: 200 }, (_, i) => `c/${i}`);
    const appendToAll = () => channels.map((channel) => broker.append(channel, appendOf('1')));
    await Promise.all(appendToAll());
    await server.command('CONFIG', 'RESETSTAT');
    server.freeze();
    const first = appendToAll();
    await new Promise<void>((resolve) => systemClock.endOfTurn(resolve));
    const second = appendToAll();
    server.thaw();
    const offsets = (await Promise.all([...first, ...second])).map(({ offset }) => offset);
    expect(offsets).toEqual([...channels.map(() => 2), ...channels.map(() => 3)]);
    // Each call reads one head: those that were on their way have a second one to follow, the others took both with them.
    expect(await callsOf(server, 'hmget')).toBe(channels.length + 64);
  });

  it('heads of many logs are looked at together', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server);
    const channels = Array.from({ length: 400 }, (_, i) => `c/${i}`);
    for (const channel of channels) newsOf(broker, channel);
    await Promise.all(channels.map((channel) => broker.append(channel, appendOf('1'))));
    await server.command('CONFIG', 'RESETSTAT');
    // Whoever hears anew looks at all of them.
    await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await expect.poll(() => callsOf(server, 'hmget')).toBeGreaterThanOrEqual(channels.length);
    expect(await callsOf(server, 'evalsha')).toBeLessThan(100);
  });

  it('what one snapshot covers is removed in portions, by the calls that follow, and nothing of it stays', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server);
    const count = 25_000;
    const last = await Promise.all(Array.from({ length: count }, () => broker.append('c', appendOf('1'))));
    const { epoch = '', offset = 0, check = 0 } = last.at(-1) ?? {};
    expect(await broker.compact('c', epoch, { offset, check, data: 'all' })).toBe(true);
    const held = async () => Number(await server.command('XLEN', keysOf('c').entries));
    expect(await held()).toBeGreaterThanOrEqual(count - 10_000);
    for (let i = 0; i < 2; i++) await broker.append('c', appendOf('1'));
    expect(await held()).toBeLessThan(200);
    expect(offsets(await broker.read('c', rangeOf({ offset: count })))).toEqual([count + 1, count + 2]);
  });

  it('reads several thousand entries in pages, forwards and backwards, as one slice', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server);
    const count = 5000;
    await Promise.all(Array.from({ length: count }, (_, i) => broker.append('c', appendOf(`"${i}"`))));
    const all = Array.from({ length: count }, (_, i) => i + 1);
    const slice = await broker.read('c', rangeOf({ entriesMax: 10_000 }));
    expectWhole(slice);
    expect(offsets(slice)).toEqual(all);
    const read = async (more: Parameters<typeof rangeOf>[0]) =>
      offsets(await broker.read('c', rangeOf(more)));
    expect(await read({ offset: 100, entriesMax: 1500 })).toEqual(all.slice(100, 1600));
    expect(await read({ direction: 'before', offset: 4001, entriesMax: 1500 })).toEqual(
      all.slice(2500, 4000),
    );
    expect(await read({ direction: 'before', offset: 9e15, entriesMax: 1e6 })).toEqual(all);
    // The first 2,000 payloads have 10,890 bytes.
    expect(await read({ entriesMax: 10_000, bytesMax: 10_890 })).toEqual(all.slice(0, 2000));
    expect(await read({ entriesMax: 10_000, bytesMax: 10_889 })).toEqual(all.slice(0, 1999));
  });

  it('a read goes on while others append and trim, and gives what was one log', async () => {
    const server = await redisFor();
    const [broker, other] = [await brokerOn(server), await brokerOn(server)];
    const keep = { ...everything, entriesMax: 3000 };
    await Promise.all(Array.from({ length: 3000 }, (_, i) => other.append('c', appendOf(`${i}`, { keep }))));
    let appending = true;
    onTestFinished(() => {
      appending = false;
    });
    const appends = (async () => {
      while (appending) await Promise.all([1, 2, 3].map(() => other.append('c', appendOf('1', { keep }))));
    })();
    for (let i = 0; i < 10; i++) {
      const slice = await broker.read(
        'c',
        rangeOf({ direction: 'before', offset: 9e15, entriesMax: 2000, keep }),
      );
      expect(slice.entries.length).toBe(2000);
      expect(slice.entries.at(-1)).toMatchObject(slice.top);
    }
    appending = false;
    await appends;
  });

  it('payloads of a mebibyte, and larger than any bound, are stored, read and told of', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server);
    const news = newsOf(broker, 'c');
    const bytes = new Uint8Array(1024 * 1024).map((_, i) => i % 251);
    const text = `"${'\ud800€'.repeat(700_000)}"`;
    for (const payload of [bytes, text, bytes]) await broker.append('c', appendOf(payload));
    const slice = await broker.read('c', rangeOf());
    expectWhole(slice);
    expect(slice.entries.map((entry) => entry.data.length)).toEqual([
      bytes.length,
      text.length,
      bytes.length,
    ]);
    expect(slice.entries[1]?.data).toBe(text);
    expect(Buffer.compare(Buffer.from(slice.entries[2]?.data ?? ''), bytes)).toBe(0);
    expect(offsets(await broker.read('c', rangeOf({ bytesMax: 1 })))).toEqual([1]);
    await expect.poll(() => news.at(-1)?.top.offset).toBe(3);
    const [first] = slice.entries;
    expect(await broker.compact('c', slice.epoch, { offset: 1, check: first?.check ?? 0, data: bytes })).toBe(
      true,
    );
    expect((await broker.read('c', rangeOf({ bytesMax: 1 }))).snapshot?.data).toEqual(bytes);
  });

  it('[A1] a Redis without memory refuses appends with `storage`, burns nothing, and can be read', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server);
    const keep = { ...everything, entriesMax: 2 };
    const by = (sequence: number) => appendOf(`${sequence}`, { keep, producer: { id: 'p', sequence } });
    for (const sequence of [1, 2, 3]) await broker.append('c', by(sequence));
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    expect(await refusal(broker.append('c', by(4)))).toMatchObject({ code: 'storage' });
    // Trimming more than is noted: the read says so though it can't be written down.
    const less = { ...everything, entriesMax: 1 };
    expect(data(await broker.read('c', rangeOf({ keep: less })))).toEqual(['3']);
    expect(data(await broker.read('c', rangeOf({ keep })))).toEqual(['2', '3']);
    expect(await broker.append('c', by(3))).toMatchObject({ offset: 3, duplicate: true });
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await broker.append('c', by(4))).toMatchObject({ offset: 4, duplicate: false });
    expect(broker.troubles.logsBroken).toBe(0);
  });

  it('`replicated`: acknowledges what replicas have, retries included, and else leaves the outcome open', async () => {
    const master = await redisFor({ tcp: true });
    const replica = await replicaOf(master);
    onTestFinished(() => replica.stop());
    // A replica may take its time on a busy machine; one that is frozen answers never.
    const replicas = { replicasMin: 1, ms: 2000 };
    const broker = await brokerOn(master, { replicas }, { replicated: true });
    const once = appendOf('1', { producer: { id: 'p', sequence: 1 } });
    const first = await broker.append('c', once);
    expect(Number(await replica.command('XLEN', keysOf('c').entries))).toBe(1);
    replica.freeze();
    const next = appendOf('2', { producer: { id: 'p', sequence: 2 } });
    for (const append of [next, next, once])
      expect(await refusal(broker.append('c', append))).toMatchObject({ code: 'unavailable' });
    replica.thaw();
    await expect
      .poll(() => broker.append('c', next).catch(() => undefined))
      .toMatchObject({ offset: 2, duplicate: true });
    expect(await broker.append('c', once)).toEqual({ ...first, duplicate: true });
    expect((await broker.read('c', rangeOf())).top.offset).toBe(2);
  });
});
