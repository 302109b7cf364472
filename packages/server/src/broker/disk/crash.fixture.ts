/**
 * A thread in place of the disk broker's own that opens and then fails at the first thing it is asked, for the test of what
 * a failure leaves behind.
 */
import { parentPort } from 'node:worker_threads';

parentPort?.postMessage({ type: 'open' });
parentPort?.on('message', () => {
  throw new Error('failed on purpose');
});
