/**
 * The thread that documents are folded on. thread.ts starts it, gives it one job at a time, and kills it when one takes too
 * long or too much memory: nothing here has to be careful. What is done with the bytes is in work.ts.
 */
import { parentPort } from 'node:worker_threads';
import { SyncError } from '@syncline/protocol';
import { foldDocument, readDocument } from './work.ts';

/** What may be done with a document: its pieces become one snapshot, or JSON. */
export type Work = 'fold' | 'read';

/** What a document is as JSON: its shared types by name. */
export type DocJson = Readonly<Record<string, unknown>>;

/** What thread.ts sends. */
export interface Ask {
  readonly work: Work;
  /** The pieces of the document, one after another. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where in `bytes` each piece ends. */
  readonly ends: readonly number[];
  /** Shared: holds the number of the piece that is being taken, so that it is known when the thread is no more. */
  readonly progress: Int32Array<SharedArrayBuffer>;
}

/** What it gets back. */
export type Answer =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly value: unknown }
  | { readonly type: 'failed'; readonly message: string };

const port = parentPort;
if (!port) throw new SyncError('internal', 'worker.ts runs as a thread only.');
const answer = (message: Answer, transfer: readonly ArrayBuffer[] = []) =>
  port.postMessage(message, transfer);

port.on('message', ({ work, bytes, ends, progress }: Ask) => {
  const pieces = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
  const note = (index: number) => void Atomics.store(progress, 0, index);
  try {
    if (work === 'read') return answer({ type: 'done', value: readDocument(pieces, note) });
    const value = foldDocument(pieces, note);
    answer({ type: 'done', value }, [value.buffer]);
  } catch (thrown) {
    answer({ type: 'failed', message: String(thrown instanceof Error ? thrown.message : thrown) });
  }
});
answer({ type: 'ready' });
