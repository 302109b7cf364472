/**
 * A chat's list as a store: older pages, what arrives, and what this client is sending, in one order and each once. A stream
 * makes them; a user interface shows them. It knows a stream only as a feed, and nothing of connections.
 */
import { type GapReason, type Position, SyncError } from '@syncline/protocol';
import type { Core } from './core.ts';
import { promised, type Settle } from './settle.ts';
import { type Store, Value } from './store.ts';
import type { Subscription } from './subscription.ts';

/** One message of a stream. */
export interface Message<M> {
  /** Its number in the log, from 1. */
  readonly offset: number;
  readonly data: M;
  /** When the server stored it, in ms since 1970; null in a channel that isn't stamped. */
  readonly at: number | null;
  /** Who published it, as the server knows them; null for anonymous, and in a channel that isn't stamped. */
  readonly from: string | null;
  /** Whether this client published it. */
  readonly own: boolean;
}

/** One line of a timeline. Items don't change; a new one with the same key takes the place of the old one. */
export interface TimelineItem<M> extends Omit<Message<M>, 'offset'> {
  /** Stays the same from `pending` to `sent`, so that a list on screen can be keyed by it. */
  readonly key: string;
  /** `pending`: not answered yet. `sent`: in the log. `failed`: refused or given up; see `error`. */
  readonly status: 'pending' | 'sent' | 'failed';
  readonly offset: number | null;
  readonly error?: SyncError;
  /** Publishes a failed item again, as the newest; does nothing to others. */
  readonly retry: () => void;
  /** Takes a failed item off the list; does nothing to others. */
  readonly discard: () => void;
}

export interface TimelineOptions {
  /** Messages to begin with, and in a page of `loadOlder`. Default 50, at most 500. */
  readonly pageSize?: number;
  /** Confirmed messages kept; beyond it the oldest leave, and `loadOlder` can bring them back. Default 5000. */
  readonly entriesMax?: number;
}

/** What a timeline shows. */
export interface TimelineView<M> {
  /** Confirmed items by offset, then those pending or failed as they were sent. */
  readonly items: readonly TimelineItem<M>[];
  /** Whether there may be more above the first item. */
  readonly hasOlder: boolean;
  /** Whether older items are being fetched. */
  readonly loading: boolean;
}

export interface Timeline<M> extends Store<TimelineView<M>> {
  /** Publishes, showing the message at once. Resolves when it is stored; a failure also shows as a `failed` item. */
  publish(data: M): Promise<Position>;
  /**
   * Fetches up to `count` older messages. Does nothing until the first are there, where there are none older, or as many are
   * shown as may be.
   */
  loadOlder(count?: number): Promise<void>;
}

/** The stream stands at another place than where the messages told before end: it has begun, or there is a gap. */
export interface Placed {
  readonly reason: GapReason | null;
  readonly position: Position;
  readonly top: number;
}

/** Consecutive messages of one epoch; of a page also how many entries it had, shown or not, and where it begins. */
export interface Batch<M> {
  readonly messages: readonly Message<M>[];
  readonly epoch: string;
}

export interface Page<M> extends Batch<M> {
  readonly first: number;
  readonly count: number;
  readonly more: boolean;
}

/** What a timeline needs of its stream. */
export interface Feed<M> {
  readonly core: Pick<Core, 'clock' | 'report'>;
  readonly subscription: Pick<Subscription, 'place' | 'hold'>;
  send(data: M, settle: Settle<Position>): void;
  history(page: { readonly before: number; readonly limit: number }): Promise<Page<M>>;
}

interface Row<M> {
  readonly item: TimelineItem<M>;
  readonly epoch: string;
  readonly offset: number;
}

const still = { retry: () => {}, discard: () => {} };

export class FeedTimeline<M> implements Timeline<M> {
  readonly #feed: Feed<M>;
  readonly #pageSize: number;
  readonly #entriesMax: number;
  readonly #view: Value<TimelineView<M>>;
  #rows: Row<M>[] = [];
  /** Pending and failed items, in the order they were sent. */
  #drafts: TimelineItem<M>[] = [];
  /** The place before the first row. */
  #floor: Pick<Position, 'epoch' | 'offset'> | undefined;
  #hasOlder = false;
  /** Where to begin anew as soon as there is something to show instead. */
  #anew: Placed | undefined;
  #watchers = 0;
  #unfollow: (() => void) | undefined;
  #loading: Promise<void> | undefined;
  #keys = 0;

  constructor(feed: Feed<M>, { pageSize = 50, entriesMax = 5000 }: TimelineOptions) {
    this.#feed = feed;
    this.#pageSize = pageSize;
    this.#entriesMax = entriesMax;
    const view: TimelineView<M> = { items: [], hasOlder: false, loading: false };
    this.#view = new Value(view, feed.core.report);
  }

  readonly get = (): TimelineView<M> => this.#view.get();

  readonly subscribe = (onChange: () => void): (() => void) => {
    let off: (() => void) | undefined = this.#view.subscribe(onChange);
    this.#watchers++;
    if (!this.#unfollow) {
      const { place } = this.#feed.subscription;
      this.#unfollow = this.#feed.subscription.hold(this.#pageSize);
      if (place) this.take({ reason: null, position: place.position, top: place.position.offset });
    }
    return () => {
      if (!off) return;
      off();
      off = undefined;
      this.#watchers--;
      // At the end of the turn, so that a view that is unmounted and mounted again keeps what it shows.
      this.#feed.core.clock.endOfTurn(() => {
        if (this.#watchers > 0) return;
        this.#unfollow?.();
        this.#unfollow = undefined;
      });
    };
  };

  publish(data: M): Promise<Position> {
    const stored = promised<Position>((settle) => this.#send(`own.${++this.#keys}`, data, settle));
    // A failure is shown in the list, so nobody need listen for it here.
    stored.catch(() => {});
    return stored;
  }

  loadOlder(count: number = this.#pageSize): Promise<void> {
    const floor = this.#floor;
    const room = Math.min(count, this.#entriesMax - this.#rows.length);
    if (this.#loading || !floor || !this.#hasOlder || room <= 0) return Promise.resolve(this.#loading);
    const loading = this.#feed
      .history({ before: floor.offset + 1, limit: room })
      .then((page) => {
        // The list may have begun anew meanwhile, and then this page belongs to what is no longer shown.
        if (this.#floor === floor && page.epoch === floor.epoch) this.#grow(floor, page);
      })
      .finally(() => {
        if (this.#loading === loading) this.#loading = undefined;
        this.#show();
      });
    this.#loading = loading;
    this.#show();
    return loading;
  }

  /** Puts a page above the list, if it ends right there. */
  #grow({ epoch, offset }: Pick<Position, 'epoch' | 'offset'>, page: Page<M>): void {
    this.#hasOlder = page.more;
    if (page.first + page.count !== offset + 1) this.#hasOlder = false;
    else if (page.count > 0) {
      this.#floor = { epoch, offset: page.first - 1 };
      this.#placeAll(page);
    }
  }

  /** What the stream tells; of use only while it is followed. */
  take(event: Placed | Batch<M>): void {
    if (!this.#unfollow) return;
    if ('position' in event) {
      // What was shown of a log that can't be read on stays until there is something newer to show instead.
      if (event.reason && event.top > event.position.offset) this.#anew = event;
      else this.#begin(event);
      return;
    }
    if (this.#anew) this.#begin(this.#anew);
    this.#placeAll(event);
    const [last] = this.#rows.splice(0, this.#rows.length - this.#entriesMax).slice(-1);
    if (last) {
      this.#floor = last;
      this.#hasOlder = true;
    }
    this.#show();
  }

  /** Begins the list anew at a place of the log, and fills up what lies before it to a page. */
  #begin({ position, top, reason }: Placed): void {
    const { epoch, offset } = position;
    // Whoever's log was rolled back holds entries that are no longer in it.
    const all = reason === 'diverged' || reason === 'ahead';
    this.#rows = this.#rows.filter((row) => !all && row.epoch === epoch && row.offset > offset);
    this.#anew = undefined;
    this.#floor = position;
    this.#hasOlder = offset > 0;
    this.#loading = undefined;
    this.loadOlder(this.#pageSize - (top - offset)).catch((error: SyncError) => {
      if (error.code !== 'closed') this.#feed.core.report(error);
    });
    this.#show();
  }

  #placeAll({ messages, epoch }: Batch<M>): void {
    for (const message of messages) {
      const item = { ...still, ...message, status: 'sent', key: `${epoch}.${message.offset}` } as const;
      this.#place({ epoch, offset: message.offset, item });
    }
  }

  /** Puts a row where it belongs, if that is in the list and not above it. One that stands there already gives its key. */
  #place(row: Row<M>): void {
    const rows = this.#rows;
    if (this.#floor && !comesAfter(row, this.#floor)) return;
    let i = rows.length;
    let before = rows[i - 1];
    while (before && comesAfter(before, row)) before = rows[--i - 1];
    if (!before || comesAfter(row, before)) {
      rows.splice(i, 0, row);
      return;
    }
    // The same message, from an acknowledgement and from the log, in either order: the key on screen is the publisher's.
    const [acked, stored] = before.item.own ? [before.item, row.item] : [row.item, before.item];
    rows[i - 1] = { ...row, item: { ...stored, key: acked.key, own: acked.own } };
  }

  #send(key: string, data: M, settle: Settle<Position>): void {
    const item = {
      ...still,
      key,
      status: 'pending',
      data,
      offset: null,
      at: null,
      from: null,
      own: true,
    } as const;
    this.#drafts.push(item);
    this.#feed.send(data, (outcome) => {
      const i = this.#drafts.indexOf(item);
      if (outcome instanceof SyncError) {
        this.#drafts[i] = this.#failed(item, outcome);
      } else {
        this.#drafts.splice(i, 1);
        const { epoch, offset } = outcome;
        this.#place({ epoch, offset, item: { ...item, offset, status: 'sent' } });
      }
      this.#show();
      settle(outcome);
    });
    this.#show();
  }

  #failed(item: TimelineItem<M>, error: SyncError): TimelineItem<M> {
    const leave = () => {
      const i = this.#drafts.indexOf(failed);
      if (i >= 0) this.#drafts.splice(i, 1);
      this.#show();
      return i >= 0;
    };
    const retry = () => {
      if (leave()) this.#send(item.key, item.data, () => {});
    };
    const failed = { ...item, status: 'failed', error, retry, discard: leave } as const;
    return failed;
  }

  #show(): void {
    const items = [...this.#rows.map(({ item }) => item), ...this.#drafts];
    this.#view.set({ items, hasOlder: this.#hasOlder, loading: !!this.#loading });
  }
}

/** Whether one place of the log is behind another. Epochs sort by the time they began (rule P5). */
function comesAfter(
  a: Pick<Row<unknown>, 'epoch' | 'offset'>,
  b: Pick<Row<unknown>, 'epoch' | 'offset'>,
): boolean {
  return a.epoch === b.epoch ? a.offset > b.offset : a.epoch > b.epoch;
}
