/**
 * What one channel publishes, in order, each message stored once: kept until answered, repeated under the same number when
 * the outcome is unknown. A channel of any kind holds one. It must not know what a message means, nor that anyone subscribes.
 */
import { type Position, SyncError } from '@syncline/protocol';
import { type Cancel, type Data, unackedMax } from '@syncline/protocol/wire';
import type { Core } from './core.ts';
import { tooMuch } from './faults.ts';
import { payloadFault } from './frames.ts';
import type { Answer } from './requests.ts';
import type { Settle } from './settle.ts';
import { backoff, retryMsOf } from './timing.ts';
import { token } from './token.ts';
import { badPayload } from './values.ts';

/** Bytes in the socket's buffer beyond which nothing more is written until an answer comes. */
const bufferedBytesMax = 65_536;

/** What who added an item may know of it. */
export interface Queued {
  readonly bytes: number;
  /** Its number under the present producer; 0 before it was sent under it. */
  readonly sequence: number;
  /** Ends the watch over its age. */
  readonly forget: Cancel;
}

interface Item extends Queued {
  readonly data: Data;
  readonly settle: Settle<Position>;
  sequence: number;
  /** Sent on the present link, and not answered yet. */
  flying?: boolean;
  /** Sent before, and nobody knows whether it was stored. */
  doubt?: boolean;
  /** Has waited too long. */
  old?: boolean;
  /** Resolves with the next answer to an item in doubt. */
  answer?: Promise<void>;
  resolve?: () => void;
}

export class Outbox {
  /** Told of each message that is queued, where anyone wants to know. */
  declare queued?: () => void;
  readonly #core: Core;
  readonly #channel: string;
  #items: Item[] = [];
  #producer: string;
  /** The last number given out under this producer. */
  #sequence = 0;
  #flying = 0;
  /** Set by a refusal: nothing more is sent until all that is under way has been answered. */
  #stalled = false;
  /** The number that the log expects, as far as it said so since it stalled. */
  #expected: number | undefined;
  /** How long the refusals since it stalled ask to wait; undefined when they don't. */
  #patienceMs: number | undefined;
  /** How often the log said which number it expects, when everything had been answered, since it stored a message. */
  #replies = 0;
  /** Set when this producer's numbers can't go on, because one of them was given up. */
  #broken = false;
  #failures = 0;
  #pause: Cancel | undefined;

  constructor(core: Core, channel: string) {
    this.#core = core;
    this.#channel = channel;
    this.#producer = token(core.clock);
    // A server that says how it is may reach again what it couldn't.
    core.connection.status.subscribe(() => this.#pause && this.opened());
  }

  /**
   * Queues a message; `settle` is called exactly once, at once when there is no room for it.
   *
   * @param instead an item that was never sent and needn't be any more: it leaves the queue, unsettled
   * @returns the item in the queue; undefined where there was no room
   */
  add(text: string, settle: Settle<Position>, instead?: Queued): Queued | undefined {
    const { connection, clock, parts, unsent, unsentBytes } = this.#core;
    const bytes = new TextEncoder().encode(text).length;
    const spared = instead?.bytes ?? 0;
    const full =
      unsent.get() - Number(spared > 0) >= parts.outboxEntriesMax ||
      unsentBytes - spared + bytes > parts.outboxBytesMax;
    const fault = payloadFault(text);
    const refusal =
      connection.closedBy ??
      this.#tooLarge(bytes) ??
      (fault && badPayload(fault)) ??
      (full && new SyncError('offline', 'The outbox is full.'));
    if (refusal) {
      settle(refusal);
      return undefined;
    }
    const forget = clock.timer(parts.outboxAgeMs, () => {
      item.old = true;
      this.#expire(item);
    });
    const item = this.#item(text, settle, bytes, forget);
    this.#count(1, bytes);
    if (instead) this.#drop(instead);
    connection.start();
    this.#flush();
    return item;
  }

  /** Queues bytes of somebody who keeps them too, and sees to their size and number: they need no room here and don't grow old. */
  carry(data: Uint8Array, settle: Settle<Position>): void {
    this.#item(data, settle);
    this.#flush();
  }

  /** Forgets all of it: nobody is told what becomes of it, and what comes next goes under another producer. */
  clear(): void {
    for (const item of this.#items) this.#drop(item);
    this.#broken = true;
    this.opened();
  }

  /** Resolves with the next answer to a repeated message of this very text; undefined when none is under way. */
  repeating(text: unknown): Promise<void> | undefined {
    return this.#items.find((item) => item.flying && item.doubt && item.data === text)?.answer;
  }

  /** There is a new link: everything unanswered is sent again, in order. */
  opened(): void {
    this.#pause?.();
    this.#resume();
  }

  closed(error: SyncError): void {
    for (const item of this.#items) this.#fail(item, error);
  }

  #flush(): void {
    const { connection } = this.#core;
    while (connection.open && !this.#stalled && this.#flying < unackedMax) {
      // What is under way comes first in the queue, so the next one to send is right behind it.
      const item = this.#items[this.#flying];
      if (!item || (this.#flying > 0 && connection.bufferedAmount > bufferedBytesMax)) return;
      const tooLarge = !item.sequence && this.#tooLarge(item.bytes);
      if (tooLarge) this.#remove(item, tooLarge);
      else this.#send(item);
    }
  }

  #send(item: Item): void {
    item.sequence ||= ++this.#sequence;
    item.flying = true;
    this.#flying++;
    if (item.doubt) {
      item.answer = new Promise((resolve) => {
        item.resolve = resolve;
      });
    }
    const fields = [this.#channel, this.#producer, item.sequence, item.data] as const;
    this.#core.connection.request('publish', fields, (answer) => this.#answered(item, answer));
  }

  #answered(item: Item, answer: Answer<'publish'>): void {
    item.flying = false;
    this.#flying--;
    if (!answer) item.doubt = true;
    else if (answer instanceof SyncError) this.#refused(item, answer);
    else {
      this.#failures = this.#replies = 0;
      this.#remove(item, answer.position);
    }
    item.resolve?.();
    this.#expire(item);
    if (!this.#stalled) this.#flush();
    else if (answer && this.#flying === 0) this.#settled();
  }

  /** What follows a refused message can't be stored under its number either, so all answers are waited for (rule A3). */
  #refused(item: Item, error: SyncError): void {
    const { code, next, detail } = error;
    this.#stalled = true;
    if (code === 'sequence') {
      this.#expected = Number(detail?.['expected']);
      item.doubt = false;
      // The log holds this number but has forgotten where, so the message must not be sent again.
      if (this.#expected > item.sequence) this.#remove(item, uncertain(error));
    } else if (next === 'retry') {
      // Of these two the table says that the outcome is unknown; after any other refusal the log doesn't hold it (rule A3).
      item.doubt ||= code === 'unavailable' || code === 'internal';
      this.#patienceMs = Math.max(this.#patienceMs ?? 0, retryMsOf(error));
    } else {
      this.#broken = true;
      this.#failures = 0;
      // A copy that was sent before may be stored, whatever is said of this one.
      this.#fail(item, error);
    }
  }

  /** Everything that was under way has its answer: go on, at once when that helps, else after a while. */
  #settled(): void {
    const { clock } = this.#core;
    // Numbers that were given out stand at the front of the queue; the log must expect the first of them.
    const ours = this.#items[0]?.sequence || this.#sequence + 1;
    if (this.#expected !== undefined) this.#replies++;
    // Said once it may be old news: an answer that overtook others. Under the same number asking again is harmless.
    this.#broken ||= (this.#expected ?? ours) !== ours && this.#replies > 1;
    // A log that says what it expects can be reached, however often it couldn't: the first two times nothing is waited for.
    if (this.#patienceMs === undefined && this.#replies < 3) return this.#resume();
    const ms = backoff(this.#failures++, clock.random(), this.#patienceMs);
    this.#pause = clock.timer(ms, () => this.#resume());
  }

  #resume(): void {
    this.#pause = undefined;
    this.#stalled = false;
    this.#expected = undefined;
    this.#patienceMs = undefined;
    // While an outcome is unknown only the old number can tell it; the rest waits behind that.
    if (this.#broken && !this.#items.some((item) => item.doubt)) {
      this.#broken = false;
      this.#producer = token(this.#core.clock);
      this.#sequence = 0;
      for (const item of this.#items) item.sequence = 0;
    }
    this.#flush();
  }

  /** Fails an item that has waited too long, but not while its answer may still come. */
  #expire(item: Item): void {
    if (!item.old || item.flying || !this.#items.includes(item)) return;
    this.#fail(item, new SyncError('offline', 'It is too old.'));
  }

  #fail(item: Item, error: SyncError): void {
    // Who keeps the bytes too reads from the log what became of them.
    this.#remove(item, item.doubt && item.bytes ? uncertain(error) : error);
  }

  #remove(item: Item, outcome: Position | SyncError): void {
    this.#drop(item);
    item.settle(outcome);
  }

  #item(data: Data, settle: Settle<Position>, bytes = 0, forget: Cancel = () => {}): Item {
    const item: Item = { data, bytes, settle, forget, sequence: 0 };
    this.#items.push(item);
    this.queued?.();
    return item;
  }

  #drop(item: Queued): void {
    this.#items = this.#items.filter((one) => one !== item);
    item.forget();
    if (item.bytes) this.#count(-1, -item.bytes);
  }

  #count(entries: number, bytes: number): void {
    const core = this.#core;
    core.unsentBytes += bytes;
    core.unsent.set(core.unsent.get() + entries);
  }

  #tooLarge(bytes: number): SyncError | undefined {
    const { payloadBytesMax } = this.#core.connection;
    if (bytes <= payloadBytesMax) return undefined;
    return new SyncError('payload_too_large', tooMuch(`${payloadBytesMax} bytes`));
  }
}

/** What is told of a message that was sent and is given up without an answer. */
function uncertain({ code, message }: SyncError): SyncError {
  return new SyncError(code === 'closed' ? code : 'unavailable', `${message} It may have been stored.`);
}
