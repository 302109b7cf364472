/**
 * What is done with the bytes of a document: they are folded into a garbage-collected Y.Doc, or read as JSON. Only the process
 * of child.ts may call this, since what clients wrote decides how long it takes and how much memory. It knows no log.
 */
import { docSnapshot, noLineage, readDocData } from '@syncline/protocol/wire';
import * as Y from 'yjs';
import { plain, typed } from './json.ts';

/** Pieces that are taken as one: a transaction costs as much as the document has authors, so one for each would be dear. */
const piecesPerTransaction = 32;

/** Is called before each piece is taken, and once more when all have been. */
type Note = () => void;

/**
 * Folds the pieces of a document, its snapshot and its entries in the order of the log, into one snapshot.
 *
 * @throws whatever Yjs throws at bytes that it can't take
 */
export function foldDocument(pieces: readonly Uint8Array[], note: Note): Uint8Array<ArrayBuffer> {
  const { doc, lineage } = load(pieces, note);
  return docSnapshot(lineage, Y.encodeStateAsUpdateV2(doc));
}

/**
 * The document as one update in Yjs' first encoding, which every reader of updates can take.
 *
 * @throws whatever Yjs throws at bytes that it can't take
 */
export function updateDocument(pieces: readonly Uint8Array[], note: Note): Uint8Array {
  return Y.encodeStateAsUpdate(load(pieces, note).doc);
}

/**
 * The content of a document as JSON: its shared types by name, maps as objects, arrays as lists, texts and XML as strings, bytes
 * as base64. What nothing is left in is left out, since nobody can tell any more what it was.
 */
export function readDocument(pieces: readonly Uint8Array[], note: Note): Readonly<Record<string, unknown>> {
  const { doc } = load(pieces, note);
  const shown = [...doc.share.keys()].map((name): [string, unknown] => [name, typed(doc, name)]);
  return Object.fromEntries(
    shown.filter(([, type]) => type !== undefined).map(([name, type]) => [name, plain(type)]),
  );
}

/** How long it takes a processor to load a document, in ms: not how long it took, since others may have had the processor besides. */
export function timeDocument(pieces: readonly Uint8Array[], note: Note): number {
  const before = process.cpuUsage();
  load(pieces, note);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function load(pieces: readonly Uint8Array[], note: Note) {
  const doc = new Y.Doc();
  let lineage = noLineage;
  let next = 0;
  const take = (piece: Uint8Array): void => {
    const data = readDocData(piece);
    if (data.type !== 'update') lineage = new Uint8Array(data.lineage);
    if (data.type === 'snapshot') Y.applyUpdateV2(doc, data.update);
    else Y.applyUpdate(doc, data.update);
  };
  while (next < pieces.length) {
    const until = Math.min(next + piecesPerTransaction, pieces.length);
    doc.transact(() => {
      for (; next < until; next++) {
        note();
        take(pieces[next] ?? new Uint8Array());
      }
    });
  }
  note();
  return { doc, lineage };
}
