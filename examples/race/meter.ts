/**
 * A door with a meter: passes connections on to the server as they are, counts their bytes, and can be cut like a cable. run.ts has one
 * for each lane, so that what a lane costs is what its sockets carry. It must not know what is carried, but for where a request begins.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Cost } from './channels.ts';

/** How a request begins; a WebSocket's frames begin with other bytes. */
const request = /^(?:GET|POST|PUT|HEAD|OPTIONS|DELETE) \//;

export interface Meter {
  readonly cost: Cost;
  /** Breaks what is open, and lets nobody in for so long. */
  cut(ms: number): void;
  close(): void;
}

/** @param port where the server is */
export async function startMeter(port: number): Promise<Meter> {
  const cost = { port: 0, bytesUp: 0, bytesDown: 0, requests: 0, connections: 0 };
  const open = new Set<Socket>();
  let cutUntil = 0;
  const server = createServer((near) => {
    near.on('error', () => near.destroy());
    if (Date.now() < cutUntil) return void near.resetAndDestroy();
    cost.connections++;
    const far = connect(port, 'localhost');
    open.add(near);
    far.on('error', () => near.destroy());
    far.once('close', () => near.destroy());
    near.once('close', () => {
      open.delete(near);
      far.destroy();
    });
    near.on('data', (bytes) => {
      cost.bytesUp += bytes.length;
      if (request.test(bytes.toString('latin1', 0, 16))) cost.requests++;
    });
    far.on('data', (bytes) => {
      cost.bytesDown += bytes.length;
    });
    near.pipe(far);
    far.pipe(near);
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  cost.port = (server.address() as AddressInfo).port;
  const breakAll = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    cost,
    cut: (ms) => {
      cutUntil = Date.now() + ms;
      breakAll();
    },
    close: () => {
      server.close();
      breakAll();
    },
  };
}
