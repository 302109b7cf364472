/**
 * The requests of one session that wait for an answer: how many there may be, and what waits for what. Those of one line
 * (a channel, say) run one after another, so that their answers keep the order in which they were asked.
 */
import { SyncError } from '@syncline/protocol';

/** Who answers a request with an error. */
export interface Answering {
  answerError(ref: number, thrown: unknown): void;
}

export class Requests {
  readonly #max: number;
  readonly #answering: Answering;
  /** Undefined while nothing is under way. */
  #lines: Map<string, Promise<void>> | undefined;
  #open = 0;
  #stopped = false;
  #onDone: (() => void) | undefined;

  constructor(max: number, answering: Answering) {
    this.#max = max;
    this.#answering = answering;
  }

  /** What is under way in a line; undefined when nothing is. It never rejects. */
  line(name: string): Promise<void> | undefined {
    return this.#lines?.get(name);
  }

  /** Whether one more may begin; if not, it has been answered with why. */
  admit(ref: number): boolean {
    if (!this.#onDone && this.#open < this.#max) return true;
    const many = `More than ${this.#max} requests of this session wait for an answer. Send the next ones when some have been answered.`;
    this.#answering.answerError(
      ref,
      this.#onDone ? new SyncError('restart') : new SyncError('too_many', many),
    );
    return false;
  }

  /** Runs one request after those in its line that came before it; a failure is its answer. */
  run(ref: number, line: string, request: () => Promise<void>): void {
    if (!this.admit(ref)) return;
    this.begin();
    const before = this.line(line);
    const next = async (): Promise<void> => (this.#stopped ? undefined : await request());
    const work = (before ? before.then(next) : request())
      .catch((thrown: unknown) => this.#answering.answerError(ref, thrown))
      .finally(() => {
        if (this.line(line) === work) this.#leave(line);
        this.end();
      });
    this.#lines ??= new Map();
    this.#lines.set(line, work);
  }

  #leave(line: string): void {
    this.#lines?.delete(line);
    if (this.#lines?.size === 0) this.#lines = undefined;
  }

  /** Lets those that wait in a line and have not begun begin no more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Counts a request that runs in no line, until its `end`. */
  begin(): void {
    this.#open++;
  }

  end(): void {
    this.#open--;
    if (this.#open === 0) this.#onDone?.();
  }

  /** Lets no more requests begin, and calls `onDone` once those under way are answered. */
  finish(onDone: () => void): void {
    this.#onDone = onDone;
    if (this.#open === 0) onDone();
  }
}
