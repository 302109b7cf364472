/**
 * Documents with the real client against the real server over real sockets, used as stock bindings use them: texts and maps, undo,
 * cursors, work without a network, rights that end, and a server that loses what it had.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type DocChannel, type DocOptions, type DocReplaced } from '@syncline/client/doc';
import { defineChannels, doc, type SyncError } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import { createServer, disk, memory, type ServerOptions } from '@syncline/server';
import { afterEach, expect, test } from 'vitest';
import * as Y from 'yjs';
import { FaultProxy } from '../faults/proxy.ts';
import { until } from './until.ts';

const channels = defineChannels({ 'board/:id': doc(), 'small/:id': doc({ bytes: 1_000 }) });
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Options = Partial<ServerOptions<typeof channels>>;

async function serve(options: Options = {}, port = 0) {
  const server = createServer({
    channels,
    broker: memory(),
    authenticate: ({ token }) => ({ user: token, capabilities: { '*': ['*'] } }),
    ...options,
  });
  cleanups.push(() => server.close({ drainMs: 0 }));
  return { server, port: (await server.listen(port)).port };
}

/** A document as one client sees it, followed. */
function open(port: number, options: DocOptions = {}, user = 'ada') {
  const errors: SyncError[] = [];
  const client = createClient<typeof channels>({
    url: `ws://localhost:${port}/sync`,
    getToken: () => user,
    onError: (error) => errors.push(error as SyncError),
  });
  cleanups.push(() => client.close());
  const board = client.doc('board/a', options);
  const replaced: DocReplaced[] = [];
  cleanups.push(board.on('replaced', (event) => replaced.push(event)));
  cleanups.push(board.open());
  return { client, board, replaced, errors };
}

const text = (board: DocChannel) => board.doc.getText('text');
const synced = (board: DocChannel) => until(board.sync, ({ state }) => state === 'synced');
/** Until another document took the place of the first. */
function replacedOnce(board: DocChannel, replaced: readonly DocReplaced[]): Promise<void> {
  return new Promise((resolve) => {
    if (replaced.length > 0) resolve();
    else cleanups.push(board.on('replaced', () => resolve()));
  });
}

/** Until a document shows something. */
function shows(board: DocChannel, is: (doc: Y.Doc) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const { doc } = board;
    const look = () => {
      if (!is(doc)) return;
      doc.off('afterTransaction', look);
      resolve();
    };
    doc.on('afterTransaction', look);
    look();
  });
}

test('[Y1] two who edit at once come to the same, texts and maps alike, and late comers too', async () => {
  const { server, port } = await serve();
  const [ada, mira] = [open(port).board, open(port, {}, 'mira').board];
  await Promise.all([synced(ada), synced(mira)]);
  text(ada).insert(0, 'Hello');
  mira.doc.getMap('shapes').set('a', { x: 1, y: 2 });
  text(mira).insert(0, 'World ');
  await Promise.all([ada.whenSynced(), mira.whenSynced()]);
  const whole = (d: Y.Doc) => d.getText('text').length === 11 && d.getMap('shapes').has('a');
  await Promise.all([shows(ada, whole), shows(mira, whole)]);
  expect(ada.doc.toJSON()).toEqual(mira.doc.toJSON());
  const late = open(port).board;
  await late.whenLoaded;
  expect(late.doc.getText('text').toString()).toBe(text(ada).toString());
  expect(await server.readDoc('board/a')).toEqual({
    text: text(ada).toString(),
    shapes: { a: { x: 1, y: 2 } },
  });
});

test('undo takes back one step of one’s own, and never what others wrote', async () => {
  const { port } = await serve();
  const [ada, mira] = [open(port).board, open(port, {}, 'mira').board];
  await Promise.all([synced(ada), synced(mira)]);
  const tool = { tool: 'pen' };
  const undo = new Y.UndoManager(text(ada), { trackedOrigins: new Set([tool]), captureTimeout: 0 });
  ada.doc.transact(() => text(ada).insert(0, 'one '), tool);
  ada.doc.transact(() => text(ada).insert(4, 'two '), tool);
  await shows(mira, (d) => d.getText('text').length === 8);
  text(mira).insert(8, 'theirs');
  await shows(ada, (d) => d.getText('text').length === 14);
  undo.undo();
  expect(text(ada).toString()).toBe('one theirs');
  undo.undo();
  undo.undo();
  expect(text(ada).toString()).toBe('theirs');
  undo.redo();
  await ada.whenSynced();
  await shows(mira, (d) => d.getText('text').toString() === 'one theirs');
});

/** What an awareness shows of others, by their numbers. */
const others = ({ awareness }: DocChannel) =>
  Object.fromEntries([...awareness.getStates()].filter(([id]) => id !== awareness.clientID));

function sees(board: DocChannel, is: (states: Record<string, unknown>) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const { awareness } = board;
    const look = () => {
      if (!is(others(board))) return;
      awareness.off('change', look);
      resolve();
    };
    awareness.on('change', look);
    look();
  });
}

test('[N1] [N4] cursors: seen, moved, kept over a broken link, gone with who leaves', async () => {
  const { port } = await serve();
  const proxy = await FaultProxy.open(port, systemClock);
  cleanups.push(() => proxy.close());
  const [ada, mira] = [open(port), open(proxy.port, {}, 'mira')];
  const events: unknown[] = [];
  ada.board.awareness.on('change', ({ added, updated, removed }: Record<string, number[]>, origin: unknown) =>
    events.push([added?.length, updated?.length, removed?.length, origin === ada.board || origin]),
  );
  const { clientID } = mira.board.awareness;
  expect(clientID).toBe(mira.board.doc.clientID);
  mira.board.awareness.setLocalStateField('user', { name: 'Mira' });
  await sees(ada.board, (states) => clientID in states);
  mira.board.awareness.setLocalStateField('cursor', { x: 1 });
  await sees(ada.board, (states) => JSON.stringify(states[clientID]).includes('cursor'));
  expect(others(ada.board)).toEqual({ [clientID]: { user: { name: 'Mira' }, cursor: { x: 1 } } });
  proxy.refuse();
  for (const link of proxy.links) link.reset();
  await until(mira.client.status, ({ state }) => state !== 'open');
  proxy.refuse(false);
  mira.board.awareness.setLocalStateField('cursor', { x: 2 });
  await sees(ada.board, (states) => JSON.stringify(states[clientID]).includes('2'));
  expect(events).toEqual([
    [1, 0, 0, true],
    [0, 1, 0, true],
    [0, 1, 0, true],
  ]);
  mira.client.close();
  await sees(ada.board, (states) => !(clientID in states));
  expect(events.at(-1)).toEqual([0, 0, 1, true]);
});

test('[N1] nobody can show a cursor as somebody else’s: the number is that of who came with it first', async () => {
  const { port } = await serve();
  const [ada, mira, eve] = [open(port), open(port, {}, 'mira'), open(port, {}, 'eve')];
  const { clientID } = mira.board.awareness;
  mira.board.awareness.setLocalState({ name: 'Mira' });
  await sees(ada.board, (states) => clientID in states);
  const presence = eve.client.doc('board/a').presence;
  await presence.enter({ clientId: clientID, state: { name: 'Evil Mira' } });
  await until(ada.client.doc('board/a').presence.members, (members) => members.length === 2);
  expect(others(ada.board)).toEqual({ [clientID]: { name: 'Mira' } });
  await presence.enter({ clientId: 7, state: { name: 'Eve' } });
  await sees(ada.board, (states) => '7' in states);
  await presence.enter('no awareness at all');
  await sees(ada.board, (states) => !('7' in states));
  expect(others(ada.board)).toEqual({ [clientID]: { name: 'Mira' } });
});

test('[Y5] work without a network comes together when it is back', async () => {
  const { port } = await serve();
  const proxy = await FaultProxy.open(port, systemClock);
  cleanups.push(() => proxy.close());
  const [ada, mira] = [open(port).board, open(proxy.port, {}, 'mira')];
  text(mira.board).insert(0, 'base ');
  await mira.board.whenSynced();
  proxy.refuse();
  for (const link of proxy.links) link.reset();
  await until(mira.board.sync, ({ state }) => state === 'offline');
  for (let i = 0; i < 500; i++) text(mira.board).insert(text(mira.board).length, 'x');
  text(ada).insert(0, 'meanwhile ');
  await ada.whenSynced();
  expect(mira.board.sync.get()).toEqual({ state: 'offline', unsaved: 500 });
  expect(mira.client.unsent.get()).toBe(500);
  proxy.refuse(false);
  await synced(mira.board);
  await shows(ada, (d) => d.getText('text').length === 515);
  expect(text(mira.board).toString()).toBe(`meanwhile base ${'x'.repeat(500)}`);
  expect(text(ada).toString()).toBe(text(mira.board).toString());
});

test('[Y6] who may only read is told at the first edit, has the document as it is, and the edits apart', async () => {
  const capabilities = { '*': ['subscribe', 'presence'] } as const;
  const { server, port } = await serve({ authenticate: () => ({ user: 'ada', capabilities }) });
  await server.withDoc('board/a', (d) => d.getText('text').insert(0, 'said'));
  const { board, replaced, errors } = open(port);
  await synced(board);
  text(board).insert(4, ' by me');
  await replacedOnce(board, replaced);
  expect(board.doc.getText('text').toString()).toBe('said');
  expect(replaced.map(({ reason, before }) => [reason, before.getText('text').toString()])).toEqual([
    ['read-only', 'said by me'],
  ]);
  expect(board.sync.get()).toMatchObject({ state: 'read-only', unsaved: 0, error: { code: 'forbidden' } });
  expect(errors).toMatchObject([{ code: 'forbidden' }]);
  await server.withDoc('board/a', (d) => d.getText('text').insert(4, ' again'));
  await shows(board, (d) => d.getText('text').toString() === 'said again');
});

test('[Y7] a document that is full takes no more, and its author has the edit apart', async () => {
  const { server, port } = await serve();
  const { client } = open(port);
  const small = client.doc('small/a');
  const replaced: DocReplaced[] = [];
  small.on('replaced', (event) => replaced.push(event));
  cleanups.push(small.open());
  small.doc.getText('text').insert(0, 'x'.repeat(2_000));
  await small.whenSynced();
  // What is too large is known once it is folded.
  await server.readDoc('small/a');
  await until(small.sync, ({ error }) => {
    if (!error && small.sync.get().state === 'synced') small.doc.getText('text').insert(0, '.');
    return error?.code === 'payload_too_large';
  });
  await replacedOnce(small, replaced);
  expect(small.doc.getText('text').length).toBeGreaterThanOrEqual(2_000);
});

test('[Y7] a document that can not be folded is read, and read-only with the reason, until another takes its place', async () => {
  const { server, port } = await serve({ docHeapBytesMax: 64 * 2 ** 20, docFoldBytesMax: 2 ** 24 });
  const { board: ada } = open(port);
  for (let i = 0; i < 2; i++) {
    // Little to send and much to load: more memory than there is.
    ada.doc.getArray('many').push(Array.from({ length: 64_000 }, () => new Y.Map()));
  }
  await ada.whenSynced();
  await expect(server.readDoc('board/a')).rejects.toMatchObject({ code: 'quarantined' });
  const { board: mira, replaced, errors } = open(port, {}, 'mira');
  await synced(mira);
  expect(mira.doc.getArray('many').length).toBe(128_000);
  text(mira).insert(0, 'mine');
  await replacedOnce(mira, replaced);
  expect(mira.sync.get()).toMatchObject({
    state: 'read-only',
    error: { code: 'quarantined', message: expect.stringContaining('it can be read as before') },
  });
  expect(mira.doc.getArray('many').length).toBe(128_000);
  expect(errors).toMatchObject([{ code: 'quarantined' }]);
  await server.replaceDoc('board/a', (d) => d.getText('text').insert(0, 'new'));
  await synced(mira);
  text(mira).insert(3, ' and mine');
  await mira.whenSynced();
  expect(await server.readDoc('board/a')).toEqual({ text: 'new and mine' });
  expect(replaced.map(({ reason }) => reason)).toEqual(['read-only', 'lineage']);
});

test('[Y8] a document that can not be begun says why, is asked for again, and is there when it can be', async () => {
  const logged: object[] = [];
  let works = false;
  const { port } = await serve({
    seed: (_name, d) => {
      if (!works) throw new Error('no database');
      d.getText('text').insert(0, 'at last');
    },
    logger: { error: (facts: object) => void logged.push(facts) },
  });
  const { board, errors } = open(port);
  const { error } = await until(board.sync, (sync) => sync.error !== undefined);
  expect(board.sync.get().state).toBe('loading');
  expect(error).toMatchObject({ code: 'unavailable' });
  expect(error?.message).toContain('The document "board/a" could not be begun');
  expect(error?.message).not.toContain('database');
  expect(logged).toContainEqual({ channel: 'board/a', reason: 'no database' });
  expect(errors).toEqual([error]);
  works = true;
  await board.whenSynced();
  expect(board.sync.get()).toEqual({ state: 'synced', unsaved: 0 });
  expect(text(board).toString()).toBe('at last');
});

test('[Y4] a document that is replaced on the server is another one everywhere; nothing is merged', async () => {
  const { server, port } = await serve();
  const [ada, mira] = [open(port), open(port, {}, 'mira')];
  text(ada.board).insert(0, 'old');
  await ada.board.whenSynced();
  await shows(mira.board, (d) => d.getText('text').length === 3);
  await server.replaceDoc('board/a', (d) => d.getText('text').insert(0, 'new'));
  for (const { board, replaced } of [ada, mira]) {
    await replacedOnce(board, replaced);
    expect(board.doc.getText('text').toString()).toBe('new');
  }
  text(mira.board).insert(3, 'er');
  await shows(ada.board, (d) => d.getText('text').toString() === 'newer');
  expect(ada.replaced.map(({ reason, before }) => [reason, before.getText('text').toString()])).toEqual([
    ['lineage', 'old'],
  ]);
});

test('[Y3] [Y5] [Y8] thinkroom #124: a seeded document whose server lost everything is whole again, and nothing is in it twice', async () => {
  const seed = (_: string, d: Y.Doc) => d.getText('text').insert(0, 'Title');
  const first = await serve({ seed });
  const [ada, mira] = [open(first.port), open(first.port, {}, 'mira')];
  await Promise.all([synced(ada.board), synced(mira.board)]);
  text(ada.board).insert(5, ' one');
  await ada.board.whenSynced();
  await shows(mira.board, (d) => d.getText('text').length === 9);
  await first.server.close({ drainMs: 0 });
  await until(ada.client.status, ({ state }) => state === 'waiting');
  await until(mira.client.status, ({ state }) => state === 'waiting');
  text(ada.board).insert(9, ' two');
  text(mira.board).insert(0, 'My ');
  const second = await serve({ seed }, first.port);
  const whole = (d: Y.Doc) => d.getText('text').toString() === 'My Title one two';
  await Promise.all([shows(ada.board, whole), shows(mira.board, whole)]);
  await Promise.all([ada.board.whenSynced(), mira.board.whenSynced()]);
  expect(await second.server.readDoc('board/a')).toEqual({ text: 'My Title one two' });
  expect([...ada.replaced, ...mira.replaced]).toEqual([]);
}, 60_000);

test('[Y8] twenty who open a seeded document at once, find it once', async () => {
  const { server, port } = await serve({ seed: (_, d) => d.getText('text').insert(0, 'Title') });
  const boards = Array.from({ length: 20 }, (_, i) => open(port, {}, `user${i}`).board);
  await Promise.all(boards.map((board) => board.whenSynced()));
  expect(new Set(boards.map((board) => text(board).toString()))).toEqual(new Set(['Title']));
  expect(await server.readDoc('board/a')).toEqual({ text: 'Title' });
});

test('[S9] under hundreds of edits the log is folded: who was away and who comes late have all of it', async () => {
  const { server, port } = await serve();
  const proxy = await FaultProxy.open(port, systemClock);
  cleanups.push(() => proxy.close());
  const [ada, mira] = [open(port).board, open(proxy.port, {}, 'mira')];
  await Promise.all([synced(ada), synced(mira.board)]);
  proxy.refuse();
  for (const link of proxy.links) link.reset();
  await until(mira.client.status, ({ state }) => state === 'waiting');
  text(mira.board).insert(0, 'offline ');
  const shape = new Y.Map<number>();
  ada.doc.getMap('shapes').set('a', shape);
  for (let i = 1; i <= 600; i++) {
    shape.set('x', i);
    await ada.whenSynced();
  }
  await expect.poll(() => server.metrics.snapshotsStored, { timeout: 10_000 }).toBeGreaterThan(0);
  proxy.refuse(false);
  await synced(mira.board);
  expect(mira.board.doc.getMap('shapes').toJSON()).toEqual({ a: { x: 600 } });
  const late = open(port).board;
  await late.whenSynced();
  expect(late.doc.getMap('shapes').toJSON()).toEqual({ a: { x: 600 } });
  expect(text(late).toString()).toBe('offline ');
}, 60_000);

test('tldraw #10131: a long paste goes in parts, and a document of a megabyte comes whole, in parts too', async () => {
  const { port } = await serve();
  const ada = open(port).board;
  const long = 'a\u{1f6a2}b'.repeat(100_000);
  text(ada).insert(0, long);
  for (let i = 0; i < 200; i++) ada.doc.getMap('shapes').set(`shape ${i}`, { points: 'x'.repeat(2_000) });
  await ada.whenSynced();
  const late = open(port, {}, 'mira').board;
  await late.whenSynced();
  expect(text(late).toString() === long).toBe(true);
  expect(late.doc.getMap('shapes').size).toBe(200);
}, 60_000);

test('hocuspocus #1110, #954: what is acknowledged is stored, whatever becomes of folding; one append for each publish', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-doc-'));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  const first = await serve({ broker: disk({ dir }) });
  const { client, board } = open(first.port);
  for (let i = 0; i < 50; i++) {
    text(board).insert(i, 'x');
    await board.whenSynced();
  }
  expect(first.server.metrics.snapshotsStored).toBe(0);
  const { epoch, offset } =
    (await first.server.withDoc('board/a', (d) => void d.getMap('m').set('k', 1))) ?? {};
  expect(offset).toBe(51);
  await first.server.close({ drainMs: 0 });
  await until(client.status, ({ state }) => state === 'waiting');
  const second = await serve({ broker: disk({ dir }) }, first.port);
  await synced(board);
  expect(await second.server.readDoc('board/a')).toEqual({ text: 'x'.repeat(50), m: { k: 1 } });
  const position = await second.server.withDoc('board/a', (d) => void d.getMap('m').set('k', 2));
  expect(position).toMatchObject({ epoch, offset: 52 });
}, 60_000);

test('what one deleted oneself can be undone after the server has folded it away', async () => {
  const { server, port } = await serve({ docFoldEntriesMax: 5 });
  const { board } = open(port);
  const undo = new Y.UndoManager(text(board), { captureTimeout: 0 });
  text(board).insert(0, 'precious');
  await board.whenSynced();
  text(board).delete(0, 8);
  for (let i = 0; i < 10; i++) {
    board.doc.getMap('shapes').set('a', i);
    await board.whenSynced();
  }
  await expect.poll(() => server.metrics.snapshotsStored).toBeGreaterThan(0);
  undo.undo();
  await board.whenSynced();
  const late = open(port, {}, 'mira').board;
  await late.whenSynced();
  expect([text(board).toString(), text(late).toString()]).toEqual(['precious', 'precious']);
});
