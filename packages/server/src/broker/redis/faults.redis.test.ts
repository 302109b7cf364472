/**
 * What a Redis in trouble does to a link: paused, busy, demoted, full, without replicas, with another password, with no room for
 * clients. Each call ends within its deadline with the right error, and all is well again when Redis is.
 */
import type { SyncError } from '@syncline/protocol';
import { describe, expect, it, type TestContext } from 'vitest';
import {
  noRedis,
  type RedisServer,
  type RedisSettings,
  replicaOf,
  startRedis,
  until,
} from '../../testing/redis.ts';
import { type Link, type LinkSetting, openLink } from './link.ts';
import { scriptOf } from './scripts.ts';

const count = scriptOf('count', "return redis.call('INCR', KEYS[1])");
const look = scriptOf('look', "return redis.call('GET', KEYS[1])");
const fill = scriptOf('fill', "return redis.call('SET', KEYS[1], string.rep('x', 1000000))");

/** What runs beside others ends with its own test. */
type Test = Pick<TestContext, 'expect' | 'onTestFinished'>;

async function redisFor(test: Test, settings: RedisSettings = {}): Promise<RedisServer> {
  const redis = await startRedis(settings);
  test.onTestFinished(() => redis.stop());
  return redis;
}

async function linkTo(test: Test, redis: RedisServer, setting: Partial<LinkSetting> = {}): Promise<Link> {
  const link = openLink({ target: { address: { path: redis.path } }, prefix: 'app', ...setting });
  test.onTestFinished(() => link.close());
  await link.ready;
  return link;
}

const run = (link: Link, script = count): Promise<unknown> => link.run(script, 'app:{a}', ['app:{a}'], []);

/** How a call fails. */
async function failure(call: Promise<unknown>): Promise<SyncError> {
  const error = await call.then(
    () => undefined,
    (thrown: SyncError) => thrown,
  );
  if (!error) throw new Error('It did not fail.');
  return error;
}

async function broken(test: Test, link: Link): Promise<void> {
  await test.expect.poll(() => link.health.brokenSince, { timeout: 8000 }).not.toBeNull();
}

async function mended(test: Test, link: Link): Promise<void> {
  await test.expect.poll(() => link.health.brokenSince, { timeout: 10_000 }).toBeNull();
}

describe.skipIf(noRedis).concurrent('a link to a Redis in trouble', () => {
  it('F45: one that is frozen answers nothing: calls end in time, it is noticed, and what it did late is done once', async (test) => {
    const redis = await redisFor(test);
    const link = await linkTo(test, redis, { commandMs: 500 });
    const changes: unknown[] = [];
    link.health.onChange(() => changes.push(link.health.brokenSince === null ? 'whole' : link.health.what));
    redis.freeze();
    const calls = await Promise.all(Array.from({ length: 20 }, () => failure(run(link))));
    expect(new Set(calls.map(({ code }) => code))).toEqual(new Set(['unavailable']));
    await broken(test, link);
    // Nothing is kept for later: there is no connection, so this fails at once.
    expect((await failure(run(link))).code).toBe('unavailable');
    redis.thaw();
    await mended(test, link);
    expect(Number(await run(link))).toBeLessThanOrEqual(21);
    expect(changes[0]).toMatch(/redis\.sock has not answered for 3000 ms\./);
    // Other reasons may have come between, once for each time none.
    expect([changes.indexOf('whole'), changes.at(-1)]).toEqual([changes.length - 1, 'whole']);
  });

  it('F46: writes that are paused are given up in time, and go on afterwards', async (test) => {
    const redis = await redisFor(test);
    const link = await linkTo(test, redis, { commandMs: 300 });
    await run(link);
    await redis.command('CLIENT', 'PAUSE', '60000', 'WRITE');
    expect((await failure(run(link))).code).toBe('unavailable');
    await broken(test, link);
    await redis.command('CLIENT', 'UNPAUSE');
    await mended(test, link);
    expect(Number(await run(link))).toBeGreaterThan(1);
  });

  it('F47: one that is busy with a script refuses, and works again when that is killed', async (test) => {
    const redis = await redisFor(test, { args: ['--busy-reply-threshold', '50'] });
    const link = await linkTo(test, redis, { commandMs: 1000 });
    const endless = openLink({ target: { address: { path: redis.path } }, prefix: 'app', commandMs: 60_000 });
    test.onTestFinished(() => endless.close());
    await endless.ready;
    run(endless, scriptOf('endless', 'while true do end')).catch(() => {});
    await test.expect.poll(async () => (await failure(run(link))).message).toMatch(/busy with a script/);
    expect((await failure(run(link))).code).toBe('storage');
    await broken(test, link);
    await redis.command('SCRIPT', 'KILL');
    await mended(test, link);
    // On a machine that is busy one may have been done before the script began.
    expect(Number(await run(link))).toBeGreaterThan(0);
  });

  it('F48: one that was made a replica takes no writes, and is used again when it is a master', async (test) => {
    const other = await redisFor(test, { tcp: true });
    const redis = await redisFor(test);
    const link = await linkTo(test, redis);
    await redis.command('REPLICAOF', '127.0.0.1', String(other.port));
    // Where the watch has found it out first there is no connection any more.
    expect(await failure(run(link))).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/replica|the connection to it broke/),
    });
    await broken(test, link);
    await test.expect.poll(() => link.health.what).toMatch(/replica/);
    await redis.command('REPLICAOF', 'NO', 'ONE');
    await mended(test, link);
    await run(link);
  });

  it('F48: a link that only listens notices that its Redis was made a replica', async (test) => {
    const other = await redisFor(test, { tcp: true });
    const redis = await redisFor(test);
    const link = await linkTo(test, redis);
    await redis.command('REPLICAOF', '127.0.0.1', String(other.port));
    await broken(test, link);
  });

  it('F49: without the replicas that Redis asks for nothing is stored, and the link is well', async (test) => {
    const redis = await redisFor(test);
    const link = await linkTo(test, redis);
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
    expect(await failure(run(link))).toMatchObject({ code: 'storage' });
    // Probes are refused too, and that is an answer.
    await test.expect
      .poll(() => redis.command('INFO', 'errorstats'))
      .toMatch(/NOREPLICAS:count=([3-9]|\d\d)/);
    expect(link.health.brokenSince).toBeNull();
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0');
    expect(await run(link)).toBe(1);
  });

  it('F50: without memory nothing is stored, reads go on, and the link is well', async (test) => {
    const redis = await redisFor(test);
    const link = await linkTo(test, redis);
    await run(link);
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    const error = await failure(run(link, fill));
    expect(error.code).toBe('storage');
    expect(error.message).toMatch(/no memory left/);
    expect(await run(link, look)).toEqual(Buffer.from('1'));
    const heard: string[] = [];
    await link.subscribe('app:{b}', (message) => heard.push(String(message)));
    link.publish('app:{b}', 'x');
    await test.expect.poll(() => heard).toEqual(['x']);
    expect(link.health.brokenSince).toBeNull();
  });

  it('F54: a subscriber that Redis throws out, since it fell behind, hears again what comes then', async (test) => {
    const redis = await redisFor(test);
    const link = await linkTo(test, redis);
    await redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 64kb 64kb 0');
    let heard = 0;
    let again = 0;
    link.onResubscribed(() => again++);
    await link.subscribe('app:{b}', () => heard++);
    // One message above the limit is enough to be thrown out.
    await redis.command('PUBLISH', 'app:{b}', 'x'.repeat(300_000));
    await test.expect.poll(() => again).toBe(1);
    const before = heard;
    link.publish('app:{b}', 'x');
    await test.expect.poll(() => heard).toBe(before + 1);
  });

  it('F55: with no room for clients it keeps trying, and is there when there is', async (test) => {
    const redis = await redisFor(test);
    const link = await linkTo(test, redis);
    // The connection that asks is one itself.
    await redis.command('CONFIG', 'SET', 'maxclients', '1');
    await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await broken(test, link);
    expect((await failure(run(link))).code).toBe('unavailable');
    await test.expect.poll(() => redis.command('INFO', 'stats')).toMatch(/rejected_connections:[1-9]/);
    await redis.command('CONFIG', 'SET', 'maxclients', '100');
    await mended(test, link);
    expect(await run(link)).toBe(1);
  });

  it('F56: a password that was changed is told of, and taken when the function returns it', async (test) => {
    const redis = await redisFor(test);
    await redis.command('ACL', 'SETUSER', 'app', 'on', '>old', '~app:*', '&app:*', '+@all', '-@dangerous');
    let password = 'old';
    const link = await linkTo(test, redis, { username: 'app', password: () => password });
    await redis.command('ACL', 'SETUSER', 'app', 'resetpass', '>new');
    await redis.command('CLIENT', 'KILL', 'USER', 'app');
    await broken(test, link);
    let error = await failure(run(link));
    expect(error.code).toBe('unavailable');
    // What Redis said is for logs, as soon as it was dialled again; nobody's password is in it.
    const cause = async (): Promise<string> => {
      error = await failure(run(link));
      return String(error.cause);
    };
    await test.expect.poll(cause, { timeout: 8000 }).toMatch(/WRONGPASS/);
    expect(`${error.message} ${error.cause}`).not.toMatch(/old|new/);
    password = 'new';
    await mended(test, link);
    expect(await run(link)).toBe(1);
  });

  it('F56: rights that were taken away refuse what they were for, and nothing else', async (test) => {
    const redis = await redisFor(test);
    await redis.command('ACL', 'SETUSER', 'app', 'on', '>p', '~app:*', '&app:*', '+@all', '-@dangerous');
    const link = await linkTo(test, redis, { username: 'app', password: () => 'p' });
    await redis.command('ACL', 'SETUSER', 'app', '-incr');
    const error = await failure(run(link));
    expect(error.code).toMatch(/storage|unavailable/);
    expect(error.message).not.toMatch(/incr/i);
    await redis.command('ACL', 'SETUSER', 'app', '+incr');
    expect(await run(link)).toBe(1);
    expect(link.health.brokenSince).toBeNull();
  });

  it('waits out a Redis that reads its data', async (test) => {
    // It is slow at that, and answers meanwhile.
    const slow = ['--key-load-delay', '5000', '--loading-process-events-interval-bytes', '1024'];
    const redis = await redisFor(test, { args: slow });
    const link = await linkTo(test, redis);
    for (let i = 0; i < 400; i++) await redis.command('SET', `app:${i}`, 'x'.repeat(1000));
    await redis.command('SAVE');
    await redis.kill();
    await redis.start();
    await broken(test, link);
    await mended(test, link);
    expect(await redis.command('INFO', 'errorstats')).toMatch(/errorstat_LOADING:count=[1-9]/);
    expect(await run(link)).toBe(1);
  });

  it('says how many replicas have a write, and holds nothing else up while it asks', async (test) => {
    const master = await redisFor(test, { tcp: true });
    const replica = await replicaOf(master);
    test.onTestFinished(() => replica.stop());
    const link = await linkTo(test, master, { replicated: true });
    const replicated = (ms: number): Promise<{ reply: unknown; replicas: number }> =>
      link.runReplicated(count, 'app:{a}', ['app:{a}'], [], { replicasMin: 1, ms });
    expect(await replicated(5000)).toEqual({ reply: 1, replicas: 1 });
    expect(
      (await Promise.all(Array.from({ length: 50 }, () => replicated(5000)))).map((r) => r.replicas),
    ).toEqual(Array.from({ length: 50 }, () => 1));
    expect(await replica.command('GET', 'app:{a}')).toBe('51');
    replica.freeze();
    const waiting = replicated(3000);
    let waited = false;
    void waiting.then(() => {
      waited = true;
    });
    await until(async () => String(await master.command('GET', 'app:{a}')) === '52');
    expect(await run(link, look)).toEqual(Buffer.from('52'));
    expect(waited).toBe(false);
    expect(await waiting).toEqual({ reply: 52, replicas: 0 });
    replica.thaw();
    await test.expect.poll(async () => (await replicated(2000)).replicas).toBe(1);
    expect(link.health.brokenSince).toBeNull();
  });
});
