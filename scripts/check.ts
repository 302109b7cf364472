// Everything that can be judged without running the product, as one command: one line per step, details on failure.
// Steps don't depend on each other and run side by side, the slowest first, one per processor.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

type Result = { name: string; ok: boolean; seconds: string; output: string };

const node = process.execPath;
const bin = 'node_modules/.bin';
const STEPS: [name: string, command: string, ...args: string[]][] = [
  ['types', `${bin}/tsc`, '--noEmit', '-p', '.'],
  ['what applications compile', `${bin}/vitest`, 'run', '--project=compile'],
  ['dead code', `${bin}/knip`, '--no-progress'],
  ['server types (no DOM)', `${bin}/tsc`, '--noEmit', '-p', 'packages/server'],
  ['format and lint', `${bin}/biome`, 'check', '--error-on-warnings', '--colors=off'],
  ['tidy', node, 'scripts/tidy.ts'],
  ['docs are fresh', node, 'scripts/docs.ts', '--check'],
  ['client size', node, 'scripts/size.ts'],
];

function run([name, command, ...args]: (typeof STEPS)[number]): Promise<Result> {
  return new Promise((resolve) => {
    const start = performance.now();
    const env = { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' };
    const child = spawn(command, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    const end = (ok: boolean): void => {
      resolve({ name, ok, seconds: ((performance.now() - start) / 1000).toFixed(1), output });
    };
    child.on('error', (error) => {
      output += `${command} could not be started: ${error.message}\n`;
      end(false);
    });
    child.on('close', (code) => end(code === 0));
  });
}

const waiting = [...STEPS];
const failed: Result[] = [];

async function worker(): Promise<void> {
  for (let step = waiting.shift(); step; step = waiting.shift()) {
    const result = await run(step);
    console.log(`${result.ok ? 'ok  ' : 'FAIL'} ${result.name} (${result.seconds} s)`);
    if (!result.ok) failed.push(result);
  }
}

const start = performance.now();
await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
for (const { name, output } of failed) console.log(`\n--- ${name}\n${output.trim()}`);
const seconds = ((performance.now() - start) / 1000).toFixed(1);
console.log(`\n${STEPS.length - failed.length} of ${STEPS.length} steps passed in ${seconds} s`);
process.exitCode = failed.length > 0 ? 1 : 0;
