/**
 * The requests of one session that wait for an answer: how many there may be, and what waits for what. Those of one line
 * (a channel, say) run one after another, so that their answers keep the order in which they were asked.
 */
import { SyncError } from '@syncline/protocol';

export class Requests {
  readonly #max: number;
  readonly #refuse: (ref: number, thrown: unknown) => void;
  readonly #lines = new Map<string, Promise<void>>();
  #open = 0;
  #stopped = false;
  #onDone: (() => void) | undefined;

  /** @param refuse answers a request with an error */
  constructor(max: number, refuse: (ref: number, thrown: unknown) => void) {
    this.#max = max;
    this.#refuse = refuse;
  }

  /** What is under way in a line; undefined when nothing is. It never rejects. */
  line(name: string): Promise<void> | undefined {
    return this.#lines.get(name);
  }

  /** Whether one more may begin; if not, it has been answered with why. */
  admit(ref: number): boolean {
    if (!this.#onDone && this.#open < this.#max) return true;
    const many = `More than ${this.#max} requests of this session wait for an answer. Send the next ones when some have been answered.`;
    this.#refuse(ref, this.#onDone ? new SyncError('restart') : new SyncError('too_many', many));
    return false;
  }

  /** Runs one request after those in its line that came before it; a failure is its answer. */
  run(ref: number, line: string, request: () => Promise<void>): void {
    if (!this.admit(ref)) return;
    this.begin();
    const before = this.#lines.get(line);
    const next = async (): Promise<void> => (this.#stopped ? undefined : await request());
    const work = (before ? before.then(next) : request())
      .catch((thrown: unknown) => this.#refuse(ref, thrown))
      .finally(() => {
        if (this.#lines.get(line) === work) this.#lines.delete(line);
        this.end();
      });
    this.#lines.set(line, work);
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
