/**
 * What the pages of doc.test.ts load: a document that is kept in the browser, and ways to use and look at it from outside. What is
 * kept is read with the browser's own calls, not with the client's.
 */
import { createClient, indexedDb } from '@syncline/client/doc';
import { bindText } from '@syncline/client/text';
import type * as Y from 'yjs';

/** Calls `look` at each change until it is true. */
function until(look: () => boolean, watch: (onChange: () => void) => () => void): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (!look()) return;
      stop();
      resolve();
    };
    const stop = watch(() => queueMicrotask(check));
    queueMicrotask(check);
  });
}

const place = new URL(location.href).searchParams;
const space = place.get('space') ?? 'tests';
const errors: string[] = [];
const replaced: { reason: string; text: string }[] = [];
const client = createClient({
  url: `ws://localhost:${place.get('port')}/sync`,
  onError: (error) => errors.push(String(error)),
});
const textOf = (doc: Y.Doc): string => doc.getText('text').toString();
const board = client.doc('board/a', { persist: indexedDb(space) });
board.on('replaced', ({ reason, before }) => replaced.push({ reason, text: textOf(before) }));
board.open();
const field = document.body.appendChild(document.createElement('textarea'));
let unbind = bindText(field, board.doc.getText('text'));
board.on('replaced', ({ after }) => {
  unbind();
  unbind = bindText(field, after.getText('text'));
});

function outcome<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const tab = {
  errors,
  replaced,
  text: () => textOf(board.doc),
  type: (text: string) => board.doc.getText('text').insert(board.doc.getText('text').length, text),
  sync: () => board.sync.get(),
  loaded: () => board.whenLoaded,
  reach: (state: string, unsaved = 0) =>
    until(
      () => board.sync.get().state === state && board.sync.get().unsaved === unsaved,
      board.sync.subscribe,
    ),
  says: (text: string) =>
    until(
      () => textOf(board.doc) === text,
      (onChange) => {
        const { doc } = board;
        doc.on('update', onChange);
        const off = board.current.subscribe(onChange);
        return () => {
          doc.off('update', onChange);
          off();
        };
      },
    ),
  close: () => client.close(),
  /** What is kept: how much of the log, up to where, and how many edits. */
  kept: async () => {
    const database = await outcome(indexedDB.open(`syncline ${space} board/a`));
    try {
      const stores = database.transaction(['place', 'log', 'edits']);
      const where = await outcome<{ position: { offset: number } } | undefined>(
        stores.objectStore('place').get(0),
      );
      const log = await outcome(stores.objectStore('log').count());
      const edits = await outcome(stores.objectStore('edits').count());
      return { log, edits, offset: where?.position.offset };
    } finally {
      database.close();
    }
  },
};

export type Tab = typeof tab;
Object.assign(window, { tab });
