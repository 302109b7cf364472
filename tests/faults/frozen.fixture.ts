/**
 * A server as a process of its own, for tests that stop it and let it go on. It serves one port per heartbeat that it is given
 * in ms, tells the ports over the channel to its parent, and its counters whenever it is asked; it ends with its parent.
 */
import { createServer, memory } from '@syncline/server';
import { channels } from './seat.ts';

const servers = process.argv
  .slice(2)
  .map((ms) => createServer({ channels, broker: memory(), heartbeatMs: Number(ms) }));
const addresses = await Promise.all(servers.map((server) => server.listen(0, '127.0.0.1')));
process.on('message', () => process.send?.(servers.map(({ metrics }) => metrics)));
process.on('disconnect', () => process.exit());
process.send?.(addresses.map(({ port }) => port));
