/**
 * One server under measurement, as a child process on its core: started fresh for every run, asked for its memory, and
 * stopped. What it is asked goes over Node's own channel between parent and child; see servers/control.ts for its side.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { onCore, type Rig } from './rig.ts';
import type { Contender } from './scenarios.ts';
import type { Memory } from './servers/control.ts';

const ANSWER_MS = 20_000;

export interface Server extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** What it uses after a garbage collection. */
  memory(): Promise<Memory>;
}

/** Starts a contender's server and waits until it listens. `flags` are for its Node. */
export async function startServer(
  rig: Rig,
  contender: Contender,
  flags: readonly string[] = [],
): Promise<Server> {
  const program = path.join(import.meta.dirname, 'servers', `${contender}.ts`);
  const args = ['--disable-warning=ExperimentalWarning', ...flags, program];
  const [command, line] = onCore(rig.cores?.server, process.execPath, args);
  const child = spawn(command, line, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const { port } = await answer<{ port: number }>(child, 'to listen');
  return {
    pid: child.pid ?? 0,
    port,
    memory: () => {
      child.send('memory');
      return answer<Memory>(child, 'for its memory');
    },
    [Symbol.asyncDispose]: () => stop(child),
  };
}

/** The child's next message. Both ends are this folder's, so its shape is taken on trust. */
async function answer<T>(child: ChildProcess, what: string): Promise<T> {
  const abandon = new AbortController();
  const signal = AbortSignal.any([AbortSignal.timeout(ANSWER_MS), abandon.signal]);
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error(`the server ended while it was asked ${what}`);
  });
  const message = once(child, 'message', { signal }).then(([value]) => value as T);
  ended.catch(() => {});
  message.catch(() => {});
  try {
    return await Promise.race([message, ended]);
  } finally {
    abandon.abort();
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  const impatient = setTimeout(() => child.kill('SIGKILL'), ANSWER_MS);
  if (child.connected) child.send('stop');
  await exit;
  clearTimeout(impatient);
}
