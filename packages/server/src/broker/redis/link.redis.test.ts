/**
 * The link over a single real Redis: scripts, messages, what is refused, and what happens when connections or the server go. Faults
 * on the way are in link.faults.redis.test.ts, Sentinel and Cluster have files of their own.
 */
import { SyncError } from '@syncline/protocol';
import { describe, expect, it, onTestFinished } from 'vitest';
import { noRedis, type RedisServer, type RedisSettings, startRedis } from '../../testing/redis.ts';
import type { Address } from './connection.ts';
import { type Link, type LinkSetting, openLink } from './link.ts';
import { scriptOf } from './scripts.ts';

const echo = scriptOf('echo', 'return {KEYS[1], ARGV[1]}');
const count = scriptOf('count', "return redis.call('INCR', KEYS[1])");

async function redisFor(settings: RedisSettings = {}): Promise<RedisServer> {
  const redis = await startRedis(settings);
  onTestFinished(() => redis.stop());
  return redis;
}

function addressOf(redis: RedisServer): Address {
  return redis.port > 0 ? { host: '127.0.0.1', port: redis.port } : { path: redis.path };
}

function linkTo(redis: RedisServer, setting: Partial<LinkSetting> = {}): Link {
  const link = openLink({ target: { address: addressOf(redis) }, prefix: 'app', ...setting });
  onTestFinished(() => link.close());
  return link;
}

describe.skipIf(noRedis)('a link to a single Redis', () => {
  it('runs scripts, by their text where Redis has forgotten them', async () => {
    const redis = await redisFor();
    const link = linkTo(redis);
    await link.ready;
    const bytes = Buffer.from([0, 255, 10, 13]);
    expect(await link.run(echo, 'app:{a}:m', ['app:{a}:m'], [bytes])).toEqual([
      Buffer.from('app:{a}:m'),
      bytes,
    ]);
    await redis.command('SCRIPT', 'FLUSH');
    expect(await link.run(echo, 'app:{a}:m', ['app:{a}:m'], ['again'])).toEqual([
      Buffer.from('app:{a}:m'),
      Buffer.from('again'),
    ]);
    expect(link.health.brokenSince).toBeNull();
  });

  it('hears what is published, from when the subscription stands', async () => {
    const redis = await redisFor();
    const [one, two] = [linkTo(redis), linkTo(redis)];
    await Promise.all([one.ready, two.ready]);
    const heard: string[] = [];
    const leave = await one.subscribe('app:{a}', (message) => heard.push(`first ${message}`));
    await one.subscribe('app:{a}', (message) => heard.push(`second ${message}`));
    two.publish('app:{a}', 'x');
    await expect.poll(() => heard).toEqual(['first x', 'second x']);
    leave();
    two.publish('app:{a}', Buffer.from('y'));
    await expect.poll(() => heard).toEqual(['first x', 'second x', 'second y']);
  });

  it('hears a topic that was left and taken up again in one turn, once', async () => {
    const redis = await redisFor();
    const link = linkTo(redis);
    await link.ready;
    const heard: string[] = [];
    const leave = await link.subscribe('app:{a}', () => heard.push('old'));
    leave();
    await link.subscribe('app:{a}', (message) => heard.push(String(message)));
    link.publish('app:{a}', '1');
    await expect.poll(() => heard).toEqual(['1']);
    // It stands for good: the command that left it came before the one that took it up.
    await link.run(count, 'app:n', ['app:n'], []);
    link.publish('app:{a}', '2');
    await expect.poll(() => heard).toEqual(['1', '2']);
  });

  it('leaves nothing behind of topics that were left before they stood, and hears the others', async () => {
    const redis = await redisFor();
    const link = linkTo(redis);
    await link.ready;
    await redis.kill();
    const heard: string[] = [];
    const left = Array.from({ length: 100 }, (_, i) => link.hear(`app:{${i}}`, () => heard.push('left')));
    const twice = link.hear('app:{a}', () => heard.push('left'));
    const { standing } = link.hear('app:{a}', (message) => heard.push(String(message)));
    for (const { stop } of [...left, twice]) stop();
    await redis.start();
    await standing;
    expect(await redis.command('PUBSUB', 'NUMSUB', 'app:{a}', 'app:{0}')).toEqual([
      'app:{a}',
      1,
      'app:{0}',
      0,
    ]);
    await redis.command('PUBLISH', 'app:{a}', '1');
    await expect.poll(() => heard).toEqual(['1']);
  });

  it('knows the time of Redis no worse for answers that took long', async () => {
    const redis = await redisFor();
    const link = linkTo(redis);
    await link.ready;
    const offBy = (): number => Math.abs(link.now() - Date.now());
    // On a busy machine the first answer took its time too.
    const before = offBy();
    await redis.command('DEBUG', 'SLEEP', '1.2');
    // Comes after the answers to all that was asked meanwhile, the time among them.
    await link.run(count, 'app:n', ['app:n'], []);
    // Half of what it slept would be 600 more.
    expect(offBy()).toBeLessThan(before + 200);
  });

  it('F53: scripts that Redis forgets in the midst of calls are sent again, and each runs once', async () => {
    const redis = await redisFor();
    const link = linkTo(redis);
    await link.ready;
    const calls: Promise<unknown>[] = [];
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 10; i++) calls.push(link.run(count, 'app:n', ['app:n'], []));
      await redis.command('SCRIPT', 'FLUSH');
    }
    await Promise.all(calls);
    expect(await redis.command('GET', 'app:n')).toBe('200');
  });

  it('F38: what is heard is subscribed to again when Redis kills the connection for it, and that is told', async () => {
    const redis = await redisFor();
    const link = linkTo(redis);
    await link.ready;
    const heard: string[] = [];
    await link.subscribe('app:{a}', (message) => heard.push(String(message)));
    await link.subscribe('app:{b}', (message) => heard.push(String(message)));
    let again = 0;
    link.onResubscribed(() => again++);
    for (let round = 1; round <= 3; round++) {
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await expect.poll(() => again).toBe(round);
      link.publish('app:{a}', `a${round}`);
      link.publish('app:{b}', `b${round}`);
      await expect.poll(() => heard.length).toBe(2 * round);
    }
    expect(heard).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'b3']);
    expect(link.health.brokenSince).toBeNull();
  });

  it('F42: a Redis that dies and comes back is used again; meanwhile calls are refused, and health says so', async () => {
    const redis = await redisFor();
    const link = linkTo(redis);
    await link.ready;
    const heard: string[] = [];
    await link.subscribe('app:{a}', (message) => heard.push(String(message)));
    await redis.kill();
    await expect.poll(() => link.health.brokenSince).not.toBeNull();
    await expect(link.run(count, 'app:n', ['app:n'], [])).rejects.toMatchObject({ code: 'unavailable' });
    await redis.start();
    await expect.poll(() => link.health.brokenSince).toBeNull();
    expect(await link.run(count, 'app:n', ['app:n'], [])).toBe(1);
    link.publish('app:{a}', 'back');
    await expect.poll(() => heard).toEqual(['back']);
  });

  it('hears a hundred thousand topics again within the time of few', async () => {
    const redis = await redisFor();
    const link = linkTo(redis, { commandMs: 1000 });
    await link.ready;
    let heard = 0;
    const topics = Array.from({ length: 100_000 }, (_, i) => `app:{${i}}`);
    await Promise.all(topics.map((topic) => link.subscribe(topic, () => heard++)));
    let again = 0;
    link.onResubscribed(() => again++);
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await expect.poll(() => again).toBe(1);
    expect(await redis.command('INFO', 'stats')).toMatch(/pubsub_channels:100001\b/);
    for (const topic of topics.filter((_, i) => i % 1000 === 0)) link.publish(topic, 'x');
    await expect.poll(() => heard).toBe(100);
  }, 40_000);

  it('refuses what is under way when it is closed, and what comes later', async () => {
    const redis = await redisFor();
    const link = linkTo(redis);
    await link.ready;
    redis.freeze();
    const calls = [link.run(count, 'app:n', ['app:n'], []), link.subscribe('app:{a}', () => {})];
    await link.close();
    calls.push(
      link.run(count, 'app:n', ['app:n'], []),
      link.subscribe('app:{b}', () => {}),
    );
    link.publish('app:{a}', 'x');
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'closed' });
  });

  it('is not ready where there is no Redis, and says so', async () => {
    const redis = await redisFor();
    await redis.kill();
    const link = linkTo(redis, { startMs: 300 });
    await expect(link.ready).rejects.toThrow(/Redis can't be used: connect E/);
    await expect(link.ready).rejects.toBeInstanceOf(SyncError);
    await expect(link.run(count, 'app:n', ['app:n'], [])).rejects.toMatchObject({ code: 'closed' });
  });

  it('knows the time of the Redis', async () => {
    const redis = await redisFor();
    const link = linkTo(redis);
    await link.ready;
    const time = await redis.command('TIME');
    const [seconds] = (time as unknown[]).map(Number);
    expect(Math.abs(link.now() / 1000 - (seconds ?? 0))).toBeLessThan(2);
  });
});
