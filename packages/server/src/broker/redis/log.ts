/**
 * One log as this node works with it: turns calls into scripts and their answers into results and news, and has a log begun anew
 * that turns out to be broken. What a log allows is decided by the scripts; which logs there are is the business of logs.ts.
 */
import { SyncError } from '@syncline/protocol';
import { type Cancel, type Entry, toSyncError } from '@syncline/protocol/wire';
import type { Announcement, Append, Appended, Range, Slice, Snapshot, Troubles } from '../broker.ts';
import { dataBytes, owned } from '../head.ts';
import type { Listener } from '../listeners.ts';
import { keyRefused, keysRefused, sequenceRefused, superseded, topRefused } from '../refusals.ts';
import { Calls, type CallTools } from './calls.ts';
import {
  appendArguments,
  Broken,
  Garbled,
  keepArguments,
  numberText,
  type Outcome,
  parseAppended,
  parseAside,
  parseCompacted,
  parseHead,
  parseMessage,
  parsePage,
  snapshotArgument,
} from './codec.ts';
import type { Load } from './load.ts';
import type { Looker } from './looker.ts';
import { Order, type Place } from './order.ts';
import { type Part, readSlice } from './pages.ts';
import { Queue, type Waiting } from './queue.ts';
import { loadScript } from './scripts.ts';

const scripts = {
  append: loadScript('append', 'log'),
  read: loadScript('read', 'log'),
  compact: loadScript('compact', 'log'),
  aside: loadScript('aside', 'log'),
  renew: loadScript('renew'),
};

/** How often a read is tried of a log that turns out to be broken each time. */
const triesMax = 3;

/** What all logs of a broker share. */
export interface LogTools extends CallTools {
  readonly load: Load;
  readonly looker: Looker;
  /** The time that entries are stamped with, for tests; undefined: that of Redis. */
  readonly stamp: (() => number) | undefined;
  /** How long a read waits for the subscription to stand, in ms. */
  readonly commandMs: number;
  /** Told that a log was moved aside, or that a message was none. */
  readonly onTrouble: (trouble: keyof Troubles, channel: string, why: string) => void;
}

export class Log {
  readonly #tools: LogTools;
  readonly #channel: string;
  readonly #topic: string;
  readonly #keys: readonly string[];
  readonly #calls: Calls;
  readonly #queue: Queue;
  readonly #order: Order;
  readonly #heard: (message: Buffer) => void;
  /** Resolves when announcements are heard; undefined while nobody listens. */
  #standing: Promise<void> | undefined;
  #stopHearing: () => void = () => {};
  #stands = false;

  /**
   * @param tell called with the news of this log, while it is listened to
   * @param onIdle called when nothing is under way
   */
  constructor(tools: LogTools, prefix: string, channel: string, tell: Listener, onIdle: () => void) {
    this.#tools = tools;
    this.#channel = channel;
    this.#topic = `${prefix}:{${tagOf(channel)}}`;
    this.#keys = ['m', 'l', 's', 'p', 'pa', 'po', 'k', 'o'].map((part) => `${this.#topic}:${part}`);
    this.#calls = new Calls(tools, this.#topic, this.#keys);
    const { clock, load } = tools;
    const enter = () => this.#calls.enter();
    this.#queue = new Queue(clock, load, enter, (batch) => this.#append(batch), onIdle);
    this.#order = new Order(tools.clock, tell);
    this.#heard = (message) => this.#hear(message);
  }

  /** Whether it is neither used nor listened to. */
  get idle(): boolean {
    return this.#queue.idle && !this.#standing;
  }

  append(append: Append): Promise<Appended> {
    const kept = { ...append, data: owned(append.data) };
    return this.#queue.append(kept, dataBytes(kept.data), this.#stamp());
  }

  read(range: Range): Promise<Slice> {
    const standing = this.#stands ? undefined : this.#standing;
    const stamp = this.#stamp();
    return this.#queue.call(0, async () => {
      if (standing) await this.#within(standing);
      return this.#mended(() => readSlice((part) => this.#page(part, stamp), range));
    });
  }

  compact(epoch: string, { offset, check, data }: Snapshot): Promise<boolean> {
    const snapshot = snapshotArgument(owned(data));
    return this.#queue.call(dataBytes(data), async () => {
      const own = [epoch, String(offset), String(check), snapshot];
      const { aside, taken } = parsed(parseCompacted, await this.#calls.write(scripts.compact, own));
      this.#noteAside(aside);
      return taken;
    });
  }

  /** Hears what is announced, from now on. */
  listen(): void {
    const { standing, stop } = this.#tools.link.hear(this.#topic, this.#heard);
    this.#standing = standing;
    this.#stopHearing = stop;
    standing.then(
      () => {
        if (this.#standing === standing) this.#stands = true;
      },
      // The link was closed: whoever reads is told.
      () => {},
    );
  }

  /** Hears it no more. */
  deafen(): void {
    this.#stopHearing();
    this.#standing = undefined;
    this.#stands = false;
    this.#order.stop();
  }

  /** Looks where the log ends, and tells if that is not what was told last. False: it could not be seen. */
  async look(): Promise<boolean> {
    const before = this.#order.told;
    let head: Place | undefined;
    try {
      const found = parseHead(await this.#tools.looker.look(this.#keys[0] ?? ''));
      head = found && { epoch: found.epoch, ...found.top };
      if (found?.vanishes) this.#renew();
    } catch {
      // The next look tells, and that Redis doesn't answer is told by the link's health.
      return false;
    }
    if (this.#standing) this.#order.look(before, head);
    return true;
  }

  /** Has it kept for as long again: somebody listens. Where that fails the next look says so once more. */
  #renew(): void {
    const { link, idleMs } = this.#tools;
    const keptMs = idleMs === undefined ? '' : String(idleMs);
    link.run(scripts.renew, this.#topic, this.#keys, [keptMs]).catch(() => {});
  }

  /** Carries out appends with one script call, and answers each. */
  async #append(batch: readonly Waiting[]): Promise<void> {
    this.#order.begin();
    let news: Announcement | undefined;
    try {
      const { told } = this.#order;
      const known = this.#standing && told ? String(told.offset) : '';
      const own = [
        ...keepArguments(batch[0]?.append.keep ?? null),
        ...[this.#tools.replicas ? '1' : '', known],
        ...batch.flatMap(({ append }) => appendArguments(append)),
      ];
      const reply = await this.#calls.write(scripts.append, own, batch[0]?.stamp);
      const { epoch, aside, between, outcomes } = parsed(
        (value) => parseAppended(value, batch.length),
        reply,
      );
      this.#noteAside(aside);
      const stored = answer(batch, epoch, outcomes);
      const last = stored.at(-1);
      if (last && this.#standing)
        news = {
          epoch,
          top: { offset: last.offset, check: last.check },
          entries: told?.epoch === epoch ? [...between, ...stored] : stored,
        };
    } catch (thrown) {
      for (const { reject } of batch) reject(toSyncError(thrown));
    }
    this.#order.settle(news);
  }

  async #page(part: Part, stamp: string) {
    const { direction, offset, until, entriesMax, bytesMax, leastOne, keep } = part;
    const own = [
      ...keepArguments(keep),
      ...[direction, String(offset), until === undefined ? '' : String(until)],
      ...[numberText(entriesMax), numberText(bytesMax), leastOne ? '1' : ''],
    ];
    const page = parsed(parsePage, await this.#calls.runInTurn(scripts.read, own, stamp));
    this.#noteAside(page.aside);
    return page;
  }

  /** Reads, and has the log begun anew where what it holds can't be. */
  async #mended(read: () => Promise<Slice>): Promise<Slice> {
    for (let tries = 1; ; tries++) {
      try {
        return await read();
      } catch (thrown) {
        if (!(thrown instanceof Broken)) throw thrown;
        if (tries === triesMax)
          throw new SyncError('corrupt', `The log is broken: ${thrown.message}. Look at what writes to it.`);
        const { epoch, message } = thrown;
        this.#noteAside(parsed(parseAside, await this.#calls.run(scripts.aside, [epoch, message])));
      }
    }
  }

  #noteAside(why: string): void {
    if (why) this.#tools.onTrouble('logsBroken', this.#channel, why);
  }

  #hear(message: Buffer): void {
    const { sender, onTrouble } = this.#tools;
    if (!this.#standing) return;
    const heard = parseMessage(message, sender);
    if (!heard)
      return onTrouble('messagesDropped', this.#channel, 'what was published for it is no message of a node');
    this.#order.hear(heard.news, heard.sender === sender);
  }

  #stamp(): string {
    const { stamp } = this.#tools;
    return stamp ? String(Math.floor(stamp())) : '';
  }

  async #within(standing: Promise<unknown>): Promise<void> {
    const { clock, commandMs } = this.#tools;
    let cancel: Cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = clock.timer(commandMs, () => reject(new SyncError('unavailable', notHeard)));
    });
    await Promise.race([standing, late]).finally(() => cancel());
  }
}

/** A channel as part of a key: what no channel name holds, but a log's may in tests, can't end the hash tag. */
function tagOf(channel: string): string {
  const escaped = (unit: string): string => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return channel.replace(/[^\w\-=@,.:;/?]/g, escaped) || '%';
}

/** Answers each append of a batch; gives the entries that were stored. */
function answer(batch: readonly Waiting[], epoch: string, outcomes: readonly Outcome[]): readonly Entry[] {
  const stored: Entry[] = [];
  for (const [i, { append, resolve, reject }] of batch.entries()) {
    const outcome = outcomes[i];
    if (!outcome) reject(new SyncError('internal'));
    else if (outcome.type === 'refused')
      reject(refusalOf(append, outcome.code, outcome.number, outcome.more));
    else {
      const { type, offset, check, at } = outcome;
      resolve({ epoch, offset, check, at, duplicate: type === 'duplicate' });
      if (type === 'stored') stored.push({ offset, check, at, from: append.from, data: append.data });
    }
  }
  return stored;
}

/** The error for what append.lua refused. */
function refusalOf(append: Append, code: string, number: number, more: string): SyncError {
  switch (code) {
    case 'sequence':
      return sequenceRefused(append.producer?.sequence ?? 0, number, more === 'known');
    case 'precondition':
      return more === 'log'
        ? topRefused(number, append.ifTopAt ?? 0)
        : keyRefused(number, append.ifKeyAt ?? 0);
    case 'superseded':
      return superseded(number);
    case 'too_many':
      return keysRefused(number);
    default:
      return new SyncError('internal');
  }
}

const notHeard =
  'Redis could not be asked in time to announce what others append, so this could not be read. Try again.';

/** @throws SyncError `unavailable` for an answer that none of our scripts gives; Broken */
function parsed<Value>(parse: (reply: unknown) => Value, reply: unknown): Value {
  try {
    return parse(reply);
  } catch (thrown) {
    if (!(thrown instanceof Garbled)) throw thrown;
    throw new SyncError('unavailable', `${thrown.message} The outcome is unknown; is this a Redis?`);
  }
}
