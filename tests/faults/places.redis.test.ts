/**
 * Bad links to several Redis servers, by TCP proxies in between: one shard of a Cluster that falls silent, a master that only its
 * Sentinels can't reach any more. What befalls a single Redis is in link.redis.test.ts.
 */
import { systemClock } from '@syncline/protocol/wire';
import { openLink, type Link as RedisLink, scriptOf } from '@syncline/server/internal';
import { noRedis, type RedisServer, startCluster, startSentinel } from '@syncline/server/testing/redis';
import { describe, expect, it, type TestContext } from 'vitest';
import { FaultProxy } from './proxy.ts';

const count = scriptOf('count', "return redis.call('INCR', KEYS[1])");
/** One on each of the three masters, in their order. */
const tags = ['b', 'c', 'a'];
const noticed = { timeout: 8000 };
const host = '127.0.0.1';

/** What runs beside others ends with its own test. */
type Test = Pick<TestContext, 'expect' | 'onTestFinished'>;

async function proxyTo(test: Test, port: number): Promise<FaultProxy> {
  const proxy = await FaultProxy.open(port, systemClock);
  test.onTestFinished(() => proxy.close());
  return proxy;
}

const run = (link: RedisLink, tag: string): Promise<unknown> =>
  link.run(count, `app:{${tag}}:n`, [`app:{${tag}}:n`], []);

/** A Cluster, each master behind a proxy of its own, and a link that knows it by those. */
async function clusterByProxies(test: Test) {
  const cluster = await startCluster();
  test.onTestFinished(() => cluster.stop());
  const proxies = await Promise.all(cluster.masters.map(({ port }) => proxyTo(test, port)));
  const link = openLink({
    target: { cluster: proxies.map(({ port }) => ({ host, port })) },
    prefix: 'app',
    commandMs: 1000,
    addressMap: Object.fromEntries(
      cluster.masters.map(({ port }, i) => [`${host}:${port}`, { host, port: proxies[i]?.port ?? 0 }]),
    ),
  });
  test.onTestFinished(() => link.close());
  await link.ready;
  const heard: string[] = [];
  for (const tag of tags) await link.subscribe(`app:{${tag}}`, (message) => heard.push(String(message)));
  const state = { link, heard, again: 0, masters: cluster.masters, proxies };
  link.onResubscribed(() => state.again++);
  return state;
}

/** The number of the master that has a tag. */
async function masterOf(masters: readonly RedisServer[], tag: string): Promise<number> {
  const keys = masters.map(async (master) => Number(await master.command('CLUSTER', 'KEYSLOT', tag)));
  return Math.floor(((await keys[0]) ?? 0) / 5461.5);
}

describe.skipIf(noRedis).concurrent('bad links to several Redis', () => {
  it('F39: one shard that brings no messages any more is found out, and the others go on meanwhile', async (test) => {
    const { link, heard, masters, proxies } = await clusterByProxies(test);
    const [bad = 0, good = 0] = await Promise.all([masterOf(masters, 'a'), masterOf(masters, 'b')]);
    expect(bad).not.toBe(good);
    for (const connection of proxies[bad]?.links ?? []) connection.down.swallow();
    const answers = new Set<string>();
    await test.expect
      .poll(async () => {
        answers.add(await run(link, 'b').then(() => 'stored', String));
        return link.health.brokenSince;
      }, noticed)
      .not.toBeNull();
    expect([...answers]).toEqual(['stored']);
    await test.expect.poll(() => link.health.brokenSince, noticed).toBeNull();
    await masters[bad]?.command('SPUBLISH', 'app:{a}', 'x');
    await test.expect.poll(() => heard).toEqual(['x']);
    // Nobody else's connections were touched: both are those of the beginning.
    expect(proxies[good]?.links.filter(({ open }) => open).length).toBe(2);
    expect(proxies[good]?.links.filter(({ open }) => !open).length).toBeLessThanOrEqual(1);
  }, 40_000);

  it('F57: cut off from all of a Cluster and healed, it goes on', async (test) => {
    const state = await clusterByProxies(test);
    const { link, proxies } = state;
    for (const proxy of proxies) {
      proxy.refuse();
      for (const connection of proxy.links) connection.up.swallow();
    }
    for (const tag of tags) await expect(run(link, tag)).rejects.toMatchObject({ code: 'unavailable' });
    await test.expect.poll(() => link.health.brokenSince, noticed).not.toBeNull();
    for (const proxy of proxies) proxy.refuse(false);
    // Each shard is found out by itself, within a second of the others.
    await test.expect.poll(() => state.again, noticed).toBeGreaterThanOrEqual(3);
    await test.expect.poll(() => link.health.brokenSince, noticed).toBeNull();
    for (const tag of tags) expect(await run(link, tag)).toBeTypeOf('number');
  }, 40_000);

  it('F63: a master that only its Sentinels have lost is left for the one they name', async (test) => {
    let proxy: FaultProxy | undefined;
    const set = await startSentinel({}, async (port) => {
      proxy = await proxyTo(test, port);
      return proxy.port;
    });
    test.onTestFinished(() => set.stop());
    const nodes = set.sentinels.map(({ port }) => ({ host, port }));
    const link = openLink({
      target: { sentinel: { name: set.name, nodes } },
      prefix: 'app',
      // The link reaches the master by itself, whatever becomes of the way of the others.
      addressMap: { [`${host}:${proxy?.port}`]: { host, port: set.master.port } },
    });
    test.onTestFinished(() => link.close());
    await link.ready;
    expect(await run(link, 'a')).toBe(1);
    await test.expect.poll(() => set.replica.command('GET', 'app:{a}:n')).toBe('1');
    proxy?.refuse();
    for (const connection of proxy?.links ?? []) connection.reset();
    await test.expect
      .poll(async () => String(await set.replica.command('ROLE')), { timeout: 15_000 })
      .toMatch(/^master/);
    // The old master takes writes all the while: nothing but the Sentinels says that it is none.
    expect(String(await set.master.command('ROLE'))).toMatch(/^master/);
    await test.expect
      .poll(
        () =>
          run(link, 'a').then(
            () => set.replica.command('GET', 'app:{a}:n'),
            () => '1',
          ),
        {
          timeout: 15_000,
        },
      )
      .not.toBe('1');
    await test.expect.poll(() => link.health.brokenSince, noticed).toBeNull();
  }, 60_000);
});
