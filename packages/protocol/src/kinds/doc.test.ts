/**
 * The kind for documents: it passes the law with random edits of several authors, each as far behind as it likes, and
 * its snapshots forget what was deleted, which merged updates never do.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { SyncError } from '../codes.ts';
import type { Data } from '../entry.ts';
import { logOf } from '../testing.ts';
import { type DocView, docKind, load } from './doc.ts';
import { beginning, docSnapshot, noLineage, readDocEntry, updateEntry } from './document.ts';
import { kindSuite } from './kind.suite.ts';

/** One edit by one of three authors, or that author reading on to the head of the log. */
interface Edit {
  readonly author: number;
  readonly what: 'insert' | 'remove' | 'set' | 'unset' | 'push' | 'pull' | 'shape' | 'move' | 'read';
  readonly at: number;
  readonly text: string;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  author: fc.nat(2),
  what: fc.constantFrom('insert', 'remove', 'set', 'unset', 'push', 'pull', 'shape', 'move', 'read'),
  at: fc.nat(20),
  text: fc.string({ minLength: 1, maxLength: 4 }),
});

const shared = (doc: Y.Doc) => ({
  text: doc.getText('text'),
  map: doc.getMap('map'),
  list: doc.getArray('list'),
});

function perform(doc: Y.Doc, { what, at, text: word }: Edit): void {
  const { text, map, list } = shared(doc);
  const key = `k${at % 3}`;
  const shape = map.get(key);
  if (what === 'insert') text.insert(at % (text.length + 1), word);
  else if (what === 'remove' && text.length > 0) text.delete(at % text.length, 1);
  else if (what === 'set') map.set(key, word);
  else if (what === 'unset') map.delete(key);
  else if (what === 'push') list.insert(at % (list.length + 1), [word, at]);
  else if (what === 'pull' && list.length > 0) list.delete(at % list.length, 1);
  else if (what === 'shape') map.set(key, new Y.Map(Object.entries({ x: at })));
  else if (what === 'move' && shape instanceof Y.Map) shape.set('x', at);
}

/** The updates that authors append by these edits. Who doesn't read edits on the document as it last saw it. */
function updatesOf(edits: readonly Edit[]): Uint8Array[] {
  const log: Uint8Array[] = [];
  const authors = [1, 2, 3].map((clientID) => {
    const doc = new Y.Doc();
    doc.clientID = clientID;
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'log') log.push(update);
    });
    return { doc, read: 0 };
  });
  for (const one of edits) {
    const author = authors[one.author];
    if (!author) continue;
    if (one.what === 'read') {
      const news = log.slice(author.read);
      author.read = log.length;
      for (const update of news) Y.applyUpdate(author.doc, update, 'log');
    } else author.doc.transact(() => perform(author.doc, one));
  }
  return log;
}

/** An author's edits as one update, for a document to begin with. */
function seedOf(edits: readonly Edit[]): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = 0;
  for (const one of edits) perform(doc, one);
  return Y.encodeStateAsUpdate(doc);
}

/** Everything that a reader sees, and what of each author the document holds or knows to be deleted. */
function content({ lineage, update }: DocView): unknown {
  const doc = load(update);
  const { text, map, list } = shared(doc);
  const { sv, ds } = Y.snapshot(doc);
  const seen = { lineage: [...lineage], text: text.toString(), map: map.toJSON(), list: list.toJSON() };
  const deleted = [...ds.clients].sort(([a], [b]) => a - b);
  doc.destroy();
  return { ...seen, held: [...sv].sort(([a], [b]) => a - b), deleted };
}

const updates = fc.array(edit, { maxLength: 30 }).map(updatesOf);
const lineageOf = (byte: number) => new Uint8Array(16).fill(byte);
/** Logs of one document after another, of which the first may have no beginning. */
const life = fc.record({
  seed: fc.option(fc.array(edit, { maxLength: 5 })),
  edits: fc.array(edit, { maxLength: 15 }),
});
const data = fc.array(life, { maxLength: 3 }).map((lives) =>
  lives.flatMap(({ seed, edits }, i) => [
    // The authors of each life are others under the same numbers: within one document they would contradict each other.
    ...(seed || i > 0 ? [beginning(lineageOf(i + 1), seedOf(seed ?? []))] : []),
    ...updatesOf(edits).map(updateEntry),
  ]),
);
kindSuite<DocView>({ kind: docKind, data, content, runs: 60 });

const fold = (entries: readonly Data[]) => docKind.apply(docKind.empty(), logOf(entries));
const foldUpdates = (given: readonly Uint8Array[]) => fold(given.map(updateEntry));

describe('documents', () => {
  test('a fold shows what the authors wrote, deletions too', () => {
    const doc = new Y.Doc();
    const log: Uint8Array[] = [];
    doc.on('update', (update) => log.push(update));
    const { text, map } = shared(doc);
    text.insert(0, 'hello world');
    text.delete(0, 6);
    map.set('a', 1);
    map.delete('a');
    expect(content(foldUpdates(log))).toMatchObject({ text: 'world', map: {} });
    expect(content(foldUpdates(log.slice(0, 1)))).toMatchObject({ text: 'hello world' });
  });

  test('an update that came before what it builds on waits in the snapshot until that comes', () => {
    fc.assert(
      fc.property(updates, fc.nat(), (log, at) => {
        fc.pre(log.length > 1);
        const lost = log[at % log.length] ?? new Uint8Array();
        const rest = log.filter((update) => update !== lost);
        const early = foldUpdates(rest);
        const restored = docKind.restore(docKind.snapshot(early), early.offset);
        const late = { offset: log.length, check: 0, at: 0, from: null, data: updateEntry(lost) };
        expect(content(docKind.apply(restored, [late]))).toEqual(content(foldUpdates(log)));
      }),
      { numRuns: 60 },
    );
  });

  test('5,000 moves of one shape: merged updates hold more than 50 kB, the snapshot less than 1 kB', () => {
    const doc = new Y.Doc();
    const moves: Uint8Array[] = [];
    const shape = new Y.Map<number>();
    doc.getMap('map').set('shape', shape);
    moves.push(Y.encodeStateAsUpdate(doc));
    doc.on('update', (update) => moves.push(update));
    for (let i = 1; i <= 5000; i++) {
      doc.transact(() => {
        shape.set('x', i);
        shape.set('y', -i);
      });
    }
    const view = foldUpdates(moves);
    expect(moves).toHaveLength(5001);
    expect(Y.mergeUpdates(moves).length).toBeGreaterThan(50_000);
    expect((docKind.snapshot(view) as Uint8Array).length).toBeLessThanOrEqual(1000);
    expect(content(view)).toMatchObject({ map: { shape: { x: 5000, y: -5000 } } });
  });

  test('a reader that is behind gets one update, in the place of the last', () => {
    const typed = updatesOf(['a', 'b', 'c'].map((text) => ({ author: 0, what: 'insert', at: 0, text })));
    const log = logOf(typed.map(updateEntry));
    expect(docKind.conflate(log)).toEqual([{ ...log[2], data: expect.any(Uint8Array) }]);
    expect(docKind.conflate(log.slice(1, 2))).toEqual([log[1]]);
  });

  test('a doc may be trimmed only where a snapshot covers it', () => {
    expect(docKind.folds).toBe(true);
  });

  test('[Y1] what came before a beginning is no part of the document', () => {
    const [old = new Uint8Array(), news = new Uint8Array()] = ['a', 'b'].map((text) =>
      seedOf([{ author: 0, what: 'insert', at: 0, text }]),
    );
    const begun = fold([updateEntry(old), beginning(lineageOf(7), news)]);
    expect(content(begun)).toMatchObject({ text: 'b', lineage: [...lineageOf(7)] });
    expect(docKind.snapshot(begun)).toEqual(docSnapshot(lineageOf(7), begun.update));
    const [conflated] = docKind.conflate(
      logOf([updateEntry(old), beginning(lineageOf(7), news), updateEntry(news)]),
    );
    expect(readDocEntry(conflated?.data ?? '')).toMatchObject({ type: 'beginning', lineage: lineageOf(7) });
  });

  test('[Y3] a log without a beginning has lineage zero', () => {
    expect(fold([]).lineage).toEqual(new Uint8Array(16));
    expect(foldUpdates([seedOf([])]).lineage).toEqual(noLineage);
  });

  const damaged = new SyncError('corrupt', 'A doc channel holds bytes that are no Yjs update.');
  const good = updatesOf([{ author: 0, what: 'insert', at: 0, text: 'abc' }])[0] ?? new Uint8Array();

  test.each([
    ['nothing', new Uint8Array()],
    ['one byte', Uint8Array.of(1)],
    ['an update cut off', good.subarray(0, -3)],
    ['a text', new TextEncoder().encode('{"a":1}')],
  ])('bytes that are no update are refused, in an entry and in a snapshot: %s', (_what, bytes) => {
    expect(() => foldUpdates([good, bytes])).toThrow(damaged);
    expect(() => docKind.conflate(logOf([updateEntry(good), updateEntry(bytes)]))).toThrow(damaged);
    const restored = docKind.restore(docSnapshot(noLineage, bytes), 1);
    expect(() => docKind.apply(restored, logOf([updateEntry(good), updateEntry(good)]))).toThrow(damaged);
  });

  test('a text is refused where bytes should stand', () => {
    const error = new SyncError('corrupt', "A document can't be read: expected bytes.");
    expect(() => fold(['"a"'])).toThrow(error);
    expect(() => docKind.restore('"a"', 1)).toThrow(error);
  });
});
