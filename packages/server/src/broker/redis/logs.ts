/**
 * The logs under one prefix, as a broker: finds the log for each call, has those looked at that somebody listens to, and counts
 * what was broken. The main and the volatile view of a Redis are one each, over one link; what a log does is log.ts's business.
 */
import type { Append, Appended, Broker, Range, Slice, Snapshot, Troubles } from '../broker.ts';
import { closedError, type Listener, Listeners } from '../listeners.ts';
import { Heads } from './heads.ts';
import { Log, type LogTools } from './log.ts';
import { Looker } from './looker.ts';

/** How often it is said that something is wrong with one kind of thing. */
const warnMs = 60_000;

/** The same counts, by whoever counts. */
export type Counting = { -readonly [Trouble in keyof Troubles]: number };

export class Logs implements Broker {
  readonly #troubles: Counting;
  readonly #tools: LogTools;
  readonly #prefix: string;
  readonly #logs = new Map<string, Log>();
  readonly #listeners = new Listeners();
  readonly #heads: Heads;
  readonly #leave = new Map<string, () => void>();
  readonly #warnedAt = new Map<string, number>();
  #closed = false;
  /** Called when nothing is under way any more. */
  #onDone: (() => void) | undefined;

  /** @param troubles where what is found wrong is counted */
  constructor(tools: Omit<LogTools, 'looker' | 'onTrouble'>, prefix: string, troubles: Counting) {
    const { link, clock, publish, idleMs } = tools;
    this.#tools = {
      ...tools,
      looker: new Looker(link, clock, publish === 'SPUBLISH', idleMs),
      onTrouble: (trouble, channel, why) => this.#trouble(trouble, channel, why),
    };
    this.#prefix = prefix;
    this.#troubles = troubles;
    this.#heads = new Heads(tools.clock);
    tools.link.onResubscribed(() => this.#heads.all());
  }

  async append(channel: string, append: Append): Promise<Appended> {
    return this.#use(channel, (log) => log.append(append));
  }

  async read(channel: string, range: Range): Promise<Slice> {
    return this.#use(channel, (log) => log.read(range));
  }

  async compact(channel: string, epoch: string, snapshot: Snapshot): Promise<boolean> {
    return this.#use(channel, (log) => log.compact(epoch, snapshot));
  }

  listen(channel: string, onNews: Listener): () => void {
    const log = this.#log(channel);
    const first = !this.#listeners.has(channel);
    const stop = this.#listeners.add(channel, onNews);
    if (first) {
      log.listen();
      this.#leave.set(
        channel,
        this.#heads.enter(() => log.look()),
      );
    }
    return () => {
      stop();
      if (!this.#listeners.has(channel)) this.#deafen(channel);
    };
  }

  /** Finishes what was begun. The link is its owner's to close, after that. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#heads.stop();
    const done = new Promise<void>((resolve) => {
      this.#onDone = resolve;
    });
    this.#listeners.clear();
    for (const channel of [...this.#leave.keys()]) this.#deafen(channel);
    this.#settle();
    await done;
  }

  #use<Value>(channel: string, use: (log: Log) => Promise<Value>): Promise<Value> {
    const log = this.#log(channel);
    const answer = use(log);
    // It was refused at once.
    if (log.idle) this.#rest(channel, log);
    return answer;
  }

  /** The log of that name. @throws SyncError `closed` */
  #log(channel: string): Log {
    if (this.#closed) throw closedError();
    const known = this.#logs.get(channel);
    if (known) return known;
    const tell: Listener = (news) => this.#listeners.announce(channel, news);
    const log: Log = new Log(this.#tools, this.#prefix, channel, tell, () => this.#rest(channel, log));
    this.#logs.set(channel, log);
    return log;
  }

  #deafen(channel: string): void {
    this.#leave.get(channel)?.();
    this.#leave.delete(channel);
    const log = this.#logs.get(channel);
    log?.deafen();
    if (log) this.#rest(channel, log);
  }

  /** Lets go of a log that nothing is known of. */
  #rest(channel: string, log: Log): void {
    if (log.idle) this.#logs.delete(channel);
    this.#settle();
  }

  #settle(): void {
    if (this.#logs.size === 0) this.#onDone?.();
  }

  #trouble(trouble: keyof Troubles, channel: string, why: string): void {
    this.#troubles[trouble]++;
    const { clock } = this.#tools;
    const now = clock.now();
    if (now - (this.#warnedAt.get(trouble) ?? Number.NEGATIVE_INFINITY) < warnMs) return;
    this.#warnedAt.set(trouble, now);
    const what =
      trouble === 'logsBroken'
        ? `The log "${channel}" was broken in Redis: ${why}. It was moved aside (to keys that end in ":broken") and begins anew; look for what else writes to this Redis.`
        : `A message for the log "${channel}" was dropped: ${why}. Look for what else publishes on this Redis.`;
    process.emitWarning(what);
  }
}
