/**
 * A server node as a process of its own, as its plan says: over a broker in a folder, or over Redis. It tells its port when it
 * listens, what it holds when it is asked, and leaves in order at SIGTERM. Bugs can be planted in it, for the checker to find.
 */

import { systemClock } from '@syncline/protocol/wire';
import { type Broker, createServer, disk } from '@syncline/server';
import { redis } from '@syncline/server/redis';
import { FaultProxy } from '../proxy.ts';
import { channels, numbers } from './contract.ts';
import type { Holdings } from './history.ts';
import { bugged, clockOf, doorman, has, Loop, standStill } from './inside.ts';
import type { NodePlan } from './node.ts';
import { block, fill, Mortal, type NodeCommand, optionsOf } from './quirks.ts';
import { moveClock } from './wallclock.ts';

const plan = JSON.parse(process.argv[2] ?? '') as NodePlan;
const { quirks } = plan;
const mortal = new Mortal();
const { options, met, calm, log } = optionsOf(quirks);

function open({ broker }: NodePlan): Broker {
  return 'dir' in broker ? disk(broker) : redis(broker.redis);
}

const logger = {
  error: (...what: unknown[]) => process.stderr.write(`log ${JSON.stringify(what)}\n`),
};
const server = createServer({
  ...numbers,
  ...plan.numbers,
  authenticate: doorman(plan),
  ...options,
  clock: clockOf(plan),
  channels,
  broker: mortal.wrap(bugged(open(plan), plan)),
  logger,
});
const { port: own } = await server.listen(plan.port, '127.0.0.1');
/** Others reach it by a way of its own: a server without TLS listens to this machine only. */
const { port } = quirks.host
  ? await FaultProxy.open(own, systemClock, 1, { port: 0, host: quirks.host })
  : { port: own };

const loop = new Loop();
if (has(plan, 'stand-still')) setTimeout(() => standStill(1200), 1000);

function holdings(): Holdings {
  const { sessionsOpen, cursorsOpen, channelsOpen, membersOpen } = server.metrics;
  const resources = process.getActiveResourcesInfo().length;
  const { rss: rssBytes } = process.memoryUsage();
  return { sessionsOpen, cursorsOpen, channelsOpen, membersOpen, resources, rssBytes };
}

/** Withdraws a token; one that is careless about tokens doesn't. */
function revoke(tokenId: string): number {
  return has(plan, 'believe-tokens') ? 0 : server.revoke(tokenId);
}

function metrics(): Readonly<Record<string, number>> {
  return has(plan, 'miscount')
    ? { ...server.metrics, viewsOpen: server.metrics.viewsOpen - 1 }
    : { ...server.metrics };
}

function obey(command: NodeCommand): unknown {
  switch (command.do) {
    case 'holdings':
      return holdings();
    case 'hooks':
      calm();
      return { ...met, dropped: log?.dropped ?? 0 };
    case 'metrics':
      return metrics();
    case 'loop':
      return loop.told;
    case 'revoke':
      return revoke(command.tokenId);
    case 'clock':
      return moveClock(command.aheadMs);
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
