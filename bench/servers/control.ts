/**
 * What each of the measured servers tells the benchmark and lets it ask: which port it listens on, what memory it uses
 * after a garbage collection, and to leave so that a profile is written. It runs inside the servers, on the channel
 * that Node opens to a forked child, and costs nothing while nobody asks.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** Memory of a server, in bytes. */
export interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

/** Says that the server listens, and from then on answers `memory` and `stop`. */
export function report(port: number): void {
  process.on('message', (message) => {
    if (message === 'memory') void settledMemory().then((memory) => process.send?.(memory));
    if (message === 'stop') process.exit(0);
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ port });
}

/** Collects until there is nothing left to collect, and gives V8 moments in between to hand pages back. */
async function settledMemory(): Promise<Memory> {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await sleep(100);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heapUsed, external };
}
