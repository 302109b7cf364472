/**
 * The heart: one open log as this node serves it. Appends go through it, readers begin in it, and it is held open for as long as
 * somebody needs it; what the node knows of the log is the follower's matter, and what each reader gets next the readers'. It
 * never sees a session, a transport or a kind.
 */
import { limits, type Position, SyncError } from '@syncline/protocol';
import type { Entry, Signalled, Start, ViewFilter } from '@syncline/protocol/wire';
import type { Announcement, Append, Appended, Broker, Range, Slice } from './broker/broker.ts';
import { Follower } from './channel/follower.ts';
import { type Located, locate } from './channel/locate.ts';
import { Pages } from './channel/pages.ts';
import { Readers, type ReadersTools, type ReadersTraits } from './channel/readers.ts';
import { Tail } from './channel/tail.ts';
import { ChannelViews } from './channel/views.ts';
import { type Conflate, Cursor, type OpenView, type View, type ViewTraits, type Woken } from './cursor.ts';

/** What a channel is told about itself: who it is, what its log keeps, what it may hold in memory. */
export interface ChannelSettings extends ReadersTraits {
  readonly keep: Range['keep'];
  readonly tailEntriesMax: number;
  readonly tailBytesMax: number;
}

/** What every channel of a node shares. */
export interface ChannelTools extends ReadersTools {
  readonly broker: Broker;
}

/** Entries read when a channel opens, so that clients who return after a moment are served from memory. */
const openEntries = 128;
/** Payload bytes of one page of history; what doesn't fit is on the next. */
const historyBytesMax = 256 * 1024;

export class Channel {
  readonly settings: ChannelSettings;
  readonly #tools: ChannelTools;
  readonly #pages: Pages;
  readonly #follower: Follower;
  readonly #readers: Readers;
  readonly #views: ChannelViews;
  readonly #stopListening: () => void;
  #refusal: SyncError | undefined;
  /** Calls under way: appends, pages of history, subscribers who look for their place. */
  #calls = 0;
  #closed = false;

  private constructor(
    settings: ChannelSettings,
    tools: ChannelTools,
    pages: Pages,
    slice: Slice,
    stopListening: () => void,
  ) {
    const tail = new Tail(settings.tailEntriesMax, settings.tailBytesMax);
    this.settings = settings;
    this.#tools = tools;
    this.#pages = pages;
    this.#follower = new Follower(settings.name, slice, tail, pages, tools);
    this.#readers = new Readers(settings, tools, this.#follower, pages);
    this.#views = new ChannelViews(settings.name, tools.metrics);
    this.#stopListening = stopListening;
  }

  /** Opens a log: listens first, then reads, so that nothing falls between. */
  static async open(settings: ChannelSettings, tools: ChannelTools): Promise<Channel> {
    const ear = new Ear();
    const stop = tools.broker.listen(settings.name, ear.hear);
    try {
      const pages = new Pages(tools.broker, settings.name, settings.keep);
      const offset = Number.MAX_SAFE_INTEGER;
      const newest = await pages.fresh({
        direction: 'before',
        offset,
        entriesMax: openEntries,
        bytesMax: Math.min(settings.tailBytesMax, limits.batchBytesMax.default),
      });
      const channel = new Channel(settings, tools, pages, newest, stop);
      ear.listenWith(channel.#follower);
      return channel;
    } catch (thrown) {
      stop();
      throw thrown;
    }
  }

  /** The head of the log. */
  get top(): Position {
    return this.#follower.top;
  }

  /** Whether nobody reads, appends, or is about to. */
  get idle(): boolean {
    return this.#readers.idle && this.#views.size === 0 && this.#calls === 0;
  }

  /** Refuses what is published from now on, with this error; undefined: no more. Its readers notice nothing. */
  refuseWith(error: SyncError | undefined): void {
    this.#refusal = error;
  }

  /**
   * Appends through the broker; what was appended comes back by announcement, like everyone's.
   *
   * @param own it is the node's own, which goes on where publishes are refused
   */
  async append(append: Omit<Append, 'keep'>, own = false): Promise<Appended> {
    if (this.#refusal && !own) throw this.#refusal;
    this.#calls++;
    try {
      const appended = await this.#tools.broker.append(this.settings.name, {
        ...append,
        keep: this.settings.keep,
      });
      this.#tools.metrics.entriesAppended++;
      this.#follower.acknowledged(appended);
      return appended;
    } finally {
      this.#calls--;
    }
  }

  /**
   * As `append`, but without a promise where the broker answers at once.
   *
   * @param append says itself what the log keeps: the same as `settings`
   * @throws at once what `append` would reject with, where there is no promise
   */
  appendNow(append: Append): Appended | Promise<Appended> {
    const { broker, metrics } = this.#tools;
    if (!broker.appendNow) return this.append(append);
    if (this.#refusal) throw this.#refusal;
    const appended = broker.appendNow(this.settings.name, append);
    metrics.entriesAppended++;
    this.#follower.acknowledged(appended);
    return appended;
  }

  /**
   * Puts a cursor where a reader wants to start, or at the oldest place from which the log is complete (rules S3, S4).
   * There may be something to take at once; `reader` is woken whenever there may be more.
   *
   * @param resident it is the node's own: the channel isn't held open for it
   */
  join(start: Start, reader: Woken, resident = false): Promise<Located & { readonly cursor: Cursor }> {
    return this.#call(async () => {
      const located = await locate(start, this.#follower, this.#pages);
      if (this.#closed) throw new SyncError('restart');
      const { position, proven } = located;
      const cursor = new Cursor(this.#readers, position.offset, { proven, resident }, reader);
      this.#readers.add(cursor);
      return { ...located, cursor };
    });
  }

  /**
   * Keeps the channel open until what is returned is called; one may hold it at a time. `onBreak` is called when its log turns
   * out to be another one.
   */
  hold(onBreak: () => void): () => void {
    return this.#readers.hold(onBreak);
  }

  /** Tells the readers who are up to date at the end of this turn, and nobody else (rule N6). False when the turn's frame is full. */
  signal(signal: Signalled): boolean {
    return this.#readers.signal(signal);
  }

  /** How this log's readers are spared what they needn't see. It holds until the log turns out to be another one. */
  conflateWith(conflate: Conflate): void {
    this.#readers.conflateWith(conflate);
  }

  /** How this log is viewed; an error: no longer, which whoever views it is told. */
  viewWith(open: OpenView | SyncError): void {
    this.#views.openWith(open);
  }

  /**
   * Opens a view of what the log comes to. It is woken and taken from like a cursor.
   *
   * @throws SyncError `unsupported_data` where there is nothing to view, `bad_payload` for a filter that doesn't fit
   */
  view(traits: ViewTraits, filter: ViewFilter): Promise<View> {
    return this.#call(() => this.#views.open(traits, filter));
  }

  /** One page of the log, oldest first, and whether there is more in that direction (rule S7). */
  history(
    direction: Range['direction'],
    offset: number,
    limit: number,
  ): Promise<{ epoch: string; entries: readonly Entry[]; more: boolean }> {
    return this.#call(async () => {
      const page = { direction, offset, entriesMax: limit, bytesMax: historyBytesMax };
      const { epoch, entries, oldest, top } = await this.#pages.read(page);
      const [first] = entries;
      const last = entries.at(-1);
      const more = direction === 'before' ? first && first.offset > oldest : last && last.offset < top.offset;
      return { epoch, entries, more: more ?? false };
    });
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    this.#follower.close();
    this.#readers.close();
    this.#views.close();
  }

  /** Runs something that the channel must not be closed under. */
  async #call<T>(run: () => Promise<T>): Promise<T> {
    this.#calls++;
    try {
      return await run();
    } finally {
      this.#calls--;
    }
  }
}

/** Hears the news of a log: what comes before the log has been read waits until then. A channel that is open holds nothing of its opening. */
class Ear {
  #early: Announcement[] | undefined = [];
  #follower: Follower | undefined;
  readonly hear = (news: Announcement): void => {
    if (this.#follower) this.#follower.receive(news);
    else this.#early?.push(news);
  };

  listenWith(follower: Follower): void {
    this.#follower = follower;
    for (const news of this.#early ?? []) follower.receive(news);
    this.#early = undefined;
  }
}
