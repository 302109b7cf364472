/**
 * What the tests of the disk broker share: folders that go with the test, and a process that appends until it is killed. No source
 * imports it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { appendOf } from '../testing.ts';
import type { Operation } from './operation.ts';
import { Store, type StoreOptions } from './store.ts';

export function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A store that is closed with the test. */
export function opened(dir: string, options: Partial<StoreOptions> = {}): Store {
  const store = new Store({ dir, ...options });
  onTestFinished(() => store.close());
  return store;
}

/** An append to a log that keeps all. */
export const append = (channel: string, data: string): Operation => ({
  type: 'append',
  channel,
  now: 1,
  append: appendOf(data, { keep: null }),
});

/** Starts the process that appends; `under` may wrap it, with limits say. Calls `onLine` with each line it prints whole. */
export function appender(
  dir: string,
  onLine: (line: string, child: ChildProcess) => void,
  under: readonly string[] = [],
): Promise<void> {
  const script = new URL('./appender.fixture.ts', import.meta.url).pathname;
  const [command = process.execPath, ...rest] = [...under, process.execPath, script, dir];
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  createInterface({ input: child.stdout }).on('line', (line) => onLine(line, child));
  return new Promise((resolve, reject) => {
    child.on('close', () => resolve());
    child.on('error', reject);
  });
}
