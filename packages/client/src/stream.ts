/**
 * A channel of messages, as applications see it: joins a subscription, an outbox and the contract's schema. The client makes
 * one per name. It must not know frames, nor how a connection is kept.
 */
import { type Position, type Schema, SyncError } from '@syncline/protocol';
import { historyEntriesMax, validate } from '@syncline/protocol/wire';
import type { Core } from './core.ts';
import { badOption } from './faults.ts';
import { payloadFault, readEntry } from './frames.ts';
import { Outbox } from './outbox.ts';
import { Sequence } from './sequence.ts';
import { promised, type Settle } from './settle.ts';
import { Emitter, type Store } from './store.ts';
import { type Freshness, type Place, type Received, type Recovery, Subscription } from './subscription.ts';
import {
  type Batch,
  type Feed,
  FeedTimeline,
  type Message,
  type Page,
  type Placed,
  type Timeline,
  type TimelineOptions,
} from './timeline.ts';

/** Which page of a stream's log: before or after an offset; without either, the newest one. */
export interface HistoryOptions {
  readonly before?: number;
  readonly after?: number;
  /** Messages in the page. Default 50, at most 500. */
  readonly limit?: number;
}

/** A page in offset order. `more`: there are further messages in the direction that was asked for. */
export interface HistoryPage<M> {
  readonly messages: readonly Message<M>[];
  readonly more: boolean;
}

/** A channel of messages. */
export interface StreamChannel<M> {
  readonly name: string;
  readonly kind: 'stream';
  /** How far what was handed on can be trusted to be up to date. Followed while someone listens to messages. */
  readonly freshness: Store<Freshness>;
  /**
   * Calls `onMessage` for each message from now on, in order, each once, across reconnects. The returned function ends it.
   *
   * @example
   * const stop = client.stream('chat/lobby').onMessage(({ data, own }) => show(data, own))
   */
  onMessage(onMessage: (message: Message<M>) => void): () => void;
  /**
   * Tells when the subscription began (`start`), went on without loss (`recovered`), or went on past lost or other
   * messages (`gap`, with the reason), before anything newer is handed on. Doesn't subscribe by itself.
   */
  onRecover(onRecover: (recovery: Recovery) => void): () => void;
  /**
   * Publishes. Resolves with the message's position once it is stored, after however many reconnects. What is published
   * on one channel is stored in order, each once.
   *
   * @throws SyncError `offline` when the outbox is full or the message waited too long; `unavailable` when it was sent and
   * nobody can say whether it is stored; `closed`; or why the server refused it, `bad_payload` or `forbidden` say.
   */
  publish(data: M): Promise<Position>;
  /**
   * One page of the log. Waits for a connection where there is none.
   *
   * @throws SyncError `bad_option`, `closed`, or why the server refused.
   */
  history(options?: HistoryOptions): Promise<HistoryPage<M>>;
  /**
   * A list to show: history, live messages and own pending ones merged. It follows the channel while it is watched. The
   * same list each time, so that no view loses what is pending; options count at the first call.
   */
  timeline(options?: TimelineOptions): Timeline<M>;
}

type Draft<M> = Omit<Message<M>, 'own'>;
type Ready<M> = readonly (Draft<M> | undefined)[];

/** Own places remembered, to mark messages that come (again) from history. */
const ownMax = 5_000;

export class Stream<M> implements StreamChannel<M>, Feed<M> {
  readonly kind = 'stream';
  readonly name: string;
  readonly freshness: Store<Freshness>;
  readonly clock: Core['clock'];
  readonly report: Core['report'];
  readonly #core: Core;
  readonly #schema: Schema<M> | undefined;
  readonly #subscription: Subscription;
  readonly #outbox: Outbox;
  readonly #incoming = new Sequence();
  readonly #outgoing = new Sequence();
  readonly #messages: Emitter<Message<M>>;
  readonly #recoveries: Emitter<Recovery>;
  readonly #feed: Emitter<Placed | Batch<M>>;
  readonly #own = new Set<string>();
  #timeline: Timeline<M> | undefined;
  /** Messages up to here were there before anyone listened: timelines show them, listeners to new ones don't get them. */
  #begunAt = 0;

  constructor(core: Core, name: string, schema: Schema<M> | undefined) {
    const { clock, report } = core;
    this.name = name;
    this.clock = clock;
    this.report = report;
    this.#core = core;
    this.#schema = schema;
    this.#messages = new Emitter(report);
    this.#recoveries = new Emitter(report);
    this.#feed = new Emitter(report);
    this.#outbox = new Outbox(core, name);
    const subscription = new Subscription(core, name, {
      recovered: (recovery, place) => this.#incoming.run(recovery, () => this.#recovered(recovery, place)),
      entries: (entries, epoch) => this.#received(entries, epoch),
      ended: () => this.#incoming.clear(),
    });
    this.#subscription = subscription;
    this.freshness = subscription.freshness;
    core.join({
      opened: () => {
        // A first subscription goes before what is published, so that it sees it. One that goes on goes after what is
        // published again, whose answers then come before the entries (rule A4).
        if (!subscription.place) subscription.ask();
        this.#outbox.opened();
        subscription.ask();
      },
      lost: (moved) => subscription.lost(moved),
      closed: (error) => {
        this.#incoming.clear();
        this.#messages.clear();
        this.#recoveries.clear();
        this.#outbox.closed(error);
      },
    });
  }

  onMessage(onMessage: (message: Message<M>) => void): () => void {
    return this.#hold(this.#messages.on(onMessage), 0);
  }

  onRecover(onRecover: (recovery: Recovery) => void): () => void {
    return this.#recoveries.on(onRecover);
  }

  publish(data: M): Promise<Position> {
    return promised((settle) => this.send(data, settle));
  }

  async history({ before, after, limit = 50 }: HistoryOptions = {}): Promise<Page<M>> {
    const direction = before === undefined && after !== undefined ? 'after' : 'before';
    const offset = before ?? after ?? Number.MAX_SAFE_INTEGER;
    if (![offset, limit, historyEntriesMax - limit].every((n) => Number.isSafeInteger(n) && n >= 0)) {
      throw badOption(`an offset and a limit up to ${historyEntriesMax}`, [offset, limit]);
    }
    const request = { type: 'history', channel: this.name, direction, offset, limit } as const;
    const { entries, first, epoch, more, stamped } = await this.#core.history(request);
    const drafts = entries.map((data, i) => this.#decode({ offset: first + i, ...readEntry(data, stamped) }));
    return { ...this.#batch(await Promise.all(drafts), epoch), first, count: entries.length, more };
  }

  timeline(options: TimelineOptions = {}): Timeline<M> {
    this.#timeline ??= new FeedTimeline<M>(this, options);
    return this.#timeline;
  }

  follow(start: number, onEvent: (event: Placed | Batch<M>) => void): () => void {
    const { place } = this.#subscription;
    const unfollow = this.#hold(this.#feed.on(onEvent), start);
    if (place) onEvent({ reason: null, position: place.position, top: place.position.offset });
    return unfollow;
  }

  send(data: M, settle: Settle<Position>): void {
    this.#outgoing.run(this.#encode(data), (text) => {
      if (text instanceof SyncError) return settle(text);
      this.#outbox.add(text, (outcome) => {
        if (!(outcome instanceof SyncError)) this.#markOwn(outcome);
        settle(outcome);
      });
    });
  }

  #hold(off: () => void, start: number): () => void {
    const release = this.#subscription.hold(start);
    return () => {
      off();
      release();
    };
  }

  #recovered(recovery: Recovery, { position, top }: Place): void {
    const reason = recovery.via === 'gap' ? recovery.reason : null;
    if (recovery.via === 'start') this.#begunAt = top;
    if (reason) this.#begunAt = 0;
    if (reason === 'diverged' || reason === 'ahead') this.#own.clear();
    if (recovery.via !== 'recovered') this.#feed.emit({ reason, position, top });
    this.#recoveries.emit(recovery);
  }

  #received(entries: readonly Received[], epoch: string): void {
    const drafts = entries.map((entry) => this.#decode(entry));
    // An entry that may be our own, sent on an earlier link, waits for the answer that tells whether it is.
    const answers = entries.flatMap(({ data }) => this.#outbox.repeating(data) ?? []);
    const wait = [...answers, ...drafts].some((one) => one instanceof Promise);
    const all = wait ? Promise.all(answers).then(() => Promise.all(drafts)) : (drafts as Ready<M>);
    this.#incoming.run(all, (ready: Ready<M>) => {
      const batch = this.#batch(ready, epoch);
      this.#feed.emit(batch);
      for (const message of batch.messages) {
        if (message.offset > this.#begunAt) this.#messages.emit(message);
      }
    });
  }

  #batch(drafts: Ready<M>, epoch: string): Batch<M> {
    const isOwn = (offset: number) => this.#own.has(`${epoch}.${offset}`);
    const messages = drafts.flatMap((draft) => (draft ? { ...draft, own: isOwn(draft.offset) } : []));
    return { messages, epoch };
  }

  /** An entry's message; undefined, and reported, for one that isn't what the contract says. */
  #decode({ data, ...entry }: Received): Draft<M> | undefined | Promise<Draft<M> | undefined> {
    const bad = (thrown: unknown) => {
      this.report(badPayload(thrown, `${this.name}: entry ${entry.offset} was passed over. `));
      return undefined;
    };
    try {
      const value: unknown = JSON.parse(String(data));
      // Without a schema the contract's word is all there is to go by.
      const checked = this.#schema ? validate(this.#schema, value) : (value as M);
      if (!(checked instanceof Promise)) return { ...entry, data: checked };
      return checked.then((valid) => ({ ...entry, data: valid }), bad);
    } catch (thrown) {
      return bad(thrown);
    }
  }

  /** The payload's text, taken now, once the contract has been asked; an error when it can't be sent. */
  #encode(data: M): string | SyncError | Promise<string | SyncError> {
    try {
      const text: string | undefined = JSON.stringify(data);
      if (text === undefined) return badPayload('It is no JSON value.');
      const fault = payloadFault(text);
      if (fault) return badPayload(fault);
      const checked = this.#schema && validate(this.#schema, data);
      return checked instanceof Promise ? checked.then(() => text, badPayload) : text;
    } catch (thrown) {
      return badPayload(thrown);
    }
  }

  #markOwn({ epoch, offset }: Position): void {
    if (this.#own.size >= ownMax) this.#own.clear();
    this.#own.add(`${epoch}.${offset}`);
  }
}

function badPayload(thrown: unknown, prefix = ''): SyncError {
  return new SyncError('bad_payload', prefix + (thrown instanceof Error ? thrown.message : thrown));
}
