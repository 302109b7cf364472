/**
 * How the programs that the benchmark starts talk to it: each says when it is ready, answers what it is asked, and leaves
 * when it is told to, so that a profile is written. It runs inside them, on the channel that Node opens to a forked child,
 * and costs nothing while nobody asks.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { usedByChildren } from './children.ts';

/** Memory of a server, in bytes. */
export interface Memory {
  /** Of it and of the processes that it started. */
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

/** What a server has used until now. */
export interface Usage extends Memory {
  /** Time of the processor: of all its threads, and of the processes that it started. */
  readonly cpuMs: number;
  /** When that was. */
  readonly timeMs: number;
  /** The longest that its event loop stood still since it was asked last; collecting garbage for this answer isn't in it. */
  readonly longestPauseMs: number;
}

/** Says `hello`, and from then on answers what has an answer. One that fails ends the program, which says why. */
export function obey(hello: object, answers: Readonly<Record<string, () => Promise<object>>>): void {
  process.on('message', (message) => {
    if (message === 'stop') process.exit(0);
    void answers[String(message)]?.().then((answer) => process.send?.(answer));
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.(hello);
}

/** Says that the server listens, and from then on tells its memory. */
export function report(port: number): void {
  answerCluster(port, [], async () => ({ commands: 0 }));
}

/**
 * The same of one that consists of several processes.
 *
 * @param pids those that it started to do its work
 * @param commands how many commands its Redis was given since that was asked first
 */
export function answerCluster(
  port: number,
  pids: readonly number[],
  commands: () => Promise<{ readonly commands: number }>,
): void {
  const pauses = monitorEventLoopDelay({ resolution: 5 });
  const usage = async (): Promise<Usage> => {
    const { user, system } = process.cpuUsage();
    const children = usedByChildren();
    const timeMs = performance.now();
    const longestPauseMs = pauses.max / 1e6;
    const memory = await settledMemory();
    // From when it is asked first: it wakes the process up 200 times a second.
    pauses.enable();
    pauses.reset();
    return { ...memory, cpuMs: (user + system) / 1000 + children.cpuMs, timeMs, longestPauseMs };
  };
  obey({ port, pids }, { memory: settledMemory, usage, commands });
}

/** Collects until there is nothing left to collect, and gives V8 moments in between to hand pages back. */
async function settledMemory(): Promise<Memory> {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await sleep(100);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss: rss + usedByChildren().rss, heapUsed, external };
}
