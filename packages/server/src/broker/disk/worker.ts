/**
 * The thread that the disk broker's file lives on. thread.ts starts it and posts operations; it takes all that is queued as
 * one group, commits it, and answers in one message. Nothing of a log is decided here: that is store.ts.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { SyncError } from '@syncline/protocol';
import { toSyncError } from '@syncline/protocol/wire';
import { type Fault, faultOf, type Operation, type Outcome } from './operation.ts';
import { Store, type StoreOptions } from './store.ts';

/** What thread.ts sends: operations to carry out, or the wish to end. */
export type Ask =
  | { readonly type: 'run'; readonly operations: readonly Operation[] }
  | { readonly type: 'close' };

/** What it gets back. One `done` may answer several asks: their outcomes follow each other. */
export type Answer =
  | { readonly type: 'open' }
  | { readonly type: 'refused'; readonly fault: Fault }
  | { readonly type: 'done'; readonly outcomes: readonly Outcome[] };

const port = parentPort;
if (!port) throw new SyncError('internal', 'worker.ts runs as a thread only.');
const answer = (message: Answer) => port.postMessage(message);

try {
  const store = new Store(workerData as StoreOptions);
  answer({ type: 'open' });
  port.on('message', (ask: Ask) => {
    const operations: Operation[] = [];
    let next: Ask | undefined = ask;
    while (next?.type === 'run') {
      for (const operation of next.operations) operations.push(operation);
      next = receiveMessageOnPort(port)?.message as Ask | undefined;
    }
    if (operations.length > 0) answer({ type: 'done', outcomes: store.commit(operations) });
    if (next?.type !== 'close') return;
    store.close();
    port.close();
  });
} catch (thrown) {
  answer({ type: 'refused', fault: faultOf(toSyncError(thrown)) });
}
