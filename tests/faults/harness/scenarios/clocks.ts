/**
 * Wall clocks that are set while nodes are at work: far ahead, far back, and a little. Nobody notices: time that passes is measured, and
 * not read off a clock that somebody may set.
 */
import type { Node } from '../node.ts';
import type { Rig } from '../rig.ts';
import type { Missing, Scenario } from '../scenario.ts';

const hourMs = 3_600_000;

/** Sets a node's clock, so far ahead of the machine's. */
export async function setClock(rig: Rig, node: Node, aheadMs: number): Promise<void> {
  rig.fault(`clock set to ${aheadMs / 1000} s ahead`, node.name);
  await node.ask({ do: 'clock', aheadMs });
}

/** One after the other, on one node, which is as it was in the end. */
const sets = (aheadMs: readonly number[]) => async (rig: Rig, seconds: number) => {
  const { node } = rig;
  for (const ms of [...aheadMs, 0]) {
    await setClock(rig, node, ms);
    await rig.wait((seconds * 1000) / (aheadMs.length + 1));
  }
};

const common = { about: ['I23'], floor: { reconnects: 0, faults: 4 } } as const;

export const clocks: readonly (Scenario | Missing)[] = [
  {
    ...common,
    id: 'F93',
    title: 'A clock that is wrong by an hour',
    injects:
      'the wall clock of one of two nodes is set an hour ahead, an hour back, ten minutes ahead, and right again',
    topology: 'redis',
    seconds: 8,
    terms: { unnoticed: true, visibleMs: 1000, revokedLate: false, revokedMs: 1000 },
    run: sets([hourMs, -hourMs, hourMs / 6]),
  },
  {
    ...common,
    id: 'F94',
    title: 'A clock that is set back',
    injects: 'the wall clock of the node is set 5 s back, an hour back, an hour ahead, and right again',
    topology: 'disk',
    seconds: 8,
    quick: true,
    terms: { unnoticed: true, visibleMs: 1000 },
    run: sets([-5000, -hourMs, hourMs]),
  },
  {
    ...common,
    id: 'F94c',
    title: 'Clients whose clocks are set',
    injects: 'the wall clock of all clients is set 5 s back, an hour back, an hour ahead, and right again',
    topology: 'disk',
    seconds: 8,
    terms: { unnoticed: true, visibleMs: 1000 },
    run: async (rig, seconds) => {
      for (const aheadMs of [-5000, -hourMs, hourMs, 0]) {
        rig.fault(`clock set to ${aheadMs / 1000} s ahead`, 'all clients');
        await rig.crowd.ask({ do: 'clock', aheadMs });
        await rig.wait((seconds * 1000) / 4);
      }
    },
  },
  {
    id: 'F95',
    title: 'A token that is good for 300 years',
    missing: 'tested without a history, with the clock: waits are cut to what timers can hold',
  },
  {
    id: 'F96',
    title: 'Offsets near the end of all numbers',
    missing: 'tested without a history, with positions and with the log in Redis',
  },
  {
    id: 'F97',
    title: 'Epochs that collide',
    missing: 'an epoch has 128 random bits besides its time; tested without a history',
  },
];
