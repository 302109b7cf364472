/**
 * A process that has no file descriptor left when a document is to be folded, and some again later: it says what became of both attempts.
 * The tests of the worker start it with few allowed.
 */
import { closeSync, openSync } from 'node:fs';
import { systemClock } from '@syncline/protocol/wire';
import { wordEntry } from '../../testing/documents.ts';
import { DocWorker } from './worker.ts';

const worker = new DocWorker({ clock: systemClock, docFoldMs: 60_000, docHeapBytesMax: 2 ** 28 });
const fold = () =>
  worker.run('fold', [wordEntry('x')]).then(
    () => 'folded',
    (thrown: unknown) => String(thrown instanceof Error && 'code' in thrown ? thrown.code : thrown),
  );
const open: number[] = [];
try {
  for (;;) open.push(openSync('/dev/null', 'r'));
} catch {
  // That was the last one.
}
const poor = await fold();
for (const file of open) closeSync(file);
process.stdout.write(`${poor}, ${await fold()}`);
await worker.close();
