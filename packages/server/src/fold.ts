/**
 * Folds the log of one open channel as it grows: it is one more reader of the channel, holds what the entries come to, stores
 * that as a snapshot now and then, and appends what falls due. The hub opens and closes it with the channel. It knows what
 * a folder can do, and no kind; it holds nobody up: it takes, makes and appends little at a time.
 */
import { type Position, SyncError } from '@syncline/protocol';
import { type Data, toSyncError } from '@syncline/protocol/wire';
import type { Snapshot } from './broker/broker.ts';
import type { Channel, ChannelTools } from './channel.ts';
import { Batch, type Cursor, SnapshotPart, type Taken } from './cursor.ts';
import type { Due, Folder } from './fold/folder.ts';
import { reason } from './observe.ts';

export interface FoldSettings {
  readonly foldEntriesMax: number;
  readonly foldBytesMax: number;
}

/** Batches, or parts of a snapshot, that are folded within a turn of the event loop. */
const takesPerTurn = 4;
/** Due entries that are appended within one. */
const duePerTurn = 256;
/** How long after a failure a due entry is tried again. */
const retryMs = 1000;

export class Fold {
  readonly #channel: Channel;
  readonly #folder: Folder;
  readonly #settings: FoldSettings;
  readonly #tools: ChannelTools;
  readonly #onFail: ((thrown: unknown) => void) | undefined;
  #cursor: Cursor | undefined;
  /** As far as it is folded. */
  #position: Position = { epoch: '', offset: 0, check: 0 };
  /** Offset of the last snapshot, its size, and the size of what was folded since. */
  #storedAt = 0;
  #storedBytes = 0;
  #bytes = 0;
  /** Counted over all runs: where pages come at once, many runs fall into one turn. */
  #takes = 0;
  #restoring = false;
  #running = false;
  #woken = false;
  #storing = false;
  #appending = false;
  #armedFor = Number.POSITIVE_INFINITY;
  #cancel = (): void => {};
  #closed = false;
  /** Settles `open`. */
  #opened: { readonly resolve: () => void; readonly reject: (thrown: unknown) => void } | undefined;

  /** @param onFail called when it can't go on, once it was open. Default: the operator's log says so, and it stays closed. */
  constructor(
    channel: Channel,
    folder: Folder,
    settings: FoldSettings,
    tools: ChannelTools,
    onFail?: (thrown: unknown) => void,
  ) {
    this.#channel = channel;
    this.#folder = folder;
    this.#settings = settings;
    this.#tools = tools;
    this.#onFail = onFail;
  }

  /**
   * Folds all that the log holds, begins one that holds nothing, and appends what fell due while nobody had the channel open: who
   * reads it after this sees nothing that should be gone.
   *
   * @throws SyncError `corrupt` for a log that can't be folded, `restart` when it is closed meanwhile, or the broker's.
   */
  async open(): Promise<void> {
    const all = Number.MAX_SAFE_INTEGER;
    const { cursor, position } = await this.#channel.join(all, this, true);
    if (this.#closed) cursor.release();
    this.#cursor = cursor;
    this.#position = position;
    await new Promise<void>((resolve, reject) => {
      this.#opened = { resolve, reject };
      if (this.#closed) reject(new SyncError('restart'));
      void this.#run();
    });
    await this.#append();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#cursor?.release();
    this.#folder.close?.();
    this.#opened?.reject(new SyncError('restart'));
  }

  /** There is more to fold. */
  wake(): void {
    void this.#run();
  }

  /** Takes and folds until nothing is left for now. It runs on within one turn for as long as it has nothing to wait for. */
  async #run(): Promise<void> {
    this.#woken = true;
    const cursor = this.#cursor;
    if (this.#running || this.#closed || !cursor) return;
    this.#running = true;
    try {
      // What comes while something is waited for wakes nobody else.
      while (this.#woken && !this.#closed) {
        this.#woken = false;
        await this.#takeAll(cursor);
        const begun = !cursor.hasMore && (await this.#begins());
        if (!cursor.hasMore && !(begun && this.#position.offset === 0)) this.#caughtUp();
      }
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.#running = false;
    this.#arm();
  }

  async #takeAll(cursor: Cursor): Promise<void> {
    for (let taken = cursor.take(); taken; taken = this.#closed ? undefined : cursor.take()) {
      const folding = this.#fold(taken);
      if (folding) await folding;
      const storing = this.#pays ? this.#store() : undefined;
      if (storing && !this.#folder.addsMeanwhile) await storing;
      if (++this.#takes % takesPerTurn === 0) await this.#pause();
    }
  }

  /** Begins a log that nobody has appended to with what its folder says; whether that was stored and is to come. */
  async #begins(): Promise<boolean> {
    const isEmpty = () => !this.#closed && this.#position.offset === 0 && this.#channel.top.offset === 0;
    const first = isEmpty() ? await this.#folder.beginning?.() : undefined;
    if (!first || !isEmpty()) return false;
    try {
      await this.#channel.append(first, true);
      return true;
    } catch (thrown) {
      // Another node was first.
      if (thrown instanceof SyncError && thrown.code === 'precondition') return false;
      throw thrown;
    }
  }

  #fold(taken: Taken): void | Promise<void> {
    const folder = this.#folder;
    if (taken instanceof Batch) {
      const { offset, check } = taken.last;
      this.#position = { ...this.#position, offset, check };
      for (const { data } of taken.entries) this.#bytes += data.length;
      return folder.add(taken.entries);
    }
    // Signals are for sessions alone.
    if (!(taken instanceof SnapshotPart || 'position' in taken)) return;
    if (!(taken instanceof SnapshotPart && this.#restoring)) this.#begin();
    if (!(taken instanceof SnapshotPart)) {
      this.#position = taken.position;
      this.#storedAt = taken.position.offset;
      return;
    }
    const { offset, check, data, more } = taken;
    this.#restoring = more;
    this.#position = { ...this.#position, offset, check };
    this.#storedAt = offset;
    this.#storedBytes += data.length;
    return folder.restore(data, offset, more);
  }

  /** What follows replaces what is held. */
  #begin(): void {
    this.#folder.clear();
    this.#restoring = false;
    this.#storedBytes = 0;
    this.#bytes = 0;
    if (!this.#opened) this.#help();
  }

  /** All that is in the log for now is folded. */
  #caughtUp(): void {
    this.#folder.caughtUp?.();
    if (!this.#opened) return;
    this.#help();
    if (this.#folder.view) this.#channel.viewWith(this.#folder.view);
    this.#opened.resolve();
    this.#opened = undefined;
  }

  /** Has the channel's readers profit from what is held. */
  #help(): void {
    this.#channel.conflateWith((offset) => this.#folder.after(offset));
  }

  /** It can't be folded. The channel goes on without: it is read entry by entry, and its log isn't cut any more. */
  #fail(thrown: unknown): void {
    this.#opened?.reject(thrown);
    if (this.#opened || this.#closed) return;
    this.close();
    this.#channel.conflateWith(() => undefined);
    this.#channel.viewWith(toSyncError(thrown));
    if (this.#onFail) return this.#onFail(thrown);
    this.#tools.logger.error(
      { channel: this.#channel.settings.name, reason: reason(thrown) },
      'A channel can no longer be folded: its log grows until that is mended and the node is restarted.',
    );
  }

  /** Whether so much came since the last snapshot that another one pays. */
  get #pays(): boolean {
    const { foldEntriesMax, foldBytesMax } = this.#settings;
    if (this.#storing || this.#restoring) return false;
    const { size, room = Number.POSITIVE_INFINITY } = this.#folder;
    const entries = this.#position.offset - this.#storedAt;
    return (
      entries > Math.max(foldEntriesMax, size) ||
      this.#bytes > Math.max(foldBytesMax, Math.min(this.#storedBytes, room))
    );
  }

  /** Makes a snapshot, while nothing is taken unless the folder says that it may be, and has it stored, while the folding goes on. */
  async #store(): Promise<void> {
    const { epoch, offset, check } = this.#position;
    this.#storing = true;
    this.#storedAt = offset;
    this.#bytes = 0;
    let data: Data | undefined;
    try {
      data = await this.#folder.snapshot(() => this.#pause());
    } catch (thrown) {
      this.#fail(thrown);
    }
    if (this.#closed) return;
    if (data === undefined) {
      this.#storing = false;
      return;
    }
    this.#storedBytes = data.length;
    void this.#compact(epoch, { offset, check, data });
  }

  async #compact(epoch: string, snapshot: Snapshot): Promise<void> {
    const { broker, metrics, logger } = this.#tools;
    const { name } = this.#channel.settings;
    try {
      if (await broker.compact(name, epoch, snapshot)) metrics.snapshotsStored++;
    } catch (thrown) {
      if (this.#closed) return;
      logger.error(
        { channel: name, reason: reason(thrown) },
        'A snapshot could not be stored; another one is made after as many entries again.',
      );
    }
    this.#storing = false;
  }

  /** Appends what is due, a little at a time, until nothing is. */
  async #append(): Promise<void> {
    if (this.#appending) return;
    this.#appending = true;
    while (!this.#closed) {
      const due = this.#folder.takeDue(this.#now(), duePerTurn);
      if (due.length === 0) break;
      await Promise.all(due.map((one) => this.#appendOne(one)));
      await this.#pause();
    }
    this.#appending = false;
    this.#arm();
  }

  async #appendOne(due: Due): Promise<void> {
    const { metrics, logger } = this.#tools;
    try {
      await this.#channel.append(due, true);
      metrics.dueAppended++;
    } catch (thrown) {
      // Another node was first, or something newer has come.
      if (this.#closed || (thrown instanceof SyncError && thrown.code === 'precondition')) return;
      this.#folder.putBack(due, this.#now() + retryMs);
      logger.error(
        { channel: this.#channel.settings.name, reason: reason(thrown) },
        'An entry whose time has come could not be appended; it is tried again.',
      );
    }
  }

  /** Sets the timer for what is due next; one that fires too early finds nothing, and sets the next. */
  #arm(): void {
    const { dueAt } = this.#folder;
    if (this.#closed || this.#appending || dueAt >= this.#armedFor) return;
    const { clock } = this.#tools;
    this.#cancel();
    this.#armedFor = dueAt;
    this.#cancel = clock.timer(Math.max(0, dueAt - this.#now()), () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      void this.#append();
    });
  }

  /** The time by which entries are stamped: what is due is due by that, whatever this node's clock says. */
  #now(): number {
    const { broker, clock } = this.#tools;
    return broker.now?.() ?? clock.now();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#tools.clock.endOfTurn(resolve));
  }
}
