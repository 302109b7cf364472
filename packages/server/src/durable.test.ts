/**
 * Durable logs seen from a socket: their entries are read there as they are stored, and nothing is written. How they are written is
 * tested over HTTP, and what they come to in hub and fold.
 */
import { defineChannels, durable } from '@syncline/protocol';
import { readDurableEntry } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import { serveChannels } from './testing/serve.ts';
import { WireClient } from './testing/wire.ts';

const channels = defineChannels({ 'log/:name': durable() });
const headers = { 'Content-Type': 'text/plain' };

async function serve() {
  const { port } = await serveChannels(channels);
  const url = `http://localhost:${port}/sync/streams/log/a`;
  await fetch(url, { method: 'PUT', headers, body: 'hello' });
  return { port, url };
}

describe('durable logs on a socket', () => {
  it.each([
    ['a text', '{"n":1}'],
    ['bytes', Uint8Array.of(1, 2, 3)],
    ['bytes that are no entry of theirs', Uint8Array.of(0x20)],
  ])('[P28] %s is not published there', async (_what, data) => {
    const { port, url } = await serve();
    const client = await WireClient.connect(port);
    const frame = { type: 'publish', ref: 7, channel: 'log/a', producer: 'p', sequence: 1 } as const;
    client.send({ ...frame, data });
    expect(await client.expect('error')).toMatchObject({ ref: 7, code: 'unsupported_data' });
    expect(await (await fetch(url)).text()).toBe('hello');
  });

  it('[F8] their entries are read as they are stored', async () => {
    const { port, url } = await serve();
    const client = await WireClient.connect(port);
    client.send({ type: 'subscribe', ref: 1, channel: 'log/a', start: 10 });
    expect(await client.expect('subscribed')).toMatchObject({ top: 1 });
    await fetch(url, { method: 'POST', headers, body: ' world' });
    const texts: string[] = [];
    while (texts.length < 2) {
      const { entries } = await client.expect('entries');
      for (const entry of entries)
        for (const { body } of readDurableEntry(entry as Uint8Array))
          texts.push(Buffer.from(body).toString());
    }
    expect(texts).toEqual(['hello', ' world']);
  });
});
