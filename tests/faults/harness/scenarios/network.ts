/**
 * Faults between clients and nodes: what bad networks do to connections. Each scenario harms the clients that have a fault proxy
 * on their way, and leaves the control client alone.
 */
import type { Rig } from '../rig.ts';
import type { Missing, Scenario } from '../scenario.ts';

/** The answer to a handshake: after that comes `welcome`. */
const headerBytes = 166;

/** Does something to one client after the other, in the order of the seed, until the time is over. */
async function often(
  rig: Rig,
  seconds: number,
  everyMs: readonly [min: number, max: number],
  harm: (client: string) => void,
): Promise<void> {
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    harm(rig.pick(rig.clients));
    await rig.wait(rig.between(...everyMs));
  }
}

/** Does something to every client at once, and then waits. */
async function all(rig: Rig, name: string, ms: number, harm: (client: string) => void): Promise<void> {
  for (const client of rig.clients) {
    rig.fault(name, client);
    harm(client);
  }
  await rig.wait(ms);
}

/** All clients are cut off and can't come back for so long. */
async function outage(rig: Rig, ms: number): Promise<void> {
  for (const [client, door] of rig.doors) {
    rig.fault('outage', client);
    door.refuse();
    rig.link(client)?.reset();
  }
  await rig.wait(ms);
  for (const door of rig.doors.values()) door.refuse(false);
}

export const network: readonly (Scenario | Missing)[] = [
  {
    id: 'F01',
    title: 'Resets',
    injects: 'one client’s connection is reset every 100 to 400 ms',
    topology: 'disk',
    about: ['I1', 'I3', 'I22'],
    seconds: 5,
    quick: 4,
    floor: { reconnects: 5, faults: 8 },
    run: (rig, seconds) =>
      often(rig, seconds, [100, 400], (client) => {
        rig.fault('reset', client);
        rig.link(client)?.reset();
      }),
  },
  {
    id: 'F02',
    title: 'Half-closed',
    injects: 'one client’s side of a connection ends every 200 to 600 ms, while the other stays open',
    topology: 'disk',
    about: ['I11', 'I13'],
    seconds: 6,
    floor: { reconnects: 3, faults: 5 },
    run: (rig, seconds) =>
      often(rig, seconds, [200, 600], (client) => {
        rig.fault('half-close', client);
        rig.link(client)?.up.halfClose();
      }),
  },
  {
    id: 'F03',
    title: 'Cable pulled',
    injects: 'all clients’ connections lose everything in both directions, and stay open',
    topology: 'disk',
    about: ['I9', 'I11'],
    seconds: 7,
    floor: { reconnects: 8, faults: 8 },
    run: (rig, seconds) =>
      all(rig, 'blackhole', seconds * 1000, (client) => {
        rig.link(client)?.up.swallow();
        rig.link(client)?.down.swallow();
      }),
  },
  {
    id: 'F04',
    title: 'Deaf',
    injects: 'what the node sends to a client is lost; what the client sends arrives',
    topology: 'disk',
    about: ['I9'],
    seconds: 7,
    floor: { reconnects: 8, faults: 8 },
    run: (rig, seconds) => all(rig, 'deaf', seconds * 1000, (client) => rig.link(client)?.down.swallow()),
  },
  {
    id: 'F05',
    title: 'Mute',
    injects: 'what a client sends is lost; what the node sends arrives',
    topology: 'disk',
    about: ['I9', 'I11'],
    seconds: 14,
    floor: { reconnects: 4, faults: 8 },
    run: (rig, seconds) => all(rig, 'mute', seconds * 1000, (client) => rig.link(client)?.up.swallow()),
  },
  {
    id: 'F06',
    title: 'A short stall',
    injects: 'nothing passes for a tenth of a heartbeat, three times; then all of it does',
    topology: 'disk',
    about: ['I4', 'I14'],
    seconds: 3,
    numbers: { heartbeatMs: 10_000 },
    floor: { reconnects: 0, faults: 24 },
    run: async (rig, seconds) => {
      const before = rig.doors.size;
      for (let i = 0; i < 3; i++) {
        await all(rig, 'stall', 1000, (client) => {
          rig.link(client)?.up.hold();
          rig.link(client)?.down.hold();
        });
        for (const client of rig.clients) {
          rig.link(client)?.up.pass();
          rig.link(client)?.down.pass();
        }
        await rig.wait((seconds * 1000) / 10);
      }
      const dialled = [...rig.doors.values()].reduce((sum, { links }) => sum + links.length, 0);
      if (dialled !== before) throw new Error(`Clients dialled ${dialled - before} times anew, for a stall.`);
    },
  },
  {
    id: 'F07',
    title: 'Jitter',
    injects: 'no connection and no way back for 2 s, every 10 s',
    topology: 'disk',
    about: ['I1'],
    seconds: 60,
    clients: 40,
    perSecond: 10,
    floor: { reconnects: 200, faults: 240 },
    run: async (rig, seconds) => {
      for (let left = seconds; left > 0; left -= 10) {
        await rig.wait(8000);
        await outage(rig, 2000);
      }
    },
  },
  {
    id: 'F08',
    title: 'Far away',
    injects: 'everything arrives 300 ms later, give or take 200 ms, both ways',
    topology: 'disk',
    about: ['I4'],
    seconds: 6,
    floor: { reconnects: 0, faults: 8 },
    run: (rig, seconds) =>
      all(rig, 'latency', seconds * 1000, (client) => {
        rig.link(client)?.up.delay(100, 400);
        rig.link(client)?.down.delay(100, 400);
      }),
  },
  {
    id: 'F09',
    title: 'A thin line',
    injects: 'half of the clients get 2,000 bytes a second, of about 20,000 that there are',
    topology: 'disk',
    about: ['I13', 'I14'],
    seconds: 8,
    fillingBytes: 500,
    floor: { reconnects: 0, faults: 4 },
    run: async (rig, seconds) => {
      for (const client of rig.clients.slice(0, rig.clients.length / 2)) {
        rig.fault('throttle', client);
        rig.link(client)?.down.throttle(2000);
      }
      await rig.wait(seconds * 1000);
    },
  },
  {
    id: 'F10',
    title: 'Readers that stand still',
    injects: 'half of the clients read nothing, while far more is published than sockets hold',
    topology: 'disk',
    about: ['I13', 'I14'],
    seconds: 8,
    perSecond: 60,
    fillingBytes: 20_000,
    floor: { reconnects: 1, faults: 4 },
    run: async (rig, seconds) => {
      for (const client of rig.clients.slice(0, rig.clients.length / 2)) {
        rig.fault('stalled reader', client);
        rig.link(client)?.down.hold();
      }
      await rig.wait(seconds * 1000);
    },
  },
  {
    id: 'F11',
    title: 'Byte by byte',
    injects: 'every byte travels in a packet of its own, both ways',
    topology: 'disk',
    about: ['I4'],
    seconds: 3,
    clients: 3,
    perSecond: 20,
    floor: { acknowledged: 20, reconnects: 0, faults: 3 },
    run: (rig, seconds) =>
      all(rig, 'slices', seconds * 1000, (client) => {
        rig.link(client)?.up.slice(1);
        rig.link(client)?.down.slice(1);
      }),
  },
  {
    id: 'F15',
    title: 'Refused',
    injects: 'all connections are reset, and new ones too, for the time given',
    topology: 'disk',
    about: ['I9', 'I22'],
    seconds: 8,
    floor: { reconnects: 8, faults: 8 },
    run: (rig, seconds) => outage(rig, seconds * 1000),
  },
  {
    id: 'F16',
    title: 'Accepted, never answered',
    injects: 'all connections are reset, and new ones are taken, but no handshake is answered',
    topology: 'disk',
    about: ['I9', 'I22'],
    seconds: 12,
    floor: { reconnects: 8, faults: 8 },
    run: (rig, seconds) => silentAfter(rig, seconds, 0),
  },
  {
    id: 'F17',
    title: 'A handshake, then silence',
    injects: 'all connections are reset, and on new ones the node’s answer is lost after its header',
    topology: 'disk',
    about: ['I9'],
    seconds: 12,
    floor: { reconnects: 8, faults: 8 },
    run: (rig, seconds) => silentAfter(rig, seconds, headerBytes),
  },
  {
    id: 'F18',
    title: 'Cut anywhere',
    injects: 'each new connection is reset after one byte more of what the node sends than the last one',
    topology: 'disk',
    about: ['I3', 'I8'],
    seconds: 12,
    floor: { reconnects: 8, faults: 20 },
    run: async (rig, seconds) => {
      let bytes = 150;
      for (const [client, door] of rig.doors) {
        const aim = door.onLink;
        door.onLink = (link) => {
          aim(link);
          rig.fault(`cut after ${bytes}`, client);
          link.down.cut(bytes);
          bytes += 1 + Math.floor(rig.random() * 25);
        };
        rig.link(client)?.reset();
      }
      await rig.wait(seconds * 1000);
      for (const door of rig.doors.values()) door.onLink = () => {};
    },
  },
  {
    id: 'F20',
    title: 'Stored, and not told',
    injects:
      'the answers to what a client publishes are lost, then its connection is reset, every 200 to 500 ms',
    topology: 'disk',
    about: ['I6', 'I7'],
    seconds: 6,
    quick: 5,
    perSecond: 80,
    floor: { reconnects: 3, faults: 8 },
    run: (rig, seconds) =>
      often(rig, seconds, [200, 500], (client) => {
        const link = rig.link(client);
        if (!link) return;
        rig.fault('answers lost', client);
        link.down.swallow();
        void rig.wait(rig.between(50, 200)).then(() => link.reset());
      }),
  },
  {
    id: 'F21',
    title: 'Told, and not read',
    injects: 'the node’s answers are cut off after a few bytes more, every 100 to 400 ms',
    topology: 'disk',
    about: ['I6', 'I7'],
    seconds: 6,
    perSecond: 80,
    floor: { reconnects: 3, faults: 8 },
    run: (rig, seconds) =>
      often(rig, seconds, [100, 400], (client) => {
        rig.fault('cut', client);
        rig.link(client)?.down.cut(1 + Math.floor(rig.random() * 200));
      }),
  },
  {
    id: 'F22',
    title: 'Flapping',
    injects: 'every connection is reset 50 to 500 ms after it was made',
    topology: 'disk',
    about: ['I11', 'I13'],
    seconds: 15,
    clients: 24,
    floor: { reconnects: 20, faults: 60 },
    run: async (rig, seconds) => {
      let over = false;
      for (const [client, door] of rig.doors) {
        const aim = door.onLink;
        door.onLink = (link) => {
          aim(link);
          void rig.wait(rig.between(50, 500)).then(() => {
            if (over) return;
            rig.fault('flap', client);
            link.reset();
          });
        };
        rig.link(client)?.reset();
      }
      await rig.wait(seconds * 1000);
      over = true;
    },
  },
  {
    id: 'F23',
    title: 'Another network',
    injects: 'a client’s old way falls silent, and its next attempt takes another one, every 300 to 900 ms',
    topology: 'disk',
    about: ['I11'],
    seconds: 8,
    floor: { reconnects: 2, faults: 6 },
    run: (rig, seconds) =>
      often(rig, seconds, [300, 900], (client) => {
        rig.fault('moved', client);
        const link = rig.link(client);
        // The node hears nothing of it; the client notices by itself.
        link?.up.swallow();
        link?.down.halfClose();
      }),
  },
];

/** Resets everyone; new connections get so many bytes of the node's answer and then nothing, until the time is over. */
async function silentAfter(rig: Rig, seconds: number, bytes: number): Promise<void> {
  let over = false;
  for (const [client, door] of rig.doors) {
    const aim = door.onLink;
    door.onLink = (link) => {
      aim(link);
      if (over) return;
      link.down.swallowAfter(bytes);
    };
    rig.fault('silent', client);
    rig.link(client)?.reset();
  }
  await rig.wait(seconds * 1000);
  over = true;
}
