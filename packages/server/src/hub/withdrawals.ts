/**
 * Who was sent away and which tokens were revoked, in a log of its own that no contract can name: so every node on one broker learns of
 * it, however late, and a node that restarts remembers. The server writes to it and is told what others write. It is a state channel
 * whose keys expire by themselves; nobody subscribes to it.
 */
import { SyncError } from '@syncline/protocol';
import { type Cancel, type Entry, readStateEntry, type StateValue, setEntry } from '@syncline/protocol/wire';
import type { Append } from '../broker/broker.ts';
import { Channel, type ChannelTools } from '../channel.ts';
import { StateFolder, type Values } from '../fold/state.ts';
import { Fold, type FoldSettings } from '../fold.ts';
import { newMetrics, reason } from '../observe.ts';

/**
 * What is done with what is told, once each; what throws is called again. Whom this node sent away itself it isn't told of.
 */
export interface WithdrawalHooks {
  revoked(tokenId: string, untilMs: number): void;
  /** @param at when, by the time of all nodes, in ms since 1970: whoever was let in later may stay */
  disconnected(user: string, why: string, at: number): void;
}

export interface WithdrawalSettings extends FoldSettings {
  readonly tailEntriesMax: number;
  readonly tailBytesMax: number;
}

/** No channel and no companion has such a name. */
const name = '?revoked';
const tokenPrefix = 'token/';
const userPrefix = 'user/';
/** How long it is told that a user was sent away: a node that was cut off for longer never hears of it. */
const disconnectedMs = 3_600_000;
const keysMax = 200_000;
/** How long after a failure something is tried again; twice as long each time where all has to be read for that. */
const retryMs = 1000;
const retryMsMax = 60_000;
const whyCharsMax = 1000;

export class Withdrawals {
  readonly #settings: WithdrawalSettings;
  readonly #tools: ChannelTools;
  readonly #hooks: WithdrawalHooks;
  readonly #waits = new Map<Cancel, () => void>();
  readonly #writing = new Set<Promise<boolean>>();
  /** What stands in the log, or stood there before it was rolled back: it is told once, and written again where it was lost. */
  readonly #known = new Map<string, string>();
  /** What is open while the log is followed. */
  #following: { readonly channel: Channel; readonly fold: Fold; readonly values: Values } | undefined;
  /** Stands in what this node writes: it has done that already, and who came since isn't meant. */
  readonly #by: string;
  #closed = false;

  constructor(settings: WithdrawalSettings, tools: ChannelTools, hooks: WithdrawalHooks) {
    this.#settings = settings;
    // What it costs is no channel's.
    this.#tools = { ...tools, metrics: newMetrics() };
    this.#hooks = hooks;
    this.#by = Buffer.from(tools.clock.randomBytes(12)).toString('base64url');
  }

  /**
   * Reads what stands in the log and follows it. Where the log can't be reached it is tried again.
   *
   * @throws SyncError `storage`, `corrupt` where that doesn't help, `closed`
   */
  async open(): Promise<void> {
    for (;;) {
      try {
        return await this.#open();
      } catch (thrown) {
        if (this.#closed) throw new SyncError('closed', 'This server was closed.');
        const passes = thrown instanceof SyncError && thrown.next === 'retry' && thrown.code !== 'storage';
        if (!passes) throw thrown;
        this.#say('Which tokens are revoked could not be read', thrown);
        await this.#pause();
      }
    }
  }

  /** Tells every node that a token is revoked. Resolves with whether that is stored; it never rejects. */
  async revoke(tokenId: string, untilMs: number): Promise<boolean> {
    if (untilMs <= this.#now()) return true;
    return await this.#write(tokenPrefix + tokenId, JSON.stringify(untilMs), untilMs);
  }

  /** Tells every node that a user is sent away, as of now. Likewise. */
  async disconnect(user: string, why: string): Promise<boolean> {
    const at = this.#now();
    const said = [why.slice(0, whyCharsMax), at, this.#by];
    return await this.#write(userPrefix + user, JSON.stringify(said), at + disconnectedMs);
  }

  /** Resolves when what was being written is, or can't be. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const [cancel, wake] of this.#waits) {
      cancel();
      wake();
    }
    await Promise.allSettled(this.#writing);
    this.#release();
  }

  async #open(): Promise<void> {
    const { tailEntriesMax, tailBytesMax } = this.#settings;
    const place = { id: 0, name, stamped: true, keep: null, tailEntriesMax, tailBytesMax };
    const channel = await Channel.open(place, this.#tools);
    const values = new Readable(Number.POSITIVE_INFINITY, this.#tools.clock);
    const fold = new Fold(
      channel,
      values,
      this.#settings,
      this.#tools,
      (thrown) => void this.#openAgain(thrown),
    );
    this.#following = { channel, fold, values };
    values.follow((keys) => {
      const all = () => new Set([...this.#known.keys(), ...[...values.all()].map(([key]) => key)]);
      for (const key of keys ?? all()) this.#look(key);
    });
    try {
      await fold.open();
      if (this.#closed) throw new SyncError('closed');
    } catch (thrown) {
      this.#release();
      throw thrown;
    }
  }

  #release(): void {
    this.#following?.fold.close();
    this.#following?.channel.close();
    this.#following = undefined;
  }

  /** What stands in the log can't be read on: it is read from the beginning, until that works, since a node mustn't be deaf to it. */
  async #openAgain(failure: unknown): Promise<void> {
    this.#release();
    let thrown = failure;
    for (let ms = retryMs; !this.#closed; ms = Math.min(2 * ms, retryMsMax)) {
      this.#say('Who is sent away by other nodes is not heard of', thrown);
      await this.#pause(ms);
      if (this.#closed) return;
      try {
        return await this.#open();
      } catch (again) {
        thrown = again;
      }
    }
  }

  /** Looks what stands under a key now, and does so again where that couldn't be told. */
  #look(key: string): void {
    if (this.#closed || !this.#following) return;
    try {
      this.#compare(key, this.#following.values.get(key));
    } catch (thrown) {
      this.#say('Somebody could not be sent away whom another node sends away', thrown);
      void this.#pause().then(() => this.#look(key));
    }
  }

  /** Tells what is new, and puts back what holds for longer: that was lost, or overtaken. */
  #compare(key: string, value: StateValue | undefined): void {
    const [text = '', known = ''] = [value?.text, this.#known.get(key)];
    if (text === known) return;
    const [untilMs, knownMs] = [endOf(key, text), endOf(key, known)];
    if (knownMs > Math.max(untilMs, this.#now()))
      return void this.#write(key, known, knownMs, value?.version ?? 0);
    this.#known.delete(key);
    if (untilMs <= 0) return;
    this.#tell(key, JSON.parse(text));
    this.#known.set(key, text);
  }

  #tell(key: string, said: number | readonly [why: string, at: number, by: unknown]): void {
    if (typeof said === 'number') return this.#hooks.revoked(key.slice(tokenPrefix.length), said);
    const [why, at, by] = said;
    if (by !== this.#by) this.#hooks.disconnected(key.slice(userPrefix.length), why, at);
  }

  /** @param ifKeyAt where the key must stand; left out: anywhere @returns whether it is stored; it never rejects */
  async #write(key: string, text: string, untilMs: number, ifKeyAt?: number): Promise<boolean> {
    if (this.#closed) return false;
    if (endOf(key, this.#known.get(key) ?? '') < untilMs) this.#known.set(key, text);
    const ttlMs = Math.max(1, Math.ceil(untilMs - this.#now()));
    const data = setEntry(key, text, { ttlMs });
    const append = { data, from: null, key, ifKeyAt, keysMax, keep: null };
    const writing = this.#append(append, untilMs).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
    return await writing;
  }

  /** Appends it, however often that takes, for as long as it says anything. */
  async #append(append: Append, untilMs: number): Promise<boolean> {
    for (;;) {
      try {
        await this.#tools.broker.append(name, append);
        return true;
      } catch (thrown) {
        // Another node was first, or knows something newer: it is read.
        if (thrown instanceof SyncError && thrown.code === 'precondition') return true;
        const over = this.#closed || this.#now() >= untilMs;
        this.#say('Other nodes could not be told whom this one sent away', thrown, !over);
        if (over) return false;
        await this.#pause();
      }
    }
  }

  #say(what: string, thrown: unknown, again = true): void {
    this.#tools.logger.error(
      { reason: reason(thrown) },
      again ? `${what}; it is tried again.` : `${what}, and there is no time left to.`,
    );
  }

  #now(): number {
    const { broker, clock } = this.#tools;
    return broker.now?.() ?? clock.now();
  }

  #pause(ms = retryMs): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve();
      const cancel = this.#tools.clock.timer(ms, () => {
        this.#waits.delete(cancel);
        resolve();
      });
      this.#waits.set(cancel, resolve);
    });
  }
}

/** Passes over what it can't read: whoever put that there must not keep a node from hearing of the rest. */
class Readable extends StateFolder {
  override add(entries: readonly Entry[]): void {
    super.add(entries.filter((entry) => isReadable(entry)));
  }
}

function isReadable(entry: Entry): boolean {
  try {
    readStateEntry(entry);
    return true;
  } catch {
    return false;
  }
}

/**
 * Until when what stands under a key says anything, in ms since 1970; 0 where it is nothing of ours: another version may have
 * written it, and what isn't sure is passed over.
 */
function endOf(key: string, text: string): number {
  const said = parsed(text);
  if (key.startsWith(tokenPrefix)) return typeof said === 'number' ? said : 0;
  const [why, at]: unknown[] = Array.isArray(said) ? said : [];
  return key.startsWith(userPrefix) && typeof why === 'string' && typeof at === 'number'
    ? at + disconnectedMs
    : 0;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
