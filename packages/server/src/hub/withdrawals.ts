/**
 * Who was sent away and which tokens were revoked, in a log of its own that no contract can name: so every node on one broker learns of
 * it, however late, and a node that restarts remembers. The server writes to it and is told what others write. It is a state channel
 * whose keys expire by themselves; nobody subscribes to it.
 */
import { SyncError } from '@syncline/protocol';
import { type Cancel, type StateValue, setEntry } from '@syncline/protocol/wire';
import { Channel, type ChannelTools } from '../channel.ts';
import { StateFolder } from '../fold/state.ts';
import { Fold, type FoldSettings } from '../fold.ts';
import { newMetrics, reason } from '../observe.ts';

/** What is done with what is told, again and again. Whom this node sent away itself it isn't told of. */
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
/** How long after a failure something is tried again. */
const retryMs = 1000;
const whyCharsMax = 1000;

export class Withdrawals {
  readonly #settings: WithdrawalSettings;
  readonly #tools: ChannelTools;
  readonly #hooks: WithdrawalHooks;
  readonly #waits = new Map<Cancel, () => void>();
  readonly #writing = new Set<Promise<void>>();
  #channel: Channel | undefined;
  #fold: Fold | undefined;
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

  /** Tells every node that a token is revoked. */
  revoke(tokenId: string, untilMs: number): void {
    const now = this.#now();
    if (untilMs > now) this.#write(tokenPrefix + tokenId, untilMs, untilMs - now);
  }

  /** Tells every node that a user is sent away, as of now. */
  disconnect(user: string, why: string): void {
    this.#write(userPrefix + user, [why.slice(0, whyCharsMax), this.#now(), this.#by], disconnectedMs);
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
    this.#channel = await Channel.open(place, this.#tools);
    const folder = new StateFolder(Number.POSITIVE_INFINITY, this.#tools.clock);
    folder.follow((keys) => {
      for (const key of keys ?? [...folder.all()].map(([one]) => one)) this.#tell(key, folder.get(key));
    });
    this.#fold = new Fold(this.#channel, folder, this.#settings, this.#tools);
    try {
      await this.#fold.open();
      if (this.#closed) throw new SyncError('closed');
    } catch (thrown) {
      this.#release();
      throw thrown;
    }
  }

  #release(): void {
    this.#fold?.close();
    this.#channel?.close();
  }

  /** What stands in the log may have been written by another version: what it isn't sure of it passes over. */
  #tell(key: string, value: StateValue | undefined): void {
    if (!value) return;
    const said: unknown = JSON.parse(value.text);
    if (key.startsWith(tokenPrefix) && typeof said === 'number')
      return this.#hooks.revoked(key.slice(tokenPrefix.length), said);
    const [why, at, by]: unknown[] = Array.isArray(said) ? said : [];
    if (key.startsWith(userPrefix) && typeof why === 'string' && typeof at === 'number' && by !== this.#by)
      this.#hooks.disconnected(key.slice(userPrefix.length), why, at);
  }

  #write(key: string, value: unknown, ttlMs: number): void {
    if (this.#closed) return;
    const data = setEntry(key, JSON.stringify(value), { ttlMs: Math.ceil(ttlMs) });
    const writing = this.#append(key, data, this.#now() + ttlMs).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  /** Appends it, however often that takes, for as long as it says anything. */
  async #append(key: string, data: string, untilMs: number): Promise<void> {
    for (;;) {
      try {
        await this.#tools.broker.append(name, { data, from: null, key, keysMax, keep: null });
        return;
      } catch (thrown) {
        const over = this.#closed || this.#now() >= untilMs;
        this.#say('Other nodes could not be told whom this one sent away', thrown, !over);
        if (over) return;
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

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve();
      const cancel = this.#tools.clock.timer(retryMs, () => {
        this.#waits.delete(cancel);
        resolve();
      });
      this.#waits.set(cancel, resolve);
    });
  }
}
