/**
 * A load balancer in few lines, in a thread of its own: each connection goes to the next server in turn, or to the one
 * after when that one takes none. It looks into no byte and remembers no client, so a client finds its way by itself.
 */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { ports } = workerData as { readonly ports: readonly number[] };
let turn = 0;

const proxy = createServer({ noDelay: true, pauseOnConnect: true }, (client) => {
  client.on('error', () => client.destroy());
  pass(client, turn++, ports.length);
});
proxy.listen(0, '127.0.0.1', () => parentPort?.postMessage((proxy.address() as AddressInfo).port));

function pass(client: Socket, server: number, left: number): void {
  if (left === 0) return void client.destroy();
  const socket = connect({ host: '127.0.0.1', port: ports[server % ports.length] ?? 0, noDelay: true });
  const next = (): void => pass(client, server + 1, left - 1);
  socket.once('error', next);
  socket.once('connect', () => {
    socket.off('error', next);
    socket.on('error', () => client.destroy());
    client.on('close', () => socket.destroy());
    socket.on('close', () => client.destroy());
    client.pipe(socket).pipe(client);
    client.resume();
  });
}
