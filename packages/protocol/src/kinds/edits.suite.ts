/**
 * Everything that real Yjs writes, as fast-check arbitraries: what several authors do to shared types of every kind, each as far
 * behind as it likes, undone and redone, merged, cut to differences. The tests of update.ts and of documents draw from it.
 */
import fc from 'fast-check';
import * as Y from 'yjs';

/** One thing that an author does, and at which of the things that are there. */
interface Act {
  readonly author: number;
  readonly what: (typeof acts)[number];
  readonly at: number;
  readonly text: string;
  readonly value: unknown;
}

const acts = [
  ...(['type', 'erase', 'format', 'embed', 'unformat'] as const),
  ...(['set', 'unset', 'push', 'pull', 'nest', 'bytes', 'subdoc'] as const),
  ...(['element', 'attribute', 'xmlText', 'hook', 'read', 'undo', 'redo'] as const),
] as const;

const value = fc.oneof(
  { withCrossShrink: true },
  fc.jsonValue({ maxDepth: 4 }),
  fc.constantFrom(-0, 1.5, 2 ** 40, -(2 ** 31), Number.NaN, Number.POSITIVE_INFINITY, '\u{1f6a2}', 'é', '\0'),
);

const act: fc.Arbitrary<Act> = fc.record({
  author: fc.nat(2),
  what: fc.constantFrom(...acts),
  at: fc.nat(30),
  text: fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }),
  value,
});

/** A shared type somewhere in the document: those at its root, and what stands in the map. */
function map(doc: Y.Doc, at: number): Y.Map<unknown> {
  const inner = doc.getMap('map').get(`k${at % 3}`);
  return at % 2 === 1 && inner instanceof Y.Map ? inner : doc.getMap('map');
}

function write(doc: Y.Doc, { what, at, text: word }: Act): void {
  const text = doc.getText('text');
  const length = Math.min(3, text.length - (at % (text.length + 1)));
  if (what === 'type') text.insert(at % (text.length + 1), word);
  else if (what === 'embed') text.insertEmbed(at % (text.length + 1), { image: word });
  else if (length === 0) return;
  else if (what === 'erase') text.delete(at % (text.length + 1), length);
  else if (what === 'format') text.format(at % (text.length + 1), length, { bold: true, color: word });
  else if (what === 'unformat') text.format(at % (text.length + 1), length, { bold: null });
}

/** What only maps take. */
const odd = [undefined, 5n, -(2n ** 63n), new Date(0)];

function keep(doc: Y.Doc, { what, at, text: word, value: one }: Act): void {
  const list = doc.getArray<unknown>('list');
  const nested = [new Y.Map(), new Y.Array(), new Y.Text(word), new Y.XmlText(word), new Y.XmlElement(word)];
  if (what === 'set') map(doc, at).set(`k${at % 3}`, at % 7 === 0 ? odd[at % odd.length] : one);
  else if (what === 'unset') map(doc, at).delete(`k${at % 3}`);
  else if (what === 'nest') map(doc, at).set(`k${at % 3}`, nested[at % nested.length]);
  else if (what === 'push') list.insert(at % (list.length + 1), [one, word, at]);
  else if (what === 'bytes') list.push([Uint8Array.of(at, 0, 255)]);
  else if (what === 'subdoc')
    list.push([new Y.Doc({ guid: word, autoLoad: at % 2 === 1, meta: one ?? null })]);
  else if (what === 'pull' && list.length > 0) list.delete(at % list.length, 1);
}

function markUp(doc: Y.Doc, { what, at, text: word }: Act): void {
  const root = doc.getXmlFragment('xml');
  const inner = root.length > 0 ? root.get(at % root.length) : undefined;
  const into = inner instanceof Y.XmlElement && at % 2 === 1 ? inner : root;
  if (what === 'element') into.insert(at % (into.length + 1), [new Y.XmlElement(word)]);
  else if (what === 'xmlText') into.push([new Y.XmlText(word)]);
  else if (what === 'hook') doc.getMap('map').set('hook', new Y.XmlHook(word));
  else if (what === 'attribute' && inner instanceof Y.XmlElement) inner.setAttribute(`a${at % 2}`, word);
}

/** What came of such acts: each update as it was told, and the documents that the authors hold. */
export interface Session {
  readonly updates: readonly Uint8Array[];
  readonly docs: readonly Y.Doc[];
}

function play(list: readonly Act[], gc: boolean): Session {
  const updates: Uint8Array[] = [];
  const authors = [2 ** 32 - 1, 7, 300].map((clientID) => {
    const doc = new Y.Doc({ gc });
    doc.clientID = clientID;
    const undo = new Y.UndoManager([doc.getText('text'), doc.getMap('map'), doc.getArray('list')], {
      captureTimeout: 0,
    });
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'log') updates.push(update);
    });
    return { doc, undo, read: 0 };
  });
  for (const one of list) {
    const author = authors[one.author];
    if (!author) continue;
    const { doc, undo } = author;
    if (one.what === 'read') {
      const news = updates.slice(author.read);
      author.read = updates.length;
      for (const update of news) Y.applyUpdate(doc, update, 'log');
    } else if (one.what === 'undo') undo.undo();
    else if (one.what === 'redo') undo.redo();
    else {
      doc.transact(() => {
        write(doc, one);
        keep(doc, one);
        markUp(doc, one);
      });
    }
  }
  return { updates, docs: authors.map(({ doc }) => doc) };
}

export const session: fc.Arbitrary<Session> = fc
  .tuple(fc.array(act, { maxLength: 40, size: 'max' }), fc.boolean())
  .map(([list, gc]) => play(list, gc));

/** Every kind of update that Yjs makes of a session: as told, whole, merged with holes in between, and cut to differences. */
export function updatesOf({ updates, docs }: Session, at: number): Uint8Array[] {
  const holes = updates.filter((_, i) => (i + at) % 3 > 0);
  const merged = [updates, holes, holes.toReversed(), holes.slice(at % (holes.length + 1))]
    .filter(({ length }) => length > 0)
    .map((some) => Y.mergeUpdates([...some]));
  const vectors = docs.map((doc) => Y.encodeStateVector(doc));
  const whole = docs.map((doc) => Y.encodeStateAsUpdate(doc));
  return [
    ...updates,
    ...merged,
    ...whole,
    ...docs.flatMap((doc) => vectors.map((vector) => Y.encodeStateAsUpdate(doc, vector))),
    ...[...merged, ...whole].flatMap((update) => vectors.map((vector) => Y.diffUpdate(update, vector))),
    ...docs.map((doc) => Y.convertUpdateFormatV2ToV1(Y.encodeStateAsUpdateV2(doc))),
    ...whole.map((update) => {
      const late = new Y.Doc();
      // What it builds on is missing, so it waits, and is told on with what waits.
      for (const one of holes) Y.applyUpdate(late, one);
      Y.applyUpdate(late, update);
      return Y.encodeStateAsUpdate(late);
    }),
    ...holes.map((_, i) => {
      const late = new Y.Doc();
      for (const one of holes.slice(i)) Y.applyUpdate(late, one);
      return Y.encodeStateAsUpdate(late);
    }),
  ];
}
