/**
 * What a node knows of one durable log besides its bodies: one more reader of the channel, which begins at the newest entry that says
 * all, and follows from there. The hub opens and closes it with the channel, and judges by it what may be appended. It knows no request,
 * and nobody who asks.
 */
import { type Position, SyncError } from '@syncline/protocol';
import { type Data, type DurableState, durableKind, joined } from '@syncline/protocol/wire';
import { Retry } from '../channel/retry.ts';
import type { Channel, ChannelTools } from '../channel.ts';
import { Batch, type Cursor, SnapshotPart, type Taken } from '../cursor.ts';
import { reason } from '../observe.ts';
import { Expiry } from './durable/expiry.ts';
import { endsAt } from './durable/judge.ts';
import { readBack } from './durable/readback.ts';
import { inTime, lookFor, Refresh } from './refresh.ts';

/** How often its newest place is looked for in a log that turns into another one meanwhile. */
const triesMax = 3;

/** What is known of a log, and where that is. */
export interface Known {
  readonly state: DurableState;
  readonly position: Position;
  /** The place before all that belongs to it; undefined where the log keeps nothing that doesn't, or not all that does. */
  readonly start: Position | undefined;
}

export class Ledger {
  readonly #channel: Channel;
  readonly #tools: ChannelTools;
  /** Told, when it closes, when the log ends; Infinity: never. */
  readonly #onClose: (endsAt: number) => void;
  #cursor: Cursor | undefined;
  #state: DurableState = durableKind.empty();
  #position: Position = { epoch: '', offset: 0, check: 0 };
  /** The oldest offset that the log keeps, as far as was asked. */
  #oldest = 1;
  #parts: Uint8Array[] = [];
  #beginning: Promise<void> | undefined;
  readonly #retry: Retry;
  readonly #refresh: Refresh;
  #waiting: { readonly offset: number; readonly resolve: () => void }[] = [];
  /** Ends the log when its time has come. */
  readonly #expiry: Expiry;
  #closed = false;

  constructor(channel: Channel, tools: ChannelTools, onClose: (endsAt: number) => void = () => {}) {
    this.#channel = channel;
    this.#tools = tools;
    this.#onClose = onClose;
    this.#retry = new Retry(tools.clock);
    this.#refresh = new Refresh(channel, tools);
    this.#expiry = new Expiry(this, channel, tools);
  }

  /**
   * Reads what there is to know, and ends a log whose time came while nobody had it open: whoever reads it after this sees nothing that
   * should be gone.
   *
   * @throws SyncError `corrupt` for a log that can't be read, `restart` when it is closed meanwhile, or the broker's
   */
  async open(): Promise<void> {
    await this.#begin();
    await this.#expiry.end();
    await this.clean();
    this.#expiry.arm();
  }

  close(): void {
    this.#closed = true;
    this.#expiry.close();
    this.#retry.stop();
    this.#cursor?.release();
    this.#settle();
    const { life } = this.#state;
    this.#onClose(life ? endsAt(life) : Number.POSITIVE_INFINITY);
  }

  /** What is known by now. */
  get known(): Known {
    const { life } = this.#state;
    const start = life &&
      life.created >= this.#oldest && { offset: life.created - 1, check: life.createdAfter };
    const { epoch } = this.#position;
    return { state: this.#state, position: this.#position, start: start ? { epoch, ...start } : undefined };
  }

  /** The time by which entries are stamped. */
  get now(): number {
    const { broker, clock } = this.#tools;
    return broker.now?.() ?? clock.now();
  }

  /**
   * Resolves when what is known reaches so far, or that place is none of this log: it is of another one, or was rolled back.
   *
   * @throws SyncError `restart` when it closes, `unavailable` when the log can't be read for five seconds, or the broker's
   */
  async reached(position: Position): Promise<void> {
    const { epoch, offset } = position;
    const { clock } = this.#tools;
    // What this node appended is told of within the turn; what isn't is looked for, once.
    const looks = [
      () => new Promise<void>((resolve) => clock.endOfTurn(resolve)),
      () => lookFor(this.#channel, position, clock),
    ];
    for (;;) {
      this.wake();
      if (this.#closed) throw new SyncError('restart');
      if (this.#beginning) await inTime(this.#beginning, clock);
      else if (this.#position.epoch !== epoch || this.#state.offset >= offset) return;
      else if (this.#channel.top.offset >= offset)
        await inTime(new Promise((resolve) => this.#waiting.push({ offset, resolve })), clock);
      else {
        const look = looks.shift();
        if (!look) return;
        await look();
      }
    }
  }

  /**
   * Asks where the log ends, and resolves when all up to there is known: other nodes may have written, and their news may be lost.
   *
   * @throws SyncError `restart`, or the broker's
   */
  async refresh(): Promise<void> {
    const { epoch, top, oldest } = await this.#refresh.ask();
    this.#oldest = oldest;
    await this.reached({ epoch, ...top });
  }

  /** There is more to know. */
  wake(): void {
    const cursor = this.#cursor;
    if (!cursor || this.#closed || this.#beginning) return;
    try {
      for (let taken = cursor.take(); taken; taken = cursor.take())
        if (!this.#take(taken)) return this.#beginAnew();
    } catch (thrown) {
      this.#tools.logger.error(
        { channel: this.#channel.settings.name, reason: reason(thrown) },
        'What is known of a durable log can not be followed; it is read anew.',
      );
      return this.#beginAnew();
    }
    this.#moved();
  }

  /** Drops what was stored before the log was created, or all, where it is deleted. What fails is done when it is opened next. */
  async clean(): Promise<void> {
    const { logger } = this.#tools;
    const { name } = this.#channel.settings;
    try {
      await this.refresh();
      const { life } = this.#state;
      const { epoch } = this.#position;
      const end = life ? { epoch, offset: life.created - 1, check: life.createdAfter } : this.#position;
      if (end.offset >= this.#oldest) await this.#drop(end);
    } catch (thrown) {
      if (this.#closed) return;
      logger.error(
        { channel: name, reason: reason(thrown) },
        'What a deleted log held could not be dropped; it is tried again when the channel is opened next.',
      );
    }
  }

  async #begin(): Promise<void> {
    for (let tries = 0; tries < triesMax; tries++) {
      const { cursor, position } = await this.#channel.join(0, this, true);
      if (this.#closed) cursor.release();
      if (this.#closed) throw new SyncError('restart');
      const state = await readBack(this.#channel, position).catch((thrown: unknown) => {
        cursor.release();
        throw thrown;
      });
      if (state) {
        this.#cursor?.release();
        this.#cursor = cursor;
        this.#state = state;
        this.#position = position;
        this.#parts = [];
        return;
      }
      cursor.release();
    }
    throw new SyncError('unavailable', 'The log turned into another one while it was read. Try again.');
  }

  /** It is another log than the one that was known. */
  #beginAnew(): void {
    this.#beginning = this.#beginUntilDone().then(() => {
      this.#beginning = undefined;
      this.#settle();
      this.wake();
    });
  }

  /** What fails is tried again, until it closes. */
  async #beginUntilDone(): Promise<void> {
    while (!this.#closed) {
      try {
        return await this.#begin();
      } catch (thrown) {
        if (this.#closed) return;
        this.#tools.logger.error(
          { channel: this.#channel.settings.name, reason: reason(thrown) },
          'A durable log could not be read; it is tried again.',
        );
        await this.#retry.wait();
      }
    }
  }

  /** Takes over what was read. False when the log is another one. */
  #take(taken: Taken): boolean {
    if (taken instanceof Batch) {
      const { offset, check } = taken.last;
      this.#state = durableKind.apply(this.#state, taken.entries);
      this.#position = { ...this.#position, offset, check };
    } else if (taken instanceof SnapshotPart) {
      this.#parts.push(bytesOf(taken.data));
      if (taken.more) return true;
      const { offset, check } = taken;
      this.#state = durableKind.restore(joined(this.#parts.splice(0)), offset);
      this.#position = { ...this.#position, offset, check };
    } else if ('position' in taken) return false;
    return true;
  }

  #moved(): void {
    const { offset } = this.#state;
    const reached = this.#waiting.filter((one) => one.offset <= offset);
    if (reached.length > 0) this.#waiting = this.#waiting.filter((one) => one.offset > offset);
    for (const { resolve } of reached) resolve();
    this.#expiry.arm();
  }

  /** Whoever waits looks anew. */
  #settle(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  async #drop({ epoch, offset, check }: Position): Promise<void> {
    const { broker } = this.#tools;
    const data = durableKind.snapshot({ ...durableKind.empty(), offset, mark: offset });
    await broker.compact(this.#channel.settings.name, epoch, { offset, check, data });
  }
}

function bytesOf(data: Data): Uint8Array {
  return typeof data === 'string' ? new TextEncoder().encode(data) : data;
}
