/**
 * A node as a process of its own, on a Redis at a unix socket: for tests of what becomes of nodes that are killed or frozen. It tells its
 * port and its name by IPC, does what it is told, and ends with whoever started it. Run: node … socket prefix [more options, as JSON]
 */
import { defineChannels, stream } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import { openLink } from '../broker/redis/link.ts';
import { redisOver } from '../broker/redis.ts';
import { createServer } from '../server.ts';

const [, , path = '', prefix = '', more = '{}'] = process.argv;
const broker = redisOver(openLink({ target: { address: { path } }, prefix }), { prefix });
const server = createServer({
  channels: defineChannels({ 'chat/:room': stream() }),
  broker,
  // Whoever connects is who the path names, with a token of that name.
  authenticate: ({ url }) => {
    const user = url.split('?')[1] ?? '';
    return { user, tokenId: user, capabilities: { '*': ['*'] } };
  },
  presenceGraceMs: 300,
  heartbeatMs: 600_000,
  ...(JSON.parse(more) as object),
});
const { port } = await server.listen();
process.send?.({ port, id: broker.nodes.id });
process.on('message', (message) => {
  if (message === 'revoke ada') server.revoke('ada', systemClock.now() + 3_600_000);
});
process.once('disconnect', () => process.exit());
