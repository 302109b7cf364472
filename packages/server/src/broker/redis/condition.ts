/**
 * Whether the way to Redis works, put together from what each part of the link says of itself. Something that breaks and mends
 * within a second is told to nobody. It is the `health` of the broker, and knows nothing of what the parts are.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';
import type { Health } from '../broker.ts';

/** Trouble that is over sooner is no news: a connection that was made again, say. */
const graceMs = 1000;

export class Condition implements Health {
  readonly #clock: Clock;
  readonly #troubles = new Map<string, { readonly since: number; readonly what: string }>();
  readonly #listeners = new Set<() => void>();
  #brokenSince: number | null = null;
  #cancel: Cancel | undefined;
  /** What was wrong when that was told last. */
  #told = '';
  /** Set while another reason waits to be told. */
  #cancelAgain: Cancel | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get brokenSince(): number | null {
    return this.#brokenSince;
  }

  /** What is wrong, for logs, each sentence once; empty when nothing is. */
  get what(): string {
    // What a socket says ends without a full stop.
    const sentences = [...this.#troubles.values()].map(({ what }) => what.replace(/[^.!?]$/, '$&.'));
    return [...new Set(sentences)].join(' ');
  }

  onChange(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /**
   * Says that a part doesn't work, and why.
   *
   * @param sinceMs for how long it hasn't been, as is found out only now; what was so for longer than the grace is told at once
   */
  trouble(part: string, what: string, sinceMs = 0): void {
    const before = this.#troubles.get(part);
    this.#troubles.set(part, { since: before?.since ?? this.#clock.now() - sinceMs, what });
    this.#look();
  }

  /** Says that a part works, or is no more. */
  fine(part: string): void {
    if (this.#troubles.delete(part)) this.#look();
  }

  /** Nothing is told any more: parts that end are not parts that work. */
  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#cancelAgain?.();
    this.#listeners.clear();
  }

  #look(): void {
    if (this.#closed) return;
    this.#cancel?.();
    const since = Math.min(...[...this.#troubles.values()].map((trouble) => trouble.since));
    if (this.#troubles.size === 0) return this.#tell(null);
    const leftMs = since + graceMs - this.#clock.now();
    if (leftMs <= 0 || this.#brokenSince !== null) return this.#tell(since);
    this.#cancel = this.#clock.timer(leftMs, () => this.#look());
  }

  #tell(brokenSince: number | null): void {
    const changed = (brokenSince === null) !== (this.#brokenSince === null);
    if (!changed) return this.#lookAgain();
    this.#brokenSince = brokenSince;
    this.#cancelAgain?.();
    this.#cancelAgain = undefined;
    this.#call();
  }

  /** Another reason is told when it has lasted: the parts don't find it out at once, and each attempt may end otherwise. */
  #lookAgain(): void {
    if (this.#brokenSince === null || this.#cancelAgain || this.what === this.#told) return;
    this.#cancelAgain = this.#clock.timer(graceMs, () => {
      this.#cancelAgain = undefined;
      if (this.what !== this.#told) this.#call();
    });
  }

  #call(): void {
    this.#told = this.what;
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (thrown) {
        process.emitWarning(`A listener of the broker's health threw: ${String(thrown)}`);
      }
    }
  }
}
