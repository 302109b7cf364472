/**
 * The kind for documents: an entry is a Yjs update as opaque bytes (V1), and the log folds into one garbage-collected
 * update (V2, through a Y.Doc: merging updates never collects garbage). It stands on a subpath of its own with yjs as
 * a peer, so that nobody else pays for it. Folding decodes untrusted bytes: only a worker with a deadline may call it.
 */
import * as Y from 'yjs';
import { SyncError } from '../codes.ts';
import type { Data, Entry } from '../entry.ts';
import type { Kind } from '../kind.ts';

/** A document as far as it was read, as one update in Yjs' second encoding. */
export interface DocView {
  readonly offset: number;
  readonly update: Uint8Array;
}

export const docKind: Kind<DocView> = {
  name: 'doc',
  folds: true,
  empty: () => ({ offset: 0, update: Y.encodeStateAsUpdateV2(new Y.Doc()) }),
  apply: (view, entries) => {
    const news = entries.filter((entry) => entry.offset > view.offset);
    const doc = load(view.update);
    guarded(() =>
      doc.transact(() => {
        for (const entry of news) Y.applyUpdate(doc, bytes(entry.data));
      }),
    );
    const update = Y.encodeStateAsUpdateV2(doc);
    doc.destroy();
    return { offset: news.at(-1)?.offset ?? view.offset, update };
  },
  snapshot: (view) => view.update,
  restore: (snapshot, offset) => ({ offset, update: bytes(snapshot) }),
  conflate: (entries) => {
    const last = entries.at(-1);
    if (!last || entries.length === 1) return entries;
    const data = guarded(() => Y.mergeUpdates(entries.map((entry: Entry) => bytes(entry.data))));
    return [{ ...last, data }];
  },
};

/** A Y.Doc that holds a view's content. The caller destroys it. */
export function load(update: Uint8Array): Y.Doc {
  const doc = new Y.Doc();
  guarded(() => Y.applyUpdateV2(doc, update));
  return doc;
}

function guarded<T>(run: () => T): T {
  try {
    return run();
  } catch (thrown) {
    if (thrown instanceof SyncError) throw thrown;
    throw new SyncError('corrupt', 'A doc channel holds bytes that are no Yjs update.');
  }
}

function bytes(data: Data): Uint8Array {
  if (typeof data === 'string')
    throw new SyncError('corrupt', 'A doc channel holds a text where it should hold bytes.');
  return data;
}
