/**
 * A Redis for the cluster example: the one that REDIS_URL names, or a server that is started for it and keeps nothing. run.ts asks for
 * it; it must not know what is stored there.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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
  const dir = mkdtempSync(join(tmpdir(), 'syncline-cluster-'));
  const socket = join(dir, 'redis.sock');
  const options = ['--port', '0', '--unixsocket', socket, '--dir', dir, '--save', '', '--appendonly', 'no'];
  const server = spawn(path, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  await up(server);
  return { url: `unix://${socket}`, stop: () => void server.kill('SIGKILL') };
}

/** Resolves when it says that it takes connections. */
function up(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    server.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (/ready to accept connections/i.test(said)) resolve();
    });
    server.once('error', reject);
    server.once('exit', () => reject(new Error(`Redis ended before it was ready: ${said.trim()}`)));
  });
}
