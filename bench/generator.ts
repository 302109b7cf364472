/**
 * The load generator of generator/ as a child process on its core: told what to do by its arguments, it says one line of
 * JSON at a time and waits for a word where it must. What the lines mean is its caller's business.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { onCore, type Rig } from './rig.ts';
import type { Server } from './server.ts';

export interface Generator {
  /** The next line it says. @throws Error when it gave up; the message says why. */
  said<T>(): Promise<T>;
  /** Lets it go on. */
  go(): void;
  /** Resolves when it has ended well. @throws Error when it gave up; the message says why. */
  ended(): Promise<void>;
}

export type Settings = Readonly<Record<string, string | number>>;

export function startGenerator(rig: Rig, server: Server, settings: Settings): Generator {
  const all = { ...settings, port: server.port, pids: server.pids.join('+') };
  const [command, line] = onCore(rig.cores?.generator, rig.generator, Object.entries(all).flat().map(String));
  const child = spawn(command, line, { stdio: ['pipe', 'pipe', 'pipe'] });
  const exit = once(child, 'exit');
  const complaint = text(child.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = async (): Promise<void> => {
    const [code] = await exit;
    if (code !== 0)
      throw new Error((await complaint).trim() || `the generator ended with code ${String(code)}`);
  };
  return {
    said: async <T>() => {
      const { done, value } = await lines.next();
      if (!done) return JSON.parse(value) as T;
      await ended();
      throw new Error('the generator ended without a word');
    },
    go: () => void child.stdin.write('\n'),
    ended,
  };
}
