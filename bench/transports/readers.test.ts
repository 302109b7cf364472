/**
 * Each way to read the feed reads it: what is compared is what is new, each update once, with requests and bytes that are counted. Real
 * servers and sockets; how fast anything is isn't asked here.
 */
import { defineChannels, stream } from '@syncline/protocol';
import { createServer, memory } from '@syncline/server';
import { expect, onTestFinished, test } from 'vitest';
import { channel, now, pollMs, update, ways } from './plan.ts';
import { readerOf } from './readers.ts';
import { Traffic } from './traffic.ts';

const channels = defineChannels({ 'feed/:name': stream({ anonymous: ['subscribe', 'history'] }) });

test.each(ways.filter((way) => pollMs[way] === undefined))('%s', async (way) => {
  const server = createServer({ channels, broker: memory() });
  const { port } = await server.listen(0, '127.0.0.1');
  const traffic = new Traffic();
  const reader = readerOf(way, port, traffic);
  onTestFinished(async () => {
    reader.stop();
    await server.close({ drainMs: 0 });
  });
  await reader.start();
  traffic.begin();
  let received = 0;
  const { received: count } = traffic;
  traffic.received = (at) => {
    received++;
    count.call(traffic, at);
  };
  for (let i = 1; i <= 3; i++) {
    await server.publish(channel, update(now()));
    await expect.poll(() => received).toBe(i);
  }
  const { bytesDown, bytesUp, updates, requests } = traffic.end();
  expect(updates).toBe(3);
  expect(bytesDown).toBeGreaterThan(300);
  if (way.endsWith('long polling')) {
    expect(requests).toBeGreaterThanOrEqual(3);
    expect(bytesUp).toBeGreaterThan(3 * 500);
  } else expect(requests).toBe(0);
});
