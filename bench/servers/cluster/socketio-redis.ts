/**
 * One node of Socket.IO with the adapter over Redis' pub/sub, as its documentation shows it. It is started by the program of the same name above this folder.
 */
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { serveRooms } from './socketio.ts';

const publisher = createClient({ url: process.env['REDIS_URL'] ?? '' });
const subscriber = publisher.duplicate();
// Redis ends before the nodes do.
for (const client of [publisher, subscriber]) client.on('error', () => {});
await Promise.all([publisher.connect(), subscriber.connect()]);
await serveRooms(createAdapter(publisher, subscriber));
