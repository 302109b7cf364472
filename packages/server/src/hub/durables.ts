/**
 * What is asked of durable logs, over any number of nodes: each request is judged by what is known of the log, what that says is
 * appended on the condition that nothing came between, and else it is judged anew. Whoever takes such requests calls it, and has
 * asked for rights before. It knows no header field and no status.
 */
import { type Position, SyncError } from '@syncline/protocol';
import type { Channel } from '../channel.ts';
import { type DurableRequest, type Facts, judge, type Verdict } from '../fold/durable/judge.ts';
import type { Ledgers } from '../fold/durable/ledgers.ts';
import type { Ledger } from '../fold/durable.ts';

export { bodyOf } from '../fold/durable/body.ts';
export type { Body, DurableRequest, Facts, Outcome, Verdict } from '../fold/durable/judge.ts';

/** What became of a request, and where the log ends then. */
export interface Judged extends Verdict {
  readonly position: Position;
}

/** A log as it is now, and the place before all that belongs to it, where that isn't the oldest place there is. */
export interface Looked {
  readonly channel: Channel;
  readonly facts: Facts;
  readonly start: Position | undefined;
}

/** What the hub does for it: opens channels, and their ledgers with them. */
export interface Opening {
  readonly ledgers: Ledgers;
  opened(name: string): Channel | undefined;
  open(name: string): Promise<Channel>;
}

/** How often a request is judged anew because others wrote meanwhile. */
const triesMax = 64;

export class Durables {
  readonly #hub: Opening;
  /** What is under way with each log: requests of one node don't get into each other's way. */
  readonly #lines = new Map<string, Promise<void>>();

  constructor(hub: Opening) {
    this.#hub = hub;
  }

  /**
   * Does what is asked for, or says why not; atomic, whichever nodes others ask.
   *
   * @param from who asks; null for nobody in particular
   * @throws SyncError `unavailable` when others kept writing first, or the broker's
   */
  ask(name: string, request: DurableRequest, from: string | null): Promise<Judged> {
    return this.#inTurn(name, () => this.#ask(name, request, from));
  }

  /**
   * What a log is as of now; undefined where there is none.
   *
   * @param uses whether this is a use of it, which puts its end off
   * @throws SyncError the broker's
   */
  async look(name: string, uses: boolean): Promise<Looked | undefined> {
    const { channel, ledger } = await this.#open(name);
    await ledger.refresh();
    const { facts, entry } = judged(channel, ledger, { op: 'touch' }).verdict;
    // Whoever can't put it off reads it nevertheless.
    if (uses && entry) await this.ask(name, { op: 'touch' }, null);
    return facts ? { channel, facts, start: ledger.known.start } : undefined;
  }

  async #ask(name: string, request: DurableRequest, from: string | null): Promise<Judged> {
    // What stands against a request may be news of yesterday; what is appended is proven by its condition.
    let isFresh = false;
    for (let tries = 0; tries < triesMax; tries++) {
      const { channel, ledger } = await this.#open(name);
      await ledger.reached(channel.top.offset);
      const { verdict, position } = judged(channel, ledger, request);
      if (verdict.entry) {
        const appended = await append(channel, verdict.entry, from, position.offset);
        if (appended) {
          await ledger.reached(appended.offset);
          if (verdict.outcome === 'deleted' || verdict.outcome === 'created') await ledger.clean();
          return { ...verdict, position: appended };
        }
      } else if (isFresh) return { ...verdict, position };
      await ledger.refresh();
      isFresh = true;
    }
    throw new SyncError(
      'unavailable',
      `Others kept writing to "${name}" first, ${triesMax} times. Nothing was stored; try again.`,
    );
  }

  async #open(name: string): Promise<{ channel: Channel; ledger: Ledger }> {
    const channel = this.#hub.opened(name) ?? (await this.#hub.open(name));
    const ledger = this.#hub.ledgers.get(name);
    if (!ledger) throw new SyncError('restart');
    return { channel, ledger };
  }

  async #inTurn<T>(name: string, run: () => Promise<T>): Promise<T> {
    const work = (this.#lines.get(name) ?? Promise.resolve()).then(run);
    const done = work.then(
      () => {},
      () => {},
    );
    this.#lines.set(name, done);
    try {
      return await work;
    } finally {
      if (this.#lines.get(name) === done) this.#lines.delete(name);
    }
  }
}

function judged(
  { settings }: Channel,
  { known: { view, position }, now }: Ledger,
  request: DurableRequest,
): { verdict: Verdict; position: Position } {
  return { verdict: judge(view, request, { now, keep: settings.keep }), position };
}

/** Where it was stored; undefined where something else came first. */
async function append(
  channel: Channel,
  data: Uint8Array,
  from: string | null,
  ifTopAt: number,
): Promise<Position | undefined> {
  try {
    const { epoch, offset, check } = await channel.append({ data, from, ifTopAt });
    return { epoch, offset, check };
  } catch (thrown) {
    if (thrown instanceof SyncError && thrown.code === 'precondition') return undefined;
    throw thrown;
  }
}
