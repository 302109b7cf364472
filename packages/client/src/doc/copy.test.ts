/**
 * One copy of a document by itself: what it counts, what lineage it takes itself to be of, and what it sends after what became of
 * what it sent is in doubt. The log is a Y.Doc here, which looks whether anything is sent to it that it has.
 */
import {
  type DocBeginning,
  type DocSnapshot,
  type DocUpdate,
  noLineage,
  updateEntry,
} from '@syncline/protocol/wire';
import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { type Batch, Copy } from './copy.ts';

const bytesMax = 1_000_000;
const lineage = (byte: number): Uint8Array<ArrayBuffer> => new Uint8Array(16).fill(byte);

function copyOf(doc = new Y.Doc()) {
  const edits: Uint8Array[] = [];
  const report = (error: unknown) => {
    throw error;
  };
  return { copy: new Copy(doc, { origin: {}, report, edited: (update) => edits.push(update) }), edits };
}

/** A log that stores what is sent to it. */
class Log {
  readonly doc = new Y.Doc();
  offset = 0;

  /** Nothing of what is sent may be there already. Gives what is to be merged by whoever reads it. */
  store({ update }: Batch): DocUpdate {
    const has = Y.decodeStateVector(Y.encodeStateVector(this.doc));
    const sent = Y.decodeUpdate(update).structs.map(({ id }) => id);
    expect(sent.filter(({ client, clock }) => clock < (has.get(client) ?? 0))).toEqual([]);
    expect(sent).not.toEqual([]);
    Y.applyUpdate(this.doc, update);
    this.offset++;
    return { type: 'update', update };
  }

  get snapshot(): DocSnapshot {
    return { type: 'snapshot', lineage: noLineage, update: Y.encodeStateAsUpdateV2(this.doc) };
  }

  says(text: string): void {
    expect(this.doc.getText('t').toString()).toBe(text);
  }
}

const write = ({ doc }: Copy, text: string) => doc.getText('t').insert(doc.getText('t').length, text);
const counts = ({ made, saved, confirmed, pending }: Copy) => ({ made, saved, confirmed, pending });

/** Sends all that the log lacks, and reads it there. */
function sendAll(copy: Copy, log: Log): void {
  for (let batch = copy.take(bytesMax); batch; batch = copy.take(bytesMax)) {
    const entry = log.store(batch);
    copy.stored(batch, log.offset);
    copy.merge([entry]);
    copy.read(log.offset);
  }
  const { made } = copy;
  expect(counts(copy)).toEqual({ made, saved: made, confirmed: made, pending: false });
}

describe('the lineage', () => {
  const beginning = (byte: number): DocBeginning => ({
    ...{ type: 'beginning', lineage: lineage(byte) },
    update: Y.encodeStateAsUpdate(new Y.Doc()),
  });

  test('[Y3] a copy is of no document until the log tells of one, and of that one from then on', () => {
    const { copy } = copyOf();
    copy.reread([], false);
    expect([copy.isOf(lineage(1)), copy.isOf(noLineage)]).toEqual([true, true]);
    copy.merge([beginning(1)]);
    expect([copy.isOf(lineage(1)), copy.isOf(lineage(2)), copy.isOf(noLineage)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test('[Y3] an edit in a log without a beginning tells of a document too', () => {
    const { copy } = copyOf();
    const other = new Y.Doc();
    other.getText('t').insert(0, 'x');
    copy.merge([{ type: 'update', update: Y.encodeStateAsUpdate(other) }]);
    expect([copy.isOf(noLineage), copy.isOf(lineage(1))]).toEqual([true, false]);
  });

  test('what is restored is of the lineage that it was kept with, whatever its records say', () => {
    const { copy } = copyOf();
    const kept = new Y.Doc();
    kept.getText('t').insert(0, 'kept');
    copy.restore([updateEntry(Y.encodeStateAsUpdate(kept))], lineage(3));
    expect(copy.doc.getText('t').toString()).toBe('kept');
    expect([copy.isOf(lineage(3)), copy.isOf(lineage(1))]).toEqual([true, false]);
  });
});

describe('what is sent', () => {
  test('content that a copy came with counts as one edit until it is stored', () => {
    const doc = new Y.Doc();
    doc.getText('t').insert(0, 'brought along');
    const { copy } = copyOf(doc);
    expect(counts(copy)).toEqual({ made: 1, saved: 0, confirmed: 0, pending: true });
    expect([copy.isOf(noLineage), copy.isOf(lineage(1))]).toEqual([true, false]);
    const log = new Log();
    sendAll(copy, log);
    log.says('brought along');
  });

  test('edits that wait go as one, and what is edited meanwhile goes next', () => {
    const { copy, edits } = copyOf();
    const log = new Log();
    write(copy, 'a');
    write(copy, 'b');
    const batch = copy.take(bytesMax) as Batch;
    write(copy, 'c');
    expect([edits.length, batch.upTo]).toEqual([3, 2]);
    copy.merge([log.store(batch)]);
    copy.stored(batch, log.offset);
    expect(counts(copy)).toEqual({ made: 3, saved: 2, confirmed: 0, pending: true });
    copy.read(log.offset);
    expect(copy.confirmed).toBe(2);
    sendAll(copy, log);
    log.says('abc');
  });

  test.each([
    { title: 'was stored, as the log says anew', stored: true, anew: true },
    { title: 'was stored, as the log goes on to say', stored: true, anew: false },
    { title: 'was not, as the log says anew', stored: false, anew: true },
    { title: 'was not, as the log shows by saying nothing', stored: false, anew: false },
  ])('a lost answer: what flew $title, and the rest goes once', ({ stored, anew }) => {
    const { copy } = copyOf();
    const log = new Log();
    write(copy, 'a');
    const batch = copy.take(bytesMax) as Batch;
    write(copy, 'b');
    const entries = stored ? [log.store(batch)] : [];
    copy.lost();
    expect(copy.flying).toBeUndefined();
    expect(counts(copy)).toEqual({ made: 2, saved: 0, confirmed: 0, pending: true });
    if (anew) copy.reread([log.snapshot], false);
    else copy.merge(entries);
    write(copy, 'c');
    sendAll(copy, log);
    log.says('abc');
  });

  test.each([{ anew: true }, { anew: false }])(
    'a log that lost what it answered to have stored is given it back: %j',
    ({ anew }) => {
      const { copy } = copyOf();
      write(copy, 'a');
      const batch = copy.take(bytesMax) as Batch;
      copy.stored(batch, 1);
      write(copy, 'b');
      expect(counts(copy)).toEqual({ made: 2, saved: 1, confirmed: 0, pending: true });
      copy.lost();
      expect(counts(copy)).toEqual({ made: 2, saved: 0, confirmed: 0, pending: true });
      const log = new Log();
      if (anew) copy.reread([log.snapshot], true);
      sendAll(copy, log);
      log.says('ab');
    },
  );

  test('an edit that waits and that the log has from elsewhere is not sent', () => {
    const { copy, edits } = copyOf();
    const log = new Log();
    write(copy, 'a');
    Y.applyUpdate(log.doc, edits[0] as Uint8Array);
    expect(copy.reread([log.snapshot], true)).toBeUndefined();
    expect(counts(copy)).toEqual({ made: 1, saved: 1, confirmed: 1, pending: false });
  });

  test('many edits, and edits that are too much for one, go in as many as it takes', () => {
    const { copy } = copyOf();
    const log = new Log();
    for (let i = 0; i < 200; i++) write(copy, 'x');
    sendAll(copy, log);
    log.says('x'.repeat(200));
    for (let i = 0; i < 3; i++) write(copy, 'y'.repeat(100));
    const sizes: number[] = [];
    for (let batch = copy.take(150); batch; batch = copy.take(150)) {
      sizes.push(batch.update.length);
      copy.stored(batch, ++log.offset);
      Y.applyUpdate(log.doc, batch.update);
    }
    expect(sizes).toHaveLength(3);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(150);
    log.says('x'.repeat(200) + 'y'.repeat(300));
  });

  test('what others edit is shown and is no edit of its own, and neither is anything once it was left', () => {
    const { copy, edits } = copyOf();
    const other = new Y.Doc();
    other.getText('t').insert(0, 'theirs');
    copy.merge([{ type: 'update', update: Y.encodeStateAsUpdate(other) }]);
    copy.leave();
    write(copy, '!');
    expect(copy.doc.getText('t').toString()).toBe('theirs!');
    expect([counts(copy), edits]).toEqual([{ made: 0, saved: 0, confirmed: 0, pending: false }, []]);
  });

  test('what can not be read is told, and what comes with it is shown', () => {
    const told: unknown[] = [];
    const parts = { origin: {}, report: (error: unknown) => told.push(error), edited: () => {} };
    const copy = new Copy(new Y.Doc(), parts);
    const other = new Y.Doc();
    other.getText('t').insert(0, 'good');
    const bad: DocUpdate = { type: 'update', update: Uint8Array.of(1, 1, 0xff) };
    copy.merge([bad, { type: 'update', update: Y.encodeStateAsUpdate(other) }]);
    expect([told.length, copy.doc.getText('t').toString()]).toEqual([1, 'good']);
  });

  test('a snapshot that comes while something flies and waits leaves what the log lacks, and that once', () => {
    const { copy } = copyOf();
    const log = new Log();
    write(copy, 'a');
    const first = copy.take(bytesMax) as Batch;
    log.store(first);
    copy.stored(first, log.offset);
    write(copy, 'b');
    const second = copy.take(bytesMax) as Batch;
    write(copy, 'c');
    log.store(second);
    const rest = copy.reread([log.snapshot], true);
    expect(copy.flying).toBeUndefined();
    expect(rest && Y.decodeUpdate(rest).structs.map(({ length }) => length)).toEqual([1]);
    // The log was read just now.
    expect(copy.confirmed).toBe(copy.saved);
    sendAll(copy, log);
    log.says('abc');
  });

  test('edits of an earlier life go as far as the log lacks them', () => {
    const life = new Y.Doc();
    const edits: Uint8Array[] = [];
    life.on('update', (update: Uint8Array) => edits.push(update));
    for (const letter of 'ab') life.getText('t').insert(life.getText('t').length, letter);
    const log = new Log();
    Y.applyUpdate(log.doc, edits[0] as Uint8Array);
    const { copy } = copyOf();
    copy.reread([log.snapshot], false);
    write(copy, 'x');
    copy.recall([]);
    expect(copy.made).toBe(1);
    copy.recall(edits);
    expect(counts(copy)).toEqual({ made: 3, saved: 0, confirmed: 0, pending: true });
    sendAll(copy, log);
    expect([...log.doc.getText('t').toString()].sort()).toEqual(['a', 'b', 'x']);
  });

  test('edits of an earlier life that the log has are not sent', () => {
    const log = new Log();
    log.doc.getText('t').insert(0, 'a');
    const { copy } = copyOf();
    copy.reread([log.snapshot], false);
    copy.recall([Y.encodeStateAsUpdate(log.doc)]);
    expect(copy.doc.getText('t').toString()).toBe('a');
    sendAll(copy, log);
  });

  test('where all of it is in the log again nothing is in doubt any more, and what is edited then goes as it is', () => {
    const { copy } = copyOf();
    const log = new Log();
    write(copy, 'a');
    const batch = copy.take(bytesMax) as Batch;
    log.store(batch);
    copy.lost();
    expect(copy.reread([log.snapshot], true)).toBeUndefined();
    expect(counts(copy)).toEqual({ made: 1, saved: 1, confirmed: 1, pending: false });
    write(copy, 'b');
    sendAll(copy, log);
    log.says('ab');
  });
});
