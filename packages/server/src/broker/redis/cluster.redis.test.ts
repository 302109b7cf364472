/**
 * The link to a real Cluster: keys and topics over all masters, slots that move, masters that die or hang. What a single Redis does
 * to a link is in link.redis.test.ts.
 */
import { describe, expect, it, type TestContext } from 'vitest';
import { type ClusterSet, noRedis, startCluster } from '../../testing/redis.ts';
import { type Link, type LinkSetting, openLink } from './link.ts';
import { scriptOf } from './scripts.ts';
import { slotOf } from './slots.ts';

const count = scriptOf('count', "return redis.call('INCR', KEYS[1])");
const both = scriptOf('both', "redis.call('INCR', KEYS[1]) return redis.call('INCR', KEYS[2])");
const tags = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

/** What runs beside others ends with its own test. */
type Test = Pick<TestContext, 'expect' | 'onTestFinished'>;

async function clusterFor(test: Test, replicas = false): Promise<ClusterSet> {
  const cluster = await startCluster({ replicas });
  test.onTestFinished(() => cluster.stop());
  return cluster;
}

function linkTo(test: Test, cluster: ClusterSet, setting: Partial<LinkSetting> = {}): Link {
  const nodes = cluster.masters.map(({ port }) => ({ host: '127.0.0.1', port }));
  const link = openLink({ target: { cluster: nodes }, prefix: 'app', ...setting });
  test.onTestFinished(() => link.close());
  return link;
}

/** Publishes on each tag until all have been heard. */
async function hearAll(test: Test, link: Link, heard: Set<string>): Promise<void> {
  heard.clear();
  await test.expect
    .poll(
      () => {
        for (const tag of tags) if (!heard.has(tag)) link.publish(`app:{${tag}}`, tag);
        return [...heard].sort();
      },
      { timeout: 20_000, interval: 50 },
    )
    .toEqual(tags);
}

async function hearing(link: Link): Promise<Set<string>> {
  const heard = new Set<string>();
  for (const tag of tags) await link.subscribe(`app:{${tag}}`, (message) => heard.add(String(message)));
  return heard;
}

/** Moves a slot from one master to another, as an operator would; `midway` runs while it is on its way. */
async function moveSlot(cluster: ClusterSet, slot: number, midway: () => Promise<void>): Promise<void> {
  const ids = await Promise.all(cluster.masters.map((node) => node.command('CLUSTER', 'MYID')));
  const ends = [5461, 10_922, 16_384];
  const at = ends.findIndex((end) => slot < end);
  const to = (at + 1) % 3;
  const [from, target] = [cluster.masters[at], cluster.masters[to]];
  await target?.command('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', String(ids[at]));
  await from?.command('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', String(ids[to]));
  await midway();
  const keys = (await from?.command('CLUSTER', 'GETKEYSINSLOT', String(slot), '100')) as string[];
  for (const key of keys) await from?.command('MIGRATE', '127.0.0.1', String(target?.port), key, '0', '5000');
  for (const node of [target, from])
    await node?.command('CLUSTER', 'SETSLOT', String(slot), 'NODE', String(ids[to]));
}

describe.skipIf(noRedis).concurrent('a link to a Cluster', () => {
  it('runs scripts and hears topics on every master', async (test) => {
    const cluster = await clusterFor(test);
    const [one, two] = [linkTo(test, cluster), linkTo(test, cluster)];
    await Promise.all([one.ready, two.ready]);
    const heard = await hearing(one);
    for (const tag of tags) {
      expect(await one.run(both, `app:{${tag}}:m`, [`app:{${tag}}:m`, `app:{${tag}}:l`], [])).toBe(1);
      two.publish(`app:{${tag}}`, tag);
    }
    await test.expect.poll(() => [...heard].sort()).toEqual(tags);
    const sizes = await Promise.all(cluster.masters.map((node) => node.command('DBSIZE')));
    expect(sizes.every((size) => Number(size) > 0)).toBe(true);
    expect(one.health.brokenSince).toBeNull();
  });

  it('F63: follows a slot that moves, keys that are on their way included, and hears its topics there', async (test) => {
    const cluster = await clusterFor(test);
    const link = linkTo(test, cluster);
    await link.ready;
    const heard = await hearing(link);
    let again = 0;
    link.onResubscribed(() => again++);
    for (const tag of tags) await link.run(count, `app:{${tag}}:m`, [`app:{${tag}}:m`], []);
    await moveSlot(cluster, slotOf('a'), async () => {
      // A key that is here is counted here; one that isn't is asked for where it will be.
      expect(await link.run(count, 'app:{a}:m', ['app:{a}:m'], [])).toBe(2);
      expect(await link.run(count, 'app:{a}:new', ['app:{a}:new'], [])).toBe(1);
      await expect(link.run(both, 'app:{a}:m', ['app:{a}:m', 'app:{a}:new'], [])).rejects.toMatchObject({
        code: 'unavailable',
      });
    });
    expect(await link.run(both, 'app:{a}:m', ['app:{a}:m', 'app:{a}:new'], [])).toBe(2);
    await hearAll(test, link, heard);
    expect(again).toBeGreaterThan(0);
    expect(link.health.brokenSince).toBeNull();
  });

  it('goes to the replica that takes the place of a master that was killed', async (test) => {
    const cluster = await clusterFor(test, true);
    const link = linkTo(test, cluster);
    await link.ready;
    const heard = await hearing(link);
    let again = 0;
    link.onResubscribed(() => again++);
    await cluster.masters[1]?.kill();
    await test.expect.poll(() => link.health.brokenSince, { timeout: 15_000 }).not.toBeNull();
    await test.expect.poll(() => link.health.brokenSince, { timeout: 30_000 }).toBeNull();
    for (const tag of tags) await link.run(count, `app:{${tag}}:m`, [`app:{${tag}}:m`], []);
    await hearAll(test, link, heard);
    // What was published meanwhile has reached nobody.
    expect(again).toBe(1);
  }, 60_000);

  it('goes to the replica that takes the place of a master that hangs, and stays there', async (test) => {
    const cluster = await clusterFor(test, true);
    const link = linkTo(test, cluster);
    await link.ready;
    const heard = await hearing(link);
    // The Cluster may find out before the link does, and then there is nothing to tell: it waits until it is told.
    const failover = async (allowed: boolean): Promise<unknown> =>
      cluster.replicas[2]?.command('CONFIG', 'SET', 'cluster-replica-no-failover', allowed ? 'no' : 'yes');
    await failover(false);
    cluster.masters[2]?.freeze();
    await test.expect.poll(() => link.health.brokenSince, { timeout: 15_000 }).not.toBeNull();
    await failover(true);
    await test.expect.poll(() => link.health.brokenSince, { timeout: 30_000 }).toBeNull();
    await hearAll(test, link, heard);
    cluster.masters[2]?.thaw();
    await test.expect
      .poll(async () => String(await cluster.masters[2]?.command('ROLE')), { timeout: 15_000 })
      .toMatch(/^slave/);
    for (const tag of tags) await link.run(count, `app:{${tag}}:m`, [`app:{${tag}}:m`], []);
    await hearAll(test, link, heard);
  }, 60_000);

  it('F63: goes along with a failover that an operator asked for', async (test) => {
    const cluster = await clusterFor(test, true);
    const link = linkTo(test, cluster);
    await link.ready;
    const heard = await hearing(link);
    // A Redis that is busy gives such a failover up after five seconds, and says so to nobody.
    await test.expect
      .poll(
        async () => {
          await cluster.replicas[0]?.command('CLUSTER', 'FAILOVER').catch(() => {});
          return String(await cluster.replicas[0]?.command('ROLE'));
        },
        { timeout: 20_000, interval: 6000 },
      )
      .toMatch(/^master/);
    for (const tag of tags) await link.run(count, `app:{${tag}}:m`, [`app:{${tag}}:m`], []).catch(() => {});
    await hearAll(test, link, heard);
    await test.expect.poll(() => link.health.brokenSince).toBeNull();
    for (const tag of tags) expect(await link.run(count, `app:{${tag}}:n`, [`app:{${tag}}:n`], [])).toBe(1);
  }, 40_000);
});
