/**
 * A world with its own time and chance: events in order of their time, one seed behind everything random. The simulator's
 * nodes, clients and links live in it; each process has a clock that stops when the process is killed.
 */
import { seeded } from '@syncline/protocol/testing';
import type { Cancel, Clock } from '@syncline/protocol/wire';

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** A process's clock, and the end of the process. */
export interface Life {
  readonly clock: Clock;
  /** Nothing that this process had planned happens any more. */
  kill(): void;
}

export class World {
  readonly random: () => number;
  #now = 1_795_392_000_000;
  #order = 0;
  readonly #heap: Event[] = [];

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  get now(): number {
    return this.#now;
  }

  /** Calls `run` after `ms`, before whatever is planned later. */
  after(ms: number, run: () => void): Cancel {
    const event: Event = { at: this.#now + Math.max(0, ms), order: this.#order++, run, cancelled: false };
    push(this.#heap, event);
    return () => {
      event.cancelled = true;
    };
  }

  /** Whether something happens with this probability. */
  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** A number from `min` up to `max`. */
  between(min: number, max: number): number {
    return min + this.random() * (max - min);
  }

  /** A whole number from `min` to `max`. */
  whole(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1));
  }

  /** A process: its clock obeys this world until it is killed. */
  life(): Life {
    let alive = true;
    const plan = (ms: number, run: () => void): Cancel => this.after(ms, () => alive && run());
    const clock: Clock = {
      now: () => Math.floor(this.#now),
      timer: plan,
      endOfTurn: (run) => void plan(0, run),
      random: this.random,
      randomBytes: (count) => Uint8Array.from({ length: count }, () => this.whole(0, 255)),
    };
    return {
      clock,
      kill: () => {
        alive = false;
      },
    };
  }

  /** Lets time pass. After each event everything that was promised is kept before the next one happens. */
  async run(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (let event = pop(this.#heap, until); event; event = pop(this.#heap, until)) {
      if (event.cancelled) continue;
      this.#now = event.at;
      event.run();
      await turn();
    }
    this.#now = until;
  }
}

/** All promises that can be kept without time passing are kept. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Event[], event: Event): void {
  let i = heap.length;
  heap.push(event);
  while (i > 0) {
    const parent = (i - 1) >> 1;
    const above = heap[parent];
    if (!above || !before(event, above)) break;
    heap[i] = above;
    i = parent;
  }
  heap[i] = event;
}

function pop(heap: Event[], until: number): Event | undefined {
  const first = heap[0];
  if (!first || first.at > until) return undefined;
  const last = heap.pop();
  if (!last || heap.length === 0) return first;
  let i = 0;
  for (;;) {
    const left = 2 * i + 1;
    const [a, b] = [heap[left], heap[left + 1]];
    if (!a) break;
    const child = b && before(b, a) ? left + 1 : left;
    const smaller = heap[child];
    if (!smaller || !before(smaller, last)) break;
    heap[i] = smaller;
    i = child;
  }
  heap[i] = last;
  return first;
}
