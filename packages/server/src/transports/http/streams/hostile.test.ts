/**
 * Requests for streams by those who may write and mean harm: what they could make the server hold, or work for, and what of others they
 * could spend. Real servers and sockets.
 */
import { createHash } from 'node:crypto';
import { defineChannels, doc, durable, stream } from '@syncline/protocol';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { Append, Broker } from '../../../broker/broker.ts';
import { memory } from '../../../broker/memory.ts';
import { DocWorker } from '../../../fold/doc/worker.ts';
import { Backend } from '../../../testing/backend.ts';
import { request } from '../../../testing/bytes.ts';
import { RawClient } from '../../../testing/raw.ts';
import { serveChannels } from '../../../testing/serve.ts';

const channels = defineChannels({ 'chat/:room': stream(), 'board/:id': doc(), 'files/:id': durable() });
const json = 'application/json';
const bytes = 'application/octet-stream';

async function serve(options: Parameters<typeof serveChannels<typeof channels>>[1] = {}) {
  const running = await serveChannels(channels, options);
  const post = (
    path: string,
    type: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ) =>
    fetch(`http://localhost:${running.port}/sync/streams/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': type, ...headers },
      body,
    });
  return { ...running, post };
}

it.each([
  ['script', 403],
  ['serviceworker', 403],
  ['style', 403],
  ['image', 200],
  ['empty', 200],
])('[P15] what somebody stored is no %s of a page of the origin', async (dest, status) => {
  const { port } = await serve();
  const url = `http://localhost:${port}/sync/streams/files/x`;
  const type = { 'Content-Type': 'text/javascript' };
  expect((await fetch(url, { method: 'PUT', headers: type, body: 'alert(1)' })).status).toBe(201);
  const client = await RawClient.connect(port);
  const fields = { Host: `localhost:${port}`, 'Sec-Fetch-Dest': dest, 'Sec-Fetch-Site': 'same-origin' };
  client.socket.write(request('GET /sync/streams/files/x HTTP/1.1', fields));
  const { status: answered, headers } = await client.answer();
  expect(answered).toBe(status);
  if (status === 200) expect(headers.get('vary')).toContain('Sec-Fetch-Dest');
});

it('[W7] an idempotency key is spent by no producer, whatever it calls itself', async () => {
  const authenticate = () => ({ user: null, capabilities: { '*': ['*' as const] } });
  const { port, post } = await serve({ authenticate });
  const key = 'order-17';
  for (const network of ['127.0.0.1', '::1', '0:0:0:0::/64']) {
    const digest = createHash('sha256')
      .update(JSON.stringify([network, key]))
      .digest('base64url');
    for (const mark of ['idempotent.', '%idempotent.']) {
      const by = { 'Producer-Id': `${mark}${digest}`, 'Producer-Epoch': '0', 'Producer-Seq': '0' };
      expect((await post('chat/x', json, '"mine"', by)).status).toBe(200);
    }
  }
  const { status, body } = await new Backend(port).post(
    'publish',
    { channel: 'chat/x', data: 'yours' },
    { 'Idempotency-Key': key },
  );
  expect([status, body['duplicate']]).toEqual([200, false]);
});

it('[P18] a body of a million updates is taken apart no further than it may be', async () => {
  const { post, server } = await serve();
  const response = await post('board/7', bytes, new Uint8Array(1_000_000));
  expect(response.status).toBe(413);
  // What comes after the most that a request may hold isn't looked at, and so isn't found to be wrong.
  const faulty = new Uint8Array(2000).fill(255, 1500);
  expect((await post('board/7', bytes, faulty)).status).toBe(413);
  expect(await server.readDoc('board/7')).toEqual({});
});

it('[P11] a document that is read again and again keeps the worker from nothing', async () => {
  const run = vi.spyOn(DocWorker.prototype, 'run');
  onTestFinished(() => run.mockRestore());
  const { server, port } = await serve({ docFoldEntriesMax: 2 });
  for (const i of [1, 2, 3, 4]) await server.withDoc('board/7', (one) => void one.getMap('a').set('b', i));
  await expect.poll(() => server.metrics.snapshotsStored).toBeGreaterThan(0);
  const read = async () => {
    const response = await fetch(`http://localhost:${port}/sync/streams/board/7?offset=-1`);
    return (await response.arrayBuffer()).byteLength;
  };
  const lengths = await Promise.all([read(), read(), read()]);
  for (let i = 0; i < 5; i++) lengths.push(await read());
  expect(Math.min(...lengths)).toBeGreaterThan(0);
  // The document may have been folded once more in between.
  const updates = run.mock.calls.filter(([work]) => String(work) === 'update').length;
  expect(updates).toBeGreaterThan(0);
  expect(updates).toBeLessThanOrEqual(2);
});

it('[P19] names of producers are held with the entries of a stream, and not for good with a document', async () => {
  const appended: Append[] = [];
  const broker: Broker = memory();
  const { append } = broker;
  broker.append = (channel, one) => {
    appended.push(one);
    return append.call(broker, channel, one);
  };
  const { post } = await serve({ broker });
  const by = { 'Producer-Id': 'p', 'Producer-Epoch': '3', 'Producer-Seq': '0' };
  // An update that changes nothing, with its length before it.
  const update = Uint8Array.of(2, 0, 0);
  expect((await post('chat/x', json, '1', by)).status).toBe(200);
  expect((await post('board/7', bytes, update, by)).status).toBe(200);
  expect((await post('board/7', bytes, update, by)).status).toBe(204);
  expect(appended.map(({ producer, key, order }) => [producer?.id, key, order])).toEqual([
    ['p.3', 'p', 3],
    ['p.3', undefined, undefined],
    ['p.3', undefined, undefined],
  ]);
});
