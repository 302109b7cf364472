/**
 * The thread that a node's documents are folded on, from outside: one job at a time, in the order in which they came. A job that
 * takes too long or too much memory is ended with the thread, and the others go on with the next one. The folders of documents
 * give it jobs; what a job does is worker.ts.
 */
import { Worker } from 'node:worker_threads';
import { SyncError } from '@syncline/protocol';
import type { Cancel, Clock } from '@syncline/protocol/wire';
import type { Answer, Ask, DocJson, Work } from './worker.ts';

export interface DocThreadSettings {
  readonly clock: Clock;
  /** How long a job may take, in ms. */
  readonly docFoldMs: number;
  /** How many bytes of heap. */
  readonly docHeapBytesMax: number;
}

/** What is wrong with a document, and where: the number of the piece, or how many there are when all were taken. */
export class DocFault extends Error {
  readonly piece: number;

  constructor(message: string, piece: number) {
    super(message);
    this.piece = piece;
  }
}

/** A job that waits or is under way. */
interface Job {
  readonly work: Work;
  /** The pieces of the document; asked for when its turn has come. */
  readonly pieces: readonly Uint8Array[];
  readonly progress: Int32Array<SharedArrayBuffer>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (thrown: DocFault | SyncError) => void;
}

const mebibyte = 1024 * 1024;
/**
 * The time is measured in so many steps, each of which counts as one however late it is noticed: a process that was frozen
 * for a while doesn't find all jobs too slow when it wakes up.
 */
const steps = 8;

/** Beside this file, and a `.ts` or a `.js` as this file is. */
const ownScript = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

export class DocThread {
  readonly #settings: DocThreadSettings;
  readonly #script: URL;
  #worker: Worker | undefined;
  #ready = false;
  /** The first one is under way, once the thread is ready. */
  readonly #jobs: Job[] = [];
  #underWay: Job | undefined;
  #cancel: Cancel = () => {};
  #closed = false;

  /** @param script what the thread runs; tests bring one that can't start */
  constructor(settings: DocThreadSettings, script = ownScript) {
    this.#settings = settings;
    this.#script = script;
  }

  /**
   * Does one piece of work on a document.
   *
   * @throws DocFault when the document doesn't allow it; SyncError `restart` when the thread was closed, `unavailable` when
   * it can't be started
   */
  run(work: 'fold', pieces: readonly Uint8Array[]): Promise<Uint8Array>;
  run(work: 'read', pieces: readonly Uint8Array[]): Promise<DocJson>;
  run(work: Work, pieces: readonly Uint8Array[]): Promise<unknown> {
    if (this.#closed) return Promise.reject(new SyncError('restart'));
    return new Promise((resolve, reject) => {
      const progress = new Int32Array(new SharedArrayBuffer(4));
      this.#jobs.push({ work, pieces, progress, resolve, reject });
      this.#next();
    });
  }

  /** Ends the thread; what is under way is refused with `restart`. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#drop();
    this.#cancel();
    this.#underWay = undefined;
    for (const job of this.#jobs.splice(0)) job.reject(new SyncError('restart'));
    await worker?.terminate();
  }

  #next(): void {
    const [job] = this.#jobs;
    if (!job) return void this.#worker?.unref();
    if (this.#underWay) return;
    this.#worker ??= this.#start();
    this.#worker.ref();
    if (!this.#ready) return;
    this.#underWay = job;
    const bytes = joined(job.pieces);
    let end = 0;
    const ends = job.pieces.map(({ length }) => (end += length));
    const ask: Ask = { work: job.work, bytes, ends, progress: job.progress };
    this.#worker.postMessage(ask, [bytes.buffer]);
    this.#watch(job, steps);
  }

  #start(): Worker {
    const { docHeapBytesMax } = this.#settings;
    const worker = new Worker(this.#script, {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      name: 'syncline-doc',
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(docHeapBytesMax / mebibyte) },
    });
    worker.on('message', (answer: Answer) => this.#worker === worker && this.#receive(answer));
    worker.on('error', (thrown: Error & { readonly code?: string }) => {
      if (this.#worker === worker) this.#lose(thrown);
    });
    worker.on('exit', () => this.#worker === worker && this.#lose(new Error('it ended')));
    return worker;
  }

  #receive(answer: Answer): void {
    if (answer.type === 'ready') this.#ready = true;
    else this.#settle((job) => settle(job, answer));
    this.#next();
  }

  /** Gives the time that is left in steps. */
  #watch(job: Job, left: number): void {
    const { clock, docFoldMs } = this.#settings;
    this.#cancel = clock.timer(docFoldMs / steps, () =>
      // What the thread has answered by now is read first.
      clock.endOfTurn(() => {
        if (this.#underWay !== job) return;
        if (left > 1) return this.#watch(job, left - 1);
        void this.#worker?.terminate();
        this.#fault(`It took longer than ${docFoldMs} ms.`);
      }),
    );
  }

  /** The thread is no more, for a reason of its own. Without a job it is not a job's fault, and the next thread would fare alike. */
  #lose({ code, message }: Error & { readonly code?: string }): void {
    const { docHeapBytesMax } = this.#settings;
    const large = code === 'ERR_WORKER_OUT_OF_MEMORY';
    const why = large
      ? `It took more than ${docHeapBytesMax} bytes of memory.`
      : `The thread failed: ${message}.`;
    if (this.#underWay) return this.#fault(why);
    this.#drop();
    for (const job of this.#jobs.splice(0))
      job.reject(new SyncError('unavailable', `The thread for documents can't be started. ${why}`));
  }

  /** What is under way is at fault, and the thread is no more. */
  #fault(message: string): void {
    this.#drop();
    this.#settle((job) => job.reject(new DocFault(message, Atomics.load(job.progress, 0))));
    this.#next();
  }

  #drop(): void {
    this.#worker = undefined;
    this.#ready = false;
  }

  #settle(how: (job: Job) => void): void {
    const job = this.#underWay;
    this.#underWay = undefined;
    this.#cancel();
    if (!job) return;
    this.#jobs.shift();
    how(job);
  }
}

function settle(job: Job, answer: Exclude<Answer, { type: 'ready' }>): void {
  if (answer.type === 'done') job.resolve(answer.value);
  else job.reject(new DocFault(answer.message, Atomics.load(job.progress, 0)));
}

/** One after another, in memory of their own, which can be handed to the thread without another copy. */
function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
