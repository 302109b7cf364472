/**
 * Faults of a node's own process, and deploys: what becomes of clients and logs when a node dies, stands still or leaves. Over a
 * folder there is one node at a time; what several nodes owe each other is in redis.ts.
 */
import type { Rig } from '../rig.ts';
import type { Missing, Scenario } from '../scenario.ts';
import { awayMsMax } from '../setting.ts';

/** Kills the node and starts another one over the same folder, after a while. */
async function crash(rig: Rig, awayMs: number): Promise<void> {
  rig.fault('kill -9', rig.node.name);
  await rig.node.kill();
  await rig.wait(awayMs);
  await rig.startNode();
}

export const processes: readonly (Scenario | Missing)[] = [
  {
    id: 'F24',
    title: 'Killed',
    injects: 'the node is killed with SIGKILL under load and started again over its folder, three times',
    topology: 'disk',
    about: ['I1', 'I6', 'I7', 'I8'],
    seconds: 8,
    perSecond: 100,
    terms: { control: null, revokedMs: awayMsMax },
    floor: { reconnects: 6, faults: 3 },
    run: async (rig, seconds) => {
      for (let i = 0; i < 3; i++) {
        await rig.wait((seconds * 1000) / 3 - 700);
        await crash(rig, rig.between(0, 700));
      }
    },
  },
  {
    id: 'F26',
    title: 'Stopped',
    injects: 'the node’s process is stopped for 3 s and goes on, twice',
    topology: 'disk',
    about: ['I9', 'I11'],
    seconds: 8,
    quick: true,
    numbers: { heartbeatMs: 4000 },
    // Silence of 6 s ends a connection: nobody has to come back.
    floor: { reconnects: 0, faults: 2 },
    terms: { revokedMs: awayMsMax },
    run: async (rig, seconds) => {
      for (let i = 0; i < 2; i++) {
        rig.fault('SIGSTOP', rig.node.name);
        rig.node.freeze();
        await rig.wait(3000);
        rig.node.thaw();
        await rig.wait((seconds * 1000) / 2 - 3000);
      }
    },
  },
  {
    id: 'F31',
    title: 'Out of ports',
    missing:
      'a trouble of whoever generates load, on its own machine: a node dials only few, its Redis above all. The largest crowd here has 2,000 clients',
  },
  {
    id: 'F87',
    title: 'A deploy',
    injects: 'the node leaves at SIGTERM under load and another one takes its place, twice',
    topology: 'disk',
    about: ['I1', 'I3', 'I22'],
    seconds: 8,
    numbers: { drainMs: 1500 },
    terms: { control: null, revokedMs: awayMsMax },
    floor: { reconnects: 8, faults: 2 },
    run: async (rig, seconds) => {
      for (let i = 0; i < 2; i++) {
        rig.fault('SIGTERM', rig.node.name);
        const how = await rig.node.leave();
        if (how !== 'code 0') throw new Error(`A node that was asked to leave ended with ${how}.`);
        await rig.startNode();
        await rig.wait((seconds * 1000) / 2 - 2000);
      }
    },
  },
  {
    id: 'F88',
    title: 'A deploy that loses its patience',
    injects: 'the node is asked to leave, and killed while clients still leave',
    topology: 'disk',
    about: ['I1'],
    seconds: 5,
    numbers: { drainMs: 20_000 },
    terms: { control: null, revokedMs: awayMsMax },
    floor: { reconnects: 8, faults: 2 },
    run: async (rig, seconds) => {
      const { node } = rig;
      rig.fault('SIGTERM', node.name);
      void node.leave();
      await rig.wait(1000);
      rig.fault('SIGKILL', node.name);
      await node.kill();
      await rig.startNode();
      await rig.wait((seconds - 2) * 1000);
    },
  },
  {
    id: 'F92',
    title: 'Two nodes of one name',
    missing:
      'no option chooses a node’s name: it is 96 random bits, new with each start. Two nodes over one folder, which is what such a mistake comes to, are F91',
  },
];
