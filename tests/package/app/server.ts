// The application's server: logs on disk, which takes a thread, and documents, which take a process of their own; both are files of
// the package. It prints its port, answers each line of its input with a document as JSON, and ends when the input does.
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import {
  type Authenticate,
  type Broker,
  cookieSession,
  createServer,
  disk,
  jwt,
  memory,
  mintToken,
  type Server,
  type ServerOptions,
} from '@syncline/server';
import type { RedisOptions } from '@syncline/server/redis';
import { channels } from './channels.ts';

const secret = 'a secret of forty characters, for trying';
const tokens: Authenticate = jwt({ keys: [{ alg: 'HS256', secret }], issuer: null, audience: null });
const cookies: Authenticate = cookieSession({
  verify: async (cookies) => (cookies.get('sid') === '1' ? { user: 'ada' } : null),
});
/** With properties that may be missing, which compilers take in two ways. */
const options: ServerOptions<typeof channels> = {
  channels,
  authenticate: (credentials) => (credentials.token === null ? cookies : tokens)(credentials),
  beforePublish: ({ data }) => ({ data }),
  path: '/live',
};
const [, , dir] = process.argv;
const broker: Broker = dir === undefined ? memory() : disk({ dir });
const server: Server<typeof channels> = createServer({ ...options, broker });
const http = createHttpServer((_, response) => response.end());
server.attach(http);
await server.ready;
await new Promise<void>((resolve) => http.listen(0, 'localhost', resolve));

const redisAt: RedisOptions = { url: 'redis://localhost:6379' };
if (dir === undefined) (await import('@syncline/server/redis')).redis(redisAt);

const token = await mintToken({
  secret,
  user: 'ada',
  capabilities: { 'chat/:room': ['*'], 'fleet/:city': ['*'], 'board/:id': ['*'] },
  lifetimeMs: 3_600_000,
});
await server.publish('chat/lobby', { text: 'from the server' });
console.log(JSON.stringify({ port: (http.address() as AddressInfo).port, token }));
for await (const id of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await server.readDoc(`board/${id}`)));
await server.close();
http.close();
