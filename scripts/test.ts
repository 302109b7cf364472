// Runs all tests and ends with one plain line, `N passed, N failed`. Arguments go to vitest. Some tests need a program that npm
// doesn't bring, a Chromium or a Redis: the one that is named in the environment, the system's, or one installed here by apt.
// --no-browser and --no-redis leave those tests out.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';

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

/** A program that some tests need, and the tests. */
type Program = {
  name: string;
  /** The argument that leaves its tests out, and the environment that says so. */
  without: string;
  left: string;
  /** The environment that names the program. */
  variable: string;
  places: readonly string[];
  debian: string;
  tests: string;
};

const programs: readonly Program[] = [
  {
    name: 'Chromium',
    without: '--no-browser',
    left: 'NO_BROWSER',
    variable: 'CHROMIUM_PATH',
    places: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
    debian: 'chromium',
    tests: '{tests/browser/**/*.test.ts,{packages,examples,tests}/**/*.browser.test.ts}',
  },
  {
    name: 'Redis',
    without: '--no-redis',
    left: 'NO_REDIS',
    variable: 'REDIS_SERVER_PATH',
    places: ['/usr/bin/redis-server', '/usr/local/bin/redis-server'],
    debian: 'redis-server',
    tests: '{packages,examples,tests,bench}/**/{redis,*.redis}.test.ts',
  },
];

function find({ variable, places }: Program): string | undefined {
  const given = process.env[variable];
  return (given ? [given] : places).find((path) => existsSync(path));
}

function install({ name, debian }: Program): void {
  console.log(`No ${name} found; installing it with apt-get (about a minute, once) …`);
  // In run level 1 Debian's packages start no service: tests start their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const step of [['update'], ['install', '-y', '--no-install-recommends', debian]]) {
    const { status, stdout, stderr } = spawnSync('apt-get', step, { env, encoding: 'utf8' });
    if (status === 0) continue;
    console.error(`${stdout}${stderr}`);
    return;
  }
}

function need(program: Program): string {
  const { name, variable, debian, without } = program;
  const given = process.env[variable];
  const canInstall = !given && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (!find(program) && canInstall) install(program);
  const found = find(program);
  if (found) return found;
  const why = given ? `${variable} is ${given}, and there is nothing.` : `Some tests need ${name}.`;
  console.error(
    `${why} Install it (Debian and Ubuntu: apt-get install ${debian}) or set ${variable} to the program; ` +
      `npm test -- ${without} skips these tests.`,
  );
  process.exit(1);
}

function runVitest(env: NodeJS.ProcessEnv): Promise<number> {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`];
  const own = args.filter((arg) => !programs.some(({ without }) => arg === without));
  const cli = ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...own];
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
for (const program of programs) {
  const present = globSync(program.tests, { exclude: (name) => name === 'node_modules' });
  if (args.includes(program.without)) {
    env[program.left] = '1';
    if (present.length > 0) leftOut.push(`${program.without} left out ${present.join(', ')}`);
  } else if (present.length > 0) env[program.variable] = need(program);
}
rmSync(REPORT, { force: true });
const code = await runVitest(env);
for (const line of leftOut) console.log(line);
console.log(closingLine(code));
process.exitCode = code;
