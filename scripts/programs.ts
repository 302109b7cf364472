/**
 * Programs that npm doesn't bring and some of this project's commands need: where they are looked for, and how Debian's packages bring
 * them where that is possible. test.ts and cluster.ts ask; it must not know what for.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

export type Program = {
  name: string;
  /** The environment that names the program. */
  variable: string;
  places: readonly string[];
  debian: string;
};

/** The one without windows comes first: a page there costs a third of the time that the whole browser takes to open one. */
export const chromium: Program = {
  name: 'Chromium',
  variable: 'CHROMIUM_PATH',
  places: [
    '/usr/bin/chromium-headless-shell',
    ...['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
  ],
  debian: 'chromium-headless-shell',
};
export const redis: Program = {
  name: 'Redis',
  variable: 'REDIS_SERVER_PATH',
  places: ['/usr/bin/redis-server', '/usr/local/bin/redis-server', '/opt/homebrew/bin/redis-server'],
  debian: 'redis-server',
};
export const nginx: Program = {
  name: 'nginx',
  variable: 'NGINX_PATH',
  places: ['/usr/sbin/nginx', '/usr/local/bin/nginx', '/opt/homebrew/bin/nginx'],
  debian: 'nginx-light',
};
export const haproxy: Program = {
  name: 'HAProxy',
  variable: 'HAPROXY_PATH',
  places: ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy', '/opt/homebrew/bin/haproxy'],
  debian: 'haproxy',
};

function find({ variable, places }: Program): string | undefined {
  const given = process.env[variable];
  return (given ? [given] : places).find((path) => existsSync(path));
}

function install({ name, debian }: Program): void {
  console.log(`No ${name} found; installing it with apt-get (about a minute, once) …`);
  // In run level 1 Debian's packages start no service: whoever needs one starts their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const step of [['update'], ['install', '-y', '--no-install-recommends', debian]]) {
    const { status, stdout, stderr } = spawnSync('apt-get', step, { env, encoding: 'utf8' });
    if (status === 0) continue;
    console.error(`${stdout}${stderr}`);
    return;
  }
}

/** Its path: it is there, or could be installed. */
export function obtain(program: Program): string | undefined {
  const canInstall =
    !process.env[program.variable] && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (!find(program) && canInstall) install(program);
  return find(program);
}

/** What to do about one that isn't there, in a sentence. @param what needs it */
export function missing({ name, variable, debian }: Program, what: string): string {
  const given = process.env[variable];
  const why = given ? `${variable} is ${given}, and there is nothing.` : `${what} ${name}.`;
  return `${why} Install it (Debian and Ubuntu: apt-get install ${debian}) or set ${variable} to the program`;
}
