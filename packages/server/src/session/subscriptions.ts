/**
 * The subscriptions of one session: which cursors it holds, which of them have something to take, and in what order they
 * are served. The session makes and ends them; this room knows channels and cursors, and nothing of frames or requests.
 */
import { type Definition, SyncError } from '@syncline/protocol';
import { type Head, toSyncError } from '@syncline/protocol/wire';
import type { Channel } from '../channel.ts';
import type { Cursor, Taken } from '../cursor.ts';

export interface Subscription {
  readonly name: string;
  readonly channel: Channel;
  readonly definition: Definition;
  readonly cursor: Cursor;
  /** Whether publishing is granted for as long as the session's rights last, so that nobody need be asked. */
  publishes: boolean;
  /** Whether it stands in the line of those that may have something. */
  ready: boolean;
}

export class Subscriptions {
  readonly #max: number;
  readonly #byName = new Map<string, Subscription>();
  #ready: Subscription[] = [];
  /** Subscriptions that are being made. */
  #joining = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get(name: string): Subscription | undefined {
    return this.#byName.get(name);
  }

  all(): IterableIterator<Subscription> {
    return this.#byName.values();
  }

  /** Runs `join` with room for one more subscription. @throws SyncError `too_many` */
  async withRoom(name: string, join: () => Promise<void>): Promise<void> {
    if (this.#byName.has(name)) return await join();
    // Those on their way count too, or a burst of requests would pass all at once.
    if (this.#byName.size + this.#joining >= this.#max) {
      throw new SyncError(
        'too_many',
        `A session may subscribe to ${this.#max} channels. Unsubscribe from some, or raise \`channelsPerSessionMax\`.`,
      );
    }
    this.#joining++;
    try {
      await join();
    } finally {
      this.#joining--;
    }
  }

  /**
   * Asks about each, all at once, those that are made meanwhile too; then calls `done` with the refused ones. Nothing is waited
   * for between the last answer and `done`, so that nobody slips in between.
   */
  async judge(
    ask: (subscription: Subscription) => Promise<void>,
    done: (refusals: ReadonlyMap<Subscription, SyncError>) => void,
  ): Promise<void> {
    const asked = new Set<Subscription>();
    const refusals = new Map<Subscription, SyncError>();
    for (;;) {
      const left = [...this.#byName.values()].filter((one) => !asked.has(one));
      if (left.length === 0) return done(refusals);
      const answers = left.map(async (one) => {
        asked.add(one);
        await ask(one).catch((thrown: unknown) => refusals.set(one, toSyncError(thrown)));
      });
      await Promise.all(answers);
    }
  }

  /** Adds a subscription; one of the same name is over. */
  add(subscription: Subscription): void {
    this.remove(subscription.name);
    this.#byName.set(subscription.name, subscription);
  }

  /** Ends one: nothing of it is taken any more. */
  remove(name: string): void {
    this.#byName.get(name)?.cursor.release();
    this.#byName.delete(name);
  }

  /** Notes that there may be something to take; false when that was known. */
  wake(subscription: Subscription): boolean {
    if (subscription.ready) return false;
    subscription.ready = true;
    this.#ready.push(subscription);
    return true;
  }

  /** What comes next from whichever channel has something; undefined when none has. */
  take(): Taken | undefined {
    for (let next = this.#ready.shift(); next; next = this.#ready.shift()) {
      const taken = next.cursor.take();
      // Whoever has more goes to the end of the line, so that one busy channel doesn't hold the others up.
      next.ready = taken !== undefined && next.cursor.hasMore;
      if (next.ready) this.#ready.push(next);
      if (taken) return taken;
    }
    return undefined;
  }

  /** The heads of all channels that are subscribed to. */
  heads(): Head[] {
    return [...this.#byName.values()].map(({ channel }) => {
      const { offset, check } = channel.top;
      return { id: channel.settings.id, offset, check };
    });
  }

  /** Ends all. */
  clear(): void {
    for (const { cursor } of this.#byName.values()) cursor.release();
    this.#byName.clear();
    this.#ready = [];
  }
}
