/**
 * The Redis broker: the brokers' suite over a real Redis, and over a Cluster of three. What it alone promises is tested beside its
 * parts, in redis/.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { beforeAll, describe, onTestFinished } from 'vitest';
import { noRedis, startCluster, startRedis } from '../testing/redis.ts';
import { brokerSuite } from './broker.suite.ts';
import { type LinkSetting, openLink } from './redis/link.ts';
import { type LogsOptions, redisOver } from './redis.ts';
import type { Make } from './testing.ts';

/** A prefix for each subject, so that one Redis serves all tests. */
let subjects = 0;

/** Subjects over a link to `target`, which is known when tests run. */
function over(target: () => LinkSetting['target'], options: LogsOptions = {}): Make {
  return async () => {
    const prefix = `suite${subjects++}`;
    const clock = fakeClock();
    const open = async () => {
      const link = openLink({ target: target(), prefix });
      const broker = redisOver(link, { ...options, prefix, stamp: () => clock.now() });
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
  };
}

describe.skipIf(noRedis)('over a single Redis', () => {
  let target: LinkSetting['target'];
  beforeAll(async () => {
    const server = await startRedis();
    target = { address: { path: server.path } };
    return () => server.stop();
  });
  brokerSuite(
    'redis',
    over(() => target),
  );
});

describe.skipIf(noRedis)('over a Cluster', () => {
  let target: LinkSetting['target'];
  beforeAll(async () => {
    const cluster = await startCluster();
    target = { cluster: cluster.masters.map(({ port }) => ({ host: '127.0.0.1', port })) };
    return () => cluster.stop();
  });
  brokerSuite(
    'redis',
    over(() => target, { sharded: true }),
  );
});
