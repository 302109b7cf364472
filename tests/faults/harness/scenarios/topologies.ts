/**
 * Faults of a Redis that looks after itself: Sentinels that put a replica in the place of a dead master, a Cluster whose masters die and
 * whose slots move. Replication waits for nobody there, so what was acknowledged last may be lost; but everyone is told.
 */
import type { RedisServer } from '@syncline/server/testing/redis';
import type { Rig } from '../rig.ts';
import type { Missing, Scenario } from '../scenario.ts';

const lossy = {
  terms: { gaps: ['trimmed', 'epoch', 'diverged', 'ahead'], loses: true },
  floor: { acknowledged: 30, reconnects: 0 },
} as const;

async function killed(rig: Rig, server: RedisServer, seconds: number): Promise<void> {
  rig.fault('kill -9', 'master');
  await server.kill();
  await rig.wait(seconds * 1000);
}

/** Which master of the Cluster holds a channel's log, and another one. */
async function placeOf(rig: Rig, channel: string) {
  const masters = rig.redis.cluster?.masters ?? [];
  const slot = String(await masters[0]?.command('CLUSTER', 'KEYSLOT', `{${channel}}`));
  const counts = await Promise.all(masters.map((one) => one.command('CLUSTER', 'COUNTKEYSINSLOT', slot)));
  const from = masters[counts.findIndex((count) => Number(count) > 0)];
  const to = masters.find((one) => one !== from);
  if (!from || !to) throw new Error(`No master holds ${channel}.`);
  return { slot, from, to };
}

/** Moves the slot of a channel, with all that is in it, to another master, as an operator's tool would. */
async function moveSlot(rig: Rig, channel: string): Promise<void> {
  const { slot, from, to } = await placeOf(rig, channel);
  rig.fault('slot moved', channel);
  const [source, target] = [from, to].map((one) => one.command('CLUSTER', 'MYID'));
  await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(await source));
  await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(await target));
  for (;;) {
    const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, '1')) as unknown[];
    if (keys.length === 0) break;
    // One by one, so that for some moments a log's keys are in two places.
    await from.command('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys.map(String));
    await rig.wait(50);
  }
  for (const one of [to, from]) await one.command('CLUSTER', 'SETSLOT', slot, 'NODE', String(await target));
}

export const topologies: readonly (Scenario | Missing)[] = [
  {
    ...lossy,
    id: 'F63s',
    title: 'Sentinels replace a dead master',
    injects: 'the master is killed; three Sentinels make its replica the master',
    topology: 'sentinel',
    about: ['I5', 'I8', 'I9'],
    seconds: 10,
    run: (rig, seconds) => killed(rig, rig.redis.master, seconds),
  },
  {
    ...lossy,
    id: 'F63h',
    title: 'Sentinels replace a master that hangs',
    injects: 'the master’s process is stopped, replaced, and goes on when it is a master no longer',
    topology: 'sentinel',
    about: ['I5', 'I8', 'I9'],
    seconds: 12,
    run: async (rig, seconds) => {
      rig.fault('SIGSTOP', 'master');
      rig.redis.master.freeze();
      await rig.wait((seconds * 1000) / 2);
      rig.redis.master.thaw();
      await rig.wait((seconds * 1000) / 2);
    },
  },
  {
    ...lossy,
    id: 'F63c',
    title: 'A Cluster’s master dies',
    injects: 'the one of three masters that holds a log is killed; its replica takes its slots',
    topology: 'cluster',
    about: ['I5', 'I8', 'I9'],
    seconds: 12,
    run: async (rig, seconds) => killed(rig, (await placeOf(rig, 'chat/a')).from, seconds),
  },
  {
    id: 'F63m',
    title: 'A Cluster’s slots move',
    injects: 'the slots of two logs are moved to other masters, key by key, while they are written',
    topology: 'cluster',
    about: ['I1', 'I5', 'I9'],
    seconds: 6,
    floor: { reconnects: 0 },
    run: async (rig, seconds) => {
      for (const channel of ['chat/a', 'chat/b']) {
        await moveSlot(rig, channel);
        await rig.wait((seconds * 1000) / 2);
      }
    },
  },
];
