/**
 * Documents for tests: what authors append to a log, random or written out, some that are slow to fold, and what a reader of all
 * of it has. Updates are made by Yjs itself, but for those that no honest author would make. It is no part of what the package exports.
 */
import { type Data, readDocData, updateEntry } from '@syncline/protocol/wire';
import fc from 'fast-check';
import * as Y from 'yjs';

/** The entries that `edit` appends, one for each transaction. */
export function entriesOf(edit: (doc: Y.Doc) => void, doc = new Y.Doc()): Uint8Array[] {
  const entries: Uint8Array[] = [];
  const note = (update: Uint8Array): void => void entries.push(updateEntry(update));
  doc.on('update', note);
  edit(doc);
  doc.off('update', note);
  return entries;
}

/** An entry with this text at the beginning, by an author of its own. */
export function wordEntry(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText('text').insert(0, text);
  return updateEntry(Y.encodeStateAsUpdate(doc));
}

/** A copy of the document that a log holds. */
export function documentOf(log: readonly Data[]): Y.Doc {
  let doc = new Y.Doc();
  for (const data of log) {
    const { type, update } = readDocData(data);
    if (type !== 'update') doc = new Y.Doc();
    if (type === 'snapshot') Y.applyUpdateV2(doc, update);
    else Y.applyUpdate(doc, update);
  }
  return doc;
}

/** What a document holds, and of whom: equal for copies that have the same edits. */
export function contentOf(doc: Y.Doc): unknown {
  const { sv, ds } = Y.snapshot(doc);
  const shown = { text: doc.getText('text').toString(), map: doc.getMap('map').toJSON() };
  const byClient = ([a]: [number, unknown], [b]: [number, unknown]): number => a - b;
  return { ...shown, held: [...sv].sort(byClient), deleted: [...ds.clients].sort(byClient) };
}

const edit = fc.record({
  author: fc.nat(2),
  what: fc.constantFrom('write', 'cut', 'set', 'unset', 'read'),
  at: fc.nat(20),
  text: fc.string({ minLength: 1, maxLength: 4 }),
});

/** What three authors append, each as far behind the others as it likes. */
export const edits: fc.Arbitrary<Uint8Array[]> = fc.array(edit, { maxLength: 30 }).map((list) => {
  const log: Uint8Array[] = [];
  const authors = [1, 2, 3].map((clientID) => {
    const doc = new Y.Doc();
    doc.clientID = clientID;
    return { doc, read: 0 };
  });
  for (const { author, what, at, text } of list) {
    const one = authors[author];
    if (!one) continue;
    if (what === 'read') {
      for (const data of log.slice(one.read)) Y.applyUpdate(one.doc, readDocData(data).update);
      one.read = log.length;
      continue;
    }
    const words = one.doc.getText('text');
    log.push(
      ...entriesOf((doc) => {
        if (what === 'write') words.insert(at % (words.length + 1), text);
        else if (what === 'cut' && words.length > 0) words.delete(at % words.length, 1);
        else if (what === 'set') doc.getMap('map').set(`k${at % 3}`, text);
        else if (what === 'unset') doc.getMap('map').delete(`k${at % 3}`);
      }, one.doc),
    );
  }
  return log;
});

/**
 * Entries that are well-formed and take long to fold: each of so many authors writes one letter at the very beginning, knowing of
 * none of the others, and each entry holds authors with greater ids than the last one. So every letter has to find its place
 * behind all letters of the entries before.
 */
export function slowEntries(entries: number, authors: number): Uint8Array[] {
  return Array.from({ length: entries }, (_, entry) => {
    const bytes: number[] = [1];
    writeNumber(bytes, authors);
    for (let i = authors; i > 0; i--) {
      writeNumber(bytes, 1);
      writeNumber(bytes, entry * authors + i);
      // Its first letter: a string without neighbours, in the text called "text".
      bytes.push(0, 4, 1, 4, ...Buffer.from('text'), 1, 120);
    }
    bytes.push(0);
    return Uint8Array.from(bytes);
  });
}

/**
 * Entries that take long to load in whatever order they come, folded too: a letter for each of an author's, which stands before it
 * and knows of nothing on its left, so that each has to find its place among all others.
 */
export function anchoredEntries(letters: number): Uint8Array[] {
  const anchors = new Y.Doc();
  anchors.clientID = 1;
  const first = entriesOf((doc) => doc.getText('text').insert(0, 'a'.repeat(letters)), anchors);
  const rest = Array.from({ length: Math.ceil(letters / 2000) }, (_, part) => {
    const from = part * 2000;
    const to = Math.min(letters, from + 2000);
    const bytes: number[] = [1];
    writeNumber(bytes, to - from);
    for (let i = to - 1; i >= from; i--) {
      // One letter by an author of its own: a string with a neighbour on its right.
      for (const value of [1, 10 + i, 0]) writeNumber(bytes, value);
      bytes.push(0x44);
      for (const value of [1, i, 1]) writeNumber(bytes, value);
      bytes.push(120);
    }
    bytes.push(0);
    return Uint8Array.from(bytes);
  });
  return [...first, ...rest];
}

/** As Yjs writes numbers. */
function writeNumber(bytes: number[], value: number): void {
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  bytes.push(left);
}

/** Entries that are well-formed and take much memory for what they are: each sets thousands of keys. */
export function largeEntries(entries: number): Uint8Array[] {
  const doc = new Y.Doc();
  const map = doc.getMap('map');
  return entriesOf(() => {
    for (let entry = 0; entry < entries; entry++)
      doc.transact(() => {
        for (let i = 0; i < 4000; i++) map.set(`${entry}.${i}`, null);
      });
  }, doc);
}
