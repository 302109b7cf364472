/**
 * Faults while clients come by every transport at once: WebSocket, event stream and long polling side by side, in the same channels. A
 * link over HTTP has several connections, and over several nodes they lead to different ones.
 */
import type { Rig } from '../rig.ts';
import type { Scenario } from '../scenario.ts';

const every = ['sse', 'longPoll', 'websocket', 'longPoll', 'sse'] as const;

/** All connections that a client has now. */
function links(rig: Rig, client: string) {
  return rig.doors.get(client)?.links.filter(({ open }) => open) ?? [];
}

export const transports: readonly Scenario[] = [
  {
    id: 'F111',
    title: 'Resets, by every transport',
    injects:
      'all connections of one client are reset every 100 to 400 ms; they come by WebSocket, event stream and long polling',
    topology: 'disk',
    about: ['I1', 'I3', 'I6', 'I22'],
    seconds: 6,
    quick: 4,
    clients: 10,
    transports: every,
    // Who polls asks again, and that is no new session.
    floor: { reconnects: 3, faults: 8 },
    run: async (rig, seconds) => {
      for (const until = performance.now() + seconds * 1000; performance.now() < until; ) {
        const client = rig.pick(rig.clients);
        rig.fault('reset', client);
        for (const link of links(rig, client)) link.reset();
        await rig.wait(rig.between(100, 400));
      }
    },
  },
  {
    id: 'F112',
    title: 'Done, and not told, by every transport',
    injects:
      'what the node answers a client is lost, on all its connections, which are then reset, every 200 to 500 ms',
    topology: 'disk',
    about: ['I6', 'I7'],
    seconds: 6,
    clients: 10,
    perSecond: 80,
    transports: every,
    floor: { reconnects: 3, faults: 8 },
    run: async (rig, seconds) => {
      for (const until = performance.now() + seconds * 1000; performance.now() < until; ) {
        const client = rig.pick(rig.clients);
        rig.fault('answers lost', client);
        const lost = links(rig, client);
        for (const link of lost) link.down.swallow();
        await rig.wait(rig.between(50, 200));
        for (const link of lost) link.reset();
        await rig.wait(rig.between(150, 300));
      }
    },
  },
  {
    id: 'F113',
    title: 'Each request elsewhere, and a node killed',
    injects:
      'connections lead to three nodes in turn, one of which is killed with SIGKILL and replaced, twice',
    topology: 'redis',
    nodes: 3,
    about: ['I1', 'I6', 'I7', 'I8'],
    seconds: 12,
    quick: 8,
    clients: 10,
    transports: every,
    terms: { control: null, revokedLate: false },
    floor: { reconnects: 4, faults: 2 },
    run: async (rig, seconds) => {
      for (let i = 0; i < 2; i++) {
        await rig.wait((seconds * 1000) / 2 - 2000);
        rig.fault('kill -9', rig.node.name);
        await rig.node.kill();
        await rig.wait(1000);
        await rig.startNode();
        await rig.wait(1000);
      }
    },
  },
];
