/**
 * When one durable log is to end: a timer for that, and the entry that says so, unless somebody has used the log since or reads it. The
 * ledger of the log has one, and tells it when the log has moved. It must not know how the log is followed.
 */
import { type Position, SyncError } from '@syncline/protocol';
import {
  type Cancel,
  type DurableAct,
  type DurableState,
  durableAct,
  durableEntry,
  type Life,
} from '@syncline/protocol/wire';
import type { Channel, ChannelTools } from '../../channel.ts';
import { reason } from '../../observe.ts';
import { endsAt, judge } from './judge.ts';

/** How long after a failure it is tried again. */
const retryMs = 1000;

/** What is known of the log. */
export interface Expiring {
  readonly known: { readonly state: DurableState };
  /** The time by which entries are stamped. */
  readonly now: number;
  /** Resolves when what is known reaches so far. */
  reached(position: Position): Promise<void>;
  /** Drops what belongs to the log no more. */
  clean(): Promise<void>;
}

export class Expiry {
  readonly #ledger: Expiring;
  readonly #channel: Channel;
  readonly #tools: ChannelTools;
  #cancel: Cancel = () => {};
  #armedFor = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(ledger: Expiring, channel: Channel, tools: ChannelTools) {
    this.#ledger = ledger;
    this.#channel = channel;
    this.#tools = tools;
  }

  /** Sets the timer for when something is due, or for `at`. */
  arm(at?: number): void {
    const life = this.#life;
    const dueAt = life ? (at ?? dueOf(life)) : Number.POSITIVE_INFINITY;
    if (this.#closed || dueAt === this.#armedFor) return;
    this.#cancel();
    this.#armedFor = dueAt;
    if (dueAt === Number.POSITIVE_INFINITY) return;
    this.#cancel = this.#tools.clock.timer(Math.max(0, dueAt - this.#ledger.now), () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      void this.#due();
    });
  }

  /** Deletes a log whose time has come. */
  async end(): Promise<void> {
    const life = this.#life;
    if (!life || endsAt(life) > this.#ledger.now) return;
    if (await this.#append(durableAct({ op: 'delete' }))) await this.#ledger.clean();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  get #life(): Life | null {
    return this.#ledger.known.state.life;
  }

  /** The time of the log has come, or nearly: one that somebody reads goes on, any other ends. */
  async #due(): Promise<void> {
    const { known, now } = this.#ledger;
    const { life } = known.state;
    if (!life || this.#closed) return;
    const isRead = life.ttlS !== null && !this.#channel.idle;
    const { keep } = this.#channel.settings;
    const { act } = isRead ? judge(known.state, { op: 'touch' }, { now, keep }) : { act: null };
    if (act) await this.#append(act);
    else await this.end();
    // Else what was appended has set it anew.
    if (life === this.#life) this.arm(Math.max(endsAt(life), this.#ledger.now + retryMs));
  }

  /** Appends one of the node's own, if nothing came meanwhile, and knows of it then. */
  async #append(act: DurableAct): Promise<boolean> {
    const data = durableEntry([act]);
    const { offset: ifTopAt } = this.#ledger.known.state;
    try {
      const appended = await this.#channel.append({ data, from: null, ifTopAt }, true);
      this.#tools.metrics.dueAppended++;
      await this.#ledger.reached(appended);
      return true;
    } catch (thrown) {
      // Another node was first, or somebody used it.
      if (this.#closed || (thrown instanceof SyncError && thrown.code === 'precondition')) return false;
      this.#tools.logger.error(
        { channel: this.#channel.settings.name, reason: reason(thrown) },
        'A durable log whose time has come could not be ended; it is tried again.',
      );
      return false;
    }
  }
}

/** When a log is to be looked at: what is read when its time to live is over is put off, before it would end. */
function dueOf(life: Life): number {
  return life.ttlS === null ? endsAt(life) : life.usedAt + life.ttlS * 1000;
}
