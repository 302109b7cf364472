/**
 * A program under measurement as a child process on its core: started fresh for every run, asked, and stopped. What it is
 * asked goes over Node's own channel between parent and child; see servers/control.ts for its side.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Contender } from './contenders.ts';
import { onCore, type Rig } from './rig.ts';
import type { Memory, Usage } from './servers/control.ts';

const ANSWER_MS = 20_000;

export interface Program<Hello> extends AsyncDisposable {
  readonly pid: number;
  /** What it said when it was ready. */
  readonly hello: Hello;
  /** @throws Error when it ends, or says nothing for so long; default 20 s. */
  ask<Answer>(question: string, withinMs?: number): Promise<Answer>;
}

export interface Server extends AsyncDisposable {
  /** Of all its processes. */
  readonly pids: readonly number[];
  readonly port: number;
  /** What it uses after a garbage collection. */
  memory(): Promise<Memory>;
  /** What it has used of the processor besides, and how long it stood still since it was asked last. */
  usage(): Promise<Usage>;
  /** How many commands its Redis was given since this was asked first; 0 where it has none. */
  commands(): Promise<{ readonly commands: number }>;
}

/** Starts a program and waits until it is ready. `flags` are for its Node, `args` for itself. */
export async function startProgram<Hello>(
  core: number | undefined,
  file: URL,
  { flags = [], args = [] }: { readonly flags?: readonly string[]; readonly args?: readonly string[] } = {},
): Promise<Program<Hello>> {
  const words = ['--disable-warning=ExperimentalWarning', ...flags, fileURLToPath(file), ...args];
  const [command, line] = onCore(core, process.execPath, words);
  const child = spawn(command, line, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const hello = await answer<Hello>(child, 'to be ready');
  return {
    pid: child.pid ?? 0,
    hello,
    ask: <Answer>(question: string, withinMs?: number) => {
      child.send(question);
      return answer<Answer>(child, question, withinMs);
    },
    [Symbol.asyncDispose]: () => stop(child),
  };
}

/** Starts a contender's server and waits until it listens. `flags` are for its Node, `args` for itself. */
export async function startServer(
  rig: Rig,
  contender: Contender,
  flags: readonly string[] = [],
  args: readonly string[] = [],
): Promise<Server> {
  const file = new URL(`servers/${contender}.ts`, import.meta.url);
  const program = await startProgram<{ port: number; pids: readonly number[] }>(rig.cores?.server, file, {
    flags,
    args,
  });
  return {
    pids: [program.pid, ...program.hello.pids],
    port: program.hello.port,
    memory: () => program.ask<Memory>('memory'),
    usage: () => program.ask<Usage>('usage'),
    commands: () => program.ask<{ commands: number }>('commands'),
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

/** The child's next message. Both ends are this folder's, so its shape is taken on trust. */
async function answer<T>(child: ChildProcess, what: string, withinMs = ANSWER_MS): Promise<T> {
  const abandon = new AbortController();
  const signal = AbortSignal.any([AbortSignal.timeout(withinMs), abandon.signal]);
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error(`the program ended while it was asked: ${what}`);
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
