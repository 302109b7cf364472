/**
 * Faults of the network that proxies can't play: packets that the system itself loses, names that lead elsewhere, and a client that sends
 * far more than anybody may.
 */
import type { BurstPlan, BurstResult } from '../burst.fixture.ts';
import { Namespace } from '../namespace.ts';
import { Program } from '../program.ts';
import type { Rig } from '../rig.ts';
import type { Scenario } from '../scenario.ts';
import { moved } from './moved.ts';

const frames = 50_000;
/** Where names lead afterwards: another address of this machine, where it has more than one. */
const elsewhere = '127.0.0.2';

async function burst(rig: Rig): Promise<BurstResult> {
  const plan: BurstPlan = { port: rig.node.port, frames };
  const cry = (text: string) => rig.recorder.tell('burst', { type: 'cry', text });
  const program = await Program.start('burst', './burst.fixture.ts', plan, cry);
  try {
    rig.fault(`${frames} frames at once`, rig.node.name);
    return await program.ask<BurstResult>({});
  } finally {
    await program.kill();
  }
}

/** Tells how many packets were lost, for the history. */
function tellLost(rig: Rig): void {
  const { lost } = rig.beside(Namespace);
  if (lost === 0) throw new Error('No packet was lost.');
  rig.fault(`${lost} packets lost`, rig.node.name);
}

export const wires: readonly Scenario[] = [
  {
    id: 'F12',
    title: 'A burst of 50,000 frames',
    injects:
      'a client by hand sends 50,000 publishes at once, which have to be answered, or end its connection as too many; twice',
    topology: 'disk',
    about: ['I14', 'I15', 'I17'],
    seconds: 3,
    floor: { reconnects: 0, faults: 4 },
    run: async (rig, seconds) => {
      const dialled = moved(rig);
      for (let i = 0; i < 2; i++) {
        const { stored, refused, closed } = await burst(rig);
        const answered = stored + Object.values(refused).reduce((sum, count) => sum + count, 0);
        if (answered < frames && closed === null)
          throw new Error(`Of ${frames} frames ${answered} were answered.`);
        // Once one is refused for being too many, those behind it don't follow what is stored.
        const wrong = Object.keys(refused).filter((code) => code !== 'too_many' && code !== 'sequence');
        if (wrong.length > 0) throw new Error(`The burst was refused with ${wrong.join(' ')}.`);
        rig.fault(`${stored} stored, ${answered - stored} refused, closed with ${closed}`, 'burst');
        await rig.wait((seconds * 1000) / 2);
      }
      dialled.none('what somebody else sent');
    },
  },
  {
    id: 'F13',
    title: 'Packet loss',
    injects:
      'of all packets to and from the node the system loses one in ten; nobody has to come back for that',
    topology: 'disk',
    about: ['I4', 'I9'],
    seconds: 8,
    numbers: { heartbeatMs: 5000 },
    needs: Namespace.needs,
    beside: Namespace.open,
    floor: { reconnects: 0, faults: 2 },
    run: async (rig, seconds) => {
      const network = rig.beside(Namespace);
      const dialled = moved(rig);
      rig.fault('packets lost by chance', rig.node.name);
      network.loses(0.1);
      await rig.wait(seconds * 1000);
      network.heal();
      dialled.none('packets that TCP repeats');
      tellLost(rig);
    },
  },
  {
    id: 'F14',
    title: 'MTU black hole',
    injects:
      'packets of more than 600 bytes to and from the node vanish, smaller ones pass, and messages have 4,000 bytes',
    topology: 'disk',
    about: ['I9'],
    seconds: 12,
    perSecond: 20,
    fillingBytes: 4000,
    needs: Namespace.needs,
    beside: Namespace.open,
    terms: { control: null },
    floor: { reconnects: 4, faults: 2 },
    run: async (rig, seconds) => {
      const network = rig.beside(Namespace);
      rig.fault('large packets lost', rig.node.name);
      network.narrows(600);
      await rig.wait(seconds * 1000);
      network.heal();
      tellLost(rig);
    },
  },
  {
    id: 'F19',
    title: 'Another address',
    injects:
      'the name of the server leads nowhere for 2 s, while nobody is there at its old address, then to another one',
    topology: 'disk',
    about: ['I9', 'I22'],
    seconds: 6,
    repeats: false,
    byName: true,
    needs: () => (process.platform === 'linux' ? undefined : `it needs an address like ${elsewhere}`),
    floor: { reconnects: 8, faults: 9 },
    run: async (rig, seconds) => {
      rig.fault('the name leads nowhere', 'all clients');
      await rig.crowd.ask({ do: 'resolve', to: null });
      for (const client of rig.clients) {
        rig.fault('the address changes', client);
        await rig.move(client, elsewhere);
      }
      await rig.wait(2000);
      await rig.crowd.ask({ do: 'resolve', to: elsewhere });
      await rig.wait((seconds - 2) * 1000);
    },
  },
];
