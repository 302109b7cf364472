/**
 * The `syncline` command as people run it, for the tests of this folder: a process of its own, what it printed so far, its exit code.
 * And real servers for it to talk to; nothing here knows what a test is about.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Contract, defineChannels, doc, state, stream } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import { createServer, memory, type Server, type ServerOptions } from '@syncline/server';
import { atEnd } from '../ends.ts';
import { FaultProxy } from '../faults/proxy.ts';

export const command = fileURLToPath(new URL('../../packages/cli/bin/syncline.mjs', import.meta.url));

export const channels = defineChannels({
  'chat/:room': stream({ stamp: true }),
  'raw/:name': stream({ keep: { entries: 10_000 } }),
  'short/:name': stream({ keep: { entries: 5 } }),
  'fleet/:city': state(),
  'board/:id': doc(),
});

/** A process, and what came of it so far. */
export interface Ran {
  readonly child: ChildProcessWithoutNullStreams;
  readonly output: { out: string; err: string };
  /** The exit code; null after a signal that killed it. */
  readonly ended: Promise<number | null>;
  /** What it has printed, line by line. */
  lines(): string[];
  /** The same, as the JSON that it is. */
  json(): Record<string, unknown>[];
}

/** Runs the command until it ends, or the tests of the file are over. */
export function syncline(...args: readonly string[]): Ran {
  return start(process.execPath, ['--disable-warning=ExperimentalWarning', command, ...args]);
}

/** Runs a program, with nothing of ours in its environment. */
export function start(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Ran {
  const { SYNCLINE_URL: _, SYNCLINE_TOKEN: __, ...rest } = process.env;
  const child = spawn(program, args, { env: { ...rest, ...env } });
  const output = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.err += text));
  // A command that ends early reads no more of what it is given.
  child.stdin.on('error', () => {});
  const ended = once(child, 'close').then(([code]) => code as number | null);
  atEnd(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const lines = () => output.out.split('\n').slice(0, -1);
  return {
    child,
    output,
    ended,
    lines,
    json: () => lines().map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

/** A real server on this machine, until the tests of the file are over. */
export async function serve<C extends Contract = typeof channels>(
  options: Partial<ServerOptions<C>> = {},
): Promise<{ readonly server: Server<C>; readonly port: number; readonly url: string }> {
  const defaults = { channels: channels as unknown as C, broker: memory(), drainMs: 0 };
  const server = createServer<C>({ ...defaults, ...options });
  atEnd(() => server.close());
  const { port } = await server.listen(0, '127.0.0.1');
  return { server, port, url: `ws://127.0.0.1:${port}/sync` };
}

/** A proxy before it that breaks connections when it is told to. */
export async function between(port: number): Promise<{ readonly proxy: FaultProxy; readonly url: string }> {
  const proxy = await FaultProxy.open(port, systemClock);
  atEnd(() => proxy.close());
  return { proxy, url: `ws://127.0.0.1:${proxy.port}/sync` };
}

/** A folder of its own. */
export function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-'));
  atEnd(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
