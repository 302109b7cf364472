/**
 * What the measuring itself stands on: the load generator, compiled here and now; one core for it and one for the
 * server; and how many connections a process may hold. Where something can't be had it says so, because a figure
 * measured without it means something else.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const folder = import.meta.dirname;

export interface Rig {
  /** The compiled generator. */
  readonly generator: string;
  /** The compiled slow link. */
  readonly slowLink: string;
  /** A folder for files that are made anew for each run. */
  readonly cache: string;
  /** The cores the two processes are held to; null where they can't be. */
  readonly cores: { readonly server: number; readonly generator: number } | null;
  /** Files, and so connections, that one process may have open. */
  readonly filesMax: number;
  /** What a reader of the figures has to know about this machine. */
  readonly notes: readonly string[];
}

/** @throws Error when this machine can't run the generator at all. */
export function prepareRig(): Rig {
  if (process.platform !== 'linux') {
    throw new Error(`The load generator needs Linux (epoll, /proc); this is ${process.platform}.`);
  }
  const cores = twoCores();
  const notes = cores
    ? [`The server is pinned to core ${cores.server}, the generator to core ${cores.generator}.`]
    : ['Server and generator are NOT pinned to cores of their own: that takes two cores and `taskset`.'];
  const cache = path.join(folder, '..', 'node_modules', '.cache', 'bench');
  mkdirSync(cache, { recursive: true });
  return {
    generator: compile(cache, 'generator'),
    slowLink: compile(cache, 'slowlink'),
    cache,
    cores,
    filesMax: filesMax(),
    notes,
  };
}

/** A command line that runs on the given core, or anywhere when there is none. */
export function onCore(
  core: number | undefined,
  command: string,
  args: readonly string[],
): [string, string[]] {
  return core === undefined ? [command, [...args]] : ['taskset', ['-c', String(core), command, ...args]];
}

/** Compiles what lies in a folder of this one. */
function compile(cache: string, name: string): string {
  const cwd = path.join(folder, name);
  const output = path.join(cache, name);
  const sources = readdirSync(cwd).filter((file) => file.endsWith('.c'));
  const flags = ['-O2', '-D_GNU_SOURCE', '-o', output];
  for (const compiler of ['cc', 'gcc', 'clang']) {
    const done = spawnSync(compiler, [...flags, ...sources], { cwd, encoding: 'utf8' });
    if (done.error) continue;
    if (done.status === 0) return output;
    throw new Error(`bench/${name} doesn't compile with ${compiler}:\n${done.stderr}`);
  }
  throw new Error(
    'No C compiler: the load generator is written in C. Install gcc or clang and run this again.',
  );
}

/** The first two cores this process may run on, when there are two and `taskset` is there to choose them. */
function twoCores(): Rig['cores'] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const allowed = list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
  const [server, generator] = allowed;
  if (server === undefined || generator === undefined) return null;
  if (spawnSync('taskset', ['-c', String(server), 'true']).status !== 0) return null;
  return { server, generator };
}

/** Node raises its own limit to the hard one, and so does the generator; this is the hard one. */
function filesMax(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}

/** Waits until nothing else uses more than `share` of a core, for up to `seconds`; a busy machine measures itself. */
export async function waitForQuiet(share: number, seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1000;
  let before = busySeconds();
  while (performance.now() < until) {
    await sleep(500);
    const now = busySeconds();
    if ((now - before) / 0.5 <= share) return;
    before = now;
  }
}

function busySeconds(): number {
  return os
    .cpus()
    .reduce((sum, { times }) => sum + (times.user + times.nice + times.sys + times.irq) / 1000, 0);
}
