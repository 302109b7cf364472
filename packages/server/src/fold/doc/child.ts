/**
 * The process that documents are folded in. worker.ts starts it, gives it one job at a time, and kills it when one takes too long;
 * one that takes too much memory ends it. Nothing here has to be careful. What is done with the bytes is in work.ts.
 */
import { writeSync } from 'node:fs';
import { foldDocument, readDocument, timeDocument, updateDocument } from './work.ts';

/** What a document is as JSON: its shared types by name. */
export type DocJson = Readonly<Record<string, unknown>>;

/** What may be done with a document: its pieces become one snapshot, one update, or JSON, or it is found out how many ms it takes to load it. */
export type Work = 'fold' | 'update' | 'read' | 'time';

/** What worker.ts sends. */
export interface Ask {
  readonly work: Work;
  readonly pieces: readonly Uint8Array[];
  /** A byte that stands for this job in what is noted. */
  readonly mark: number;
}

/** What it gets back. */
export type Answer =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly value: unknown }
  /** `notes` counts the marks: they travel another way, and may come later. */
  | { readonly type: 'failed'; readonly message: string; readonly notes: number };

/** Where the job's mark is written before each piece is taken, and once more after all: so it is known how far it came, whatever ends it. */
const notesFd = 4;

const works = { fold: foldDocument, update: updateDocument, read: readDocument, time: timeDocument };

const answer = (message: Answer) => process.send?.(message);

process.on('message', ({ work, pieces, mark }: Ask) => {
  let notes = 0;
  const note = (): void => {
    notes++;
    writeSync(notesFd, Uint8Array.of(mark));
  };
  try {
    answer({ type: 'done', value: works[work](pieces, note) });
  } catch (thrown) {
    const message = String(thrown instanceof Error ? thrown.message : thrown);
    answer({ type: 'failed', message, notes });
  }
});
answer({ type: 'ready' });
