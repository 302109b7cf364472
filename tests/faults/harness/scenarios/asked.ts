/**
 * Faults of what a node asks and tells outside of itself, and of what its application gives it: hooks, a webhook's receiver, the keys of
 * an issuer, certificates. None of them may hold up or harm whoever is there already.
 */
import { Certificates } from '../certificates.ts';
import { Issuer, Names } from '../issuer.ts';
import type { Mood } from '../local.ts';
import { Receiver } from '../receiver.ts';
import type { Rig } from '../rig.ts';
import type { Scenario } from '../scenario.ts';
import { moved } from './moved.ts';

/** Looks again and again until it is so. @throws Error when it takes longer than that */
async function until(
  rig: Rig,
  what: string,
  withinMs: number,
  so: () => boolean | Promise<boolean>,
): Promise<void> {
  for (const end = performance.now() + withinMs; !(await so()); await rig.wait(50))
    if (performance.now() > end) throw new Error(`After ${withinMs} ms it is still not so: ${what}.`);
}

/** Resets one client after the other, for so long. */
async function resets(rig: Rig, ms: number, everyMs: number): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; await rig.wait(everyMs)) {
    const client = rig.pick(rig.clients);
    rig.fault('reset', client);
    rig.link(client)?.reset();
  }
}

/** In the mood for so long, while clients come anew. */
async function inMood(rig: Rig, mood: Mood, ms: number, set: (mood: Mood) => void): Promise<void> {
  rig.fault(mood, 'what the node asks');
  set(mood);
  await resets(rig, ms, 300);
}

const troubles = ['throws', 'rejects', 'refuses', 'hangs', 'late', 'junk'] as const;
const moods = ['silent', 'failing', 'resetting', 'flooding', 'circling'] as const;

export const asked: readonly Scenario[] = [
  {
    id: 'F33',
    title: 'Hooks that throw or hang',
    injects:
      '`authenticate`, `authorize` and `beforePublish` throw, reject, refuse, never settle, settle late or return junk at one call in eight, while clients are reset',
    topology: 'disk',
    about: ['I6', 'I16', 'I17'],
    seconds: 8,
    quick: 5,
    perSecond: 60,
    repeats: false,
    numbers: { hookMs: 200 },
    beside: Names.open,
    terms: { control: null },
    floor: { reconnects: 4, faults: 20 },
    run: async (rig, seconds) => {
      await resets(rig, seconds * 1000, 200);
      const met = await rig.node.ask<Readonly<Record<string, number>>>({ do: 'hooks' });
      for (const hook of ['authorize', 'beforePublish'])
        for (const way of troubles) {
          if (!met[`${hook} ${way}`]) throw new Error(`\`${hook}\` never went wrong in this way: ${way}.`);
          rig.fault(`${way} ${met[`${hook} ${way}`]} times`, hook);
        }
      for (const way of ['throws', 'hangs', 'late', 'junk'])
        if (!met[`authenticate ${way}`])
          throw new Error(`\`authenticate\` never went wrong in this way: ${way}.`);
    },
  },
  {
    id: 'F34',
    title: 'A webhook’s receiver',
    injects:
      'who is told of each entry is silent, answers 500, resets, answers with 10 MiB, leads in circles, and comes back',
    topology: 'disk',
    about: ['I13', 'I14'],
    seconds: 8,
    numbers: { heartbeatMs: 10_000 },
    beside: Receiver.open,
    floor: { reconnects: 0, faults: 5 },
    run: async (rig, seconds) => {
      const receiver = rig.beside(Receiver);
      const dialled = moved(rig);
      for (const mood of moods) {
        rig.fault(mood, 'webhook');
        receiver.server.mood = mood;
        await rig.wait((seconds * 1000) / moods.length);
      }
      receiver.server.mood = 'well';
      dialled.none('a webhook');
      const { asked: before } = receiver.server;
      await until(rig, 'the receiver is told again', 40_000, () => receiver.server.asked > before + 20);
      const tops = ['chat/a', 'chat/b'].map((room) => ({ room, top: receiver.top(room) }));
      await until(rig, 'the receiver was told of all', 60_000, () =>
        tops.every(({ room, top }) => receiver.missing(room, top) === 0),
      );
      if (receiver.forged > 0) throw new Error(`${receiver.forged} signatures were wrong.`);
    },
  },
  {
    id: 'F35',
    title: 'A JWKS endpoint',
    injects:
      'the keys’ address is slow, fails, resets, sends junk, while clients are reset; then the keys are changed for others, once while it fails',
    topology: 'disk',
    about: ['I9', 'I14'],
    seconds: 10,
    repeats: false,
    beside: Issuer.open,
    floor: { reconnects: 10, faults: 20 },
    run: async (rig, seconds) => {
      const issuer = rig.beside(Issuer);
      const part = (seconds * 1000) / 6;
      const set = (mood: Mood): void => {
        issuer.keys.mood = mood;
      };
      for (const mood of ['slow', 'failing', 'resetting', 'junk'] as const)
        await inMood(rig, mood, part, set);
      set('well');
      rig.fault('keys changed', 'issuer');
      issuer.rotate();
      await resets(rig, part, 300);
      rig.fault('keys changed', 'issuer');
      set('failing');
      issuer.rotate();
      await inMood(rig, 'failing', part, set);
      set('well');
    },
  },
  {
    id: 'F36',
    title: 'A TLS certificate replaced',
    injects:
      'the certificate is changed for another under open connections, then for a file that is none, then for a third one, while others come',
    topology: 'disk',
    about: ['I14', 'I16'],
    seconds: 6,
    repeats: false,
    beside: Certificates.make,
    floor: { reconnects: 5, faults: 8 },
    run: async (rig, seconds) => {
      const certificates = rig.beside(Certificates);
      const { port, name } = rig.node;
      const shows = (which: number) => async () => (await certificates.shownAt(port)) === which;
      const part = (seconds * 1000) / 3;
      rig.fault('another certificate', name);
      certificates.use(1);
      await until(rig, 'the node shows the second certificate', 5000, shows(1));
      await resets(rig, part, 200);
      rig.fault('a file that is no certificate', name);
      certificates.spoil(2);
      await resets(rig, part, 200);
      if (!(await shows(1)())) throw new Error('A bad file has taken the place of a good certificate.');
      rig.fault('another certificate', name);
      certificates.use(2);
      await until(rig, 'the node shows the third certificate', 5000, shows(2));
      await resets(rig, part, 200);
    },
  },
];
