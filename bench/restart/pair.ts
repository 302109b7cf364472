/**
 * Two Syncline servers on one data source, to be restarted one at a time: a broker that both share and that outlives them.
 * It stands for two nodes on one Redis, without the network in between.
 */
import { defineChannels, stream } from '@syncline/protocol';
import { type Broker, createServer, memory, type Server } from '@syncline/server';
import { obey } from '../servers/control.ts';

const [drainMs = 0] = process.argv.slice(2).map(Number);
const channels = defineChannels({ 'bench/:name': stream() });
const store = memory();
const shared: Broker = {
  append: (channel, append) => store.append(channel, append),
  read: (channel, range) => store.read(channel, range),
  compact: (channel, epoch, snapshot) => store.compact(channel, epoch, snapshot),
  listen: (channel, onNews) => store.listen(channel, onNews),
  // A server closes its broker when it leaves; this one is the other server's too.
  close: async () => {},
};

interface Node {
  server: Server<typeof channels>;
  readonly port: number;
}

async function open(port = 0): Promise<Node> {
  const server = createServer({ channels, broker: shared });
  return { server, port: (await server.listen(port, '127.0.0.1')).port };
}

/** Leaves in order, and comes back at once at the same port; tells how long that took. */
async function restart(node: Node): Promise<{ tookMs: number }> {
  const from = performance.now();
  await node.server.close({ drainMs });
  node.server = (await open(node.port)).server;
  return { tookMs: performance.now() - from };
}

const nodes = [await open(), await open()];
const answers = nodes.map((node, i) => [`restart ${i}`, () => restart(node)] as const);
obey({ ports: nodes.map(({ port }) => port) }, Object.fromEntries(answers));
