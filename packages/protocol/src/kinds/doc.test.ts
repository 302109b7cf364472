/**
 * The kind for documents: it passes the law with random edits of several authors, each as far behind as it likes, and
 * its snapshots forget what was deleted, which merged updates never do.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { SyncError } from '../codes.ts';
import type { Data } from '../entry.ts';
import { type DocView, docKind, load } from './doc.ts';
import { kindSuite, logOf } from './kind.suite.ts';

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

/** Everything that a reader sees, and what of each author the document holds or knows to be deleted. */
function content({ update }: DocView): unknown {
  const doc = load(update);
  const { text, map, list } = shared(doc);
  const { sv, ds } = Y.snapshot(doc);
  const seen = { text: text.toString(), map: map.toJSON(), list: list.toJSON() };
  const deleted = [...ds.clients].sort(([a], [b]) => a - b);
  doc.destroy();
  return { ...seen, held: [...sv].sort(([a], [b]) => a - b), deleted };
}

const data = fc.array(edit, { maxLength: 30 }).map(updatesOf);
kindSuite<DocView>({ kind: docKind, data, content, runs: 60 });

const fold = (updates: readonly Data[]) => docKind.apply(docKind.empty(), logOf(updates));

describe('documents', () => {
  test('a fold shows what the authors wrote, deletions too', () => {
    const doc = new Y.Doc();
    const updates: Uint8Array[] = [];
    doc.on('update', (update) => updates.push(update));
    const { text, map } = shared(doc);
    text.insert(0, 'hello world');
    text.delete(0, 6);
    map.set('a', 1);
    map.delete('a');
    expect(content(fold(updates))).toMatchObject({ text: 'world', map: {} });
    expect(content(fold(updates.slice(0, 1)))).toMatchObject({ text: 'hello world' });
  });

  test('an update that came before what it builds on waits in the snapshot until that comes', () => {
    fc.assert(
      fc.property(data, fc.nat(), (updates, at) => {
        fc.pre(updates.length > 1);
        const lost = updates[at % updates.length] ?? new Uint8Array();
        const rest = updates.filter((update) => update !== lost);
        const early = fold(rest);
        const restored = docKind.restore(docKind.snapshot(early), early.offset);
        const late = { offset: updates.length, check: 0, at: 0, from: null, data: lost };
        expect(content(docKind.apply(restored, [late]))).toEqual(content(fold(updates)));
      }),
      { numRuns: 60 },
    );
  });

  test('5,000 moves of one shape: merged updates hold more than 50 kB, the snapshot less than 1 kB', () => {
    const doc = new Y.Doc();
    const updates: Uint8Array[] = [];
    const shape = new Y.Map<number>();
    doc.getMap('map').set('shape', shape);
    updates.push(Y.encodeStateAsUpdate(doc));
    doc.on('update', (update) => updates.push(update));
    for (let i = 1; i <= 5000; i++) {
      doc.transact(() => {
        shape.set('x', i);
        shape.set('y', -i);
      });
    }
    const view = fold(updates);
    expect(updates).toHaveLength(5001);
    expect(Y.mergeUpdates(updates).length).toBeGreaterThan(50_000);
    expect((docKind.snapshot(view) as Uint8Array).length).toBeLessThanOrEqual(1000);
    expect(content(view)).toMatchObject({ map: { shape: { x: 5000, y: -5000 } } });
  });

  test('a reader that is behind gets one update, in the place of the last', () => {
    const log = logOf(updatesOf(['a', 'b', 'c'].map((text) => ({ author: 0, what: 'insert', at: 0, text }))));
    expect(docKind.conflate(log)).toEqual([{ ...log[2], data: expect.any(Uint8Array) }]);
    expect(docKind.conflate(log.slice(1, 2))).toEqual([log[1]]);
  });

  test('a doc may be trimmed only where a snapshot covers it', () => {
    expect(docKind.folds).toBe(true);
  });

  const damaged = new SyncError('corrupt', 'A doc channel holds bytes that are no Yjs update.');
  const good = updatesOf([{ author: 0, what: 'insert', at: 0, text: 'abc' }])[0] ?? new Uint8Array();

  test.each([
    ['nothing', new Uint8Array()],
    ['one byte', Uint8Array.of(1)],
    ['an update cut off', good.subarray(0, -3)],
    ['a text', new TextEncoder().encode('{"a":1}')],
  ])('bytes that are no update are refused, in an entry and in a snapshot: %s', (_what, bytes) => {
    expect(() => fold([good, bytes])).toThrow(damaged);
    expect(() => docKind.conflate(logOf([good, bytes]))).toThrow(damaged);
    expect(() => docKind.apply(docKind.restore(bytes, 1), logOf([good]))).toThrow(damaged);
  });

  test('a text is refused where bytes should stand', () => {
    const error = new SyncError('corrupt', 'A doc channel holds a text where it should hold bytes.');
    expect(() => fold(['"a"'])).toThrow(error);
    expect(() => docKind.restore('"a"', 1)).toThrow(error);
  });
});
