/**
 * A channel of messages, as applications see it: who listens, which messages are one's own, pages of the log, a timeline. The
 * client makes one per name. It must not know how a connection is kept, nor how what it sends and gets stays in order.
 */
import { type Position, SyncError } from '@syncline/protocol';
import { historyEntriesMax } from '@syncline/protocol/wire';
import { Channel } from './channel.ts';
import { badOption } from './faults.ts';
import { readEntry } from './frames.ts';
import type { Freshness } from './freshness.ts';
import { promised, type Settle } from './settle.ts';
import { Emitter, type Store } from './store.ts';
import type { Place, Received, Recovery } from './subscription.ts';
import {
  type Batch,
  type Feed,
  FeedTimeline,
  type Message,
  type Page,
  type Timeline,
  type TimelineOptions,
} from './timeline.ts';

/** Which page of a stream's log: before or after an offset; without either, the newest one. */
export interface HistoryOptions {
  readonly before?: number;
  readonly after?: number;
  /** Messages in the page: 1 to 500. Default 50. */
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

/** Own places remembered, the newest, to mark messages that come (again) from history. */
const ownMax = 5_000;

export class Stream<M> extends Channel<M> implements StreamChannel<M>, Feed<M> {
  readonly kind = 'stream';
  readonly #messages = new Emitter<Message<M>>(this.core.report);
  readonly #own = new Set<string>();
  #timeline: FeedTimeline<M> | undefined;
  /** Messages up to here were there before anyone listened: timelines show them, listeners to new ones don't get them. */
  #begunAt = 0;

  onMessage(onMessage: (message: Message<M>) => void): () => void {
    return this.hold(this.#messages.on(onMessage), 0);
  }

  publish(data: M): Promise<Position> {
    return promised((settle) => this.send(data, settle));
  }

  async history({ before, after, limit = 50 }: HistoryOptions = {}): Promise<Page<M>> {
    const direction = before === undefined && after !== undefined ? 'after' : 'before';
    const offset = before ?? after ?? Number.MAX_SAFE_INTEGER;
    if (![offset, limit - 1, historyEntriesMax - limit].every((n) => Number.isSafeInteger(n) && n >= 0)) {
      throw badOption(`an offset and a limit of 1 to ${historyEntriesMax}`, [offset, limit]);
    }
    const page = await this.core.history([this.name, direction, offset, limit]);
    const { entries, first, epoch, more, stamped } = page;
    const drafts = entries.map((data, i) => this.#decode({ offset: first + i, ...readEntry(data, stamped) }));
    return { ...this.#batch(await Promise.all(drafts), epoch), first, count: entries.length, more };
  }

  timeline(options: TimelineOptions = {}): Timeline<M> {
    this.#timeline ??= new FeedTimeline<M>(this, options);
    return this.#timeline;
  }

  send(data: M, settle: Settle<Position>): void {
    this.outgoing.run(this.encode(data), (text) => {
      if (text instanceof SyncError) return settle(text);
      this.outbox.add(text, (outcome) => {
        if (!(outcome instanceof SyncError)) this.#own.add(`${outcome.epoch}.${outcome.offset}`);
        const [oldest = ''] = this.#own;
        if (this.#own.size > ownMax) this.#own.delete(oldest);
        settle(outcome);
      });
    });
  }

  placed(recovery: Recovery, { position, top }: Place): void {
    const reason = recovery.via === 'gap' ? recovery.reason : null;
    if (reason === 'diverged' || reason === 'ahead') this.#own.clear();
    if (recovery.via === 'recovered') return;
    this.#begunAt = reason ? 0 : top;
    this.#timeline?.take({ reason, position, top });
  }

  received(entries: readonly Received[], { epoch }: Position): void {
    // An entry that may be our own, sent on an earlier link, waits for the answer that tells whether it is.
    const answers = entries.flatMap(({ data }) => this.outbox.repeating(data) ?? []);
    const drafts = entries.map((entry) => this.#decode(entry));
    const take = (ready: Ready<M>) => {
      const batch = this.#batch(ready, epoch);
      this.#timeline?.take(batch);
      for (const message of batch.messages) {
        if (message.offset > this.#begunAt) this.#messages.emit(message);
      }
    };
    this.incoming.arrive(drafts, take, answers);
  }

  override closed(error: SyncError): void {
    this.#messages.clear();
    super.closed(error);
  }

  #batch(drafts: Ready<M>, epoch: string): Batch<M> {
    const messages = drafts.flatMap((draft) =>
      draft ? { ...draft, own: this.#own.has(`${epoch}.${draft.offset}`) } : [],
    );
    return { messages, epoch };
  }

  /** An entry's message; undefined for one that isn't what the contract says. */
  #decode({ data, ...entry }: Received): Draft<M> | undefined | Promise<Draft<M> | undefined> {
    const make = (value: M): Draft<M> | undefined => ({ ...entry, data: value });
    return this.decode(entry.offset, JSON.parse(String(data)), make, undefined);
  }
}
