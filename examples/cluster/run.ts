/**
 * `npm run cluster`: a Redis, three nodes and a load balancer on this machine, and a page that shows who is where and kills nodes.
 * What is shown comes from a server that nobody connects to: it publishes, as a backend would. PORT changes where.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { createServer, type Server } from '@syncline/server';
import { redis } from '@syncline/server/redis';
import { channels } from '../channels.ts';
import { startFleet } from '../fleet/simulator.ts';
import { startProxy, type Upstream } from './proxy.ts';
import { startRedis } from './redis.ts';

const names = ['amber', 'blue', 'coral'] as const;
const tickMs = 100;
/** How long a killed node stays away. */
const awayMs = 4000;

/** A node that the supervisor looks after. */
interface Ward extends Upstream {
  process: ChildProcess | undefined;
}

async function run(): Promise<void> {
  const store = await startRedis();
  const server = createServer({ channels, broker: redis({ url: store.url }) });
  await server.ready;
  const wards: Ward[] = names.map((name) => ({ name, port: null, process: undefined }));
  let stopping = false;
  /** @param up called when it can be connected to */
  const start = (ward: Ward, up = (): void => {}): void => {
    const child = fork(fileURLToPath(new URL('node.ts', import.meta.url)), {
      env: { ...process.env, REDIS_URL: store.url },
    });
    ward.process = child;
    child.once('message', (port) => {
      ward.port = Number(port);
      void tell(server, ward).then(up);
    });
    child.once('exit', () => {
      ward.port = null;
      ward.process = undefined;
      if (stopping) return;
      void tell(server, ward);
      setTimeout(() => stopping || start(ward), awayMs);
    });
  };
  await Promise.all(wards.map((ward) => tell(server, ward)));
  await Promise.all(wards.map((ward) => new Promise<void>((resolve) => start(ward, resolve))));
  let fleetOpened = false;
  const proxy = await startProxy(portOf(process.env), wards, {
    own: (request, response) => {
      fleetOpened ||= request.url?.startsWith('/fleet/') ?? false;
      return kill(request, response, wards);
    },
    onWindow: (id, node) => {
      const told = node === null ? server.delete('windows', id) : server.set('windows', id, node);
      told.catch(report);
    },
  });
  const url = `http://localhost:${proxy.port}`;
  const stopTicks = tick(server);
  // From when somebody opens their page; who looks at it later only the nodes know.
  const stopFleet = startFleet(server, { server: url, ca: undefined, awake: () => fleetOpened }, report);
  console.log(
    `Syncline cluster: ${url}/cluster/ (three nodes on one Redis; open it in two windows and kill one).`,
  );
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    stopTicks();
    stopFleet();
    proxy.close();
    for (const { process: child } of wards) child?.kill('SIGKILL');
    void server.close({ drainMs: 0 }).finally(() => {
      store.stop();
      process.exit();
    });
  };
  process
    .on('SIGINT', stop)
    .on('SIGTERM', stop)
    .on('disconnect', () => stopping || stop());
}

/** A number ten times a second. One that isn't stored is tried again, so that there is no hole but one that a node made. */
function tick(server: Server<typeof channels>): () => void {
  let n = 0;
  let stopped = false;
  const next = (): void => {
    if (stopped) return;
    server
      .publish('ticks', { n: n + 1, at: Date.now() })
      .then(() => n++)
      .catch(report)
      .finally(() => setTimeout(next, tickMs));
  };
  next();
  return () => {
    stopped = true;
  };
}

function tell(server: Server<typeof channels>, { name, process: child, port }: Ward): Promise<unknown> {
  const pid = port === null ? null : (child?.pid ?? null);
  return server.set('nodes', name, { pid, since: Date.now() }).catch(report);
}

/** `POST /cluster/kill/<node>`: what a crash does. */
function kill({ method, url }: IncomingMessage, response: ServerResponse, wards: readonly Ward[]): boolean {
  const name = /^\/cluster\/kill\/(\w+)$/.exec(url ?? '')?.[1];
  if (!name || method !== 'POST') return false;
  const killed = wards.find((ward) => ward.name === name)?.process?.kill('SIGKILL');
  response.writeHead(killed ? 204 : 404).end();
  return true;
}

function portOf({ PORT = '8080' }: NodeJS.ProcessEnv): number {
  const port = Number(PORT);
  if (/^\d+$/.test(PORT) && port <= 65535) return port;
  throw new Error(`Expected PORT to be a number from 0 to 65535, got ${JSON.stringify(PORT)}.`);
}

function report(thrown: unknown): void {
  console.error(`syncline: ${wordsOf(thrown)}`);
}

function wordsOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).replaceAll(/\s*\n\s*/g, ' ');
}

await run().catch((thrown: unknown) => {
  report(thrown);
  process.exit(1);
});
