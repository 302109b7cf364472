/**
 * What one session reads: cursors of the channels that it is subscribed to, and views; which of them have something to take, and
 * in what order they are served. The session makes and ends them; this room knows channels and what is read of them, and
 * nothing of frames or requests.
 */
import { type Definition, SyncError } from '@syncline/protocol';
import { type Head, toSyncError } from '@syncline/protocol/wire';
import type { Channel } from '../channel.ts';
import { type Cursor, Ended, type Reading, Seen, type View, type Woken } from '../cursor.ts';
import type { Taken } from './port.ts';

/** What is read of one channel, by its number on the wire. */
export interface Reader {
  readonly id: number;
  readonly name: string;
  readonly channel: Channel;
  readonly definition: Definition;
  readonly reading: Reading;
  /** Whether it stands in the line of those that may have something, and who stands behind it there. */
  ready: boolean;
  behind: Reader | undefined;
}

/** A channel that is subscribed to: it is what the cursor wakes. */
export class Subscription implements Reader, Woken {
  readonly name: string;
  readonly channel: Channel;
  readonly definition: Definition;
  /** Whether publishing is granted for as long as the session's rights last, so that nobody need be asked. */
  publishes = false;
  ready = false;
  behind: Reader | undefined;
  readonly #all: Subscriptions;
  #cursor: Cursor | undefined;

  constructor(all: Subscriptions, name: string, channel: Channel, definition: Definition) {
    this.#all = all;
    this.name = name;
    this.channel = channel;
    this.definition = definition;
  }

  get id(): number {
    return this.channel.settings.id;
  }

  get reading(): Cursor {
    if (this.#cursor) return this.#cursor;
    throw new TypeError('It has not begun.');
  }

  /** Is read through this cursor from now on: until then nothing wakes it. */
  begin(cursor: Cursor): void {
    this.#cursor = cursor;
  }

  wake(): void {
    if (this.#cursor) this.#all.woken(this);
  }
}

export interface Viewing extends Reader {
  readonly reading: View;
}

/** How much of each there may be. */
export interface SubscriptionBounds {
  readonly channelsPerSessionMax: number;
  readonly viewsPerSessionMax: number;
  readonly viewRowsPerSessionMax: number;
}

export class Subscriptions {
  readonly #bounds: SubscriptionBounds;
  readonly #session: Woken;
  /** The first, and the rest: most sessions have one, and a map costs more than that. */
  #one: Subscription | undefined;
  #more: Map<string, Subscription> | undefined;
  #views: Map<number, Viewing> | undefined;
  /** The line of those that may have something to take: the first and the last. A list would make room for many. */
  #first: Reader | undefined;
  #last: Reader | undefined;
  /** Subscriptions, and views, that are being made. */
  #joining = 0;
  #opening = 0;

  /** @param session is woken when there may be something to take */
  constructor(bounds: SubscriptionBounds, session: Woken) {
    this.#bounds = bounds;
    this.#session = session;
  }

  get(name: string): Subscription | undefined {
    return this.#one?.name === name ? this.#one : this.#more?.get(name);
  }

  /** The view of that number. */
  view(id: number): Viewing | undefined {
    return this.#views?.get(id);
  }

  /** All but the views. */
  all(): readonly Subscription[] {
    return [...(this.#one ? [this.#one] : []), ...(this.#more?.values() ?? [])];
  }

  /** Runs `join` with room for one more subscription. @throws SyncError `too_many` */
  async withRoom(name: string, join: () => Promise<void>): Promise<void> {
    if (this.get(name)) return await join();
    const max = this.#bounds.channelsPerSessionMax;
    // Those on their way count too, or a burst of requests would pass all at once.
    if (this.#size + this.#joining >= max) {
      throw new SyncError(
        'too_many',
        `A session may subscribe to ${max} channels. Unsubscribe from some, or raise \`channelsPerSessionMax\`.`,
      );
    }
    this.#joining++;
    try {
      await join();
    } finally {
      this.#joining--;
    }
  }

  /** Runs `open` with room for one more view. @throws SyncError `too_many` */
  async withRoomToView(open: () => Promise<void>): Promise<void> {
    const max = this.#bounds.viewsPerSessionMax;
    if ((this.#views?.size ?? 0) + this.#opening >= max)
      throw new SyncError(
        'too_many',
        `A session may have ${max} views. End some, or raise \`viewsPerSessionMax\`.`,
      );
    this.#opening++;
    try {
      await open();
    } finally {
      this.#opening--;
    }
  }

  /**
   * Asks about each, all at once, those that are made meanwhile too; then calls `done` with the refused ones. Nothing is waited
   * for between the last answer and `done`, so that nobody slips in between.
   */
  async judge(
    ask: (reader: Reader) => Promise<void>,
    done: (refusals: ReadonlyMap<Reader, SyncError>) => void,
  ): Promise<void> {
    const asked = new Set<Reader>();
    const refusals = new Map<Reader, SyncError>();
    for (;;) {
      const left = this.#readers().filter((one) => !asked.has(one));
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
    const { name } = subscription;
    this.remove(name);
    if (!this.#one) {
      this.#one = subscription;
      return;
    }
    this.#more ??= new Map();
    this.#more.set(name, subscription);
  }

  get #size(): number {
    return (this.#one ? 1 : 0) + (this.#more?.size ?? 0);
  }

  addView(viewing: Viewing): void {
    this.#views ??= new Map();
    this.#views.set(viewing.id, viewing);
  }

  /** Ends the subscription of that name: nothing of it is taken any more. */
  remove(name: string): void {
    const subscription = this.get(name);
    if (subscription) this.end(subscription);
  }

  /** Ends a subscription or a view, unless that is over. */
  end(reader: Reader): void {
    reader.reading.release();
    if (this.#one === reader) this.#one = undefined;
    else if (this.#more?.get(reader.name) === reader) this.#more.delete(reader.name);
    else if (this.#views?.get(reader.id) === reader) this.#views.delete(reader.id);
  }

  /** There may be something to take: whoever takes is woken, unless that was known. */
  woken(reader: Reader): void {
    if (reader.ready) return;
    this.#stand(reader);
    this.#session.wake();
  }

  #stand(reader: Reader): void {
    reader.ready = true;
    reader.behind = undefined;
    if (this.#last) this.#last.behind = reader;
    else this.#first = reader;
    this.#last = reader;
  }

  /** The first of the line steps out. */
  #next(): Reader | undefined {
    const first = this.#first;
    if (!first) return undefined;
    this.#first = first.behind;
    first.behind = undefined;
    first.ready = false;
    if (!this.#first) this.#last = undefined;
    return first;
  }

  /** What comes next from whichever channel has something; undefined when none has. */
  take(): Taken | undefined {
    for (let next = this.#next(); next; next = this.#next()) {
      const taken = next.reading.take();
      if (taken instanceof Seen) this.#bound(next.id);
      // Whoever has more goes to the end of the line, so that one busy channel doesn't hold the others up.
      if (taken !== undefined && next.reading.hasMore && !next.ready) this.#stand(next);
      if (taken instanceof Ended) this.end(next);
      if (taken) return taken;
    }
    return undefined;
  }

  /** The heads of all channels that are subscribed to, and how often each view has told something (rules H1, V7). */
  heads(): Head[] {
    const heads = this.all().map(({ id, channel }) => {
      const { offset, check } = channel.top;
      return { id, offset, check };
    });
    for (const { id, reading } of this.#views?.values() ?? [])
      heads.push({ id, offset: reading.seen, check: 0 });
    return heads;
  }

  /** Ends all. */
  clear(): void {
    for (const { reading } of this.#readers()) reading.release();
    this.#one = undefined;
    this.#more = undefined;
    this.#views = undefined;
    this.#first = undefined;
    this.#last = undefined;
  }

  /** A view costs as much as it shows: the one with which it becomes too much is ended. */
  #bound(id: number): void {
    const { viewRowsPerSessionMax: max } = this.#bounds;
    let rows = 0;
    for (const { reading } of this.#views?.values() ?? []) rows += reading.size;
    if (rows <= max) return;
    const many = `The views of a session may show ${max} keys at once. Narrow them, subscribe to the channel instead, or raise \`viewRowsPerSessionMax\`.`;
    this.#views?.get(id)?.reading.end(new SyncError('too_many', many));
  }

  #readers(): Reader[] {
    return [...this.all(), ...(this.#views?.values() ?? [])];
  }
}
