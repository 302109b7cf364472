/** Smoke. Temporary file. */
import { defineChannels, stream } from '@syncline/protocol';
import { expect, test, vi } from 'vitest';
import { memory } from './broker/memory.ts';
import { createServer } from './server.ts';
import { WireClient } from './testing/wire.ts';

vi.mock('./broker/disk.ts', () => ({
  disk: () => {
    throw new Error('x');
  },
}));

test('smoke', async () => {
  const server = createServer({ channels: defineChannels({ 'chat/:room': stream() }), broker: memory() });
  const { port } = await server.listen(0);
  const a = await WireClient.connect(port);
  const b = await WireClient.connect(port);
  console.log(await a.subscribe('chat/x'));
  console.log(await b.subscribe('chat/x'));
  a.publish('chat/x', { t: 1 }, 'pa', 1);
  a.publish('chat/x', { t: 2 }, 'pa', 2);
  console.log(await a.frame(), await a.frame(), await a.frame());
  console.log(await b.frame());
  a.publish('chat/x', { t: 2 }, 'pa', 2);
  console.log(await a.frame());
  console.log(await b.subscribe('chat/x', 5), await b.frame());
  await server.publish('chat/x', 'hi');
  console.log(await b.flush());
  a.close();
  b.close();
  await server.close();
  expect(server.metrics.sessionsOpen).toBe(0);
  console.log(server.metrics);
});
