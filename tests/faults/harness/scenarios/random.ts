/**
 * The random one: one harm after the other, on nodes, on Redis and on clients’ ways at once, as the seed says. Whatever it comes to,
 * every promise is kept.
 */
import type { Rig } from '../rig.ts';
import type { Missing, Scenario } from '../scenario.ts';
import { type Harm, harms } from './backplane.ts';

/** Harm to some clients' ways, undone at the end like any other. */
const clientHarms: readonly Harm[] = [
  async (rig, ms) => {
    const client = rig.pick(rig.clients);
    rig.fault('reset', client);
    rig.link(client)?.reset();
    await rig.wait(ms / 4);
  },
  async (rig, ms) => {
    rig.fault('outage', 'all clients');
    for (const [client, door] of rig.doors) {
      door.refuse();
      rig.link(client)?.reset();
    }
    await rig.wait(ms / 2);
    for (const door of rig.doors.values()) door.refuse(false);
  },
  async (rig, ms) => {
    const client = rig.pick(rig.clients);
    rig.fault('answers lost', client);
    const link = rig.link(client);
    link?.down.swallow();
    await rig.wait(ms / 4);
    link?.reset();
  },
  async (rig, ms) => {
    const client = rig.pick(rig.clients);
    rig.fault('byte by byte, and late', client);
    const link = rig.link(client);
    link?.down.slice(1);
    link?.down.delay(50, 100);
    await rig.wait(ms);
    link?.heal();
  },
];

async function play(rig: Rig, seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1000;
  const behind = Object.values(harms);
  const storm = async (list: readonly Harm[]): Promise<void> => {
    while (performance.now() < until) {
      await rig.pick(list)(rig, rig.between(300, 3000));
      await rig.wait(rig.between(0, 1500));
    }
  };
  // Behind the nodes one at a time; before them beside it.
  await Promise.all([storm(behind), storm(clientHarms)]);
}

export const random: readonly (Scenario | Missing)[] = [
  {
    id: 'F104',
    title: 'Anything',
    injects:
      'one fault after the other, of those of clients, nodes and Redis that lose no log, in the order of the seed',
    topology: 'redis',
    about: ['I1', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8', 'I9', 'I11', 'I13'],
    seconds: 120,
    quick: 15,
    numbers: { drainMs: 1500 },
    terms: { control: null },
    floor: { acknowledged: 50, reconnects: 3, faults: 5 },
    run: play,
  },
  { id: 'F105', title: 'A day', missing: 'takes a day: `--only F104 --seconds 86400` plays one' },
  {
    id: 'F106',
    title: 'Planted bugs',
    missing: 'no scenario: the tests plant them, and fail unless the checker names the invariant',
  },
];
