/**
 * The server whose transports are compared: one stream, the memory broker, default options but for how many may come from one address,
 * since the whole crowd does. It publishes the feed itself, so that nobody's request is in the figures but the readers'.
 */
import { defineChannels, stream } from '@syncline/protocol';
import { createServer } from '@syncline/server';
import { obey } from '../servers/control.ts';
import { common } from '../servers/syncline.options.ts';
import { channel, feeds, now, update } from './plan.ts';

const channels = defineChannels({ 'feed/:name': stream({ anonymous: ['subscribe', 'history'] }) });
const server = createServer({ ...common, channels });
const { port } = await server.listen(0, '127.0.0.1');

let timer: NodeJS.Timeout | undefined;

function feed(everyMs: number | null): void {
  clearInterval(timer);
  if (everyMs !== null) timer = setInterval(() => void server.publish(channel, update(now())), everyMs);
}

obey(
  { port },
  {
    ...Object.fromEntries(feeds.map(({ name, everyMs }) => [name, async () => ({ begun: feed(everyMs) })])),
    once: async () => ({ at: await server.publish(channel, update(now())) }),
    usage: async () => {
      const { user, system } = process.cpuUsage();
      return { cpuMs: (user + system) / 1000 };
    },
  },
);
