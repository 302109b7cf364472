/**
 * The kind for documents: entries and snapshots are what document.ts makes of Yjs updates, and the log folds into one
 * garbage-collected update (V2, through a Y.Doc: merging updates never collects garbage). It stands on a subpath of its own with
 * yjs as a peer, so that nobody else pays for it. Folding decodes untrusted bytes: only a worker with a deadline may call it.
 */
import * as Y from 'yjs';
import { SyncError } from '../codes.ts';
import type { Entry } from '../entry.ts';
import type { Kind } from '../kind.ts';
import { beginning, docSnapshot, noLineage, readDocEntry, readDocSnapshot, updateEntry } from './document.ts';

/** A document as far as it was read. */
export interface DocView {
  readonly offset: number;
  readonly lineage: Uint8Array;
  /** In Yjs' second encoding. */
  readonly update: Uint8Array;
}

export const docKind: Kind<DocView> = {
  name: 'doc',
  folds: true,
  empty: () => ({ offset: 0, lineage: noLineage, update: Y.encodeStateAsUpdateV2(new Y.Doc()) }),
  apply: (view, entries) => {
    const news = entries.filter((entry) => entry.offset > view.offset);
    const { lineage, updates } = sinceBeginning(news);
    const doc = lineage ? new Y.Doc() : load(view.update);
    guarded(() =>
      doc.transact(() => {
        for (const update of updates) Y.applyUpdate(doc, update);
      }),
    );
    const update = Y.encodeStateAsUpdateV2(doc);
    doc.destroy();
    return { offset: news.at(-1)?.offset ?? view.offset, lineage: lineage ?? view.lineage, update };
  },
  snapshot: (view) => docSnapshot(view.lineage, view.update),
  restore: (snapshot, offset) => {
    const { lineage, update } = readDocSnapshot(snapshot);
    return { offset, lineage, update };
  },
  conflate: (entries) => {
    const last = entries.at(-1);
    if (!last || entries.length === 1) return entries;
    const { lineage, updates } = sinceBeginning(entries);
    const merged = guarded(() => Y.mergeUpdates(updates));
    return [{ ...last, data: lineage ? beginning(lineage, merged) : updateEntry(merged) }];
  },
};

/** A Y.Doc that holds a view's content. The caller destroys it. */
export function load(update: Uint8Array): Y.Doc {
  const doc = new Y.Doc();
  guarded(() => Y.applyUpdateV2(doc, update));
  return doc;
}

/** The updates of the document that the last entry is part of, and its lineage where it began among these entries (rule Y1). */
function sinceBeginning(entries: readonly Entry[]): {
  lineage: Uint8Array | undefined;
  updates: Uint8Array[];
} {
  let lineage: Uint8Array | undefined;
  let updates: Uint8Array[] = [];
  for (const { data } of entries) {
    const read = readDocEntry(data);
    if (read.type === 'beginning') {
      lineage = read.lineage;
      updates = [];
    }
    updates.push(read.update);
  }
  return { lineage, updates };
}

function guarded<T>(run: () => T): T {
  try {
    return run();
  } catch (thrown) {
    if (thrown instanceof SyncError) throw thrown;
    throw new SyncError('corrupt', 'A doc channel holds bytes that are no Yjs update.');
  }
}
