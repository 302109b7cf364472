/**
 * Real proxies for the tests of this folder, set up rightly but for what a test changes. Those that aren't installed are left out by the
 * tests; what is found through them is their matter.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import type { Server } from '@syncline/server';
import { generate } from 'selfsigned';
import { expect, vi } from 'vitest';
import { atEnd } from '../ends.ts';
import { type channels, folder, serve } from './command.ts';

const patience = { timeout: 30_000 };
export const nginx = process.env['NGINX_PATH'] ?? '/usr/sbin/nginx';
export const haproxy = process.env['HAPROXY_PATH'] ?? '/usr/sbin/haproxy';

export const caddy = ['/usr/bin/caddy', '/usr/local/bin/caddy'].find((path) => existsSync(path));

/** What nginx is told about the way to the server, line by line; a test takes lines out, or puts others in. */
const lines = {
  http: 'proxy_http_version 1.1;',
  upgrade: 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
  host: 'proxy_set_header Host $http_host;',
  proto: 'proxy_set_header X-Forwarded-Proto $scheme;',
  address: 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
  idle: 'proxy_read_timeout 75s; proxy_send_timeout 75s;',
};

/** A folder with a certificate, and a port that was free a moment ago. */
export async function prepare(): Promise<{
  readonly dir: string;
  readonly port: number;
  readonly ca: string;
}> {
  const dir = folder();
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  });
  writeFileSync(join(dir, 'cert.pem'), cert);
  writeFileSync(join(dir, 'key.pem'), key);
  writeFileSync(join(dir, 'both.pem'), `${cert}\n${key}`);
  const probe = createTcpServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return { dir, port, ca: join(dir, 'cert.pem') };
}

/** Starts a proxy; resolves when it takes connections. */
export async function run(
  path: string,
  args: readonly string[],
  port: number,
  env: NodeJS.ProcessEnv = {},
): Promise<void> {
  const child: ChildProcess = spawn(path, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const output of [child.stdout, child.stderr]) output?.on('data', (text) => (said += String(text)));
  atEnd(async () => {
    if (child.exitCode !== null) return;
    // Not SIGKILL: the workers of nginx would stay.
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  const takes = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  await vi.waitFor(
    async () => expect([await takes(), child.exitCode === null ? '' : said]).toEqual([true, '']),
    patience,
  );
}

/** Lines that differ from those that are right, and lines beside them. */
export type Changed = Partial<typeof lines> & { readonly more?: string };

/**
 * A server behind nginx.
 *
 * @param tls whether nginx serves TLS; without it the server is told that it did
 */
export async function behindNginx(
  changed: Changed,
  heartbeatMs: number,
  tls = true,
): Promise<{ readonly url: string; readonly ca: string; readonly server: Server<typeof channels> }> {
  const all = { 'raw/:name': ['subscribe', 'publish'] } as const;
  const authenticate = () => ({ user: 'ada', capabilities: all });
  const { port: target, server } = await serve({ trustProxy: true, heartbeatMs, authenticate });
  const { dir, port, ca } = await prepare();
  const { more = '', ...others } = changed;
  const proto = tls ? {} : { proto: 'proxy_set_header X-Forwarded-Proto https;' };
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = paths.map((path) => `${path}_temp_path ${join(dir, path)};`).join(' ');
  const way = Object.values({ ...lines, ...proto, ...others }).join(' ');
  const location = `location /sync { proxy_pass http://127.0.0.1:${target}; ${way} ${more} }`;
  const secret = `ssl_certificate ${ca}; ssl_certificate_key ${join(dir, 'key.pem')};`;
  const listen = `listen 127.0.0.1:${port} ${tls ? 'ssl' : ''};`;
  const file = join(dir, 'config');
  const front = `daemon off; pid ${join(dir, 'pid')}; error_log ${join(dir, 'log')};\nevents {}\nhttp { access_log off;`;
  writeFileSync(file, `${front} ${temporary}\nserver { ${listen} ${tls ? secret : ''} ${location} } }`);
  await run(nginx, ['-p', dir, '-c', file, '-e', join(dir, 'log')], port);
  return { url: `${tls ? 'wss' : 'ws'}://localhost:${port}/sync`, ca, server };
}
