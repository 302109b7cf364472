/**
 * What the server itself does with documents, beside clients over real sockets: what new ones begin with, edits by the server, one
 * document in the place of another, and documents as JSON.
 */
import { createHash } from 'node:crypto';
import { defineChannels, doc, SyncError, stream } from '@syncline/protocol';
import { noLineage, readDocData } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import * as Y from 'yjs';
import { memory } from './broker/memory.ts';
import { demandYjs } from './fold/doc/yjs.ts';
import type { Seed } from './fold/docs.ts';
import { createServer } from './server.ts';
import { Copy } from './testing/copy.ts';
import { wordEntry } from './testing/documents.ts';
import { gate, lasting, meddle } from './testing/meddle.ts';
import { serveChannels } from './testing/serve.ts';
import { eventually, WireClient } from './testing/wire.ts';

const channels = defineChannels({ 'board/:id': doc(), 'chat/:room': stream() });
type Options = Parameters<typeof serveChannels<typeof channels>>[1];
const serveDocs = (options: Options = {}) => serveChannels(channels, options);
const board = 'board/1';
const hello: Seed = (_channel, d) => d.getText('text').insert(0, 'hello');

describe('what a document begins with', () => {
  it('[Y8] [Y3] is the seed, of a lineage that follows from it, before anyone gets the channel', async () => {
    const seen: string[] = [];
    const { port } = await serveDocs({
      seed: async (channel, d) => {
        seen.push(channel);
        d.getText('text').insert(0, channel);
        d.getMap('map').set('by', 'seed');
      },
    });
    const [one, two] = await Promise.all([Copy.join(port, board), Copy.join(port, board)]);
    expect([one.text, two.text]).toEqual([board, board]);
    expect(one.position.offset).toBe(1);
    expect(one.lineage).not.toEqual(noLineage);
    expect(two.lineage).toEqual(one.lineage);
    expect((await Copy.join(port, 'board/2')).lineage).not.toEqual(one.lineage);
    expect(seen).toEqual([board, 'board/2']);
  });

  it('[Y3] is the SHA-256 of the seed, and a log that was lost begins as the same document', async () => {
    const first = await serveDocs({ seed: hello });
    const reader = await Copy.join(first.port, board);
    await reader.edit((d) => d.getText('text').insert(5, ' world'));
    await reader.until(2);
    const second = await serveDocs({ seed: hello, broker: memory() });
    const client = await WireClient.connect(second.port);
    const { gap, top } = await client.subscribe(board, reader.position);
    expect([gap, top]).toEqual(['epoch', 1]);
    const [entry] = await client.entries(0, 1);
    const read = readDocData(entry ?? '');
    if (read.type !== 'beginning') throw new Error('No beginning.');
    expect(read.lineage).toEqual(reader.lineage);
    const sum = createHash('sha256').update(read.update).digest();
    expect(Buffer.from(read.lineage)).toEqual(sum.subarray(0, 16));
    // So the two may be merged: what both hold is there once.
    Y.applyUpdate(reader.doc, read.update);
    expect(reader.text).toBe('hello world');
  });

  it('[Y8] is stored once, though two nodes begin it at the same time', async () => {
    const { broker, meddling } = meddle(lasting(memory()));
    const held = gate();
    let seeded = 0;
    const seed: Seed = async (_channel, d) => {
      if (++seeded === 2) held.open();
      await held.passed;
      d.getText('text').insert(0, `by ${seeded}`);
    };
    const options = { broker: lasting(broker), seed };
    const nodes = [await serveDocs(options), await serveDocs(options)];
    const copies = await Promise.all(nodes.map(({ port }) => Copy.join(port, board)));
    for (const copy of copies) await copy.until(1);
    expect(seeded).toBe(2);
    expect(copies.map(({ text }) => text)).toEqual(['by 2', 'by 2']);
    expect(copies.map(({ position }) => position.offset)).toEqual([1, 1]);
    expect(meddling.reads).toBeGreaterThan(0);
  });

  it('[Y8] never follows what somebody has written, though the seed took its time', async () => {
    const broker = lasting(memory());
    const held = gate();
    const slow = await serveDocs({
      broker,
      seed: async (_channel, d) => {
        await held.passed;
        d.getText('text').insert(0, 'seed');
      },
    });
    const joining = Copy.join(slow.port, board);
    const quick = await serveDocs({ broker });
    const author = await Copy.join(quick.port, board);
    expect(await author.publish(wordEntry('edit'))).toBe(1);
    held.open();
    const reader = await (await joining).until(1);
    expect([reader.text, reader.lineage]).toEqual(['edit', noLineage]);
  });

  it('[Y8] is nothing where the seed writes nothing, and then it is asked again while nothing is stored', async () => {
    let content = '';
    const broker = lasting(memory());
    const seed: Seed = (_channel, d) => d.getText('text').insert(0, content);
    const first = await serveDocs({ broker, seed });
    expect((await Copy.join(first.port, board)).position.offset).toBe(0);
    content = 'now';
    const second = await serveDocs({ broker, seed });
    expect((await Copy.join(second.port, board)).text).toBe('now');
  });

  it('[Y8] keeps the channel shut while it fails, or takes too long, which is told to the operator alone', async () => {
    const errors: unknown[] = [];
    let run: () => void | Promise<void> = () => {
      throw new Error('no database');
    };
    const seed: Seed = async (_channel, d) => {
      await run();
      d.getText('text').insert(0, 'at last');
    };
    const logger = { error: (facts: object) => void errors.push(facts) };
    const { port } = await serveDocs({ seed, logger, hookMs: 50 });
    const client = await WireClient.connect(port);
    const refused = async () => {
      client.send({ type: 'subscribe', ref: client.nextRef(), channel: board, start: 0 });
      const { code, message } = await client.expect('error');
      expect(message).toContain(`The document "${board}" could not be begun`);
      expect(message).not.toContain('database');
      return code;
    };
    expect(await refused()).toBe('unavailable');
    run = () => new Promise(() => {});
    expect(await refused()).toBe('unavailable');
    expect(errors).toMatchObject([
      { channel: board, reason: 'no database' },
      { reason: 'It took longer than 50 ms.' },
    ]);
    run = () => {};
    expect((await Copy.join(port, board)).text).toBe('at last');
  });
});

describe('withDoc', () => {
  it('edits a copy of the document and appends what changed, as one entry', async () => {
    const { port, server } = await serveDocs({ seed: hello });
    const reader = await Copy.join(port, board);
    const position = await server.withDoc(board, async (d) => {
      expect(d.getText('text').toString()).toBe('hello');
      d.getText('text').insert(5, ' world');
      await Promise.resolve();
      d.getMap('map').set('k', { n: 1 });
    });
    await reader.until(2);
    expect(position).toEqual(reader.position);
    expect([reader.text, reader.doc.getMap('map').toJSON()]).toEqual(['hello world', { k: { n: 1 } }]);
  });

  it('stores nothing where nothing changes, nor where the edit throws', async () => {
    const { port, server } = await serveDocs();
    expect(await server.withDoc(board, (d) => void d.getText('text').toString())).toBeNull();
    const fails = server.withDoc(board, (d) => {
      d.getText('text').insert(0, 'half');
      throw new TypeError('my own');
    });
    await expect(fails).rejects.toThrow(new TypeError('my own'));
    expect((await Copy.join(port, board)).position.offset).toBe(0);
  });

  it('lets edits of one document wait for each other, so that each sees the one before', async () => {
    const { server } = await serveDocs();
    const count = async () =>
      await server.withDoc(board, async (d) => {
        const map = d.getMap<number>('map');
        const before = map.get('count') ?? 0;
        await Promise.resolve();
        map.set('count', before + 1);
      });
    const positions = await Promise.all(Array.from({ length: 12 }, count));
    expect(positions.map((position) => position?.offset)).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    expect(await server.readDoc(board)).toEqual({ map: { count: 12 } });
  });

  it('merges with what clients write meanwhile', async () => {
    const { port, server } = await serveDocs({ docFoldEntriesMax: 15 });
    const copies = await Promise.all([Copy.join(port, board), Copy.join(port, board)]);
    const write = async (copy: Copy, letter: string) => {
      for (let i = 0; i < 20; i++) await copy.edit((d) => d.getText('text').insert(0, letter));
    };
    const byServer = async () => {
      for (let i = 0; i < 20; i++)
        await server.withDoc(board, (d) => {
          const text = d.getText('text');
          text.insert(text.length, 's');
        });
    };
    await Promise.all([...copies.map((copy, i) => write(copy, String(i))), byServer()]);
    for (const copy of copies) await copy.until(60);
    expect([...(copies[0]?.text ?? '')].sort().join('')).toBe(
      '0'.repeat(20) + '1'.repeat(20) + 's'.repeat(20),
    );
    expect(copies[1]?.content).toEqual(copies[0]?.content);
    expect(await server.readDoc(board)).toMatchObject({ text: copies[0]?.text });
  });

  it('[Y3] stores nothing when the document was replaced meanwhile', async () => {
    const broker = lasting(memory());
    const [one, two] = [await serveDocs({ broker }), await serveDocs({ broker })];
    await one.server.withDoc(board, (d) => d.getText('text').insert(0, 'old'));
    const edit = one.server.withDoc(board, async (d) => {
      d.getText('text').insert(0, 'lost');
      await two.server.replaceDoc(board, (other) => other.getText('text').insert(0, 'new'));
    });
    await expect(edit).rejects.toMatchObject({ code: 'precondition' });
    expect(await two.server.readDoc(board)).toEqual({ text: 'new' });
  });
});

describe('replaceDoc', () => {
  it('[Y1] [Y3] begins another document, of a lineage of its own each time, which readers take in the place of theirs', async () => {
    const { port, server } = await serveDocs();
    const reader = await Copy.join(port, board);
    await reader.edit((d) => d.getText('text').insert(0, 'old'));
    const lineages = [reader.lineage];
    for (const text of ['first', 'second']) {
      const { offset } = await server.replaceDoc(board, (d) => d.getText('text').insert(0, text));
      await reader.until(offset);
      expect(reader.text).toBe(text);
      lineages.push(reader.lineage);
    }
    expect(new Set(lineages.map((one) => Buffer.from(one).toString('hex'))).size).toBe(3);
    expect(lineages.every((one) => one.length === 16)).toBe(true);
    await server.replaceDoc(board, () => {});
    expect(await server.readDoc(board)).toEqual({});
    expect((await Copy.join(port, board)).text).toBe('');
  });

  it('[Y1] leaves nothing of the old one in the snapshot', async () => {
    const { port, server } = await serveDocs({ docFoldEntriesMax: 5 });
    const author = await Copy.join(port, board);
    await author.edit((d) => d.getText('text').insert(0, 'x'.repeat(20_000)));
    await server.replaceDoc(board, (d) => d.getText('text').insert(0, 'new'));
    await author.until(2);
    for (let i = 0; i < 6; i++) await author.edit((d) => d.getText('text').insert(0, '.'));
    await eventually(() => server.metrics.snapshotsStored).toBeGreaterThan(0);
    const late = await Copy.join(port, board);
    await author.until(8);
    expect([late.text, late.seen.snapshots, late.seen.parts]).toEqual(['......new', 1, 1]);
    expect(late.lineage).toEqual(author.lineage);
  });
});

describe('readDoc', () => {
  it('shows a document as JSON, whatever its parts are called', async () => {
    const { server } = await serveDocs();
    await server.withDoc(board, (d) => {
      d.getText('__proto__').insert(0, 'words');
      d.getArray('list').push([1, null, { deep: [true] }, new Uint8Array([1, 2, 3]), Number.NaN]);
      const nested = new Y.Map<unknown>();
      d.getMap('map').set('constructor', nested);
      nested.set('__proto__', new Y.Text('inside'));
      const paragraph = new Y.XmlElement('p');
      d.getXmlFragment('prose').insert(0, [paragraph]);
      paragraph.insert(0, [new Y.XmlText('bold')]);
      d.getText('gone').insert(0, 'gone');
      d.getText('gone').delete(0, 4);
    });
    const shown = await server.readDoc(board);
    expect(Object.keys(shown).sort()).toEqual(['__proto__', 'list', 'map', 'prose']);
    expect(Object.getOwnPropertyDescriptor(shown, '__proto__')?.value).toBe('words');
    expect(shown['list']).toEqual([1, null, { deep: [true] }, 'AQID', null]);
    const inner = (shown['map'] as Record<string, object>)['constructor'] ?? {};
    expect(Object.getOwnPropertyDescriptor(inner, '__proto__')?.value).toBe('inside');
    expect(shown['prose']).toBe('<p>bold</p>');
    expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
  });

  it('is of what is stored by then, an empty document too', async () => {
    const { port, server } = await serveDocs();
    expect(await server.readDoc(board)).toEqual({});
    const author = await Copy.join(port, board);
    for (let i = 0; i < 5; i++) {
      await author.edit((d) => d.getMap('map').set('i', i));
      expect(await server.readDoc(board)).toEqual({ map: { i } });
    }
  });
});

describe('a server with documents', () => {
  it('refuses to edit what is no document, and channels that do not exist', async () => {
    const { server } = await serveDocs();
    const untyped: {
      withDoc(channel: string, edit: () => void): Promise<unknown>;
      readDoc(channel: string): Promise<unknown>;
      replaceDoc(channel: string, fill: () => void): Promise<unknown>;
    } = server;
    for (const [channel, code] of [
      ['chat/x', 'unsupported_data'],
      ['nowhere', 'unknown_channel'],
    ] as const)
      for (const call of [
        untyped.withDoc(channel, () => {}),
        untyped.readDoc(channel),
        untyped.replaceDoc(channel, () => {}),
      ])
        await expect(call).rejects.toMatchObject({ code });
  });

  it('says at its start what is missing when Yjs is', () => {
    const resolve = () => {
      throw new Error('not found');
    };
    expect(() => demandYjs(resolve)).toThrow(
      expect.objectContaining({ code: 'bad_option', message: expect.stringContaining('npm install yjs') }),
    );
    expect(() => demandYjs()).not.toThrow();
  });

  it('[W1] has no plain path for a channel that carries bytes', () => {
    const options = { channels, broker: memory(), plain: { '/board': board } };
    expect(() => createServer(options)).toThrow(SyncError);
    expect(() => createServer(options)).toThrow(/carries bytes/);
  });
});
