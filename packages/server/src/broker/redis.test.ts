/**
 * The Redis broker: the brokers' suite over a real Redis.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { type RedisServer, startRedis } from '../testing/redis.ts';
import { brokerSuite } from './broker.suite.ts';
import { openLink } from './redis/link.ts';
import { redisOver } from './redis.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

let subjects = 0;
brokerSuite('redis', async () => {
  const prefix = `suite${subjects++}`;
  const clock = fakeClock();
  const open = async () => {
    const broker = redisOver(openLink({ target: { address: { path: server.path } }, prefix }), {
      prefix,
      stamp: () => clock.now(),
    });
    await broker.ready;
    return broker;
  };
  const broker = await open();
  return {
    broker,
    clock,
    reopen: async () => {
      const again = await open();
      onTestFinished(() => again.close());
      return again;
    },
  };
});
