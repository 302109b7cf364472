/**
 * The calls of one log: runs scripts over its keys, each with what every script begins with and under a number, so that one that was
 * given up takes no effect after those that come later; waits for replicas where writes do. A log owns one; what a script does it
 * doesn't know.
 */
import { SyncError } from '@syncline/protocol';
import { type Clock, newEpoch } from '@syncline/protocol/wire';
import type { Argument } from './codec.ts';
import { Refused, Unanswered } from './faults.ts';
import type { Link, Replicas } from './link.ts';
import type { LostCalls } from './lost.ts';
import type { Script } from './scripts.ts';
import type { Leave } from './window.ts';

export interface CallTools {
  readonly link: Link;
  /** Resolves when the broker can be used; rejects with why it can't. */
  readonly ready: Promise<void>;
  readonly clock: Clock;
  readonly lost: LostCalls;
  /** What is told of itself to the others: the random name of this broker. */
  readonly sender: string;
  readonly publish: 'PUBLISH' | 'SPUBLISH';
  /** How many replicas must have what is acknowledged; undefined: it needn't be more than stored. */
  readonly replicas: Replicas | undefined;
  /** For how long a log is kept that nobody uses, in ms; undefined: for ever. */
  readonly idleMs: number | undefined;
}

const nothing: Leave = () => {};

export class Calls {
  readonly #tools: CallTools;
  /** Says where the log is, and is what its announcements are published under. */
  readonly #topic: string;
  readonly #keys: readonly string[];

  constructor(tools: CallTools, topic: string, keys: readonly string[]) {
    this.#tools = tools;
    this.#topic = topic;
    this.#keys = keys;
  }

  /** Waits until there is room for a call. What waits for replicas is held up by them: it is bounded by their time. */
  enter(): Leave | Promise<Leave> {
    return this.#tools.replicas ? nothing : this.#tools.link.enter(this.#topic);
  }

  /** Runs a script when there is room. @throws SyncError as the link, and `corrupt` for a log of a newer layout */
  async runInTurn(script: Script, own: readonly Argument[], stamp: string): Promise<unknown> {
    const leave = await this.#tools.link.enter(this.#topic);
    return this.run(script, own, stamp).finally(leave);
  }

  /** Runs a script. @throws SyncError likewise */
  async run(script: Script, own: readonly Argument[], stamp = ''): Promise<unknown> {
    const { ready, link } = this.#tools;
    await ready;
    return this.#numbered(own, stamp, (args) => link.run(script, this.#topic, this.#keys, args));
  }

  /** Runs one that writes what is acknowledged. @throws SyncError likewise, and `unavailable` where too few replicas have it */
  async write(script: Script, own: readonly Argument[], stamp = ''): Promise<unknown> {
    const { link, ready, replicas } = this.#tools;
    if (!replicas) return this.run(script, own, stamp);
    await ready;
    const done = await this.#numbered(own, stamp, (args) =>
      link.runReplicated(script, this.#topic, this.#keys, args, replicas),
    );
    if (done.replicas < replicas.replicasMin)
      throw new SyncError(
        'unavailable',
        `${done.replicas} of ${replicas.replicasMin} replicas had this within ${replicas.ms} ms. Whether it outlives its Redis is unknown; try again.`,
      );
    return done.reply;
  }

  async #numbered<Reply>(
    own: readonly Argument[],
    stamp: string,
    run: (args: readonly Argument[]) => Promise<Reply>,
  ): Promise<Reply> {
    const { lost } = this.#tools;
    const [call, upTo] = [lost.next(), lost.upTo(this.#topic)];
    try {
      const reply = await layoutTold(run([...this.#given(stamp, call, upTo), ...own]));
      lost.noted(this.#topic, upTo);
      return reply;
    } catch (thrown) {
      if (thrown instanceof Error && thrown.cause instanceof Unanswered) lost.lose(this.#topic, call);
      throw thrown;
    }
  }

  /** What every script begins with. */
  #given(stamp: string, call: number, upTo: number): readonly Argument[] {
    const { clock, link, publish, sender, idleMs } = this.#tools;
    return [
      stamp,
      newEpoch(link.now(), clock.randomBytes(16)),
      ...[publish, sender, idleMs === undefined ? '' : String(idleMs)],
      ...[String(call), String(upTo)],
    ];
  }
}

/** Tells apart that a log is of another layout. @throws SyncError `corrupt`, and what it threw */
async function layoutTold<Reply>(running: Promise<Reply>): Promise<Reply> {
  try {
    return await running;
  } catch (thrown) {
    const cause = thrown instanceof Error ? thrown.cause : undefined;
    if (!(cause instanceof Refused && cause.word === 'LAYOUT')) throw thrown;
    throw new SyncError('corrupt', `A newer server wrote this log: ${cause.message}. Upgrade this one.`);
  }
}
