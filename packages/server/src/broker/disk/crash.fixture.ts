/**
 * A thread in place of the disk broker's own, for the test of what a failure leaves behind. It says that it is open, and
 * fails at the first thing it is asked.
 */
import { parentPort } from 'node:worker_threads';

parentPort?.postMessage({ type: 'open' });
parentPort?.on('message', () => {
  throw new Error('failed on purpose');
});
