/**
 * The link to the master that real Sentinels name: it is found, and found again when it dies, hangs or is replaced. What a single
 * Redis does to a link is in link.redis.test.ts.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { noRedis, type SentinelSet, startSentinel } from '../../testing/redis.ts';
import { type Link, type LinkSetting, openLink } from './link.ts';
import { scriptOf } from './scripts.ts';

const count = scriptOf('count', "return redis.call('INCR', KEYS[1])");

async function setFor(): Promise<SentinelSet> {
  const set = await startSentinel();
  onTestFinished(() => set.stop());
  return set;
}

function linkTo(set: SentinelSet, setting: Partial<LinkSetting> = {}, name = set.name): Link {
  const nodes = set.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
  const link = openLink({ target: { sentinel: { name, nodes } }, prefix: 'app', ...setting });
  onTestFinished(() => link.close());
  return link;
}

/** Appends until it is done; says how often that failed. */
async function insist(link: Link): Promise<unknown> {
  let done: unknown;
  await expect
    .poll(
      async () => {
        done = await link.run(count, 'app:n', ['app:n'], []).catch(() => undefined);
        return done;
      },
      { timeout: 20_000 },
    )
    .toBeTypeOf('number');
  return done;
}

describe.skipIf(noRedis)('a link by Sentinels', () => {
  it('F63: finds the master, and the next one when it is killed; subscriptions come along', async () => {
    const set = await setFor();
    const link = linkTo(set);
    await link.ready;
    const heard: string[] = [];
    await link.subscribe('app:{a}', (message) => heard.push(String(message)));
    expect(await link.run(count, 'app:n', ['app:n'], [])).toBe(1);
    await expect.poll(() => set.replica.command('GET', 'app:n')).toBe('1');
    await set.master.kill();
    expect(await insist(link)).toBeGreaterThan(1);
    await expect.poll(() => link.health.brokenSince, { timeout: 15_000 }).toBeNull();
    link.publish('app:{a}', 'x');
    await expect.poll(() => heard).toEqual(['x']);
  }, 40_000);

  it('leaves a master that hangs', async () => {
    const set = await setFor();
    const link = linkTo(set);
    await link.ready;
    set.master.freeze();
    await expect.poll(() => link.health.brokenSince, { timeout: 15_000 }).not.toBeNull();
    await insist(link);
    expect(String(await set.replica.command('ROLE'))).toMatch(/^master/);
    await expect.poll(() => link.health.brokenSince, { timeout: 15_000 }).toBeNull();
    // When it thaws it is made a replica; nobody goes back to it.
    set.master.thaw();
    await expect
      .poll(async () => String(await set.master.command('ROLE')), { timeout: 15_000 })
      .toMatch(/^slave/);
    await insist(link);
  }, 60_000);

  it('F48: goes to the new master when a healthy one is replaced', async () => {
    const set = await setFor();
    const link = linkTo(set);
    await link.ready;
    await set.sentinels[0]?.command('SENTINEL', 'FAILOVER', set.name);
    await expect
      .poll(async () => String(await set.replica.command('ROLE')), { timeout: 15_000 })
      .toMatch(/^master/);
    // What the old master takes until it hears of it is lost with it: that is what the logs find out by themselves.
    await expect
      .poll(() => insist(link).then(() => set.replica.command('GET', 'app:n')), { timeout: 15_000 })
      .not.toBeNull();
    await expect.poll(() => link.health.brokenSince, { timeout: 15_000 }).toBeNull();
  }, 40_000);

  it('goes by those Sentinels that answer, and says when none knows the master', async () => {
    const set = await setFor();
    await set.sentinels[0]?.kill();
    const link = linkTo(set);
    await link.ready;
    expect(await link.run(count, 'app:n', ['app:n'], [])).toBe(1);
    const lost = linkTo(set, {}, 'other');
    await expect(lost.ready).rejects.toThrow(/The Sentinel at 127.0.0.1:\d+ knows no master "other"/);
    await expect(lost.ready).rejects.toMatchObject({ code: 'bad_option' });
  });
});
