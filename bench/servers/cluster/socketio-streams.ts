/**
 * One node of Socket.IO with the adapter over a Redis stream, which its documentation recommends for clusters whose connections are
 * to be recovered. It is started by the program of the same name above this folder.
 */
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { createClient } from 'redis';
import { serveRooms } from './socketio.ts';

const client = createClient({ url: process.env['REDIS_URL'] ?? '' });
// Redis ends before the nodes do.
client.on('error', () => {});
await client.connect();
await serveRooms(createAdapter(client));
