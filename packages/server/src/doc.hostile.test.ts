/**
 * Documents and those who mean them ill, over real sockets: edits that are none, edits that are odd and allowed, documents that are
 * too large, and documents that can't be folded in the time that there is. The node and its other documents notice nothing.
 */
import { defineChannels, doc, stream } from '@syncline/protocol';
import { beginning, docSnapshot, noLineage } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import * as Y from 'yjs';
import { memory } from './broker/memory.ts';
import { Copy } from './testing/copy.ts';
import { anchoredEntries, slowEntries, wordEntry } from './testing/documents.ts';
import { lasting } from './testing/meddle.ts';
import { everything, serveChannels } from './testing/serve.ts';
import { eventually, WireClient } from './testing/wire.ts';

const channels = defineChannels({
  'board/:id': doc(),
  'small/:id': doc({ bytes: 4000 }),
  'chat/:room': stream(),
});
type Options = Parameters<typeof serveChannels<typeof channels>>[1];
const serveDocs = (options: Options = {}) => serveChannels(channels, options);
const board = 'board/1';

/** Bytes behind the format of an edit. */
const edit = (...bytes: number[]) => Uint8Array.of(1, ...bytes);
/** 2^32, as Yjs writes numbers. */
const huge = [128, 128, 128, 128, 16];
const good = wordEntry('good');
const asV2 = () => {
  const source = new Y.Doc();
  source.getText('text').insert(0, 'x'.repeat(1000));
  return Y.encodeStateAsUpdateV2(source);
};

describe('what is no edit', () => {
  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['a format and nothing else', edit()],
    ['a text', new TextEncoder().encode('{"type":"edit"}')],
    ['2^32 and nothing else', edit(...huge)],
    ['the number 4294967296 in letters', edit(...Buffer.from('4294967296'))],
    ['random bytes', edit(...Array.from({ length: 200 }, (_, i) => (i * 167 + 13) % 256))],
    ['an edit cut off', good.subarray(0, -2)],
    ['an edit and one byte more', Uint8Array.of(...good, 0)],
    ['a claim of 2^32 structs', edit(1, ...huge, 1, 0)],
    ['a claim of 2^32 clients', edit(...huge)],
    ['a claim of 2^32 deletions', edit(0, 1, 1, ...huge)],
    ['an update of the second encoding', edit(...asV2())],
    ['a beginning', beginning(noLineage, good.subarray(1))],
    ['a snapshot', docSnapshot(noLineage, asV2())],
  ])('[Y2] is refused with bad_payload, and the session goes on: %s', async (_what, bytes) => {
    const { port } = await serveDocs();
    const mallory = await Copy.join(port, board);
    expect(await mallory.publish(bytes)).toBe('bad_payload');
    expect(await mallory.publish(good)).toBe(1);
    expect((await Copy.join(port, board)).text).toBe('good');
  });

  it('[Y2] [F8] nor is text on a doc, nor bytes elsewhere', async () => {
    const { port } = await serveDocs();
    const mallory = await Copy.join(port, board);
    expect(await mallory.publish('{"x":1}')).toBe('unsupported_data');
    const elsewhere = new Copy(await WireClient.connect(port), 'chat/x');
    expect(await elsewhere.publish(good)).toBe('unsupported_data');
    expect(await mallory.publish(good)).toBe(1);
  });

  it.each<[string, Uint8Array]>([
    ['a tag that nobody knows', Uint8Array.of(9, 0)],
    ['nothing at all', new Uint8Array()],
    ['a number that has no end', new Uint8Array(40).fill(255)],
  ])('[F8] [F2] [F5] nor is a binary frame that can not be read: %s', async (_what, bytes) => {
    const { port, server } = await serveDocs();
    const { client } = await Copy.join(port, board);
    // With the number of a request it would be answered, and the session would go on.
    client.inbox.socket.send(Uint8Array.of(9, 77));
    expect(await client.expect('error')).toMatchObject({ ref: 77, code: 'bad_frame' });
    client.inbox.socket.send(bytes);
    expect(await client.inbox.closed()).toBe(4400);
    expect(await (await Copy.join(port, board)).publish(good)).toBe(1);
    expect(server.metrics.framesRefused).toBe(2);
  });

  it('[Y2] is charged like other requests', async () => {
    const { port } = await serveDocs({ requestsPerSecondMax: 1, requestsBurstMax: 60 });
    const mallory = await Copy.join(port, board);
    const answers: (string | number)[] = [];
    for (let i = 0; i < 8; i++) answers.push(await mallory.publish(new Uint8Array(60_000)));
    expect(answers).toContain('too_many');
  });

  it('[Y2] nor is any edit of someone who may only look', async () => {
    const { port } = await serveDocs({
      authenticate: ({ url }) => ({
        user: 'ada',
        capabilities: url.includes('looks') ? { '*': ['subscribe'] } : everything,
      }),
    });
    const looks = await Copy.join(port, board);
    const reader = new Copy(await WireClient.connect(port, '/sync?looks'), board);
    await reader.subscribe(0);
    expect(await reader.publish(good)).toBe('forbidden');
    expect(await looks.publish(good)).toBe(1);
    expect((await reader.until(1)).text).toBe('good');
  });
});

describe('what is odd', () => {
  const letter = (client: number[], clock: number[]) =>
    edit(1, 1, ...client, ...clock, 4, 1, 4, ...Buffer.from('text'), 1, 120, 0);

  it('[Y2] is stored, folded, and given back: a client of 2^32, a clock far ahead, deletions of what never was', async () => {
    const { port, server } = await serveDocs({ docFoldEntriesMax: 3 });
    const mallory = await Copy.join(port, board);
    for (const bytes of [
      letter(huge, [0]),
      letter([5], huge),
      edit(0, 1, 7, 1, ...huge, ...huge),
      good,
      // A deletion of all that good wrote comes before and after it.
      edit(0, 0),
    ])
      expect(typeof (await mallory.publish(bytes))).toBe('number');
    await eventually(() => server.metrics.snapshotsStored).toBeGreaterThan(0);
    expect(server.metrics.docsQuarantined).toBe(0);
    const joined = await Copy.join(port, board);
    expect([...joined.text].sort().join('')).toBe('dgoox');
    await mallory.until(5);
    expect(joined.content).toEqual(mallory.content);
  });

  it('[Y2] is an edit of thousands of authors', async () => {
    const { port, server } = await serveDocs();
    const mallory = await Copy.join(port, board);
    for (const bytes of slowEntries(2, 1000)) expect(typeof (await mallory.publish(bytes))).toBe('number');
    expect((await Copy.join(port, board)).text.length).toBe(2000);
    expect(String((await server.readDoc(board))['text']).length).toBe(2000);
  });
});

describe('a document that grows', () => {
  it('[Y7] beyond what the contract allows takes no more edits, is read, and is mended by the server', async () => {
    const { port, server } = await serveDocs({ docFoldBytesMax: 1024 });
    const author = await Copy.join(port, 'small/1');
    const write = async () => (await author.edit((d) => d.getText('text').insert(0, 'x'.repeat(200))))[0];
    for (let i = 0; i < 25; i++) await write();
    await eventually(write).toBe('payload_too_large');
    expect(await (await Copy.join(port, 'small/2')).publish(good)).toBe(1);
    const reader = await Copy.join(port, 'small/1');
    const { length } = reader.text;
    expect(length).toBeGreaterThan(3000);
    await server.withDoc('small/1', (d) => d.getText('text').delete(0, length - 10));
    expect(typeof (await reader.publish(wordEntry('again ')))).toBe('number');
    expect(String((await server.readDoc('small/1'))['text']).length).toBe(16);
  });
});

describe('a document that can not be folded in time', () => {
  /** A node on which somebody has written what takes half a minute to fold. */
  async function poisoned(options: Options = {}) {
    const errors: [Readonly<Record<string, unknown>>, string][] = [];
    const logger = { error: (...what: (typeof errors)[number]) => void errors.push(what) };
    const authenticate = ({ url }: { readonly url: string }) => ({
      user: url.split('?')[1] ?? 'ada',
      capabilities: everything,
    });
    const running = await serveDocs({
      docFoldMs: 300,
      docFoldEntriesMax: 10,
      logger,
      authenticate,
      ...options,
    });
    const { port, server } = running;
    const other = await Copy.join(port, 'board/other');
    const mallory = new Copy(await WireClient.connect(port, '/sync?mallory'), board);
    const answers: (string | number)[] = [];
    for (const bytes of slowEntries(11, 2000)) answers.push(await mallory.publish(bytes));
    return {
      ...running,
      errors,
      mallory,
      other,
      answers,
      poisoned: () => server.metrics.docsQuarantined > 0,
    };
  }

  it('[Y7] is quarantined: edits are refused, readers read on, other documents and the node notice nothing', async () => {
    const { port, server, errors, mallory, other, answers, poisoned: isOver } = await poisoned();
    expect(answers.every((answer) => typeof answer === 'number')).toBe(true);
    // While the worker is hung, and killed, others write, join, and are folded.
    let edits = 0;
    let longestMs = 0;
    for (; !isOver() || edits < 30; edits++) {
      const before = performance.now();
      expect(await other.edit((d) => d.getText('text').insert(0, 'o'))).toEqual([edits + 1]);
      longestMs = Math.max(longestMs, performance.now() - before);
    }
    // Folded by this process it would have taken half a minute, which nothing could have cut short.
    expect(longestMs).toBeLessThan(3000);
    expect(await server.readDoc('board/other')).toEqual({ text: 'o'.repeat(edits) });
    await eventually(() => server.metrics.snapshotsStored).toBeGreaterThan(0);
    expect(await mallory.publish(good)).toBe('quarantined');
    const [facts, message] = errors[0] ?? [];
    expect(facts).toMatchObject({ channel: board, author: 'mallory', reason: 'It took longer than 300 ms.' });
    expect(Number(facts?.['offset'])).toBeGreaterThan(1);
    expect(message).toContain('quarantined');
    const innocent = new Copy(await WireClient.connect(port, '/sync?ada'), board);
    expect(await innocent.publish(good)).toBe('quarantined');
    const { client } = innocent;
    expect((await client.subscribe(board, 1000)).top).toBe(11);
    expect(await client.entries(0, 11)).toHaveLength(11);
    expect(errors.length).toBe(1);
  });

  it('[Y7] is not tried again by this node, until another document takes its place', async () => {
    const { port, server, errors, poisoned: isOver } = await poisoned();
    await eventually(isOver).toBe(true);
    for (const ask of [server.readDoc(board), server.withDoc(board, () => {})])
      await expect(ask).rejects.toMatchObject({ code: 'quarantined' });
    await server.replaceDoc(board, (d) => d.getText('text').insert(0, 'new'));
    const copy = new Copy(await WireClient.connect(port, '/sync?ada'), board);
    expect(typeof (await copy.publish(good))).toBe('number');
    expect(String((await server.readDoc(board))['text'])).toContain('new');
    expect([server.metrics.docsQuarantined, errors.length]).toEqual([1, 1]);
  });

  it('[Y7] is found out by whoever wants to read it on the server, too; a node that has begun anew tries again', async () => {
    const broker = lasting(memory());
    const first = await poisoned({ broker, docFoldEntriesMax: 1000 });
    expect(first.server.metrics.docsQuarantined).toBe(0);
    await expect(first.server.readDoc(board)).rejects.toMatchObject({ code: 'quarantined' });
    expect(await first.mallory.publish(good)).toBe('quarantined');
    const second = await serveDocs({ broker });
    expect(await new Copy(await WireClient.connect(second.port), board).publish(good)).toBe(12);
  });
});

describe('a document that takes long to load', () => {
  it('is not edited where everybody would wait for it; it is read, and clients edit it', async () => {
    const { port, server } = await serveDocs({ docEditMs: 60, docFoldEntriesMax: 3 });
    const mallory = await Copy.join(port, board);
    for (const bytes of anchoredEntries(1800)) expect(typeof (await mallory.publish(bytes))).toBe('number');
    for (let i = 0; i < 2; i++) {
      const edited = server.withDoc(board, () => expect.unreachable());
      await expect(edited).rejects.toMatchObject({
        code: 'payload_too_large',
        message: expect.stringContaining('`docEditMs`'),
      });
    }
    expect(String((await server.readDoc(board))['text']).length).toBe(3600);
    expect(typeof (await mallory.publish(good))).toBe('number');
    await server.replaceDoc(board, (d) => d.getText('text').insert(0, 'x'.repeat(5000)));
    expect((await server.withDoc(board, (d) => d.getText('text').delete(0, 4000)))?.offset).toBe(5);
  });

  it('is for whoever made it so: documents of others are folded meanwhile', async () => {
    const { port, server } = await serveDocs({
      ...{ docFoldMs: 300, docFoldEntriesMax: 10 },
      authenticate: ({ url }) => ({ user: url.split('?')[1] ?? 'ada', capabilities: everything }),
    });
    const other = await Copy.join(port, 'board/other');
    const poison = slowEntries(11, 2000);
    const { client: mallory } = new Copy(await WireClient.connect(port, '/sync?mallory'), board);
    const boards = Array.from({ length: 6 }, (_, i) => new Copy(mallory, `board/slow${i}`));
    for (const one of boards) for (const bytes of poison) await one.publish(bytes);
    for (let i = 0; i < 12; i++) await other.edit((d) => d.getText('text').insert(0, 'o'));
    await eventually(() => server.metrics.snapshotsStored).toBe(1);
    expect(server.metrics.docsQuarantined).toBeLessThan(boards.length);
    await eventually(() => server.metrics.docsQuarantined).toBe(boards.length);
  });
});
