/**
 * Which job the worker does next. What somebody waits for comes first, in its order; of the rest those come by turns whose edits
 * they are, so that whoever makes many documents slow keeps nobody waiting but those who wrote as much in them. It knows no
 * document.
 */

export interface Queued {
  /** Somebody waits for it. */
  readonly urgent: boolean;
  /** Whose edits it is about; null: nobody's in particular. */
  readonly by: string | null;
}

export class Queue<Job extends Queued> {
  readonly #urgent: Job[] = [];
  /** Whoever's turn was longest ago stands before the others. */
  readonly #others = new Map<string | null, Job[]>();

  get isEmpty(): boolean {
    return this.#urgent.length + this.#others.size === 0;
  }

  add(job: Job): void {
    const theirs = this.#others.get(job.by);
    if (job.urgent) this.#urgent.push(job);
    else if (theirs) theirs.push(job);
    else this.#others.set(job.by, [job]);
  }

  take(): Job | undefined {
    const [first] = this.#urgent.length > 0 ? [] : this.#others;
    if (!first) return this.#urgent.shift();
    const [by, jobs] = first;
    this.#others.delete(by);
    const job = jobs.shift();
    if (jobs.length > 0) this.#others.set(by, jobs);
    return job;
  }

  /** Takes all. */
  clear(): Job[] {
    const all: Job[] = [];
    for (let job = this.take(); job; job = this.take()) all.push(job);
    return all;
  }
}
