/**
 * The door to the Redis broker, for applications with more than one node: `import { redis } from '@syncline/server/redis'`. It is
 * apart from index.ts, so that those with one node need no client of Redis.
 */

export type { RedisOptions, RedisTls } from './broker/redis/options.ts';
export { type RedisBroker, redis } from './broker/redis.ts';
