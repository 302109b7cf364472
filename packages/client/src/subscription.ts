/**
 * One channel's place in its log: subscribes, checks that what arrives follows, and reads anew from its position when it
 * doesn't. A channel holds one, whatever its kind, and is handed what is new. It must not know what entries mean.
 */
import type { GapReason, Position } from '@syncline/protocol';
import { SyncError } from '@syncline/protocol';
import {
  type Cancel,
  type Data,
  type FrameOf,
  type Head,
  nextCheck,
  type Placed,
  type ServerFrame,
} from '@syncline/protocol/wire';
import type { Core, Delivery } from './core.ts';
import { readEntry } from './frames.ts';
import { type Freshness, showFreshness } from './freshness.ts';
import { Value } from './store.ts';
import { backoff, retryMsOf } from './timing.ts';

/** How a subscription began, or began again: from nothing, from its position without loss, or past a gap. */
export type Recovery =
  | { readonly via: 'start' }
  | { readonly via: 'recovered' }
  | { readonly via: 'gap'; readonly reason: GapReason };

/** A place in the log with what lies ahead of it. */
export interface Place {
  readonly position: Position;
  /** Offset of the log's head, as far as known. */
  readonly top: number;
}

/** An entry as it arrived. */
export interface Received {
  readonly offset: number;
  readonly data: Data;
  readonly at: number | null;
  readonly from: string | null;
}

/** What a subscription hands on, in the order of the log. */
export interface Reader {
  recovered(recovery: Recovery, place: Place): void;
  /** Entries, up to that place. */
  received(entries: readonly Received[], position: Position): void;
  /**
   * A part of a snapshot, and with the last one the place up to which it says what the log holds, in place of all that was
   * handed on (rule S9). What came of one before `recovered` is no part of the next.
   */
  snapshot?(part: Data, position: Position | undefined): void;
  /** The server refused the subscription, for now or until the next connection. */
  troubled?(error: SyncError): void;
  /** Nobody holds the subscription any more; the next one begins anew. */
  ended(): void;
}

/** How long entries that a heartbeat told of may still be under way (rule H2), in ms. */
const graceMs = 1_000;

export class Subscription implements Delivery {
  declare readonly freshness: Value<Freshness>;
  /** What takes what members signal, where anything does. */
  declare signals?: Delivery['signals'];
  readonly #core: Core;
  readonly #channel: string;
  declare readonly reader: Reader;
  #holds = 0;
  #start = 0;
  #position: Position | undefined;
  #top = 0;
  /** The node's number for the channel, while entries under it are ours to take. */
  #id: number | undefined;
  #stamped = false;
  /** The request that is under way; only the newest one's answer counts. */
  #asked: object | undefined;
  /** Whether a subscription on the present link was confirmed once. */
  #linked = false;
  #gap: GapReason | undefined;
  #refused: SyncError | undefined;
  /** Subscriptions made in a row without anything new coming of it. */
  #failures = 0;
  #again: Cancel | undefined;
  #grace: Cancel | undefined;

  constructor(core: Core, channel: string, reader: Reader) {
    this.#core = core;
    this.#channel = channel;
    this.reader = reader;
    this.freshness = new Value<Freshness>({ state: 'stale', since: core.clock.now() }, core.report);
  }

  /** Where the subscription stands; undefined before its first answer. */
  get place(): Place | undefined {
    return this.#position && { position: this.#position, top: this.#top };
  }

  /**
   * Keeps the subscription up until what is returned is called. It begins with the last `start` entries; who comes when
   * it has begun joins it where it stands.
   */
  hold(start: number): () => void {
    const { connection, clock } = this.#core;
    if (!this.#position && !this.#asked) this.#start = this.#holds > 0 ? Math.max(this.#start, start) : start;
    this.#holds++;
    connection.start();
    this.ask();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      // At the end of the turn, so that who lets go and holds again in one turn loses nothing.
      if (--this.#holds === 0) clock.endOfTurn(() => this.#holds === 0 && this.#end());
    };
  }

  /** From now on it stands there, and reads on from there; undefined: nowhere, so that it begins anew. */
  seek(position: Position | undefined): void {
    this.#leave();
    this.#position = position;
    this.#asked = undefined;
    this.ask();
  }

  /** @param moved the next link is ready already, so what is here isn't stale */
  lost(moved = false): void {
    this.#leave();
    this.#asked = undefined;
    this.#again?.();
    this.#again = undefined;
    this.#linked &&= moved;
    this.#failures = 0;
    this.#refused = undefined;
    this.show();
  }

  entries({ first, entries }: FrameOf<ServerFrame, 'entries'>): void {
    this.take(
      first - 1,
      entries.map((data, i) => ({ offset: first + i, data })),
    );
  }

  gap({ position, top, reason }: FrameOf<ServerFrame, 'gap'>): void {
    this.#stand({ via: 'gap', reason }, position, top);
  }

  head({ offset, check }: Head): void {
    const place = this.#position;
    if (!place) return;
    // One that couldn't be shown yet, while the server was cut off, is shown first.
    if (this.freshness.get().state === 'gap') this.#gap = undefined;
    this.#top = Math.max(this.#top, offset);
    if (offset > place.offset) this.doubt(graceMs);
    else if (offset < place.offset || check !== place.check) return this.#repair();
    else this.#failures = 0;
    this.show();
  }

  /** The server ended this subscription (rule I5). As after a refusal, it is asked for again on the next connection. */
  revoked({ code, message }: FrameOf<ServerFrame, 'revoked'>): void {
    this.#leave();
    this.refuse(new SyncError(code, message), true);
  }

  /** @param checkGiven where the entries aren't all of those that lie between */
  take(from: number, entries: readonly Placed[], checkGiven?: number): void {
    const before = this.#position;
    const offset = entries.at(-1)?.offset ?? 0;
    if (!before || offset <= before.offset) return;
    this.#top = Math.max(this.#top, offset);
    if (from > before.offset) return this.#repair();
    let { check } = before;
    const received = entries.flatMap(({ offset, data }): Received | [] => {
      if (offset <= before.offset) return [];
      const entry = readEntry(data, this.#stamped);
      check = nextCheck(check, entry.data);
      return { offset, ...entry };
    });
    this.reader.received(received, this.move(before, offset, checkGiven ?? check));
    this.show();
  }

  move({ epoch }: Position, offset: number, check: number): Position {
    this.#top = Math.max(this.#top, offset);
    this.#failures = 0;
    this.#gap = undefined;
    this.#position = { epoch, offset, check };
    return this.#position;
  }

  /** If nothing has come within that time, it is read anew. */
  doubt(ms: number): void {
    const position = this.#position;
    this.#grace ??= this.#core.clock.timer(ms, () => {
      this.#grace = undefined;
      if (this.#position === position) this.#repair();
    });
  }

  trust(): void {
    this.#grace?.();
    this.#grace = undefined;
  }

  /** What was pushed doesn't follow, so it is read from the position (rules D3, H2). At once, then at growing intervals. */
  #repair(): void {
    this.#leave();
    this.show();
    if (this.#failures++ === 0) this.ask();
    else this.#askLater();
  }

  #askLater(leastMs?: number): void {
    const { clock } = this.#core;
    this.#again ??= clock.timer(backoff(this.#failures, clock.random(), leastMs), () => {
      this.#again = undefined;
      this.ask();
    });
  }

  /** Subscribes, unless that is done, under way, not wanted or not possible now. */
  ask(): void {
    const { connection, deliveries } = this.#core;
    if (!connection.open || this.#holds === 0) return;
    if (this.#asked || this.#again || this.#id !== undefined || this.#refused) return;
    const asked = {};
    this.#asked = asked;
    const at = this.#position;
    const start = at ? ([at.epoch, at.offset, at.check] as const) : this.#start;
    connection.request('subscribe', [this.#channel, start], (answer) => {
      if (this.#asked !== asked) return;
      this.#asked = undefined;
      if (answer === null) return;
      if (answer instanceof SyncError) return this.refuse(answer);
      const { id, stamped, position, top, gap } = answer;
      const via = this.#position ? 'recovered' : 'start';
      this.#id = id;
      this.#stamped = stamped;
      this.#linked = true;
      deliveries.set(id, this);
      this.#stand(gap ? { via: 'gap', reason: gap } : { via }, position, top);
    });
  }

  /** What the server refused is asked for again: later, or on the next connection where that is what its error says. */
  refuse(error: SyncError, ended: boolean = error.next === 'stop'): void {
    if (this.#failures++ === 0 || ended) this.#core.report(error);
    if (ended) this.#refused = error;
    else this.#askLater(retryMsOf(error));
    this.show();
  }

  #stand(recovery: Recovery, position: Position, top: number): void {
    this.#position = position;
    this.#top = top;
    if (recovery.via === 'gap') this.#gap = recovery.reason;
    this.reader.recovered(recovery, { position, top });
    this.show();
  }

  /** From now on nothing under the old number is taken. */
  #leave(): void {
    if (this.#id !== undefined) this.#core.deliveries.delete(this.#id);
    this.#id = undefined;
    this.trust();
  }

  #end(): void {
    const { connection } = this.#core;
    if (connection.open && (this.#asked || this.#id !== undefined)) {
      connection.request('unsubscribe', [this.#channel], () => {});
    }
    this.#position = undefined;
    this.#gap = undefined;
    this.lost();
    this.reader.ended();
  }

  show(): void {
    const place = this.#position;
    // While it is read anew, at least something is missing, even if nobody can say what.
    const left = Math.max(this.#id === undefined ? 1 : 0, this.#top - (place?.offset ?? 0));
    showFreshness(this.freshness, this.#core, this.#refused, this.#gap, this.#linked && place, left);
  }
}
