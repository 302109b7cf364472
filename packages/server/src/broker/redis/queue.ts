/**
 * The calls on one log, one at a time and in the order they were made, so that they take effect in it. Appends that wait are carried
 * out together, as many as one script call takes: a busy log costs one round trip for all of them. A log owns one; what a
 * call does it doesn't know.
 */
import type { Clock } from '@syncline/protocol/wire';
import type { Append, Appended } from '../broker.ts';
import type { Load } from './load.ts';
import type { Leave } from './window.ts';

/** One call of the script takes so much, and one append at least. */
const batchEntriesMax = 128;
const batchBytesMax = 1024 * 1024;

/** An append that waits. It is answered by one of both functions, once. */
export interface Waiting {
  readonly append: Append;
  readonly bytes: number;
  /** The time that it is to be stamped with; empty: that of Redis. */
  readonly stamp: string;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: Error) => void;
}

/** Anything else that waits: it answers whoever called by itself. */
type Call = () => Promise<void>;

export class Queue {
  readonly #clock: Clock;
  readonly #load: Load;
  readonly #enter: () => Leave | Promise<Leave>;
  readonly #run: (batch: readonly Waiting[]) => Promise<void>;
  readonly #onIdle: () => void;
  #waiting: (Waiting | Call)[] = [];
  /** The first that isn't begun. */
  #next = 0;
  #working = false;

  /**
   * @param enter waits until appends may be carried out; those that come meanwhile go with them
   * @param run carries out appends that are to be stored together, and answers each; it never rejects
   * @param onIdle called when nothing waits any more
   */
  constructor(
    clock: Clock,
    load: Load,
    enter: () => Leave | Promise<Leave>,
    run: (batch: readonly Waiting[]) => Promise<void>,
    onIdle: () => void,
  ) {
    this.#clock = clock;
    this.#load = load;
    this.#enter = enter;
    this.#run = run;
    this.#onIdle = onIdle;
  }

  get idle(): boolean {
    return !this.#working;
  }

  /** @throws SyncError `too_many` when there is no room, and what `run` refuses it with */
  append(append: Append, bytes: number, stamp: string): Promise<Appended> {
    return this.#add(bytes, (resolve, reject) => ({ append, bytes, stamp, resolve, reject }));
  }

  /** Runs something that waits for everything before it, and for which everything after it waits. */
  call<Value>(bytes: number, run: () => Promise<Value>): Promise<Value> {
    return this.#add(bytes, (resolve, reject) => () => run().then(resolve, reject));
  }

  #add<Value>(
    bytes: number,
    entry: (resolve: (value: Value) => void, reject: (error: Error) => void) => Waiting | Call,
  ): Promise<Value> {
    return new Promise<Value>((resolve, reject) => {
      this.#load.take(bytes);
      const settle =
        <Argument>(how: (argument: Argument) => void) =>
        (argument: Argument): void => {
          this.#load.give(bytes);
          how(argument);
        };
      this.#waiting.push(entry(settle(resolve), settle(reject)));
      // What is asked within a turn travels together.
      if (!this.#working) this.#clock.endOfTurn(() => void this.#work());
      this.#working = true;
    });
  }

  async #work(): Promise<void> {
    for (let first = this.#waiting[this.#next]; first; first = this.#waiting[this.#next]) {
      if (typeof first === 'function') {
        this.#next++;
        await first();
      } else {
        const leave = await this.#enter();
        const batch = this.#batch();
        this.#next += batch.length;
        await this.#run(batch);
        leave();
      }
      this.#forget();
    }
    this.#working = false;
    this.#onIdle();
  }

  /** The appends that can go together: they come one after the other, and their log keeps the same for all of them. */
  #batch(): readonly Waiting[] {
    const batch: Waiting[] = [];
    let bytes = 0;
    for (let next = this.#next; batch.length < batchEntriesMax; next++) {
      const one = this.#waiting[next];
      if (!one || typeof one === 'function') break;
      bytes += one.bytes;
      const [first] = batch;
      if (first && (bytes > batchBytesMax || !together(first, one))) break;
      batch.push(one);
    }
    return batch;
  }

  /** Lets go of what is done once that is half of what is held: each call is moved once at most. */
  #forget(): void {
    if (this.#next * 2 < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#next);
    this.#next = 0;
  }
}

function together(one: Waiting, other: Waiting): boolean {
  const [a, b] = [one.append.keep, other.append.keep];
  if (one.stamp !== other.stamp) return false;
  return a === b || (a?.entriesMax === b?.entriesMax && a?.bytesMax === b?.bytesMax && a?.ageMs === b?.ageMs);
}
