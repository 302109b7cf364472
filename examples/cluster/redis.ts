/**
 * A Redis for the cluster example: the one that REDIS_URL names, or a server that is started for it and keeps nothing. run.ts asks for
 * it; it must not know what is stored there.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';

const places = ['/usr/bin/redis-server', '/usr/local/bin/redis-server', '/opt/homebrew/bin/redis-server'];

export interface Store {
  readonly url: string;
  stop(): void;
}

/** @throws Error when there is no Redis to start, or it doesn't come up */
export async function startRedis(): Promise<Store> {
  const { REDIS_URL, REDIS_SERVER_PATH } = process.env;
  if (REDIS_URL) return { url: REDIS_URL, stop: () => {} };
  const path = REDIS_SERVER_PATH ?? places.find((place) => existsSync(place));
  if (!path)
    throw new Error(
      'There is no Redis on this machine. Install it (Debian and Ubuntu: apt-get install redis-server), set REDIS_SERVER_PATH to the program, or REDIS_URL to a Redis of yours.',
    );
  const port = await freePort();
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn(path, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  await up(server);
  return { url: `redis://127.0.0.1:${port}`, stop: () => void server.kill('SIGKILL') };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when it says that it takes connections. */
function up(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    server.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes('Ready to accept connections')) resolve();
    });
    server.once('error', reject);
    server.once('exit', () => reject(new Error(`Redis ended before it was ready: ${said.trim()}`)));
  });
}
