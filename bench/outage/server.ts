/**
 * One node of a contender, which publishes by itself at the rate that it is told: the clients only listen. What it publishes carries
 * its number and the time, by the machine's monotonic clock.
 */
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { defineChannels, stream } from '@syncline/protocol';
import { createServer, memory } from '@syncline/server';
import { redis } from '@syncline/server/redis';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import type { ServerCommand, ServerPlan } from './plan.ts';

const plan = JSON.parse(process.argv[2] ?? '') as ServerPlan;
const { contender, redisUrl } = plan;

const outageChannels = defineChannels({ 'bench/:name': stream({ keep: { entries: 100_000 } }) });

interface Contender {
  readonly port: number;
  publish(message: { readonly n: number; readonly t: number }): void;
}

async function syncline(): Promise<Contender> {
  const broker = redisUrl === null ? memory() : redis({ url: redisUrl });
  const server = createServer({
    channels: outageChannels,
    broker,
    sessionsPerIpMax: 100_000,
    handshakesPerIpMax: 10_000,
  });
  const { port } = await server.listen(0, '127.0.0.1');
  return { port, publish: (message) => void server.publish('bench/outage', message).catch(() => {}) };
}

async function socketIo(recovers: boolean): Promise<Contender> {
  const http = createHttpServer();
  const options = { transports: ['websocket' as const], ...(recovers && { connectionStateRecovery: {} }) };
  const io = new Server(http, { ...options, ...(redisUrl !== null && { adapter: await adapter(redisUrl) }) });
  io.on('connection', (socket) => void socket.join('outage'));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return { port, publish: (message) => void io.to('outage').emit('m', message) };
}

/** The adapter over a Redis stream: the one over pub/sub recovers no connection. */
async function adapter(url: string) {
  const client = createClient({ url });
  client.on('error', () => {});
  await client.connect();
  return createAdapter(client);
}

const served =
  contender === 'syncline' ? await syncline() : await socketIo(contender === 'socketio-recovery');
let published = 0;
let timer: NodeJS.Timeout | undefined;

process.on('message', (command: ServerCommand) => {
  clearInterval(timer);
  if (command.do === 'publish') {
    timer = setInterval(() => {
      served.publish({ n: ++published, t: Number(process.hrtime.bigint() / 1000n) / 1000 });
    }, 1000 / command.perSecond);
  }
  process.send?.({ answer: published });
});
process.on('disconnect', () => process.exit());
process.send?.({ answer: { port: served.port } });
