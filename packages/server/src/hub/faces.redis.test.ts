/**
 * What one of two nodes on a real Redis has acknowledged, the other one shows, asked right after, though it hears no news: channels that the
 * contract makes, and one that HTTP clients make.
 */
import { defineChannels, durable, state, stream } from '@syncline/protocol';
import { expect, it, onTestFinished } from 'vitest';
import type { Broker } from '../broker/broker.ts';
import { redis } from '../broker/redis.ts';
import { noRedis, startRedis } from '../testing/redis.ts';
import { serveChannels } from '../testing/serve.ts';

const channels = defineChannels({ 'chat/:room': stream(), 'fleet/:city': state(), 'log/:name': durable() });
const headers = { 'Content-Type': 'application/json' };
const times = 50;

/** The same broker, whose news never arrive. */
function deaf(broker: Broker): Broker {
  const listen: Broker['listen'] = (channel) => broker.listen(channel, () => {});
  return new Proxy(broker, {
    get: (target, name) => {
      const value: unknown = name === 'listen' ? listen : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

it.skipIf(noRedis).each([
  ['chat/x', (n: number) => n],
  ['fleet/x', (n: number) => ({ type: 'fleet', key: `k${n}`, value: n, headers: { operation: 'insert' } })],
  ['log/x', (n: number) => ({ n })],
])('[P7] [P17] [P25] at once, in %s', async (channel, message) => {
  const log = await startRedis({ tcp: true });
  onTestFinished(() => log.stop());
  const brokers = [redis({ url: log.url }), deaf(redis({ url: log.url }))];
  const nodes = await Promise.all(brokers.map((broker) => serveChannels(channels, { broker })));
  await Promise.all(nodes.map(({ server }) => server.ready));
  const [near = '', far = ''] = nodes.map(({ port }) => `http://localhost:${port}/sync/streams/${channel}`);
  await fetch(near, { method: 'PUT', headers });
  await fetch(far);
  const next = (answer: Response) => answer.headers.get('stream-next-offset');
  for (let n = 1; n <= times; n++) {
    const posted = await fetch(near, { method: 'POST', headers, body: JSON.stringify(message(n)) });
    expect(posted.status).toBe(204);
    const [head, all] = await Promise.all([fetch(far, { method: 'HEAD' }), fetch(far)]);
    expect([next(head), next(all)]).toEqual([next(posted), next(posted)]);
    expect(await all.json()).toHaveLength(n);
  }
});
