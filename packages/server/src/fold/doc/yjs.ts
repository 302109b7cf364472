/**
 * Yjs in the process of the server itself: for what the application writes into documents, never for what clients wrote. It is an
 * optional peer of this package, so it is loaded when it is first used; the server asks at its start whether it is there.
 */
import { createRequire } from 'node:module';
import { SyncError } from '@syncline/protocol';
import type { Doc } from 'yjs';

/** What someone writes into a document: changes of it are what counts, and whatever it returns is waited for. */
export type Write = (doc: Doc) => unknown;

type Yjs = typeof import('yjs');

/** Yjs, loaded on first use. */
function loadYjs(): Promise<Yjs> {
  return import('yjs');
}

/** Makes sure that Yjs is there. @throws SyncError `bad_option` that says what to do */
export function demandYjs(resolve: (name: string) => unknown = createRequire(import.meta.url).resolve): void {
  try {
    resolve('yjs');
  } catch {
    throw new SyncError(
      'bad_option',
      'The contract has a doc() channel, and the package "yjs" is not installed. Install it beside @syncline/server: npm install yjs@13',
    );
  }
}

/** What was written into a new document, in Yjs' first encoding, and whether that is anything. */
export async function written(
  write: Write,
  prepare: (doc: Doc) => void = () => {},
): Promise<{ readonly update: Uint8Array; readonly isEmpty: boolean }> {
  const { Doc, encodeStateAsUpdate } = await loadYjs();
  const doc = new Doc();
  prepare(doc);
  await write(doc);
  const isEmpty = doc.store.clients.size === 0;
  const update = encodeStateAsUpdate(doc);
  doc.destroy();
  return { update, isEmpty };
}

/**
 * What `write` changes in a copy of a document, in Yjs' first encoding; undefined when it changes nothing.
 *
 * @param document in Yjs' second encoding, as it was folded
 */
export async function changes(document: Uint8Array, write: Write): Promise<Uint8Array | undefined> {
  const { Doc, applyUpdateV2, mergeUpdates } = await loadYjs();
  const doc = new Doc();
  applyUpdateV2(doc, document);
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => updates.push(update));
  await write(doc);
  doc.destroy();
  return updates.length > 1 ? mergeUpdates(updates) : updates[0];
}
