/**
 * A server node as a process of its own, as its plan says: over a broker in a folder, or over Redis. It tells its port when it
 * listens, what it holds when it is asked, and leaves in order at SIGTERM. Bugs can be planted in it, for the checker to find.
 */
import { type Broker, createServer, disk } from '@syncline/server';
import { redis } from '@syncline/server/redis';
import { channels, numbers } from './contract.ts';
import type { Holdings } from './history.ts';
import type { NodePlan } from './node.ts';
import { block, fill, Mortal, type NodeCommand, optionsOf } from './quirks.ts';

const plan = JSON.parse(process.argv[2] ?? '') as NodePlan;
const { quirks } = plan;
const mortal = new Mortal();
const { options, met } = optionsOf(quirks);

function open({ broker }: NodePlan): Broker {
  return 'dir' in broker ? disk(broker) : redis(broker.redis);
}

/** The same broker with a bug. */
function bugged(broker: Broker): Broker {
  const { plant } = plan;
  if (plant === null) return broker;
  return new Proxy(broker, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name !== 'append' || plant !== 'forget-producer') return value.bind(target);
      return (channel: string, append: Parameters<Broker['append']>[1]) =>
        target.append(channel, { ...append, producer: undefined });
    },
  });
}

const logger = {
  error: (...what: unknown[]) => process.stderr.write(`log ${JSON.stringify(what)}\n`),
};
const server = createServer({
  ...numbers,
  ...plan.numbers,
  ...options,
  channels,
  broker: mortal.wrap(bugged(open(plan))),
  logger,
});
const { port } = await server.listen(plan.port, quirks.host ?? '127.0.0.1');

function holdings(): Holdings {
  const { sessionsOpen, cursorsOpen, channelsOpen, membersOpen } = server.metrics;
  const resources = process.getActiveResourcesInfo().length;
  const { rss: rssBytes } = process.memoryUsage();
  return { sessionsOpen, cursorsOpen, channelsOpen, membersOpen, resources, rssBytes };
}

function obey(command: NodeCommand): unknown {
  switch (command.do) {
    case 'holdings':
      return holdings();
    case 'hooks':
      return met;
    case 'block':
      return block(command.ms);
    case 'fill':
      return fill();
    case 'die':
      return mortal.dieAfter(command.afterAppends);
  }
}

process.on('message', (command: NodeCommand) => process.send?.({ answer: obey(command) ?? {} }));
process.on('disconnect', () => process.exit());
process.on('SIGTERM', () => {
  void server.close().then(() => process.exit(0));
});
process.send?.({ answer: { port } });
