/**
 * Bad links between a node and its Redis, by a TCP proxy between the two: a connection that falls silent, one that leads to the wrong
 * Redis, dials that are refused or cut at any byte, a slow way. The link of the node is looked at by itself; what clients notice is
 * the harness's matter.
 */

import { systemClock } from '@syncline/protocol/wire';
import { type LinkSetting, openLink, type Link as RedisLink, scriptOf } from '@syncline/server/internal';
import { noRedis, type RedisServer, startRedis } from '@syncline/server/testing/redis';
import { describe, expect, it, type TestContext } from 'vitest';
import { FaultProxy, type Link } from './proxy.ts';

const count = scriptOf('count', "return redis.call('INCR', KEYS[1])");
const topic = 'app:{a}';
/** Nothing for 3 s is silence; and then a connection has to be made and probed. */
const noticed = { timeout: 8000 };

const run = (link: RedisLink): Promise<unknown> => link.run(count, 'app:{a}', ['app:{a}'], []);

/** What runs beside others ends with its own test. */
type Test = Pick<TestContext, 'expect' | 'onTestFinished'>;

async function redisFor(test: Test): Promise<RedisServer> {
  const redis = await startRedis({ tcp: true });
  test.onTestFinished(() => redis.stop());
  return redis;
}

async function proxyTo(test: Test, redis: RedisServer): Promise<FaultProxy> {
  const proxy = await FaultProxy.open(redis.port, systemClock);
  test.onTestFinished(() => proxy.close());
  return proxy;
}

function linkBy(test: Test, port: number, setting: Partial<LinkSetting> = {}): RedisLink {
  const link = openLink({ target: { address: { host: '127.0.0.1', port } }, prefix: 'app', ...setting });
  test.onTestFinished(() => link.close());
  return link;
}

/** A link by the proxy that hears a topic, and how often it was told that it may have missed something. */
async function listener(test: Test, proxy: FaultProxy) {
  const link = linkBy(test, proxy.port);
  await link.ready;
  const heard: string[] = [];
  await link.subscribe(topic, (message) => heard.push(String(message)));
  const state = { link, heard, again: 0 };
  link.onResubscribed(() => state.again++);
  return state;
}

/** The connections on which messages come and on which commands go: a message tells them apart. */
async function waysOf(
  test: Test,
  proxy: FaultProxy,
  redis: RedisServer,
): Promise<{ messages: Link; commands: Link }> {
  const open = proxy.links.filter((link) => link.open);
  const before = open.map((link) => link.down.bytes);
  const mark = 'm'.repeat(5000);
  await redis.command('PUBLISH', topic, mark);
  const grown = (): Link | undefined =>
    open.find((link, i) => link.down.bytes >= (before[i] ?? 0) + mark.length);
  await test.expect.poll(grown).toBeDefined();
  const messages = grown();
  const commands = open.find((link) => link !== messages);
  if (!messages || !commands) throw new Error('There are not two connections.');
  return { messages, commands };
}

describe.skipIf(noRedis).concurrent('a bad link to Redis', () => {
  it('F39: a connection that brings no messages any more is noticed and replaced, though it is open', async (test) => {
    const redis = await redisFor(test);
    const proxy = await proxyTo(test, redis);
    const at = await listener(test, proxy);
    const { messages } = await waysOf(test, proxy, redis);
    messages.down.swallow();
    await test.expect.poll(() => at.link.health.brokenSince, noticed).not.toBeNull();
    await test.expect.poll(() => at.link.health.brokenSince, noticed).toBeNull();
    expect(at.again).toBe(1);
    at.heard.length = 0;
    await redis.command('PUBLISH', topic, 'x');
    await test.expect.poll(() => at.heard).toEqual(['x']);
  });

  it('F39: one on which nothing is answered any more, likewise', async (test) => {
    const redis = await redisFor(test);
    const proxy = await proxyTo(test, redis);
    const at = await listener(test, proxy);
    const { commands } = await waysOf(test, proxy, redis);
    commands.up.swallow();
    // What is on its way then; what is asked once that was noticed may find another connection.
    const lost = run(at.link).catch((thrown: unknown) => thrown);
    await test.expect.poll(() => at.link.health.brokenSince, noticed).not.toBeNull();
    expect(await lost).toMatchObject({ code: 'unavailable' });
    await test.expect.poll(() => at.link.health.brokenSince, noticed).toBeNull();
    expect(await run(at.link)).toBe(1);
  });

  it('F39: the connection for writes that wait for replicas, likewise', async (test) => {
    const redis = await redisFor(test);
    const proxy = await proxyTo(test, redis);
    const link = linkBy(test, proxy.port, { commandMs: 1000, replicated: true });
    await link.ready;
    const replicated = () =>
      link.runReplicated(count, 'app:{a}', ['app:{a}'], [], { replicasMin: 1, ms: 50 });
    expect(await replicated()).toEqual({ reply: 1, replicas: 0 });
    // Probes go over the other two; so much goes over this one alone.
    const before = proxy.links.map(({ up }) => up.bytes);
    await Promise.all(Array.from({ length: 50 }, replicated));
    const grown = proxy.links.map(({ up }, i) => up.bytes - (before[i] ?? 0));
    proxy.links[grown.indexOf(Math.max(...grown))]?.down.swallow();
    await expect(replicated()).rejects.toMatchObject({ code: 'unavailable' });
    await test.expect.poll(() => replicated().catch(() => 'refused')).toMatchObject({ replicas: 0 });
    expect(link.health.brokenSince).toBeNull();
  });

  it('F40: messages that come from another Redis than commands go to are noticed', async (test) => {
    const [redis, wrong] = [await redisFor(test), await redisFor(test)];
    const proxy = await proxyTo(test, redis);
    const at = await listener(test, proxy);
    const { messages } = await waysOf(test, proxy, redis);
    // The connection breaks, and the next one leads elsewhere; those after it are right again.
    proxy.retarget(wrong.port);
    proxy.onLink = () => proxy.retarget(redis.port);
    messages.reset();
    await test.expect
      .poll(async () => String(await wrong.command('PUBSUB', 'CHANNELS')), noticed)
      .toMatch(topic);
    await test.expect.poll(() => at.link.health.brokenSince, noticed).not.toBeNull();
    await test.expect.poll(() => at.link.health.brokenSince, noticed).toBeNull();
    at.heard.length = 0;
    await redis.command('PUBLISH', topic, 'x');
    await test.expect.poll(() => at.heard).toEqual(['x']);
  });

  it.for([0, 1, 2, 7])('F41: is there again after %i dials were refused', async (refusals, test) => {
    const redis = await redisFor(test);
    const proxy = await proxyTo(test, redis);
    const at = await listener(test, proxy);
    let left = refusals;
    proxy.onLink = (link) => left-- > 0 && link.reset();
    for (const link of [...proxy.links]) link.reset();
    await test.expect.poll(() => run(at.link).catch(() => 'refused'), noticed).toBeTypeOf('number');
    await test.expect.poll(() => at.again).toBe(1);
    await test.expect.poll(() => at.link.health.brokenSince, noticed).toBeNull();
  });

  it('F41: is there again wherever its handshake was cut', async (test) => {
    const redis = await redisFor(test);
    const proxy = await proxyTo(test, redis);
    // Every so many bytes of what Redis says at first; both connections are cut there, each once.
    for (let bytes = 0; bytes <= 600; bytes += 40) {
      let cuts = 2;
      proxy.onLink = (link) => cuts-- > 0 && link.down.cut(bytes);
      const link = linkBy(test, proxy.port);
      await link.ready;
      // A late cut meets the first answers instead.
      await test.expect.poll(() => run(link).catch(() => 'refused')).toBeTypeOf('number');
      expect(link.health.brokenSince).toBeNull();
      await link.close();
    }
  });

  it('F41: may be closed at any moment of a dial, and leaves nothing behind', async (test) => {
    const redis = await redisFor(test);
    const proxy = await proxyTo(test, redis);
    for (let bytes = 0; bytes <= 400; bytes += 50) {
      const link = linkBy(test, proxy.port);
      const closed = expect(link.ready).rejects.toMatchObject({ code: 'closed' });
      await new Promise<void>((resolve) => {
        proxy.onLink = (dialled) => {
          if (bytes > 0) return;
          dialled.down.hold();
          resolve();
        };
        const look = (): void => {
          const said = proxy.links.filter(({ open }) => open).reduce((sum, { down }) => sum + down.bytes, 0);
          if (said >= bytes) resolve();
          else setImmediate(look);
        };
        look();
      });
      await link.close();
      await closed;
      await test.expect.poll(() => proxy.links.filter(({ open }) => open).length).toBe(0);
    }
  });

  it('F57: cut off, it stops at once and says so; healed, it goes on and says that it may have missed something', async (test) => {
    const redis = await redisFor(test);
    const proxy = await proxyTo(test, redis);
    const at = await listener(test, proxy);
    proxy.refuse();
    for (const link of proxy.links) {
      link.up.swallow();
      link.down.swallow();
    }
    await expect(run(at.link)).rejects.toMatchObject({ code: 'unavailable' });
    await test.expect.poll(() => at.link.health.brokenSince, noticed).not.toBeNull();
    await redis.command('PUBLISH', topic, 'missed');
    proxy.refuse(false);
    await test.expect.poll(() => at.link.health.brokenSince, noticed).toBeNull();
    expect([at.again, at.heard]).toEqual([1, []]);
    expect(await run(at.link)).toBe(1);
  });

  it('F58: a slow way delays answers and breaks nothing', async (test) => {
    const redis = await redisFor(test);
    const proxy = await proxyTo(test, redis);
    proxy.onLink = (link) => link.down.delay(200);
    const at = await listener(test, proxy);
    const changes: unknown[] = [];
    at.link.health.onChange(() => changes.push(at.link.health.brokenSince));
    const started = systemClock.now();
    const all = await Promise.all(Array.from({ length: 200 }, () => run(at.link)));
    const tookMs = systemClock.now() - started;
    // One after the other they would take 40 s.
    expect(tookMs).toBeGreaterThanOrEqual(195);
    expect(tookMs).toBeLessThan(2000);
    expect(all.at(-1)).toBe(200);
    // Longer than silence may last: probes come back late, and do come back.
    await test.expect.poll(() => systemClock.now() - started, noticed).toBeGreaterThan(4500);
    expect(changes).toEqual([]);
    expect(Math.abs(at.link.now() - systemClock.now())).toBeLessThan(500);
  });
});
