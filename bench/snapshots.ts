/**
 * How many bytes someone who joins a document late has to be sent, for what people do on whiteboards and in texts: the log as it is,
 * updates merged without looking into them, and the folded, garbage-collected document that a server stores as its snapshot.
 * Everything is counted, nothing is timed, so that the table is the same on every machine; `node bench/snapshots.ts` prints it.
 */
import { gzipSync } from 'node:zlib';
import { docKind } from '@syncline/protocol/doc';
import { seeded } from '@syncline/protocol/testing';
import { updateEntry } from '@syncline/protocol/wire';
import * as Y from 'yjs';

/** One workload, and what it comes to, in bytes. */
export interface SnapshotRow {
  readonly workload: string;
  /** Entries of the log. */
  readonly entries: number;
  /** The entries themselves. */
  readonly log: number;
  /** All updates merged by `Y.mergeUpdates`, which collects no garbage; the same in the second encoding. */
  readonly merged: number;
  readonly mergedV2: number;
  /** The folded document in the first encoding. */
  readonly foldedV1: number;
  /** What the server stores and sends: the folded document in the second encoding; and that compressed. */
  readonly snapshot: number;
  readonly snapshotGzip: number;
}

type Work = (doc: Y.Doc, random: () => number) => void;

const place = (random: () => number): number => Math.floor(random() * 4000);

/** Pulled across the board, so that the next place is never far. */
function* drag(random: () => number, moves: number): Generator<{ x: number; y: number }> {
  let [x, y] = [place(random), place(random)];
  for (let i = 0; i < moves; i++) {
    x += Math.floor(random() * 9) - 4;
    y += Math.floor(random() * 9) - 4;
    yield { x, y };
  }
}

/** What a shape has besides its place. */
const rectangle = { kind: 'box', w: 120, h: 80 };

const workloads: Readonly<Record<string, Work>> = {
  'one shape dragged 5,000 times, x and y in a map of its own': (doc, random) => {
    const shape = new Y.Map<number>();
    doc.getMap('shapes').set('shape', shape);
    for (const { x, y } of drag(random, 5000))
      doc.transact(() => {
        shape.set('x', x);
        shape.set('y', y);
      });
  },
  'one shape dragged 5,000 times, one value': (doc, random) => {
    for (const at of drag(random, 5000)) doc.getMap('shapes').set('shape', { ...rectangle, ...at });
  },
  '50 shapes dragged in turn, 5,000 moves, one value each': (doc, random) => {
    let i = 0;
    for (const at of drag(random, 5000))
      doc.getMap('shapes').set(`shape ${i++ % 50}`, { ...rectangle, ...at });
  },
  '200 freehand strokes of 100 points, ten points at a time': (doc, random) => {
    for (let stroke = 0; stroke < 200; stroke++) {
      const points = new Y.Array<number>();
      doc.getArray('strokes').push([points]);
      for (let i = 0; i < 10; i++)
        points.push(Array.from({ length: 10 }, () => [place(random), place(random)]).flat());
    }
  },
  '200 shapes made and all deleted': (doc, random) => {
    const shapes = doc.getMap('shapes');
    for (let i = 0; i < 200; i++)
      shapes.set(`shape ${i}`, { ...rectangle, x: place(random), y: place(random) });
    for (let i = 0; i < 200; i++) shapes.delete(`shape ${i}`);
  },
  'a text of 24,000 letters written and the first 18,000 of them deleted, ten at a time': (doc) => {
    const text = doc.getText('text');
    for (let i = 0; i < 2400; i++) text.insert(text.length, 'abcdefghi ');
    for (let i = 0; i < 1800; i++) text.delete(0, 10);
  },
};

/** The table, one row for each workload. */
export function snapshotRows(): SnapshotRow[] {
  return Object.entries(workloads).map(([workload, work]) => {
    const doc = new Y.Doc();
    // Whose edits they are takes as many bytes as the number is long.
    doc.clientID = 1_234_567_890;
    const updates: Uint8Array[] = [];
    doc.on('update', (update: Uint8Array) => updates.push(update));
    work(doc, seeded(1));
    const log = updates.map((update, i) => {
      const data = updateEntry(update);
      return { offset: i + 1, check: 0, at: 0, from: null, data };
    });
    const merged = Y.mergeUpdates(updates);
    const view = docKind.apply(docKind.empty(), log);
    const snapshot = docKind.snapshot(view) as Uint8Array;
    return {
      workload,
      entries: log.length,
      log: log.reduce((sum, { data }) => sum + data.length, 0),
      merged: merged.length,
      mergedV2: Y.convertUpdateFormatV1ToV2(merged).length,
      foldedV1: Y.convertUpdateFormatV2ToV1(view.update).length,
      snapshot: snapshot.length,
      snapshotGzip: gzipSync(snapshot).length,
    };
  });
}

const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(1);

/** The table as Markdown, in kB. */
export function snapshotTable(rows: readonly SnapshotRow[]): string {
  const heads = [
    'what was done',
    'entries',
    'log',
    'merged',
    'merged, V2',
    'folded, V1',
    'snapshot',
    'gzipped',
  ];
  const lines = rows.map(({ workload, entries, ...bytes }) =>
    [workload, entries.toLocaleString('en'), ...Object.values(bytes).map(kilobytes)].join(' | '),
  );
  const rule = ['---', ...heads.slice(1).map(() => '---:')].join(' | ');
  return [heads.join(' | '), rule, ...lines].map((line) => `| ${line} |`).join('\n');
}

if (import.meta.main ?? process.argv[1]?.endsWith('snapshots.ts')) console.log(snapshotTable(snapshotRows()));
