/**
 * The link to the master that real Sentinels name: it is found, and found again when it dies, hangs or is replaced. What a single
 * Redis does to a link is in link.redis.test.ts.
 */
import { describe, expect, it, type TestContext } from 'vitest';
import { noRedis, type SentinelSet, startSentinel } from '../../testing/redis.ts';
import { type Link, type LinkSetting, openLink } from './link.ts';
import { scriptOf } from './scripts.ts';

const count = scriptOf('count', "return redis.call('INCR', KEYS[1])");

/** What runs beside others ends with its own test. */
type Test = Pick<TestContext, 'expect' | 'onTestFinished'>;

async function setFor(test: Test): Promise<SentinelSet> {
  const set = await startSentinel();
  test.onTestFinished(() => set.stop());
  return set;
}

function linkTo(test: Test, set: SentinelSet, setting: Partial<LinkSetting> = {}, name = set.name): Link {
  const nodes = set.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
  const link = openLink({ target: { sentinel: { name, nodes } }, prefix: 'app', ...setting });
  test.onTestFinished(() => link.close());
  return link;
}

/** Appends until it is done; says how often that failed. */
async function insist(test: Test, link: Link): Promise<unknown> {
  let done: unknown;
  await test.expect
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

describe.skipIf(noRedis).concurrent('a link by Sentinels', () => {
  it('F63: finds the master, and the next one when it is killed; subscriptions come along', async (test) => {
    const set = await setFor(test);
    const link = linkTo(test, set);
    await link.ready;
    const heard: string[] = [];
    await link.subscribe('app:{a}', (message) => heard.push(String(message)));
    expect(await link.run(count, 'app:n', ['app:n'], [])).toBe(1);
    await test.expect.poll(() => set.replica.command('GET', 'app:n')).toBe('1');
    await set.master.kill();
    expect(await insist(test, link)).toBeGreaterThan(1);
    await test.expect.poll(() => link.health.brokenSince, { timeout: 15_000 }).toBeNull();
    link.publish('app:{a}', 'x');
    await test.expect.poll(() => heard).toEqual(['x']);
  }, 40_000);

  it('leaves a master that hangs', async (test) => {
    const set = await setFor(test);
    const link = linkTo(test, set);
    await link.ready;
    set.master.freeze();
    // Silence tells the link, or its Sentinels do, whichever comes first.
    await insist(test, link);
    expect(String(await set.replica.command('ROLE'))).toMatch(/^master/);
    await test.expect.poll(() => link.health.brokenSince, { timeout: 15_000 }).toBeNull();
    // When it thaws it is made a replica; nobody goes back to it.
    set.master.thaw();
    await test.expect
      .poll(async () => String(await set.master.command('ROLE')), { timeout: 15_000 })
      .toMatch(/^slave/);
    await insist(test, link);
  }, 60_000);

  it('F48: goes to the new master when a healthy one is replaced', async (test) => {
    const set = await setFor(test);
    const link = linkTo(test, set);
    await link.ready;
    await set.sentinels[0]?.command('SENTINEL', 'FAILOVER', set.name);
    await test.expect
      .poll(async () => String(await set.replica.command('ROLE')), { timeout: 15_000 })
      .toMatch(/^master/);
    // What the old master takes until it hears of it is lost with it: that is what the logs find out by themselves.
    await test.expect
      .poll(() => insist(test, link).then(() => set.replica.command('GET', 'app:n')), { timeout: 15_000 })
      .not.toBeNull();
    await test.expect.poll(() => link.health.brokenSince, { timeout: 15_000 }).toBeNull();
  }, 40_000);

  it('goes by those Sentinels that answer, and says when none knows the master', async (test) => {
    const set = await setFor(test);
    await set.sentinels[0]?.kill();
    const link = linkTo(test, set);
    await link.ready;
    expect(await link.run(count, 'app:n', ['app:n'], [])).toBe(1);
    const lost = linkTo(test, set, {}, 'other');
    await expect(lost.ready).rejects.toThrow(/The Sentinel at 127.0.0.1:\d+ knows no master "other"/);
    await expect(lost.ready).rejects.toMatchObject({ code: 'bad_option' });
  });
});
