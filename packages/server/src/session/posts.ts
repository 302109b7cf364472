/**
 * Publishes that come one by one, without a session: by plain HTTP, from a phone or a backend. They are judged and charged as a
 * session's are. A transport hands them over once it knows who is asking; this room knows no request and no header.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Position, SyncError } from '@syncline/protocol';
import type { Data } from '@syncline/protocol/wire';
import type { Append, Appended } from '../broker/broker.ts';
import type { Channel } from '../channel.ts';
import { type Asker, charge } from './asking.ts';
import { repeatedAs } from './scope.ts';
import type { Sessions } from './sessions.ts';
import { told } from './told.ts';
import type { SessionTools } from './tools.ts';
import { definitionOf, vet } from './vetting.ts';

/** What somebody wants to have appended to a channel, in this order. */
export interface Post extends Asker {
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
    try {
      return await this.#publish(post);
    } catch (thrown) {
      throw told(this.#tools, thrown);
    }
  }

  async #publish(post: Post): Promise<readonly Outcome[]> {
    const { access, hub, metrics } = this.#tools;
    const { identity, channel: name, payloads, bytes } = post;
    metrics.framesReceived += payloads.length;
    const charged = { type: 'publish', channel: name, count: payloads.length, bytes } as const;
    charge(this.#tools, this.#sessions, post, charged);
    const definition = definitionOf(hub, name);
    const rights = access.rights(identity);
    await rights.demand('publish', name, definition);
    const appended: Promise<Outcome>[] = [];
    // One after the other, so that they keep their order; none waits for the one before it to be stored.
    for (const [i, payload] of payloads.entries()) {
      try {
        const { append, asSent } = await vet(this.#tools, rights, name, definition, payload);
        const channel = hub.opened(name) ?? (await hub.open(name));
        // Rights may have ended while this was looked at.
        access.good(identity);
        const stored = channel.append({ ...append, from: identity.user, producer: producerOf(post, i) });
        const outcome = stored.then((one) => placeOf(channel, [append.data, asSent], one));
        appended.push(outcome.catch((thrown: unknown) => told(this.#tools, thrown)));
      } catch (thrown) {
        appended.push(Promise.resolve(told(this.#tools, thrown)));
      }
    }
    return await Promise.all(appended);
  }
}

/**
 * What is answered for an entry. One that was stored before must be the same: whoever sends every message with one key would else lose
 * all but the first, and be told that they are stored. Where a hook has put something into its place this time, it may have put
 * another thing there when the same was stored: whether it was the same can't be told then.
 *
 * @throws SyncError `bad_payload`
 */
async function placeOf(
  channel: Channel,
  [data, asSent]: readonly [data: Data, asSent: Data],
  { epoch, offset, check, duplicate }: Appended,
): Promise<Outcome> {
  const place = { epoch, offset, check, duplicate };
  if (!duplicate || !same(data, asSent)) return place;
  const page = await channel.history('after', offset - 1, 1);
  const [stored] = page.epoch === epoch ? page.entries : [];
  if (stored?.offset !== offset || same(stored.data, data)) return place;
  throw new SyncError(
    'bad_payload',
    'Another message was stored with this Idempotency-Key. Take a new key for each message, and the same one only to repeat it.',
    { offset },
  );
}

/** Whether two payloads say the same, however they are written. What differs anyway is found out without looking at each number. */
function same(one: Data, other: Data): boolean {
  if (one === other) return true;
  const alike = (reviver?: typeof exact): boolean =>
    isDeepStrictEqual(JSON.parse(String(one), reviver), JSON.parse(String(other), reviver));
  return alike() && alike(exact);
}

/** A number as it is written: no payload holds one. */
class Written {
  readonly source: string | undefined;

  constructor(source: string | undefined) {
    this.source = source;
  }
}

/** A value as it is read, but a number so large that JavaScript loses digits of it, such as a large id, as it is written. */
function exact(_key: string, value: unknown, written?: { readonly source?: string }): unknown {
  const isLarge = typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER;
  return isLarge ? new Written(written?.source) : value;
}

/** Each payload has a producer of its own, so that one which is refused leaves no hole in the numbers of the others. */
function producerOf({ identity, network, idempotencyKey }: Post, item: number): Append['producer'] {
  if (idempotencyKey === undefined) return undefined;
  return { id: repeatedAs(identity, network, idempotencyKey, item), sequence: 1 };
}
