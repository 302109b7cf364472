/**
 * Faults of the Redis between nodes that lose nothing: what it refuses, where it is silent, who is cut off from it. What loses a log,
 * or a part of it, is in rollback.ts.
 */
import type { Rig } from '../rig.ts';
import type { Missing, Scenario } from '../scenario.ts';
import { type Harm, harms, keyOf } from './backplane.ts';

/** One harm, from the beginning to the end of the scenario. */
const only = (harm: Harm) => (rig: Rig, seconds: number) => harm(rig, seconds * 1000);

const common = { topology: 'redis', floor: { reconnects: 0 } } as const;
/** All is whole between nodes, so what one is told the others know at once. */
const whole = { revokedLate: false, revokedMs: 1000 } as const;
/** Nobody need come back for what happens behind the nodes; what is announced and lost is found by the heads. */
const unseen = { ...common, terms: { visibleMs: 8000 } } as const;

export const redis: readonly (Scenario | Missing)[] = [
  {
    ...unseen,
    id: 'F38',
    title: 'Announcements cut',
    injects: 'all connections on which nodes hear announcements are killed every 700 ms',
    about: ['I1', 'I10'],
    seconds: 5,
    run: only(harms.killPubsub),
  },
  {
    ...unseen,
    id: 'F39',
    title: 'Announcements lost',
    injects: 'what one node should hear is lost, on a connection that stays open',
    about: ['I1', 'I10'],
    seconds: 8,
    quick: 6,
    run: only(harms.deafNode),
  },
  {
    ...unseen,
    id: 'F40',
    title: 'Subscribed to another Redis',
    injects: 'one node hears a Redis that nothing is published to; no connection shows an error',
    about: ['I1', 'I10'],
    seconds: 8,
    run: async (rig, seconds) => {
      const { name } = rig.node;
      const [way] = rig.redis.ways(name);
      const [link] = await rig.redis.subscribers(name);
      if (!way || !link) throw new Error(`${name} hears nothing.`);
      rig.fault('led to another Redis', name);
      way.retarget(await rig.redis.another());
      way.onLink = () => way.retarget(rig.redis.master.port);
      link.reset();
      await rig.wait(seconds * 1000);
      way.onLink = () => {};
    },
  },
  {
    ...common,
    id: 'F41',
    title: 'Refused on the way back',
    injects: 'one node’s ways to Redis are reset every 400 ms, and half of its attempts to come back refused',
    about: ['I1', 'I9'],
    seconds: 6,
    run: only(harms.resetNode),
  },
  {
    ...common,
    id: 'F45',
    title: 'Redis stopped',
    injects: 'the Redis process is stopped for the time given and goes on with what lies in its sockets',
    about: ['I6', 'I7'],
    seconds: 5,
    run: only(harms.frozenRedis),
  },
  {
    ...common,
    id: 'F46',
    title: 'Writes paused',
    injects: '`CLIENT PAUSE … WRITE`',
    about: ['I6', 'I13'],
    seconds: 5,
    run: only(harms.pausedWrites),
  },
  {
    ...common,
    id: 'F47',
    title: 'A busy Redis',
    injects: 'a script of somebody else’s runs for the time given; everything is answered with `BUSY`',
    about: ['I6', 'I7'],
    seconds: 4,
    run: only(harms.busyScript),
  },
  {
    ...common,
    id: 'F48',
    title: 'Demoted',
    injects: 'the Redis becomes a replica of a server that is not there: it reads, and refuses to write',
    about: ['I6', 'I7'],
    seconds: 4,
    run: only(harms.readOnly),
  },
  {
    ...common,
    id: 'F49',
    title: 'Too few replicas',
    injects: '`min-replicas-to-write` is more than there are: each append is refused for certain',
    about: ['I6'],
    seconds: 4,
    run: only(harms.fewReplicas),
  },
  {
    ...common,
    id: 'F50',
    title: 'Out of memory',
    injects: '`maxmemory` is reached, with `noeviction`: each append is refused for certain',
    about: ['I6', 'I8'],
    seconds: 4,
    run: only(harms.fullMemory),
  },
  {
    ...unseen,
    id: 'F53',
    title: 'Scripts forgotten',
    injects: '`SCRIPT FLUSH` every 100 ms',
    about: ['I1'],
    seconds: 4,
    run: only(harms.noScripts),
  },
  {
    ...common,
    id: 'F54',
    title: 'Announcements dropped by Redis',
    injects: 'nodes read no announcements, and the output buffer that Redis has for them is small',
    about: ['I10'],
    seconds: 6,
    fillingBytes: 4000,
    perSecond: 60,
    run: only(harms.smallBuffers),
  },
  {
    ...common,
    id: 'F55',
    title: 'No room for a connection',
    injects: 'all connections are killed, and `maxclients` lets none back in',
    about: ['I9'],
    seconds: 5,
    run: only(harms.fewClients),
  },
  {
    ...common,
    id: 'F56',
    title: 'Another password',
    injects: 'the password is changed and connections are killed; later it is as before',
    about: ['I16'],
    seconds: 5,
    run: only(harms.noPassword),
  },
  {
    ...common,
    id: 'F57',
    title: 'One node cut off',
    injects: 'one node’s ways to Redis lose everything and take no new connection, the other’s are whole',
    about: ['I5', 'I6'],
    seconds: 8,
    quick: 6,
    run: only(harms.cutNode),
  },
  {
    ...common,
    id: 'F58',
    title: 'A Redis far away',
    injects: 'everything that Redis answers comes 200 ms later',
    about: ['I4', 'I9'],
    seconds: 6,
    run: only(harms.slowRedis),
  },
  {
    ...common,
    id: 'F59',
    title: 'Asleep for longer than the log keeps',
    injects: 'one node is stopped while a log that keeps 20 entries gets hundreds',
    about: ['I8'],
    seconds: 4,
    perSecond: 150,
    terms: { control: null },
    run: only(harms.freezeNode),
  },
  {
    id: 'F60',
    title: 'Told here and told over Redis',
    missing: 'not a fault: each append of each scenario over Redis is told both ways',
  },
  {
    ...common,
    id: 'F61',
    title: 'Everybody publishes everywhere',
    injects: 'nothing; several hundred publishes a second on three logs, by way of three nodes',
    about: ['I4', 'I5'],
    seconds: 5,
    nodes: 3,
    clients: 12,
    perSecond: 300,
    floor: { acknowledged: 800, reconnects: 0, faults: 0 },
    terms: whole,
    run: (rig, seconds) => rig.wait(seconds * 1000),
  },
  {
    ...common,
    id: 'F62',
    title: 'The first publish of a log',
    injects:
      'nothing; on 150 new logs somebody subscribes by way of one node while another publishes by way of the other',
    about: ['I1', 'I8'],
    seconds: 5,
    floor: { acknowledged: 150, reconnects: 0, faults: 0 },
    terms: whole,
    run: async (rig) => {
      await rig.crowd.ask({ do: 'race', logs: 150 });
    },
  },
  {
    ...common,
    id: 'F24r',
    title: 'A node of several killed',
    injects: 'one of two nodes is killed with SIGKILL, its clients move, and another one starts; three times',
    about: ['I1', 'I7', 'I11'],
    seconds: 9,
    perSecond: 80,
    terms: { control: null, ...whole },
    floor: { reconnects: 3, faults: 3 },
    run: async (rig, seconds) => {
      for (let i = 0; i < 3; i++) {
        await harms.killNode(rig, 1000);
        await rig.wait((seconds * 1000) / 3 - 1000);
      }
    },
  },
  {
    ...common,
    id: 'F87r',
    title: 'A rolling deploy',
    injects: 'each of two nodes leaves at SIGTERM after another one was started',
    about: ['I1', 'I3', 'I22'],
    seconds: 8,
    quick: 6,
    numbers: { drainMs: 2000 },
    terms: { control: null, ...whole },
    floor: { reconnects: 0, faults: 2 },
    run: async (rig, seconds) => {
      for (let i = 0; i < 2; i++) {
        await harms.leaveNode(rig, 0);
        await rig.wait((seconds * 1000) / 4);
      }
    },
  },
  {
    ...common,
    id: 'F107',
    title: 'A log that was meddled with',
    injects:
      'somebody puts a text in the place of a log’s entries, then an entry of a higher number behind another’s',
    about: ['I4', 'I6', 'I8'],
    seconds: 6,
    terms: { gaps: ['trimmed', 'epoch'], loses: true },
    run: async (rig, seconds) => {
      rig.fault('SET', 'chat/a');
      await rig.redis.master.command('SET', keyOf('chat/a', 'l'), 'junk');
      await rig.wait((seconds * 1000) / 2);
      rig.fault('XADD', 'chat/b');
      await rig.redis.master.command('XADD', keyOf('chat/b', 'l'), '999999-1', 'a', '1', 'n', '1', 'e', 'x');
      await rig.wait((seconds * 1000) / 2);
    },
  },
];
