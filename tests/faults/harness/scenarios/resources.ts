/**
 * Faults of what a node's process lives on: time of a processor, memory, file descriptors, room on a disk, somebody who reads what it
 * logs; and its death in the one moment that matters most. All is done to real processes, by what the system has for it.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { Disk } from '../disk.ts';
import type { Node } from '../node.ts';
import type { Rig } from '../rig.ts';
import type { Scenario } from '../scenario.ts';
import { awayMsMax } from '../setting.ts';
import { moved } from './moved.ts';

/** Kills the node right after it stored something that it has told nobody of. */
async function dieInBetween(rig: Rig, node: Node): Promise<void> {
  const afterAppends = 1 + Math.floor(rig.random() * 20);
  rig.fault(`SIGKILL after ${afterAppends} appends, before anybody is told`, node.name);
  await node.ask({ do: 'die', afterAppends });
  await node.doomed();
}

/** Lets a process run for 20 ms of each 100. */
async function starve(rig: Rig, node: Node, ms: number): Promise<void> {
  rig.fault('a fifth of a processor', node.name);
  for (const until = performance.now() + ms; performance.now() < until; ) {
    node.freeze();
    await rig.wait(80);
    node.thaw();
    await rig.wait(20);
  }
}

/** How many files a process may have open. @throws Error when the system has no `prlimit` */
function limitFiles(pid: number, files: number): void {
  const { status, stderr, error } = spawnSync('prlimit', ['--pid', String(pid), `--nofile=${files}:`]);
  if (status !== 0) throw new Error(`prlimit: ${error?.message ?? stderr}`);
}

const filesOpen = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

const needsProc = (): string | undefined =>
  spawnSync('prlimit', ['--version']).status === 0 ? undefined : 'it needs Linux and `prlimit`';

export const resources: readonly Scenario[] = [
  {
    id: 'F25',
    title: 'Killed between the log and the subscribers',
    injects:
      'the node kills itself with SIGKILL when an append is stored, and neither its author nor a reader is told; every other second',
    topology: 'disk',
    about: ['I1', 'I6', 'I7', 'I8'],
    seconds: 6,
    quick: 2,
    perSecond: 80,
    terms: { control: null, revokedMs: awayMsMax },
    floor: { reconnects: 8, faults: 1 },
    run: async (rig, seconds) => {
      for (let left = seconds; left > 0; left -= 2) {
        await dieInBetween(rig, rig.node);
        await rig.startNode();
        await rig.wait(2000);
      }
    },
  },
  {
    id: 'F25r',
    title: 'Killed between Redis and the subscribers',
    injects:
      'one of two nodes kills itself when an append is stored, and what Redis announces to the other one is lost; every 3 s',
    topology: 'redis',
    about: ['I1', 'I6', 'I7', 'I10'],
    seconds: 9,
    quick: 3,
    perSecond: 80,
    // Who was on the node that died has to come back first.
    terms: { control: null, visibleMs: 10_000 },
    floor: { reconnects: 3, faults: 1 },
    run: async (rig, seconds) => {
      for (let left = seconds; left > 0; left -= 3) {
        const { node } = rig;
        const others = rig.nodes.filter((one) => one.running && one !== node);
        const deaf = (await Promise.all(others.map(({ name }) => rig.redis.subscribers(name)))).flat();
        for (const link of deaf) link.down.swallow();
        await dieInBetween(rig, node);
        await rig.startNode();
        await rig.wait(3000);
        for (const link of deaf) link.reset();
      }
    },
  },
  {
    id: 'F27',
    title: 'A blocked event loop',
    injects: 'the node computes for 2 s without a pause, twice; nobody has to come back for that',
    topology: 'disk',
    about: ['I9', 'I14'],
    seconds: 7,
    terms: { stalls: true, revokedMs: awayMsMax },
    floor: { reconnects: 0, faults: 2 },
    run: async (rig, seconds) => {
      const dialled = moved(rig);
      for (let i = 0; i < 2; i++) {
        rig.fault('blocked for 2 s', rig.node.name);
        await rig.node.ask({ do: 'block', ms: 2000 });
        await rig.wait((seconds * 1000) / 2 - 2000);
      }
      dialled.none('a node that computed for 2 s');
    },
  },
  {
    id: 'F28',
    title: 'A fifth of a processor',
    injects: 'the node’s process runs for 20 ms of each 100; nobody has to come back for that',
    topology: 'disk',
    about: ['I9', 'I14'],
    seconds: 7,
    perSecond: 60,
    terms: { stalls: true, revokedMs: awayMsMax },
    floor: { reconnects: 0, faults: 1 },
    run: async (rig, seconds) => {
      const dialled = moved(rig);
      await starve(rig, rig.node, seconds * 1000);
      dialled.none('a node with a fifth of a processor');
    },
  },
  {
    id: 'F29',
    title: 'Out of memory',
    injects:
      'one of two nodes takes memory until its process is ended for it; its clients go to the other one, and another node starts; twice',
    topology: 'redis',
    about: ['I1', 'I7', 'I11'],
    seconds: 8,
    perSecond: 60,
    start: { execArgv: ['--max-old-space-size=96'] },
    terms: { control: null, stalls: true, revokedMs: awayMsMax },
    floor: { reconnects: 3, faults: 2 },
    run: async (rig, seconds) => {
      for (let i = 0; i < 2; i++) {
        const { node } = rig;
        rig.fault('memory taken until the end', node.name);
        const ended = node.doomed();
        await node.ask({ do: 'fill' });
        const how = await ended;
        if (how !== 'SIGABRT' && how !== 'code 134')
          throw new Error(`A node without memory ended with ${how}.`);
        await rig.startNode();
        await rig.wait((seconds * 1000) / 2);
      }
    },
  },
  {
    id: 'F30',
    title: 'Out of file descriptors',
    injects: 'the node may open two files more, and half of the clients are reset every 700 ms',
    topology: 'disk',
    about: ['I9', 'I14', 'I16'],
    seconds: 7,
    clients: 16,
    needs: needsProc,
    floor: { reconnects: 8, faults: 8 },
    run: async (rig, seconds) => {
      const { pid, name } = rig.node;
      const before = filesOpen(pid);
      const half = rig.clients.slice(0, rig.clients.length / 2);
      for (const client of half) rig.link(client)?.reset();
      await rig.wait(100);
      const left = filesOpen(pid);
      rig.fault(`${left} files open, ${left + 2} allowed`, name);
      limitFiles(pid, left + 2);
      for (const until = performance.now() + seconds * 1000; performance.now() < until; ) {
        for (const client of half) {
          rig.fault('reset', client);
          rig.link(client)?.reset();
        }
        await rig.wait(700);
      }
      limitFiles(pid, before + 4000);
    },
  },
  {
    id: 'F32',
    title: 'Disk full',
    injects: 'there is no room left where the node’s folder is, for the time given; then there is',
    topology: 'disk',
    about: ['I1', 'I6', 'I16'],
    seconds: 6,
    quick: 3,
    needs: Disk.needs,
    beside: (dir) => Disk.mount(dir),
    floor: { acknowledged: 30, reconnects: 0, faults: 1 },
    run: async (rig, seconds) => {
      const disk = rig.beside(Disk);
      await rig.wait(1000);
      rig.fault('disk full', rig.node.name);
      disk.fill();
      await rig.wait(seconds * 1000);
      disk.clear();
      await rig.wait(1000);
    },
  },
  {
    id: 'F37',
    title: 'A log that nobody reads',
    injects:
      'the node logs 8,000 bytes with each append, as `syncline serve` does, to a pipe that nobody reads',
    topology: 'disk',
    about: ['I14', 'I16'],
    seconds: 6,
    perSecond: 80,
    quirks: { logBytes: 8000 },
    start: { deafOutput: true },
    floor: { reconnects: 0, faults: 1 },
    run: async (rig, seconds) => {
      rig.fault('log not read', rig.node.name);
      await rig.wait(seconds * 1000);
      const { dropped } = await rig.node.ask<{ readonly dropped: number }>({ do: 'hooks' });
      if (dropped === 0) throw new Error('The log had room for all there was.');
    },
  },
];
