/**
 * The public clients of Durable Streams on channels of ours, beside our own client on a socket: what one appends the other reads, at the
 * same places. How requests are answered is tested in the server's package.
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DurableStream, IdempotentProducer, stream as read } from '@durable-streams/client';
import { isChangeEvent, MaterializedState, type StateEvent } from '@durable-streams/state';
import { YjsProvider } from '@durable-streams/y-durable-streams';
import { createClient } from '@syncline/client/doc';
import { defineChannels, doc, state, stream } from '@syncline/protocol';
import { createServer, memory } from '@syncline/server';
import { expect, onTestFinished, test } from 'vitest';
import * as Y from 'yjs';
import { until } from './until.ts';

const channels = defineChannels({
  'chat/:room': stream<{ n: number }>({ stamp: true }),
  'fleet/:city': state<{ at: number }>(),
  'docs/:id': doc(),
});

async function serve(options: Partial<Parameters<typeof createServer<typeof channels>>[0]> = {}) {
  const server = createServer({ channels, broker: memory(), ...options });
  const http = createHttpServer();
  server.attach(http);
  http.listen(0, 'localhost');
  await once(http, 'listening');
  onTestFinished(async () => {
    http.closeAllConnections();
    http.close();
    await server.close({ drainMs: 0 });
  });
  const { port } = http.address() as AddressInfo;
  const client = createClient<typeof channels>({ url: `ws://localhost:${port}/sync` });
  onTestFinished(() => client.close());
  return { server, client, url: (channel: string) => `http://localhost:${port}/sync/streams/${channel}` };
}

/** A `fetch` by which every second request of a producer overtakes the one before it: that is sent once the second is answered. */
function overtaking(): typeof fetch {
  const answered = new Set<number>();
  return async (input, init) => {
    const seq = Number(new Headers(init?.headers).get('producer-seq'));
    if (seq % 2 === 0) await expect.poll(() => answered, { interval: 1 }).toContain(seq + 1);
    const response = await fetch(input, init);
    answered.add(seq);
    return response;
  };
}

test.each(['sse', 'long-poll', true] as const)(
  '[P7] [P12] [P13] the public client reads what a socket’s client publishes, and goes on: live=%s',
  async (live) => {
    const { client, url } = await serve();
    const room = client.stream('chat/x');
    await room.publish({ n: 1 });
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const reader = await read<{ n: number }>({
      url: url('chat/x'),
      offset: '-1',
      live,
      signal: abort.signal,
    });
    const got: number[] = [];
    let offset = '';
    reader.subscribeJson(async (batch) => {
      got.push(...batch.items.map(({ n }) => n));
      offset = batch.offset;
    });
    await expect.poll(() => got).toEqual([1]);
    for (let n = 2; n <= 20; n++) await room.publish({ n });
    await expect.poll(() => got).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    abort.abort();
    await room.publish({ n: 21 });
    const later = await read<{ n: number }>({ url: url('chat/x'), offset, live: false });
    expect(await later.json()).toEqual([{ n: 21 }]);
  },
);

test('[P18] a socket’s client reads what the public client appends', async () => {
  const { client, url } = await serve();
  const list = client.stream('chat/x').timeline();
  onTestFinished(list.subscribe(() => {}));
  const handle = await DurableStream.create({ url: url('chat/x'), contentType: 'application/json' });
  await Promise.all([1, 2, 3].map((n) => handle.append(JSON.stringify({ n }))));
  const { items } = await until(list, (now) => now.items.length === 3);
  expect(items.map(({ data }) => data.n).toSorted()).toEqual([1, 2, 3]);
  expect(await handle.head()).toMatchObject({
    exists: true,
    offset: expect.stringMatching(/_0000000000000003_/),
  });
});

test('[P19] the public producer stores each message once and in order, however its requests overtake each other', async () => {
  const { server, url } = await serve();
  const handle = new DurableStream({ url: url('chat/x'), contentType: 'application/json' });
  const failed: Error[] = [];
  const producer = new IdempotentProducer(handle, 'jobs/1', {
    lingerMs: 0,
    maxBatchBytes: 36,
    onError: (error) => failed.push(error),
    fetch: overtaking(),
  });
  // Four to a request, and so an even number of requests.
  const sent = Array.from({ length: 304 }, (_, i) => 100 + i);
  for (const n of sent) producer.append(JSON.stringify({ n }));
  await producer.flush();
  expect(failed).toEqual([]);
  const all = await read<{ n: number }>({ url: url('chat/x'), live: false });
  expect((await all.json()).map(({ n }) => n)).toEqual(sent);
  expect(producer.nextSeq).toBe(sent.length / 4);
  expect(server.metrics.framesRefused).toBeGreaterThanOrEqual(producer.nextSeq / 2);
});

test('[P10] what the public State Protocol makes of a channel is what its keys hold, however late it comes', async () => {
  const { client, server, url } = await serve({ foldEntriesMax: 20 });
  const fleet = client.state('fleet/x');
  const mirrors: MaterializedState[] = [];
  const follow = async (offset: string) => {
    const mirror = new MaterializedState();
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const reader = await read<StateEvent>({ url: url('fleet/x'), offset, live: 'sse', signal: abort.signal });
    reader.subscribeJson(async ({ items }) => {
      for (const event of items) {
        if (isChangeEvent(event)) mirror.apply(event);
        else if (event.headers.control === 'reset') mirror.clear();
      }
    });
    mirrors.push(mirror);
  };
  await follow('-1');
  for (let i = 0; i < 200; i++) {
    await fleet.set(`van-${i % 7}`, { at: i });
    if (i % 20 === 0) await fleet.delete(`van-${(i + 3) % 7}`);
    if (i === 100) await follow('-1');
  }
  await server.set('fleet/x', 'last', { at: -1 });
  await follow('-1');
  onTestFinished(fleet.entries.subscribe(() => {}));
  const held = await until(fleet.entries, (entries) => entries.has('last'));
  const expected = Object.fromEntries([...held].map(([key, { value }]) => [key, value]));
  expect(Object.keys(expected)).toContain('van-1');
  for (const mirror of mirrors)
    await expect.poll(() => Object.fromEntries(mirror.getType('fleet'))).toEqual(expected);
});

test('[P18] [P10] a change that is appended as the State Protocol has it is what a socket’s client sees', async () => {
  const { client, url } = await serve();
  const handle = await DurableStream.create({ url: url('fleet/x'), contentType: 'application/json' });
  const change = (operation: string, value?: object) => ({
    type: 'fleet',
    key: 'van',
    value,
    headers: { operation },
  });
  await handle.append(JSON.stringify(change('insert', { at: 1 })));
  const fleet = client.state('fleet/x');
  onTestFinished(fleet.entries.subscribe(() => {}));
  expect((await until(fleet.entries, (entries) => entries.has('van'))).get('van')?.value).toEqual({ at: 1 });
  await handle.append(JSON.stringify(change('delete')));
  await until(fleet.entries, (entries) => !entries.has('van'));
});

test.each(['sse', 'long-poll'] as const)(
  '[P11] [P18] the public provider for Yjs edits a document together with one on a socket, also after it was folded: %s',
  async (liveMode) => {
    const { client, server, url } = await serve({ docFoldEntriesMax: 5 });
    const own = client.doc('docs/plan');
    onTestFinished(own.open());
    const shapes = own.doc.getMap<number>('shapes');
    for (let i = 0; i < 20; i++) {
      shapes.set('own', i);
      await until(own.sync, ({ state: now }) => now === 'synced');
    }
    await expect.poll(() => server.metrics.snapshotsStored).toBeGreaterThan(0);
    const copy = new Y.Doc();
    const baseUrl = url('').replace(/\/$/, '');
    const provider = new YjsProvider({ doc: copy, baseUrl, docId: 'plan', liveMode });
    onTestFinished(() => provider.destroy());
    await expect.poll(() => copy.getMap('shapes').toJSON()).toEqual({ own: 19 });
    copy.getMap('shapes').set('theirs', 1);
    await expect.poll(() => shapes.toJSON()).toEqual({ own: 19, theirs: 1 });
    shapes.set('own', 20);
    await expect.poll(() => copy.getMap('shapes').toJSON()).toEqual({ own: 20, theirs: 1 });
  },
);
