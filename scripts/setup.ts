/**
 * What vitest does before the tests and after them, so that processes which tests start begin soon, and what they write costs little.
 * It knows which modules those processes load, and nothing of what is tested.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, rmSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { makeChildren } from './children.ts';

const root = join(import.meta.dirname, '..');
/** Where Linux keeps files in memory. Tests are about processes that die; that a flush outlives the power no test can show. */
const memory = '/dev/shm';
const memoryBytesMin = 2 ** 31;
const cache = join(root, 'node_modules/.cache');
const prefix = 'syncline-tests-';
/** A run that was killed leaves its files; one that still goes on is younger than this. */
const leftAfterMs = 3_600_000;
/** Most of what the tests' processes load: nodes over each broker, crowds, the command, the examples. */
const loaded = [
  ...['client/src/doc', 'server/src/index', 'server/src/redis', 'server/src/broker/disk/store'],
  ...['server/src/fold/doc/work', 'cli/src/certificate', 'cli/src/serve'],
].map((name) => `packages/${name}.ts`);
const examples = ['channels', 'site', 'fleet/simulator', 'fleet/town/tours'].map(
  (name) => `examples/${name}.ts`,
);

let folder: string | undefined;
let children: string | undefined;
let compiling: Promise<unknown> | undefined;

export function setup({ vitest }: TestProject): void {
  const { TMPDIR, NODE_COMPILE_CACHE } = process.env;
  sweep();
  process.once('exit', clear);
  if (TMPDIR === undefined && hasRoom(memory)) {
    folder = mkdtempSync(join(memory, prefix));
    process.env['TMPDIR'] = folder;
  }
  // Those that are killed keep nothing of what they compiled; this one does it for them, beside the first tests.
  process.env['NODE_COMPILE_CACHE'] = NODE_COMPILE_CACHE ?? join(cache, 'node');
  const imports = [...loaded, ...examples].map((path) => `await import('./${path}');`);
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module'];
  const code = `${imports.join(' ')} process.exit();`;
  const compiled = once(
    spawn(process.execPath, [...flags, '-e', code], { cwd: root, stdio: 'ignore' }),
    'exit',
  );
  // Whoever watches changes what they are made of.
  children = vitest.config.watch ? undefined : join(cache, `${prefix}${process.pid}`);
  compiling = Promise.all([compiled, children && makeChildren(children)]);
}

export async function teardown(): Promise<void> {
  await compiling;
  clear();
}

function clear(): void {
  for (const made of [folder, children]) if (made) rmSync(made, { recursive: true, force: true });
}

function sweep(): void {
  for (const left of globSync([memory, cache].map((path) => join(path, `${prefix}*`)))) {
    const { mtimeMs } = statSync(left, { throwIfNoEntry: false }) ?? { mtimeMs: Number.POSITIVE_INFINITY };
    if (Date.now() - mtimeMs > leftAfterMs) rmSync(left, { recursive: true, force: true });
  }
}

function hasRoom(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize >= memoryBytesMin;
  } catch {
    return false;
  }
}
