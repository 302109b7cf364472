/**
 * One node of Syncline on Redis, with default options but for the bound on requests, as everywhere in this benchmark. It is
 * started by syncline-redis.ts above this folder.
 */
import { createServer as createHttpServer } from 'node:http';
import { defineChannels, stream } from '@syncline/protocol';
import { createServer } from '@syncline/server';
import { redis } from '@syncline/server/redis';
import { bounds } from '../syncline.options.ts';
import { listenTogether } from './nodes.ts';

const broker = redis({ url: process.env['REDIS_URL'] ?? '' });
const server = createServer({ ...bounds, broker, channels: defineChannels({ 'bench/:name': stream() }) });
const http = createHttpServer();
server.attach(http);
await server.ready;
await listenTogether(http);
