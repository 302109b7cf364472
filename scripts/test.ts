// Runs all tests and ends with one plain line, `N passed, N failed`. Arguments go to vitest; --no-browser leaves the
// browser tests out, which otherwise need a Chromium: CHROMIUM_PATH, the system's, or one installed here by apt.
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
const browser = !args.includes('--no-browser');

function findChromium(): string | undefined {
  const given = process.env['CHROMIUM_PATH'];
  if (given) return existsSync(given) ? given : undefined;
  return ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
    existsSync(path),
  );
}

function installChromium(): void {
  console.log('No Chromium found; installing it with apt-get (about a minute, once) …');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const step of [['update'], ['install', '-y', '--no-install-recommends', 'chromium']]) {
    const { status, stdout, stderr } = spawnSync('apt-get', step, { env, encoding: 'utf8' });
    if (status === 0) continue;
    console.error(`${stdout}${stderr}`);
    return;
  }
}

function requireChromium(): string {
  const given = process.env['CHROMIUM_PATH'];
  const canInstall = !given && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (!findChromium() && canInstall) installChromium();
  const found = findChromium();
  if (found) return found;
  const why = given ? `CHROMIUM_PATH is ${given}, and there is nothing.` : 'The browser tests need Chromium.';
  console.error(
    `${why} Install it (Debian and Ubuntu: apt-get install chromium) or set CHROMIUM_PATH to a Chromium or Chrome; ` +
      'npm test -- --no-browser skips browser tests.',
  );
  process.exit(1);
}

function runVitest(env: NodeJS.ProcessEnv): Promise<number> {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`];
  const own = args.filter((arg) => arg !== '--no-browser');
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
const present = globSync('{tests/browser/**/*.test.ts,{packages,examples,tests}/**/*.browser.test.ts}', {
  exclude: (name) => name === 'node_modules',
});
if (!browser) env['NO_BROWSER'] = '1';
else if (present.length > 0) env['CHROMIUM_PATH'] = requireChromium();
rmSync(REPORT, { force: true });
const code = await runVitest(env);
if (!browser && present.length > 0) console.log(`--no-browser left out ${present.join(', ')}`);
console.log(closingLine(code));
process.exitCode = code;
