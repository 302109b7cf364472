/**
 * Publishes that come one by one, without a session: by plain HTTP, from a phone or a backend. They are judged and charged as a
 * session's are. A transport hands them over once it knows who is asking; this room knows no request and no header.
 */
import { type Position, SyncError } from '@syncline/protocol';
import { toSyncError } from '@syncline/protocol/wire';
import type { Identity } from '../access.ts';
import type { Append, Appended } from '../broker/broker.ts';
import { reason } from '../observe.ts';
import { Allowance, sourceOf } from './allowance.ts';
import { errorFrame, isInside } from './port.ts';
import { repeatedAs } from './scope.ts';
import type { Sessions } from './sessions.ts';
import type { SessionTools } from './tools.ts';
import { definitionOf, vet } from './vetting.ts';

/** What somebody wants to have appended to a channel, in this order. */
export interface Post {
  readonly identity: Identity;
  /** Where it comes from: who is nobody in particular shares an allowance with all from there. */
  readonly network: string;
  readonly channel: string;
  readonly payloads: readonly string[];
  /** How many bytes were sent for it. */
  readonly bytes: number;
  /** Whoever sends the same again, to whichever node, has nothing stored again (rule W7). Left out: it is. */
  readonly idempotencyKey?: string | undefined;
}

/** What became of a payload: where it is, and whether it was there before; or why it is nowhere. */
export type Outcome = (Position & { readonly duplicate: boolean }) | SyncError;

export class Posts {
  readonly #tools: SessionTools;
  readonly #sessions: Sessions;
  readonly #open = new Set<Promise<unknown>>();

  constructor(tools: SessionTools, sessions: Sessions) {
    this.#tools = tools;
    this.#sessions = sessions;
  }

  /**
   * Appends each payload; one that is refused doesn't hold the others up.
   *
   * @throws SyncError, when nothing was appended: `too_many`, whose detail `retryMs` says when to come again, `unknown_channel`,
   * `forbidden`, `expired`, `revoked`, `unavailable`
   */
  async publish(post: Post): Promise<readonly Outcome[]> {
    const work = this.#publish(post);
    this.#open.add(work);
    try {
      return await work;
    } catch (thrown) {
      throw this.#told(thrown);
    } finally {
      this.#open.delete(work);
    }
  }

  /** Resolves when none is under way, or the time is over. */
  async emptied(withinMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#tools.clock.timer(withinMs, resolve);
      void Promise.allSettled(this.#open).then(() => {
        cancel();
        resolve();
      });
    });
  }

  async #publish(post: Post): Promise<readonly Outcome[]> {
    const { access, hub, metrics } = this.#tools;
    const { identity, channel: name, payloads } = post;
    metrics.framesReceived += payloads.length;
    this.#charge(post);
    const definition = definitionOf(hub, name);
    const rights = access.rights(identity);
    await rights.demand('publish', name, definition);
    const appended: Promise<Outcome>[] = [];
    // One after the other, so that they keep their order; none waits for the one before it to be stored.
    for (const [i, payload] of payloads.entries()) {
      try {
        const { append } = await vet(this.#tools, rights, name, definition, payload);
        const channel = hub.opened(name) ?? (await hub.open(name));
        // Rights may have ended while this was looked at.
        access.good(identity);
        const stored = channel.append({ ...append, from: identity.user, producer: producerOf(post, i) });
        appended.push(stored.then(place, (thrown: unknown) => this.#told(thrown)));
      } catch (thrown) {
        appended.push(Promise.resolve(this.#told(thrown)));
      }
    }
    return await Promise.all(appended);
  }

  /** @throws SyncError `too_many` */
  #charge({ identity, network, channel, payloads, bytes }: Post): void {
    const { clock, hub, metrics } = this.#tools;
    const allowance = new Allowance(
      this.#sessions.bucketOf(identity.user, sourceOf(identity, network)),
      clock,
    );
    const opens = hub.opened(channel) === undefined;
    const retryMs = allowance.charge('publish', opens, payloads.length, bytes);
    if (retryMs === 0) return;
    metrics.requestsLimited++;
    throw new SyncError(
      'too_many',
      `You asked for more than the server takes from one. Go on in ${retryMs} ms.`,
      { retryMs },
    );
  }

  /** An error as it may be told. */
  #told(thrown: unknown): SyncError {
    const { metrics, logger } = this.#tools;
    const error = toSyncError(thrown);
    metrics.framesRefused++;
    if (isInside(error.code))
      logger.error(
        { code: error.code, reason: reason(thrown) },
        'A publish by HTTP failed for a reason of our own.',
      );
    const frame = errorFrame(null, error);
    if (frame.type !== 'error') return error;
    return new SyncError(frame.code, frame.message, frame.detail ?? undefined);
  }
}

function place({ epoch, offset, check, duplicate }: Appended): Outcome {
  return { epoch, offset, check, duplicate };
}

/** Each payload has a producer of its own, so that one which is refused leaves no hole in the numbers of the others. */
function producerOf({ identity, idempotencyKey }: Post, item: number): Append['producer'] {
  if (idempotencyKey === undefined) return undefined;
  return { id: repeatedAs(identity, idempotencyKey, item), sequence: 1 };
}
