/**
 * The public conformance suite of Durable Streams over the Redis broker. It runs on a real Redis of its own, and is skipped where there is none.
 */
import { redis } from '@syncline/server/redis';
import { noRedis, type RedisServer, startRedis } from '@syncline/server/testing/redis';
import { describe } from 'vitest';
import { conformance } from './suite.ts';

describe.skipIf(noRedis)('over a real Redis', () => {
  let own: RedisServer | undefined;
  conformance(
    async () => {
      own = await startRedis();
      return redis({ url: own.url });
    },
    async () => await own?.stop(),
  );
});
