/**
 * Documents over real sockets: edits out and in as bytes, who joins and who comes back, and folding under load, with logs in memory
 * and on disk. The clients speak frames by hand and hold Yjs documents.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineChannels, doc, stream } from '@syncline/protocol';
import { decodeServerBinary } from '@syncline/protocol/wire';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Broker } from './broker/broker.ts';
import { disk } from './broker/disk.ts';
import { memory } from './broker/memory.ts';
import { Copy } from './testing/copy.ts';
import { documentOf, wordEntry } from './testing/documents.ts';
import { lasting } from './testing/meddle.ts';
import { RawClient } from './testing/raw.ts';
import { serveChannels } from './testing/serve.ts';
import { eventually, WireClient } from './testing/wire.ts';

const channels = defineChannels({ 'board/:id': doc(), 'chat/:room': stream() });
type Options = Parameters<typeof serveChannels<typeof channels>>[1];
const serveDocs = (options: Options = {}) => serveChannels(channels, options);
const board = 'board/1';

describe('edits', () => {
  it('[Y2] [D1] [F8] are appended as they are, and reach everyone, the author too, in one binary frame', async () => {
    const { port } = await serveDocs();
    const author = await Copy.join(port, board);
    const other = await Copy.join(port, board);
    const raw = await RawClient.open(port);
    await raw.frame();
    raw.send(JSON.stringify(['subscribe', 1, board, 0]));
    await raw.frame();
    const entry = wordEntry('hello');
    expect(await author.publish(entry)).toBe(1);
    const { opcode, payload } = await raw.frame();
    expect(opcode).toBe(2);
    expect(decodeServerBinary(payload)).toMatchObject({ type: 'entries', first: 1, entries: [entry] });
    for (const copy of [author, other]) expect((await copy.until(1)).text).toBe('hello');
  });

  it('[A2] that are repeated are stored once', async () => {
    const { port } = await serveDocs();
    const { client } = await Copy.join(port, board);
    const send = (sequence: number) => {
      const frame = {
        type: 'publish',
        ref: client.nextRef(),
        channel: board,
        producer: 'p',
        sequence,
      } as const;
      client.send({ ...frame, data: wordEntry('a') });
    };
    for (const sequence of [1, 1, 2]) send(sequence);
    const offsets: number[] = [];
    while (offsets.length < 3) {
      const frame = await client.frame();
      if (frame.type === 'ack') offsets.push(frame.position.offset);
    }
    expect(offsets).toEqual([1, 1, 2]);
  });

  it('[Y2] need no subscription', async () => {
    const { port } = await serveDocs();
    const copy = new Copy(await WireClient.connect(port), board);
    expect(await copy.edit((d) => d.getText('text').insert(0, 'x'))).toEqual([1]);
    expect((await Copy.join(port, board)).text).toBe('x');
  });

  it('are shown in pages of history no more than any bytes are', async () => {
    const { port } = await serveDocs();
    const { client } = await Copy.join(port, board);
    await new Copy(client, board).publish(wordEntry('a'));
    client.send({ type: 'history', ref: 99, channel: board, direction: 'after', offset: 0, limit: 10 });
    for (;;) {
      const frame = await client.frame();
      if (frame.type !== 'error') continue;
      expect(frame).toMatchObject({ ref: 99, code: 'unsupported_data' });
      break;
    }
  });
});

describe('who joins', () => {
  it('[Y1] [S9] gets the snapshot in parts and the entries after it, and has what everyone has', async () => {
    const { port, server } = await serveDocs({ docFoldEntriesMax: 20 });
    const author = await Copy.join(port, board);
    const letters = 'x'.repeat(50_000);
    for (let i = 0; i < 10; i++) await author.edit((d) => d.getText('text').insert(0, letters));
    for (let i = 0; i < 11; i++) await author.edit((d) => d.getMap('map').set('at', i));
    await eventually(() => server.metrics.snapshotsStored).toBe(1);
    for (let i = 0; i < 5; i++) await author.edit((d) => d.getMap('map').set('at', `after ${i}`));
    await author.until(26);
    const late = await Copy.join(port, board);
    expect(late.content).toEqual(author.content);
    expect(late.text.length).toBe(500_000);
    expect(late.seen).toMatchObject({ snapshots: 1, entries: 5 });
    expect(late.seen.parts).toBeGreaterThan(5);
    expect(late.position).toEqual(author.position);
  });

  it('[Y1] [S3] a second time gets only what came meanwhile, though it was folded', async () => {
    const { port, server } = await serveDocs({ docFoldEntriesMax: 20 });
    const author = await Copy.join(port, board);
    const reader = await Copy.join(port, board);
    await author.edit((d) => d.getText('text').insert(0, 'first'));
    await reader.until(1);
    reader.client.close();
    for (let i = 0; i < 40; i++) await author.edit((d) => d.getText('text').insert(0, 'x'));
    await eventually(() => server.metrics.snapshotsStored).toBeGreaterThan(0);
    const back = await reader.comeBack(port);
    await author.until(41);
    expect(back.content).toEqual(author.content);
    expect(back.seen).toEqual({ snapshots: 0, parts: 0, entries: 40 });
  });

  it('[Y1] [S9] from before what was folded, on a node that has just begun, takes the snapshot on top of what it has', async () => {
    const broker = lasting(memory());
    const first = await serveDocs({ broker, docFoldEntriesMax: 20 });
    const author = await Copy.join(first.port, board);
    const reader = await Copy.join(first.port, board);
    await author.edit((d) => d.getText('text').insert(0, 'first'));
    await reader.until(1);
    for (let i = 0; i < 40; i++) await author.edit((d) => d.getText('text').insert(0, 'x'));
    await eventually(() => first.server.metrics.snapshotsStored).toBeGreaterThan(0);
    const second = await serveDocs({ broker });
    const back = await reader.comeBack(second.port);
    await author.until(41);
    expect(back.content).toEqual(author.content);
    expect(back.seen.snapshots).toBe(1);
  });
});

const brokers: [name: string, make: () => { broker: Broker; again: () => Promise<Broker> }][] = [
  [
    'memory',
    () => {
      const broker = lasting(memory());
      return { broker, again: async () => broker };
    },
  ],
  [
    'disk',
    () => {
      const dir = mkdtempSync(join(tmpdir(), 'syncline-doc-'));
      onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
      const open = () => disk({ dir });
      return { broker: open(), again: async () => open() };
    },
  ],
];

describe.each(brokers)('folding under load, with logs in %s', (_name, make) => {
  it('[Y1] loses and doubles nothing, for those who are there and for those who join meanwhile', async () => {
    const { broker, again } = make();
    const { port, server } = await serveDocs({ broker, docFoldEntriesMax: 40 });
    const authors = await Promise.all(Array.from({ length: 6 }, () => Copy.join(port, board)));
    const late: Promise<Copy>[] = [];
    const work = authors.map(async (author, who) => {
      for (let i = 0; i < 60; i++) {
        // A machine with much else to do folds late, but it folds while edits come.
        if (i % 15 === 0)
          await eventually(() => server.metrics.snapshotsStored).toBeGreaterThanOrEqual(i / 15);
        await author.edit((d) => {
          const text = d.getText('text');
          if (i % 3 === 2) text.delete(0, Math.min(2, text.length));
          else text.insert((i * 7) % (text.length + 1), `${who}.${i} `);
          d.getMap('map').set(`shape ${i % 5}`, i);
        });
        if (i % 20 === 10) late.push(Copy.join(port, board));
      }
    });
    await Promise.all(work);
    const copies = [...authors, ...(await Promise.all(late))];
    for (const copy of copies) await copy.until(360);
    const [first] = copies;
    for (const copy of copies) expect(copy.content).toEqual(first?.content);
    const { text, map } = await server.readDoc(board);
    expect({ text, map }).toMatchObject({ text: first?.text, map: { 'shape 0': 55 } });
    const position = first?.position;
    await server.close({ drainMs: 0 });
    const after = await serveDocs({ broker: await again(), docFoldEntriesMax: 40 });
    const joined = await Copy.join(after.port, board);
    expect(joined.content).toEqual(first?.content);
    expect(joined.position).toEqual(position);
    expect(joined.seen).toMatchObject({ snapshots: 1 });
    expect(joined.seen.entries).toBeLessThan(200);
  });
});

describe('the log', () => {
  it('[Y1] is cut where a snapshot covers it, and the two together are the document', async () => {
    const broker = lasting(memory());
    const { port, server } = await serveDocs({ broker, docFoldBytesMax: 4096 });
    const author = await Copy.join(port, board);
    for (let i = 0; i < 30; i++) await author.edit((d) => d.getText('text').insert(0, 'x'.repeat(500)));
    await eventually(() => server.metrics.snapshotsStored).toBeGreaterThan(0);
    await author.until(30);
    const range = { direction: 'after', offset: 0, entriesMax: 1000, bytesMax: 1e9, keep: null } as const;
    const { snapshot, entries, oldest } = await broker.read(board, range);
    expect(oldest).toBeGreaterThan(8);
    const whole = documentOf([snapshot?.data ?? '', ...entries.map(({ data }) => data)]);
    expect(whole.getText('text').toString()).toBe(author.text);
  });
});
