/**
 * Documents read by plain HTTP: that what a reader puts together of the updates is the document, from wherever it comes, and that it never
 * merges two that are in one place after each other. Real servers and sockets.
 */
import { defineChannels, doc } from '@syncline/protocol';
import { describe, expect, it } from 'vitest';
import * as Y from 'yjs';
import { memory } from '../../../broker/memory.ts';
import { EventReader } from '../../../testing/events.ts';
import { lasting } from '../../../testing/meddle.ts';
import { serveChannels } from '../../../testing/serve.ts';
import { eventually } from '../../../testing/wire.ts';

const channels = defineChannels({ 'board/:id': doc() });
type Options = Parameters<typeof serveChannels<typeof channels>>[1];

async function serve(options: Options = {}) {
  const running = await serveChannels(channels, options);
  const url = (query: string) => `http://localhost:${running.port}/sync/streams/board/7?${query}`;
  const put = (key: string, value: unknown) =>
    running.server.withDoc('board/7', (one) => void one.getMap('shapes').set(key, value));
  return { ...running, url, put };
}

/** Puts the updates of an answer into a document; each has its length before it. */
function take(copy: Y.Doc, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      length |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    Y.applyUpdate(copy, bytes.subarray(at, at + length));
    at += length;
  }
}

/** Reads on from a place until nothing more is there, into a document; where it stands then. */
async function follow(copy: Y.Doc, url: (query: string) => string, offset: string): Promise<string> {
  for (let at = offset; ; ) {
    const response = await fetch(url(`offset=${at}`));
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'application/octet-stream',
    ]);
    expect(response.headers.get('content-disposition')).toBe('attachment');
    take(copy, new Uint8Array(await response.arrayBuffer()));
    at = response.headers.get('stream-next-offset') ?? '';
    if (response.headers.has('stream-up-to-date')) return at;
  }
}

const shapes = (copy: Y.Doc) => copy.getMap('shapes').toJSON();

describe('a document', () => {
  it('[P11] is what its updates come to', async () => {
    const { url, put } = await serve();
    await put('a', 1);
    const copy = new Y.Doc();
    const offset = await follow(copy, url, '-1');
    expect(shapes(copy)).toEqual({ a: 1 });
    await put('b', 'x'.repeat(300));
    await follow(copy, url, offset);
    expect(shapes(copy)).toEqual({ a: 1, b: 'x'.repeat(300) });
  });

  it('[P11] [S9] that was folded is one update, and goes on after it', async () => {
    const broker = lasting(memory());
    const first = await serve({ broker, docFoldEntriesMax: 10 });
    for (let i = 0; i < 25; i++) await first.put('a', i);
    await eventually(() => first.server.metrics.snapshotsStored).toBeGreaterThan(0);
    await first.server.close({ drainMs: 0 });
    const { url, put } = await serve({ broker });
    const copy = new Y.Doc();
    const offset = await follow(copy, url, '-1');
    expect(shapes(copy)).toEqual({ a: 24 });
    await put('b', 1);
    await follow(copy, url, offset);
    expect(shapes(copy)).toEqual({ a: 24, b: 1 });
    const reader = await EventReader.open(url('offset=-1&live=sse'));
    const live = new Y.Doc();
    for (const data of (await reader.upToDate()).data) take(live, Buffer.from(data, 'base64'));
    expect(shapes(live)).toEqual({ a: 24, b: 1 });
  });

  it('[P11] that began with a seed is read from its beginning', async () => {
    const { url, put } = await serve({ seed: (_, one) => void one.getMap('shapes').set('seeded', true) });
    await put('a', 1);
    const copy = new Y.Doc();
    await follow(copy, url, '-1');
    expect(shapes(copy)).toEqual({ seeded: true, a: 1 });
  });

  it('[P11] [Y4] in whose place another one began is gone for who has some of it; who begins has the new one alone', async () => {
    const { server, url, put } = await serve();
    await put('old', 1);
    const old = new Y.Doc();
    const offset = await follow(old, url, '-1');
    const live = await EventReader.open(url(`offset=${offset}&live=sse`));
    await live.next();
    const waiting = fetch(url(`offset=${offset}&live=long-poll`));
    await eventually(() => server.metrics.cursorsOpen).toBe(2);
    await server.replaceDoc('board/7', (one) => void one.getMap('shapes').set('new', 2));
    expect(await live.next()).toBeUndefined();
    for (const answer of [await waiting, await fetch(url(`offset=${offset}`))]) {
      expect(answer.status).toBe(410);
      expect(await answer.json()).toMatchObject({ error: { detail: { reason: 'gone' } } });
    }
    await put('newer', 3);
    const copy = new Y.Doc();
    const then = await follow(copy, url, '-1');
    expect(shapes(copy)).toEqual({ new: 2, newer: 3 });
    await server.replaceDoc('board/7', (one) => void one.getMap('shapes').set('third', 3));
    expect((await fetch(url(`offset=${then}`))).status).toBe(410);
    const third = new Y.Doc();
    await follow(third, url, '-1');
    expect(shapes(third)).toEqual({ third: 3 });
  });
});
