// Runs all tests and ends with one plain line, `N passed, N failed`. Arguments go to vitest. Some tests need a program that npm
// doesn't bring, a Chromium or a Redis: the one that is named in the environment, the system's, or one installed here by apt.
// --no-browser and --no-redis leave those tests out.
import { spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { chromium, haproxy, missing, nginx, obtain, type Program, redis } from './programs.ts';

/** The part of vitest's JSON report that is read here. */
type Report = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: unknown[] }[];
};

const REPORT = 'node_modules/.cache/test-report.json';
const args = process.argv.slice(2);

/** A program that some tests need, and which. */
type Need = {
  program: Program;
  /** The argument that leaves its tests out, and the environment that says so. */
  without: string;
  left: string;
  tests: string;
};

const needs: readonly Need[] = [
  {
    program: chromium,
    without: '--no-browser',
    left: 'NO_BROWSER',
    tests: '{tests/browser/**/*.test.ts,{packages,examples,tests}/**/*.browser.test.ts}',
  },
  {
    program: redis,
    without: '--no-redis',
    left: 'NO_REDIS',
    tests: '{packages,examples,tests,bench}/**/{redis,*.redis}.test.ts',
  },
];
/** Programs whose tests skip themselves where there is none. */
const wanted: readonly Program[] = [nginx, haproxy];

function need({ program, without }: Need): string {
  const found = obtain(program);
  if (found) return found;
  console.error(`${missing(program, 'Some tests need')}; npm test -- ${without} skips these tests.`);
  process.exit(1);
}

function runVitest(env: NodeJS.ProcessEnv): Promise<number> {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`];
  const own = args.filter((arg) => !needs.some(({ without }) => arg === without));
  // What asks the compiler is a part of `npm run check`.
  const cli = ['node_modules/vitest/vitest.mjs', 'run', '--project=!compile', ...reporters, ...own];
  const child = spawn(process.execPath, cli, { env: { ...process.env, ...env }, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve(code ?? (signal ? 128 + constants.signals[signal] : 1)));
  });
}

/** The closing line. A file that couldn't be loaded, or a run that broke down, counts as a failure. */
function closingLine(code: number): string {
  if (!existsSync(REPORT)) return '0 passed, 1 failed';
  const report: Report = JSON.parse(readFileSync(REPORT, 'utf8'));
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  const failed = report.numFailedTests + broken.length;
  const skipped = report.numPendingTests + report.numTodoTests;
  const failures = failed === 0 && code !== 0 ? 1 : failed;
  return `${report.numPassedTests} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

const env: NodeJS.ProcessEnv = {};
const leftOut: string[] = [];
for (const one of needs) {
  const present = globSync(one.tests, { exclude: (name) => name === 'node_modules' });
  if (args.includes(one.without)) {
    env[one.left] = '1';
    if (present.length > 0) leftOut.push(`${one.without} left out ${present.join(', ')}`);
  } else if (present.length > 0) env[one.program.variable] = need(one);
}
for (const program of wanted) {
  const found = obtain(program);
  if (found) env[program.variable] = found;
  else leftOut.push(missing(program, 'Tests were left out for want of'));
}
rmSync(REPORT, { force: true });
const code = await runVitest(env);
for (const line of leftOut) console.log(line);
console.log(closingLine(code));
process.exitCode = code;
