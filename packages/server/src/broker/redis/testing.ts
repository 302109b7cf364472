/**
 * What the tests of the Redis broker share: brokers over a real Redis under a prefix of their own, their keys, and the news that a
 * channel was told. Tests of this folder import it; no source does.
 */
import { onTestFinished } from 'vitest';
import { type RedisServer, type RedisSettings, startRedis } from '../../testing/redis.ts';
import type { Announcement, Broker } from '../broker.ts';
import { type LogsOptions, type RedisBroker, redisOver } from '../redis.ts';
import { type LinkSetting, openLink } from './link.ts';

/** A Redis that ends with the test. */
export async function redisFor(settings: RedisSettings = {}): Promise<RedisServer> {
  const redis = await startRedis(settings);
  onTestFinished(() => redis.stop());
  return redis;
}

/** A broker over it that is closed with the test, once it can be used. */
export async function brokerOn(
  server: RedisServer,
  options: LogsOptions = {},
  setting: Partial<LinkSetting> = {},
): Promise<RedisBroker> {
  const { prefix = 'app' } = options;
  const address = server.port > 0 ? { host: '127.0.0.1', port: server.port } : { path: server.path };
  const link = openLink({ target: { address }, prefix, ...setting });
  const broker = redisOver(link, { ...options, prefix });
  onTestFinished(() => broker.close());
  await broker.ready;
  return broker;
}

/** The keys of a channel's log, by their parts. */
export function keysOf(channel: string, prefix = 'app') {
  const key = (part: string): string => `${prefix}:{${channel}}:${part}`;
  return {
    meta: key('m'),
    entries: key('l'),
    snapshot: key('s'),
    producers: key('p'),
    newest: key('pa'),
    owned: key('po'),
    keys: key('k'),
    orders: key('o'),
  };
}

/** Collects what a channel is told, until the test ends. */
export function newsOf(broker: Broker, channel: string): Announcement[] {
  const news: Announcement[] = [];
  onTestFinished(broker.listen(channel, (one) => news.push(one)));
  return news;
}

/** The offsets of the entries in news, in the order they were told. */
export function toldOffsets(news: readonly Announcement[]): readonly number[] {
  return news.flatMap(({ entries }) => entries.map(({ offset }) => offset));
}
