/**
 * One node of the cluster: a process with the examples and Syncline on a port of its own, its logs in Redis. run.ts starts three and
 * kills them; a node knows nothing of the others.
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from '@syncline/server';
import { redis } from '@syncline/server/redis';
import { channels } from '../channels.ts';
import { answer, pages } from '../site.ts';

const all = [...pages, { path: '/cluster/', folder: 'cluster' }];

const http = createHttpServer((request, response) => {
  answer(request, response, all).catch(() => response.destroy());
});
const server = createServer({ channels, broker: redis({ url: process.env['REDIS_URL'] ?? '' }) });
server.attach(http);
await server.ready;
http.listen(0, 'localhost');
await once(http, 'listening');
process.send?.((http.address() as AddressInfo).port);
process.on('disconnect', () => process.exit());
process.on('SIGTERM', () => {
  http.close();
  void server.close({ drainMs: 1000 }).then(() => process.exit());
});
