/**
 * A process that has documents folded, for the tests of what becomes of the worker when it goes: with `busy` it is in the midst of a
 * long job once it has said so, else it does one and has nothing more to do. It closes nothing.
 */
import { systemClock } from '@syncline/protocol/wire';
import { slowEntries, wordEntry } from '../../testing/documents.ts';
import { DocWorker } from './worker.ts';

const worker = new DocWorker({ clock: systemClock, docFoldMs: 600_000, docHeapBytesMax: 2 ** 28 });
await worker.run('fold', [wordEntry('x')]);
if (process.argv[2] === 'busy') void worker.run('fold', slowEntries(200, 500));
process.stdout.write('ready');
