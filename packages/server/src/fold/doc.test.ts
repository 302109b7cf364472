/**
 * Documents as a server folds them: the suite of folders over real workers, what a folder lets go of, and what becomes of documents
 * that are too large or can't be folded. Logs are made here; there is no channel and no broker.
 */

import { SyncError } from '@syncline/protocol';
import { docKind } from '@syncline/protocol/doc';
import { logOf } from '@syncline/protocol/testing';
import {
  beginning,
  type Data,
  docSnapshot,
  noLineage,
  readDocData,
  systemClock,
} from '@syncline/protocol/wire';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import * as Y from 'yjs';
import { newMetrics } from '../observe.ts';
import { contentOf, documentOf, edits, entriesOf, slowEntries } from '../testing/documents.ts';
import { gate } from '../testing/meddle.ts';
import { Faults } from './doc/faults.ts';
import { DocFault, DocWorker } from './doc/worker.ts';
import { DocFolder, type DocFolderTools } from './doc.ts';
import { folderSuite } from './folder.suite.ts';

const worker = new DocWorker({ clock: systemClock, docFoldMs: 60_000, docHeapBytesMax: 2 ** 28 });
const hasty = new DocWorker({ clock: systemClock, docFoldMs: 300, docHeapBytesMax: 2 ** 28 });
afterAll(() => Promise.all([worker.close(), hasty.close()]));

/** One that finds all too slow to be loaded. */
const hastyTimer = {
  run: (...what: Parameters<DocWorker['run']>) =>
    [...what][0] === 'time' ? Promise.reject(new DocFault('It took longer.', 0)) : worker.run(...what),
} as DocFolderTools['worker'];

/** A folder, and what it told. */
function made(more: Partial<DocFolderTools> = {}) {
  const refusals: (SyncError | undefined)[] = [];
  const errors: [facts: Readonly<Record<string, unknown>>, message: string][] = [];
  const metrics = newMetrics();
  const folder = new DocFolder({
    name: 'board/1',
    bytesMax: 1e9,
    waitingBytesMax: 1e9,
    docEditMs: 1000,
    worker,
    faults: new Faults(),
    logger: { error: (...what) => void errors.push(what) },
    metrics,
    refuse: (error) => void refusals.push(error),
    begin: async () => undefined,
    onClose: () => {},
    ...more,
  });
  return { folder, refusals, errors, metrics };
}

const begun = fc
  .tuple(edits, fc.uint8Array({ minLength: 16, maxLength: 16 }), edits)
  .map(([before, lineage, after]) => {
    const first = readDocData(after[0] ?? Uint8Array.of(1, 0, 0)).update;
    return [...before, beginning(lineage, first), ...after.slice(1)];
  });

folderSuite({
  kind: docKind,
  make: () => made().folder,
  data: fc.oneof({ weight: 3, arbitrary: edits }, { weight: 1, arbitrary: begun }) as fc.Arbitrary<Data[]>,
  content: ({ lineage, update }) => [[...lineage], contentOf(documentOf([docSnapshot(lineage, update)]))],
});

const write = (text: string) => entriesOf((doc) => doc.getText('text').insert(0, text));
const textOf = async (folder: DocFolder) =>
  documentOf([await folder.folded()])
    .getText('text')
    .toString();

describe('a document', () => {
  it('is folded once for all who ask at the same time, and not again while nothing is added', async () => {
    let folds = 0;
    const counting = {
      run: (...what: Parameters<DocWorker['run']>) => {
        folds++;
        return worker.run(...what);
      },
    } as DocFolderTools['worker'];
    const { folder } = made({ worker: counting });
    folder.add(logOf(write('a')));
    const all = await Promise.all([folder.folded(), folder.snapshot(), folder.folded()]);
    expect(new Set(all).size).toBe(1);
    await folder.snapshot();
    expect(folds).toBe(1);
  });

  it('is folded in the turn of whoever wrote most of what came since', async () => {
    const turns: unknown[] = [];
    const noting = {
      run: (...what: Parameters<DocWorker['run']>) => {
        turns.push([...what][3]);
        return worker.run(...what);
      },
    } as DocFolderTools['worker'];
    const { folder } = made({ worker: noting });
    const [short = '', long = ''] = ['a', 'b'.repeat(200)];
    const log = logOf([...write(short), ...write(long), ...write(short), ...write(short)]);
    const authors = ['ada', 'eve', 'ada', null];
    folder.add(log.slice(0, 3).map((entry, i) => ({ ...entry, from: authors[i] ?? null })));
    await folder.snapshot();
    folder.add(log.slice(3));
    await folder.snapshot();
    expect(turns).toEqual(['eve', null]);
  });

  it('that is edited on the server is timed once, until it is another', async () => {
    const works: string[] = [];
    const noting = {
      run: (...what: Parameters<DocWorker['run']>) => {
        works.push(what[0]);
        return worker.run(...what);
      },
    } as DocFolderTools['worker'];
    const { folder } = made({ worker: noting });
    const log = logOf([...write('a'), ...write('b')]);
    for (const entry of log) {
      folder.add([entry]);
      const first = await folder.editable();
      expect(await folder.editable()).toBe(first);
      expect(works.splice(0)).toEqual(['fold', 'time']);
    }
  });

  it('is not loaded for its few bytes: a million things that are alike take next to none', async () => {
    const { folder, metrics } = made({ docEditMs: 10 });
    const maps = (doc: Y.Doc) => doc.getArray('a').push(Array.from({ length: 50_000 }, () => new Y.Map()));
    folder.add(logOf(entriesOf(maps)));
    expect((await folder.folded()).length).toBeLessThan(100);
    await expect(folder.editable()).rejects.toMatchObject({ code: 'payload_too_large' });
    const { folder: worse } = made({ docEditMs: 10, worker: hastyTimer });
    worse.add(logOf(entriesOf(maps)));
    await expect(worse.editable()).rejects.toThrow('more time or memory than folding may take');
    expect(metrics.docsQuarantined).toBe(0);
  });

  it('[Y7] that waits to be folded takes no more than it may hold, and takes more when it was folded', async () => {
    let held = gate();
    const waiting = {
      run: async (...what: Parameters<DocWorker['run']>) => {
        await held.passed;
        return await worker.run(...what);
      },
    } as DocFolderTools['worker'];
    const { folder, refusals } = made({ worker: waiting, waitingBytesMax: 100 });
    const [small = '', large = ''] = ['a', 'b'.repeat(200)];
    const log = logOf([small, large, small, small, large].flatMap(write));
    folder.add(log.slice(0, 1));
    const first = folder.snapshot();
    expect(refusals.at(-1)).toBeUndefined();
    folder.add(log.slice(1, 3));
    expect(refusals.at(-1)).toMatchObject({ code: 'too_many', detail: { retryMs: 1000 } });
    held.open();
    await first;
    await expect.poll(() => refusals.at(-1)).toBeUndefined();
    await folder.snapshot();
    // What was folded before is no longer counted.
    held = gate();
    folder.add(log.slice(3, 4));
    const third = folder.snapshot();
    expect(refusals.at(-1)).toBeUndefined();
    held.open();
    await third;
    // One that nobody folds is folded when enough has come, which a refusal would prevent.
    folder.add(log.slice(4));
    expect(refusals.at(-1)).toBeUndefined();
    held = gate();
    const last = folder.snapshot();
    expect(refusals.at(-1)).toMatchObject({ code: 'too_many' });
    held.open();
    await last;
    await expect.poll(() => refusals.at(-1)).toBeUndefined();
  });

  it('takes entries while it is folded, and loses none of them', async () => {
    const doc = new Y.Doc();
    const words = doc.getText('text');
    const log = logOf(
      entriesOf(() => {
        for (const one of 'abcdefgh') words.insert(0, one);
      }, doc),
    );
    const { folder } = made();
    const folds: Promise<unknown>[] = [];
    for (const entry of log) {
      folder.add([entry]);
      folds.push(folder.folded());
    }
    await Promise.all(folds);
    expect(await textOf(folder)).toBe('hgfedcba');
  });

  it('keeps the newer snapshot when an older one is finished after it, as happens when somebody waits for the newer', async () => {
    const runs: [pieces: readonly Uint8Array[], urgent: boolean | undefined, go: () => void][] = [];
    const held = {
      run: (work: 'fold', pieces: readonly Uint8Array[], urgent?: boolean) =>
        new Promise<unknown>((resolve, reject) =>
          runs.push([pieces, urgent, () => worker.run(work, pieces).then(resolve, reject)]),
        ),
    } as unknown as DocFolderTools['worker'];
    const { folder } = made({ worker: held });
    const doc = new Y.Doc();
    const log = logOf(
      entriesOf(() => {
        for (const one of 'abc') doc.getText('text').insert(0, one);
      }, doc),
    );
    folder.add(log.slice(0, 1));
    const older = folder.snapshot();
    folder.add(log.slice(1, 2));
    const newer = folder.folded();
    expect(runs.map(([pieces, urgent]) => [pieces.length, urgent])).toEqual([
      [1, false],
      [2, true],
    ]);
    runs[1]?.[2]();
    await newer;
    runs[0]?.[2]();
    await older;
    folder.add(log);
    const last = folder.folded();
    runs[2]?.[2]();
    expect(
      documentOf([await last])
        .getText('text')
        .toString(),
    ).toBe('cba');
  });

  it('asks for a snapshot the later, the larger the last one was, and before it is too large', async () => {
    const { folder } = made({ bytesMax: 30_000 });
    expect([folder.size, folder.room]).toEqual([0, 30_000]);
    folder.add(logOf(write('x'.repeat(20_000))));
    const { length } = await folder.folded();
    expect([folder.size, folder.room]).toEqual([Math.floor(length / 1024), 30_000 - length]);
  });

  it('[Y3] has the lineage of its last beginning, or none', async () => {
    const { folder } = made();
    const log = logOf([...write('old'), beginning(new Uint8Array(16).fill(7), new Uint8Array(2))]);
    expect(folder.lineage).toEqual(noLineage);
    folder.add(log.slice(0, 1));
    expect(folder.lineage).toEqual(noLineage);
    folder.add(log);
    expect(folder.lineage).toEqual(new Uint8Array(16).fill(7));
    expect(readDocData(await folder.folded())).toMatchObject({ lineage: new Uint8Array(16).fill(7) });
    expect(folder.lineage).toEqual(new Uint8Array(16).fill(7));
    expect(await textOf(folder)).toBe('');
  });

  it('tells when it has come so far, and whom it keeps waiting when it is closed or the log is lost', async () => {
    const { folder } = made();
    const log = logOf([...write('a'), ...write('b'), ...write('c')]);
    const told: string[] = [];
    const wait = (offset: number) => folder.reached(offset).then(() => told.push(`reached ${offset}`));
    const waits = [wait(1), wait(3), wait(9)];
    folder.add(log.slice(0, 1));
    await waits[0];
    folder.add(log);
    await waits[1];
    expect(told).toEqual(['reached 1', 'reached 3']);
    await folder.reached(2);
    folder.clear();
    await waits[2];
    const last = wait(99);
    folder.close();
    await last;
  });
});

describe('a document that is too large', () => {
  it('[Y7] takes no edits until it is small again, or another one begins', async () => {
    const { folder, refusals } = made({ bytesMax: 1000 });
    const doc = new Y.Doc();
    const log = logOf([
      ...entriesOf(() => doc.getText('text').insert(0, 'x'.repeat(2000)), doc),
      ...entriesOf(() => doc.getText('text').delete(0, 1900), doc),
      ...entriesOf(() => doc.getText('text').insert(0, 'y'.repeat(2000)), doc),
      beginning(noLineage, new Uint8Array(2)),
    ]);
    const codes: unknown[] = [];
    for (const entry of log) {
      folder.add([entry]);
      await folder.folded();
      codes.push(refusals.at(-1)?.code);
    }
    expect(codes).toEqual(['payload_too_large', undefined, 'payload_too_large', undefined]);
    expect(refusals.find((error) => error)?.message).toContain(
      'more than the 1000 up to which it takes edits',
    );
  });
});

describe('a document that can not be folded', () => {
  const poison = Uint8Array.of(1, 9, 9, 9);

  it('[Y7] is quarantined: who edits is refused, the log names the entry, and it is tried no second time', async () => {
    const { folder, refusals, errors, metrics } = made();
    const log = logOf([...write('a'), ...write('b'), poison, ...write('c')]).map((entry) =>
      entry.offset === 3 ? { ...entry, from: 'mallory' } : entry,
    );
    folder.add(log);
    expect(await folder.snapshot()).toBeUndefined();
    expect(refusals.at(-1)).toMatchObject({ code: 'quarantined' });
    expect(errors).toEqual([
      [
        { channel: 'board/1', offset: 3, author: 'mallory', reason: expect.any(String) },
        expect.stringContaining('A document is quarantined'),
      ],
    ]);
    for (const ask of [folder.folded(), folder.read()])
      await expect(ask).rejects.toMatchObject({ code: 'quarantined' });
    expect(await folder.snapshot()).toBeUndefined();
    expect([errors.length, metrics.docsQuarantined]).toEqual([1, 1]);
  });

  it('[Y7] is known again when its channel is opened anew, but another log is not taken for it', async () => {
    const faults = new Faults();
    const log = logOf([...write('a'), poison, ...write('c')]);
    const first = made({ faults });
    first.folder.add(log);
    await first.folder.snapshot();
    const again = made({ faults });
    again.folder.add(log.slice(0, 1));
    expect(again.refusals.at(-1)).toBeUndefined();
    again.folder.add(log);
    expect(again.refusals.at(-1)).toMatchObject({ code: 'quarantined' });
    const other = made({ faults });
    other.folder.add(logOf([...write('x'), ...write('y'), ...write('z')]));
    expect(other.refusals.at(-1)).toBeUndefined();
    expect(await other.folder.snapshot()).toBeInstanceOf(Uint8Array);
    expect([again.errors, other.errors]).toEqual([[], []]);
  });

  it('[Y7] is over when another document begins, also when the channel is opened anew', async () => {
    const faults = new Faults();
    const log = logOf([
      ...write('a'),
      poison,
      beginning(noLineage, readDocData(write('new')[0] ?? '').update),
    ]);
    const { folder, refusals } = made({ faults });
    folder.add(log.slice(0, 2));
    await folder.snapshot();
    folder.add(log);
    expect(refusals.at(-1)).toBeUndefined();
    expect(await textOf(folder)).toBe('new');
    const again = made({ faults });
    again.folder.add(log);
    expect(again.refusals.at(-1)).toBeUndefined();
    expect(await again.folder.read()).toEqual({ text: 'new' });
  });

  it('[Y7] because it takes too long names an entry of it, also one that lies in a snapshot', async () => {
    const slow = slowEntries(20, 2000);
    const { folder, refusals, errors } = made({ worker: hasty });
    folder.add(logOf(slow));
    expect(await folder.snapshot()).toBeUndefined();
    expect(refusals.at(-1)).toMatchObject({ code: 'quarantined' });
    expect(Number(errors[0]?.[0]['offset'])).toBeGreaterThan(1);
    const faults = new Faults();
    const restored = made({ faults });
    restored.folder.restore(Uint8Array.of(0x12), 7, true);
    restored.folder.restore(new Uint8Array(20).fill(9), 7, false);
    restored.folder.add(logOf(Array.from({ length: 8 }, () => write('a')[0] ?? '')));
    expect(await restored.folder.snapshot()).toBeUndefined();
    expect(restored.errors[0]?.[0]).toMatchObject({ offset: 7, author: null });
    const again = made({ faults });
    again.folder.restore(new Uint8Array(17), 7, false);
    expect(again.refusals.at(-1)).toMatchObject({ code: 'quarantined' });
  });

  it('is not the fault of a document whose worker can not be started: that is told, and tried again', async () => {
    const run = () => Promise.reject(new SyncError('unavailable'));
    const { folder, refusals, errors } = made({ worker: { run } });
    folder.add(logOf(write('a')));
    for (let i = 0; i < 2; i++) expect(await folder.snapshot()).toBeUndefined();
    expect([refusals.filter((one) => one), errors.length]).toEqual([[], 2]);
  });

  it('a quarantine that is found out late is not laid on the document that began meanwhile', async () => {
    const { folder, refusals, errors } = made();
    const log = logOf([poison, beginning(noLineage, new Uint8Array(2))]);
    folder.add(log.slice(0, 1));
    const folding = folder.snapshot();
    folder.add(log);
    expect(await folding).toBeUndefined();
    expect([refusals.at(-1), errors]).toEqual([undefined, []]);
  });
});

describe('faults', () => {
  it('are forgotten when there are too many, the first one first', () => {
    const faults = new Faults();
    const error = new SyncError('quarantined');
    for (let i = 0; i <= 10_000; i++) faults.note(`d${i}`, { offset: 1, check: 5, error });
    expect([faults.at('d0', 1), faults.at('d1', 1)?.error]).toEqual([undefined, error]);
    expect([faults.at('d1', 2), faults.at('d1', 1, 6), faults.at('d1', 1, 5)?.offset]).toEqual([
      undefined,
      undefined,
      1,
    ]);
  });
});
