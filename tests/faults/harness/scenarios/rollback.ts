/**
 * Faults that lose a log, or the end of one: a Redis that restarts empty or from an older dump, a failover to a replica that lacked the
 * last entries, keys that are evicted or expire. What was acknowledged may be gone then, as its settings say; but everyone is told.
 */
import type { Rig } from '../rig.ts';
import type { Missing, Scenario } from '../scenario.ts';
import { command, keyOf, restartRedis } from './backplane.ts';

/** Gaps of every reason may be told: the log is another one. */
const lossy = {
  topology: 'redis',
  terms: { gaps: ['trimmed', 'epoch', 'diverged', 'ahead'], loses: true },
  floor: { reconnects: 0 },
} as const;

/** The replica lacks what is written from here on; then it takes the place of its master. */
async function failover(rig: Rig, lagMs: number): Promise<void> {
  const { replication, master } = rig.redis;
  rig.fault('replication held', 'replica');
  for (const link of replication?.links ?? []) {
    link.up.swallow();
    link.down.swallow();
  }
  replication?.refuse();
  await rig.wait(lagMs);
  rig.fault('master killed, replica promoted', 'redis');
  await master.kill();
  await rig.redis.promote();
}

export const rollbacks: readonly (Scenario | Missing)[] = [
  {
    ...lossy,
    id: 'F42',
    title: 'Redis comes back empty',
    injects: 'the Redis is killed and starts again without data',
    about: ['I8'],
    seconds: 5,
    run: async (rig, seconds) => {
      await restartRedis(rig, rig.redis.master, 500);
      await rig.wait(seconds * 1000 - 500);
    },
  },
  {
    ...lossy,
    id: 'F43',
    title: 'Redis comes back from an older dump',
    injects: 'the Redis saves, goes on, is killed, and starts from what it had saved',
    about: ['I5', 'I8'],
    seconds: 6,
    quick: 4,
    run: async (rig, seconds) => {
      await rig.redis.master.command('SAVE');
      await rig.wait((seconds * 1000) / 2);
      await restartRedis(rig, rig.redis.master, 300);
      await rig.wait((seconds * 1000) / 2);
    },
  },
  {
    ...lossy,
    id: 'F44',
    title: 'A failover that lost the last entries',
    injects: 'replication stops, two seconds later the master is killed and its replica promoted',
    about: ['I5', 'I8'],
    seconds: 7,
    quick: 5,
    topology: 'replica',
    run: async (rig, seconds) => {
      await failover(rig, 2000);
      await rig.wait(seconds * 1000 - 2000);
    },
  },
  {
    ...lossy,
    id: 'F44w',
    title: 'The same with `ack: replicated`',
    injects: 'as F44; what replicas lack is not acknowledged, so nothing acknowledged is lost',
    about: ['I1', 'I5', 'I8'],
    seconds: 7,
    topology: 'replica',
    ack: 'replicated',
    // Entries may have been delivered before they were lost, but nobody was told that they are stored: their authors repeat them.
    terms: { ...lossy.terms, loses: false },
    run: async (rig, seconds) => {
      await rig.wait(2000);
      await failover(rig, 1500);
      await rig.wait(seconds * 1000 - 3500);
    },
  },
  {
    ...lossy,
    id: 'F50e',
    title: 'Keys evicted',
    injects: 'a log’s producers, then its entries, then its head are gone, as `allkeys-lru` may do',
    about: ['I8'],
    seconds: 6,
    run: (rig, seconds) => gone(rig, seconds, (key) => command(rig, 'UNLINK', key)),
  },
  {
    ...lossy,
    id: 'F51',
    title: 'Keys that expire apart',
    injects: 'a log’s producers, then its entries, then its head expire, each by itself',
    about: ['I8'],
    seconds: 6,
    run: (rig, seconds) => gone(rig, seconds, (key) => command(rig, 'PEXPIRE', key, '50')),
  },
  {
    ...lossy,
    id: 'F52',
    title: 'Flushed',
    injects: '`FLUSHALL`, twice',
    about: ['I8'],
    seconds: 6,
    run: async (rig, seconds) => {
      for (let i = 0; i < 2; i++) {
        rig.fault('FLUSHALL', 'redis');
        await command(rig, 'FLUSHALL');
        await rig.wait((seconds * 1000) / 2);
      }
    },
  },
];

async function gone(rig: Rig, seconds: number, end: (key: string) => Promise<unknown>): Promise<void> {
  for (const part of ['p', 'l', 'm']) {
    const key = keyOf(rig.pick(['chat/a', 'chat/b']), part);
    rig.fault('gone', key);
    await end(key);
    await rig.wait((seconds * 1000) / 3);
  }
}
