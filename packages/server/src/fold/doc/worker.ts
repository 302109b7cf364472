/**
 * The worker that a node's documents are folded by, from outside: one job at a time, in the order in which they came. A job that
 * takes too long or too much memory is ended with its process, and the others go on in the next one. The folders of documents
 * give it jobs; what a job does is child.ts.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { SyncError } from '@syncline/protocol';
import type { Cancel, Clock } from '@syncline/protocol/wire';
import type { Answer, Ask, DocJson, Work } from './child.ts';
import { Queue, type Queued } from './queue.ts';

export interface DocWorkerSettings {
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
interface Job extends Queued {
  readonly work: Work;
  readonly pieces: readonly Uint8Array[];
  /** How often the job was noted to have taken another piece, or to be done with all. */
  notes: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (thrown: DocFault | SyncError) => void;
}

const mebibyte = 1024 * 1024;
/**
 * The time is measured in so many steps, each of which counts as one however late it is noticed: a process that was frozen
 * for a while doesn't find all jobs too slow when it wakes up.
 */
const steps = 8;
/** Of what a process says before it ends abnormally, so much is kept. */
const lastWordsMax = 4000;

/** Beside this file, and a `.ts` or a `.js` as this file is. */
const ownScript = new URL(import.meta.url.endsWith('.ts') ? './child.ts' : './child.js', import.meta.url);

export class DocWorker {
  readonly #settings: DocWorkerSettings;
  readonly #script: URL;
  #child: ChildProcess | undefined;
  #ready = false;
  readonly #waiting = new Queue<Job>();
  #underWay: Job | undefined;
  #mark = 0;
  /** Why the process was killed. */
  #killedFor: string | undefined;
  #lastWords = '';
  #cancel: Cancel = () => {};
  #closed = false;

  /** @param script what the process runs; tests bring one that can't start */
  constructor(settings: DocWorkerSettings, script = ownScript) {
    this.#settings = settings;
    this.#script = script;
  }

  /**
   * Does one piece of work on a document.
   *
   * @param urgent somebody waits for it: it goes before what nobody waits for. Default false
   * @param by whose edits it is about: what nobody waits for is done for each by turns. Default null, nobody's in particular
   * @throws DocFault when the document doesn't allow it; SyncError `restart` when the worker was closed, `unavailable` when
   * it can't be started
   */
  run(work: 'fold', pieces: readonly Uint8Array[], urgent?: boolean, by?: string | null): Promise<Uint8Array>;
  run(work: 'update', pieces: readonly Uint8Array[], urgent?: boolean): Promise<Uint8Array>;
  run(work: 'read', pieces: readonly Uint8Array[], urgent?: boolean): Promise<DocJson>;
  run(work: 'time', pieces: readonly Uint8Array[], urgent?: boolean): Promise<number>;
  run(work: Work, pieces: readonly Uint8Array[], urgent = false, by: string | null = null): Promise<unknown> {
    if (this.#closed) return Promise.reject(new SyncError('restart'));
    return new Promise((resolve, reject) => {
      this.#waiting.add({ work, pieces, urgent, by, notes: 0, resolve, reject });
      this.#next();
    });
  }

  /** Ends the process; what is under way is refused with `restart`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    this.#underWay?.reject(new SyncError('restart'));
    this.#underWay = undefined;
    for (const job of this.#waiting.clear()) job.reject(new SyncError('restart'));
    const child = this.#child;
    if (!child) return;
    const gone = new Promise((resolve) => child.once('close', resolve));
    hold(child, true);
    child.kill('SIGKILL');
    await gone;
  }

  #next(): void {
    if (this.#child) hold(this.#child, !this.#idle);
    if (this.#idle || this.#underWay) return;
    this.#child ??= this.#start();
    const job = this.#ready ? this.#waiting.take() : undefined;
    if (!job) return;
    this.#underWay = job;
    this.#mark = (this.#mark + 1) % 256;
    const ask: Ask = { work: job.work, pieces: job.pieces, mark: this.#mark };
    // One that can't be sent is settled when the process is found to be gone.
    this.#child.send(ask, () => {});
    this.#watch(job, steps);
  }

  get #idle(): boolean {
    return this.#underWay === undefined && this.#waiting.isEmpty;
  }

  #start(): ChildProcess {
    const { SystemRoot, NODE_COMPILE_CACHE } = process.env;
    const heapMebibytes = Math.ceil(this.#settings.docHeapBytesMax / mebibyte);
    const child = fork(fileURLToPath(this.#script), [], {
      serialization: 'advanced',
      execArgv: [`--max-old-space-size=${heapMebibytes}`, '--disable-warning=ExperimentalWarning'],
      // What it works on comes from strangers: it isn't told what this process knows, but for what it starts by. Windows starts
      // nothing without the first; where Node keeps what it compiled, the second says where.
      env: { SystemRoot, NODE_COMPILE_CACHE },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
    });
    this.#ready = false;
    this.#killedFor = undefined;
    this.#lastWords = '';
    // First of all: one for which there is no file descriptor left has nothing that follows, and says so by this alone.
    child.on('error', (thrown) => this.#lose(child, thrown.message));
    child.on('message', (answer: Answer) => this.#receive(answer));
    child.stderr?.on('data', (words) => {
      this.#lastWords = `${this.#lastWords}${words}`.slice(-lastWordsMax);
    });
    const notes = pipesOf(child)[4];
    if (notes instanceof Socket) notes.on('data', (marks: Buffer) => this.#note(marks));
    child.on('close', (code, signal) => this.#lose(child, `It ended with ${signal ?? `the code ${code}`}.`));
    return child;
  }

  #note(marks: Buffer): void {
    // Those of the last job may come when it is long settled.
    for (const mark of marks) if (this.#underWay && mark === this.#mark) this.#underWay.notes++;
  }

  #receive(answer: Answer): void {
    if (answer.type === 'ready') this.#ready = true;
    // It was too slow by then: what is under way is settled when the process has ended.
    else if (this.#killedFor !== undefined) return;
    else if (answer.type === 'done') this.#settle(({ resolve }) => resolve(own(answer.value)));
    else this.#settle((job) => job.reject(faultOf(job, answer.message, answer.notes)));
    this.#next();
  }

  /** Gives the time that is left in steps. */
  #watch(job: Job, left: number): void {
    const { clock, docFoldMs } = this.#settings;
    this.#cancel = clock.timer(docFoldMs / steps, () =>
      // What the process has answered by now is read first.
      clock.endOfTurn(() => {
        if (this.#underWay !== job) return;
        if (left > 1) return this.#watch(job, left - 1);
        this.#killedFor = `It took longer than ${docFoldMs} ms.`;
        this.#child?.kill('SIGKILL');
      }),
    );
  }

  /** The process is no more, and all that it noted was read. What was under way is at fault; without that, the next one would fare alike. */
  #lose(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    child.kill('SIGKILL');
    const { docHeapBytesMax } = this.#settings;
    const large = this.#lastWords.includes('heap out of memory');
    const why = large ? `It took more than ${docHeapBytesMax} bytes of memory.` : (this.#killedFor ?? how);
    const error = /^\w*Error\b.*$/m.exec(this.#lastWords)?.[0] ?? why;
    if (this.#underWay) this.#settle((job) => job.reject(faultOf(job, why)));
    else
      for (const job of this.#waiting.clear())
        job.reject(new SyncError('unavailable', `The process for documents can't be started. ${error}`));
    this.#next();
  }

  #settle(how: (job: Job) => void): void {
    const job = this.#underWay;
    this.#underWay = undefined;
    this.#cancel();
    if (job) how(job);
  }
}

/** The first note was made before the first piece. */
function faultOf({ pieces, notes: known }: Job, message: string, notes = known): DocFault {
  return new DocFault(message, Math.min(Math.max(0, notes - 1), pieces.length));
}

/** Node's types know nothing of a process without pipes: one that could not be started for want of file descriptors. */
function pipesOf(child: { readonly stdio?: ChildProcess['stdio'] | undefined }): readonly unknown[] {
  return child.stdio ?? [];
}

/** Whether this process lives on for the other one's sake. */
function hold(child: ChildProcess, on: boolean): void {
  const parts = [child, child.channel, ...pipesOf(child).filter((one) => one instanceof Socket)];
  for (const part of parts) {
    if (on) part?.ref();
    else part?.unref();
  }
}

/** Bytes that came with a message are a part of it; a copy stands alone. */
function own(value: unknown): unknown {
  return value instanceof Uint8Array ? new Uint8Array(value) : value;
}
