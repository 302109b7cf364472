/**
 * What is said of a document by who asks for it: what can't be is refused and leaves nothing behind, and what isn't as it was the
 * first time is refused too. A scripted server cuts the link afterwards, to see that nobody is left half made.
 */
import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import type { DocOptions } from '../docs.ts';
import { board, comeBack, opened } from '../testing/board.ts';
import { epoch, scene } from '../testing/scripted.ts';
import { Shelf } from '../testing/shelf.ts';
import { indexedDb } from './indexeddb.ts';
import './keeper.ts';

const strange: readonly (readonly [string, object, string])[] = [
  ['a document of another copy of yjs', { doc: {} }, 'npm ls yjs'],
  ['a place to keep it that there is not', { persist: 'indexdb' }, 'got indexdb'],
  ['something that keeps nothing', { persist: {} }, 'a storage such as indexedDb(user)'],
  ['an option that there is not', { presist: 'indexeddb' }, 'Expected `doc` or `persist`, got `presist`'],
];

describe.each(strange)('%s', (_, options, sentence) => {
  test('is refused, and the client goes on as if nobody had asked', async () => {
    const here = scene();
    const room = here.client.stream('chat/lobby');
    room.onMessage(() => {});
    here.server.link.welcome().subscribed();
    const refused = expect.objectContaining({
      code: 'bad_option',
      message: expect.stringContaining(sentence),
    });
    expect(() => here.client.doc('board/a', options as DocOptions)).toThrow(refused);
    const link = await comeBack(here);
    expect(here.client.status.get()).toEqual({ state: 'open' });
    link.subscribed({ position: { epoch, offset: 0, check: 0 } });
    expect(room.freshness.get()).toEqual({ state: 'live' });
    const doc = here.client.doc('board/a');
    expect(doc.sync.get().state).toBe('loading');
    expect(doc.doc).toBeInstanceOf(Y.Doc);
    here.client.close();
    expect(here.client.status.get().state).toBe('closed');
    expect(doc.sync.get().state).toBe('offline');
    expect(here.errors).toEqual([]);
  });
});

test('who asks again says nothing, or the same', () => {
  const doc = new Y.Doc();
  const storage = new Shelf();
  const options = { doc, persist: storage };
  const { client, board: first } = board(options);
  for (const again of [undefined, {}, { doc }, { persist: storage }, options]) {
    expect(client.doc('board/a', again)).toBe(first);
  }
  expect(() => client.doc('board/a', { doc: new Y.Doc() })).toThrow('Expected the same `doc` each time');
  expect(() => client.doc('board/a', { persist: 'indexeddb' })).toThrow('the same `persist` each time');
  expect(first.doc).toBe(doc);
});

test('a document that was opened without a place to keep it is not said to have one', () => {
  const { client } = opened();
  expect(() => client.doc('board/a', { persist: 'indexeddb' })).toThrow('the same `persist` each time');
  expect(client.doc('board/a').sync.get().state).toBe('synced');
});

test('a storage for one user is the same each time it is asked for', () => {
  expect(indexedDb('ada')).toBe(indexedDb('ada'));
  expect(indexedDb('ada')).not.toBe(indexedDb('ben'));
});
