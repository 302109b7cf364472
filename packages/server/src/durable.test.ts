/**
 * Durable logs at the edges of a server: on a socket, where their entries are read as they are stored and nothing is written, and over
 * HTTP where time passes by the test's clock. What they come to is tested in hub and fold.
 */
import { defineChannels, durable, SyncError } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { readDurableEntry } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import { memory } from './broker/memory.ts';
import { request } from './testing/bytes.ts';
import { meddle } from './testing/meddle.ts';
import { RawClient } from './testing/raw.ts';
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

it.each([
  ['where others kept writing first says that nothing was stored', 'precondition', { stored: false }],
  ['whose outcome nobody knows says nothing of it', 'unavailable', undefined],
] as const)('[P25] a request %s', async (_what, code, detail) => {
  const { broker, meddling } = meddle(memory());
  const { port } = await serveChannels(channels, { broker });
  const url = `http://localhost:${port}/sync/streams/log/a`;
  await fetch(url, { method: 'PUT', headers, body: 'hello' });
  meddling.append = async () => {
    throw new SyncError(code);
  };
  const response = await fetch(url, { method: 'POST', headers, body: ' world' });
  expect(response.status).toBe(503);
  const { error } = (await response.json()) as { error: { code: string; detail?: unknown } };
  expect([error.code, error.detail]).toEqual(['unavailable', detail]);
});

describe('the address of a log that was created', () => {
  it.each([
    ['localhost', 201, 'http://localhost/sync/streams/log/a'],
    ['localhost:81', 201, 'http://localhost:81/sync/streams/log/a'],
    ['elsewhere.example', 421, null],
    ['localhost/sync/streams/log/b?', 400, null],
    ['user@localhost', 400, null],
  ])(
    '[P20] asked for at %s it is told by that name, where the server goes by it',
    async (host, status, location) => {
      const { port } = await serveChannels(channels, { hostsAllowed: ['localhost'] });
      const client = await RawClient.connect(port);
      client.socket.write(request('PUT /sync/streams/log/a HTTP/1.1', { Host: host, 'Content-Length': '0' }));
      const answered = await client.answer();
      expect([answered.status, answered.headers.get('location') ?? null]).toEqual([status, location]);
    },
  );
});

describe('a closed log that is read on and on', () => {
  it('[P22] [P27] stays closed for whoever comes with the place where it ended, though its end was put off since', async () => {
    const clock = fakeClock();
    const { port } = await serveChannels(channels, { clock, broker: memory({ clock }) });
    const url = `http://localhost:${port}/sync/streams/log/a`;
    await fetch(url, {
      method: 'PUT',
      headers: { ...headers, 'Stream-TTL': '160', 'Stream-Closed': 'true' },
      body: 'all',
    });
    const whole = await fetch(`${url}?offset=-1`);
    expect(await whole.text()).toBe('all');
    expect(whole.headers.get('stream-closed')).toBe('true');
    const place = String(whole.headers.get('stream-next-offset'));
    await clock.advance(20_000);
    // This is a use of it, which the log remembers.
    expect((await fetch(url)).status).toBe(200);
    const head = (await fetch(url, { method: 'HEAD' })).headers.get('stream-next-offset');
    expect(String(head) > place).toBe(true);
    for (const [live, status] of [
      ['', 200],
      ['&live=long-poll', 204],
    ] as const) {
      const again = await fetch(`${url}?offset=${place}${live}`);
      expect([again.status, await again.text()]).toEqual([status, '']);
      expect(again.headers.get('stream-closed')).toBe('true');
    }
    const events = await (await fetch(`${url}?offset=${place}&live=sse`)).text();
    expect(events).toContain('"streamClosed":true');
    expect(await (await fetch(`${url}?offset=-1&live=sse`)).text()).toContain('"streamClosed":true');
  });

  it('[P27] one that is open waits on at a place behind which it was only read', async () => {
    const clock = fakeClock();
    const { port } = await serveChannels(channels, { clock, broker: memory({ clock }) });
    const url = `http://localhost:${port}/sync/streams/log/a`;
    await fetch(url, { method: 'PUT', headers: { ...headers, 'Stream-TTL': '160' }, body: 'a' });
    const place = (await fetch(url)).headers.get('stream-next-offset');
    await clock.advance(20_000);
    await fetch(url);
    const waiting = fetch(`${url}?offset=${place}&live=long-poll`);
    await clock.advance(15_000);
    await fetch(url, { method: 'POST', headers, body: 'b' });
    const answer = await waiting;
    expect([answer.status, await answer.text()]).toEqual([200, 'b']);
  });
});
