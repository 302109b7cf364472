/**
 * What a log lacks of a copy, against Yjs itself: whatever was edited by whom, in however small parts, the log comes to hold what the
 * copy does, with nothing twice, and each part is one that servers take.
 */
import { updateFault } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { Known } from './known.ts';

interface Edit {
  readonly author: number;
  readonly what:
    | 'type'
    | 'erase'
    | 'paste'
    | 'set'
    | 'unset'
    | 'push'
    | 'pull'
    | 'nest'
    | 'move'
    | 'read'
    | 'lose';
  readonly at: number;
  readonly text: string;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  author: fc.nat(2),
  what: fc.constantFrom(
    ...(['type', 'erase', 'paste', 'set', 'unset', 'push', 'pull', 'nest', 'move', 'read', 'lose'] as const),
  ),
  at: fc.nat(40),
  text: fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }),
});

function perform(doc: Y.Doc, { what, at, text: word }: Edit): void {
  const [text, map, list] = [doc.getText('text'), doc.getMap('map'), doc.getArray('list')];
  const key = `k${at % 3}`;
  const shape = map.get(key);
  if (what === 'type') text.insert(at % (text.length + 1), word);
  else if (what === 'paste') text.insert(at % (text.length + 1), word.repeat(30));
  else if (what === 'erase' && text.length > 0) text.delete(at % text.length, 1);
  else if (what === 'set') map.set(key, word);
  else if (what === 'unset') map.delete(key);
  else if (what === 'push') list.insert(at % (list.length + 1), [word, at, { word }]);
  else if (what === 'pull' && list.length > 0) list.delete(at % list.length, 1);
  else if (what === 'nest') map.set(key, new Y.Map(Object.entries({ x: at })));
  else if (what === 'move' && shape instanceof Y.Map) shape.set('x', at);
}

const nothing = Y.encodeStateAsUpdate(new Y.Doc());

const content = (doc: Y.Doc) => {
  const { sv, ds } = Y.snapshot(doc);
  const inOrder = (map: ReadonlyMap<number, unknown>) => [...map].sort(([a], [b]) => a - b);
  const seen = [doc.getText('text').toString(), doc.getMap('map').toJSON(), doc.getArray('list').toJSON()];
  return { seen, held: inOrder(sv), deleted: inOrder(ds.clients) };
};

/** Three authors edit. What they `lose` never reaches the log; after that they know nothing new. */
function played(edits: readonly Edit[], gc: boolean): { readonly copy: Y.Doc; readonly log: Uint8Array[] } {
  const log: Uint8Array[] = [];
  let losing = false;
  const docs = [0, 1, 2].map((author) => {
    const doc = new Y.Doc({ gc });
    doc.clientID = author + 1;
    doc.on(
      'update',
      (update: Uint8Array, origin: unknown) => origin !== 'log' && !losing && log.push(update),
    );
    return doc;
  });
  for (const one of edits) {
    const doc = docs[one.author];
    if (one.what === 'lose') losing = true;
    else if (one.what === 'read')
      for (const other of docs) Y.applyUpdate(doc as Y.Doc, Y.encodeStateAsUpdate(other), 'log');
    else doc?.transact(() => perform(doc, one));
  }
  const copy = new Y.Doc({ gc });
  for (const doc of docs) Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc));
  return { copy, log };
}

function folded(log: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc();
  for (const update of log) Y.applyUpdate(doc, update);
  return doc;
}

const edits = fc.array(edit, { maxLength: 40 });

describe('what the log lacks', () => {
  test('[Y2] [Y5] parts of any size make a log hold what the copy does, and are updates that servers take', () => {
    fc.assert(
      fc.property(edits, fc.boolean(), fc.integer({ min: 130, max: 2_000 }), (all, gc, bytesMax) => {
        const { copy, log } = played(all, gc);
        const known = Known.of(folded(log));
        for (let parts = 0; ; parts++) {
          const lacking = known.lacking(copy, bytesMax);
          if (!lacking) break;
          expect(updateFault(lacking.update)).toBeUndefined();
          expect(lacking.update.length).toBeLessThanOrEqual(bytesMax);
          log.push(lacking.update);
          known.add([lacking.update]);
          expect(known.lacking(copy, bytesMax) === undefined).toBe(lacking.whole);
          expect(parts).toBeLessThan(1_000);
        }
        expect(content(folded(log))).toEqual(content(copy));
      }),
      { numRuns: 300 },
    );
  });

  test('what the log is told to hold, update by update, is what it holds; what is dropped, it may lack', () => {
    fc.assert(
      fc.property(edits, fc.nat(), (all, at) => {
        const { log } = played(
          all.filter(({ what }) => what !== 'lose'),
          true,
        );
        const copy = folded(log);
        const cut = at % (log.length + 1);
        const grown = Known.nothing();
        for (const update of log) grown.add([update]);
        // Of values set at once for one key, Yjs deletes all but one without anybody's update saying so.
        expect(Y.decodeUpdate(grown.lacking(copy, 1e9)?.update ?? nothing).structs).toEqual([]);
        const shrunk = Known.of(copy);
        shrunk.drop(log.slice(cut));
        const rest = shrunk.lacking(copy, 1e9);
        const again = folded(log.slice(0, cut));
        if (rest) Y.applyUpdate(again, rest.update);
        expect(content(again)).toEqual(content(copy));
        if (cut === log.length) expect(rest).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  test('one long paste goes in parts, and no character is parted', () => {
    const copy = new Y.Doc();
    const text = 'a\u{1f6a2}'.repeat(20_000);
    copy.getText('text').insert(0, text);
    copy.getArray('list').insert(
      0,
      Array.from({ length: 5_000 }, (_, i) => `value ${i}`),
    );
    const known = Known.nothing();
    const log: Uint8Array[] = [];
    for (let lacking = known.lacking(copy, 10_000); lacking; lacking = known.lacking(copy, 10_000)) {
      log.push(lacking.update);
      known.add([lacking.update]);
    }
    expect(log.length).toBeGreaterThan(10);
    expect(log.length).toBeLessThan(40);
    expect(folded(log).getText('text').toString()).toBe(text);
    expect(folded(log).getArray('list').length).toBe(5_000);
  });

  test('one value that is too large is told, and so is one deletion that nothing fits beside', () => {
    const copy = new Y.Doc();
    copy.getMap('map').set('a', 'x'.repeat(1_000));
    const error = expect.objectContaining({ code: 'payload_too_large' });
    expect(() => Known.nothing().lacking(copy, 500)).toThrow(error);
    expect(Known.nothing().lacking(copy, 1_100)?.whole).toBe(true);
    const known = Known.of(copy);
    copy.getMap('map').delete('a');
    expect(() => known.lacking(copy, 10)).toThrow(error);
  });

  test('what waits for something that never came is sent by nobody: it is in the log already', () => {
    const author = new Y.Doc();
    const updates: Uint8Array[] = [];
    author.on('update', (update: Uint8Array) => updates.push(update));
    for (const letter of 'abc') author.getText('text').insert(0, letter);
    const copy = folded([updates[0], updates[2]].map((update) => update ?? new Uint8Array()));
    expect(copy.store.pendingStructs).not.toBeNull();
    expect(Known.of(copy).lacking(copy, 1e6)).toBeUndefined();
  });

  test('many deletions and nothing else: only those that the log lacks are sent', () => {
    const copy = new Y.Doc();
    const text = copy.getText('text');
    text.insert(0, 'x'.repeat(4_000));
    for (let i = 0; i < 1_000; i++) text.delete(i * 2, 1);
    const log = folded([Y.encodeStateAsUpdate(copy)]);
    const known = Known.of(log);
    text.delete(2_500, 3);
    const lacking = known.lacking(copy, 1e6);
    expect(lacking?.update.length).toBeLessThan(30);
    Y.applyUpdate(log, lacking?.update ?? new Uint8Array());
    expect(log.getText('text').toString()).toBe(text.toString());
  });
});
