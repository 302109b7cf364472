/**
 * The executor that puts a store on a thread of its own, so that a flush never holds up the event loop. disk.ts uses it;
 * the thread keeps the process alive only while something is under way. It knows messages, nothing of logs.
 */
import { Worker } from 'node:worker_threads';
import { SyncError } from '@syncline/protocol';
import { type Executor, errorOf, type Operation, type Outcome } from './operation.ts';
import type { StoreOptions } from './store.ts';
import type { Answer, Ask } from './worker.ts';

/** A run that was posted and not yet answered. */
interface Run {
  readonly count: number;
  readonly resolve: (outcomes: readonly Outcome[]) => void;
  readonly reject: (error: SyncError) => void;
}

/** Beside this file, and a `.ts` or a `.js` as this file is. */
const ownScript = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

export class Thread implements Executor {
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  #runs: Run[] = [];
  #closing = false;
  /** Why nothing can be run any more. */
  #failure: SyncError | undefined;

  /** @param script what the thread runs; tests bring one that fails */
  constructor(options: Omit<StoreOptions, 'clock'>, script = ownScript) {
    // node:sqlite warns of being experimental on Node 22; the application's own warnings stay.
    this.#worker = new Worker(script, {
      workerData: options,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      name: 'syncline-disk',
    });
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (answer: Answer) => {
        if (answer.type === 'open') resolve();
        else if (answer.type === 'refused') this.#refuse(errorOf(answer.fault), reject);
        else this.#settle(answer.outcomes);
        this.#holdProcess();
      });
      this.#worker.on('error', (thrown: Error) => this.#lose(`failed (${thrown.message})`, reject));
      this.#worker.on('exit', () => this.#lose('has ended', reject));
    });
    // Whoever never asks whether it opened learns it from the first call.
    this.ready.catch(() => {});
    this.#ended = new Promise((resolve) => this.#worker.on('exit', () => resolve()));
  }

  run(operations: readonly Operation[]): Promise<readonly Outcome[]> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#post({ type: 'run', operations });
    return new Promise((resolve, reject) => {
      this.#runs.push({ count: operations.length, resolve, reject });
      this.#holdProcess();
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#holdProcess();
    this.#post({ type: 'close' });
    await this.#ended;
  }

  #post(ask: Ask): void {
    this.#worker.postMessage(ask);
  }

  /** One answer may be for several runs. */
  #settle(outcomes: readonly Outcome[]): void {
    let from = 0;
    let answered = 0;
    for (const run of this.#runs) {
      if (from >= outcomes.length) break;
      run.resolve(outcomes.slice(from, from + run.count));
      from += run.count;
      answered++;
    }
    this.#runs = this.#runs.slice(answered);
  }

  /** The file can't be opened, so nothing was begun. */
  #refuse(error: SyncError, refuseOpening: (error: SyncError) => void): void {
    this.#fail(error, error, refuseOpening);
  }

  /** The thread is gone. What it was asked and did not answer it may have committed. */
  #lose(how: string, refuseOpening: (error: SyncError) => void): void {
    const what = `The thread of the disk broker ${how}`;
    this.#fail(
      new SyncError('storage', `${what}. Restart the server; what was acknowledged is stored.`),
      new SyncError('unavailable', `${what} while this was under way; whether it is stored is unknown.`),
      refuseOpening,
    );
  }

  /** The first failure stands: what follows from it only hides it. */
  #fail(later: SyncError, underWay: SyncError, refuseOpening: (error: SyncError) => void): void {
    this.#failure ??= later;
    refuseOpening(this.#failure);
    const runs = this.#runs;
    this.#runs = [];
    for (const run of runs) run.reject(underWay);
  }

  #holdProcess(): void {
    if (this.#runs.length > 0 || this.#closing) this.#worker.ref();
    else this.#worker.unref();
  }
}
