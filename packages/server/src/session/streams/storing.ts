/**
 * How the messages of one request are stored: in their order, and each once, however often a producer repeats the request and whichever
 * nodes it asks (rule P19). Those who take requests for channels of the contract call it. It knows logs and producers; no kind, and
 * nothing of who may do what.
 */
import { limits, type Position, SyncError } from '@syncline/protocol';
import { toSyncError } from '@syncline/protocol/wire';
import type { Identity } from '../../access.ts';
import type { Append, Appended } from '../../broker/broker.ts';
import type { Channel } from '../../channel.ts';
import { producerAs, requestAs } from '../scope.ts';
import type { Producing, StreamAnswer } from './request.ts';

type Message = Omit<Append, 'keep' | 'producer'>;

/** Requests of one producer that wait for each other: as many as publishes of one may be unanswered. Where a log hangs there would else be no end of them. */
const waitingMax = limits.unackedMax.default;
const retryMs = 1000;

/** No log expects it next. */
const sequenceNever = Number.MAX_SAFE_INTEGER;

/** What goes on for a producer: how many requests, and what resolves when the last of them is over. */
interface Waiting {
  count: number;
  settled: Promise<void>;
}

export class Storing {
  /** By producer, while something goes on for it. */
  readonly #lines = new Map<string, Waiting>();
  readonly #good: (owner: Identity) => void;

  /** @param good throws where somebody's rights have ended, which they may while they wait */
  constructor(good: (owner: Identity) => void) {
    this.#good = good;
  }

  /**
   * Stores all that a request holds, and says where the last message is. Without a producer some may be stored when it fails.
   *
   * @throws SyncError `expired`, `revoked`, or the broker's
   */
  async store(
    channel: Channel,
    owner: Identity,
    messages: readonly Message[],
    producer: Producing | undefined,
  ): Promise<StreamAnswer> {
    if (producer) return await this.#produce(channel, owner, messages, producer);
    this.#good(owner);
    // None waits for the one before it: a log takes them in the order in which they are given to it.
    const places = await Promise.all(messages.map((message) => channel.append(message)));
    return { outcome: 'appended', next: placeOf(places.at(-1)) };
  }

  /**
   * The last message of a request takes the producer's next number, which so says that the whole request is stored, and that those
   * before it are. The others are numbered by a producer that stands for the request: one that broke off goes on where it did. An older
   * epoch is fenced off where the producer can be a key of its own, whose epochs are in order; not where entries have keys, nor where
   * they are kept for good: whoever takes another name each time would fill the log with names.
   */
  async #produce(
    channel: Channel,
    owner: Identity,
    messages: readonly Message[],
    producer: Producing,
  ): Promise<StreamAnswer> {
    const { name, keep } = channel.settings;
    const { id, epoch, sequence } = producer;
    const life = `${id}.${epoch}`;
    const scoped = producerAs(owner, life);
    const fence = keep !== null && { key: producerAs(owner, id), order: epoch };
    const as = (message: Message, by: Append['producer']) => ({
      ...message,
      ...(message.key === undefined && fence),
      producer: by,
    });
    // Whoever sends several requests at once would else be told of gaps, and send each again.
    return await this.#inLine(`${name} ${scoped}`, async () => {
      this.#good(owner);
      const number = sequence + 1;
      const request = requestAs(owner, life, sequence);
      const further = messages.slice(0, -1).map((one, i) => as(one, { id: request, sequence: i + 1 }));
      const [last] = messages.slice(-1).map((one) => as(one, { id: scoped, sequence: number }));
      if (!last) throw new SyncError('internal', 'A request without messages.');
      try {
        const expected = further.length > 0 ? await expectedBy(channel, scoped) : number;
        // By now its turn may have come, elsewhere: the last message alone would be stored.
        if (expected < number) return { outcome: 'skipped', expected: expected - 1, received: sequence };
        if (expected === number) await storeFurther(channel, further);
        const place = await channel.append(last);
        const outcome = place.duplicate ? 'duplicate' : 'taken';
        return { outcome, next: placeOf(place), producerEpoch: epoch, producerSequence: sequence };
      } catch (thrown) {
        return notStored(thrown, channel.top, producer);
      }
    });
  }

  /** Does something after what was begun before under that name. @throws SyncError `too_many`, or what it throws */
  async #inLine<T>(name: string, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(name) ?? { count: 0, settled: Promise.resolve() };
    if (line.count >= waitingMax)
      throw new SyncError('too_many', `${waitingMax} requests of this producer wait already.`, { retryMs });
    this.#lines.set(name, line);
    line.count++;
    const done = line.settled.then(work);
    const over = (): void => {
      if (--line.count === 0) this.#lines.delete(name);
    };
    line.settled = done.then(over, over);
    return await done;
  }
}

/** Which number of a producer the log expects: it says so when it refuses another one. @throws SyncError, the broker's */
async function expectedBy(channel: Channel, id: string): Promise<number> {
  try {
    await channel.append({ data: '', from: null, producer: { id, sequence: sequenceNever } });
  } catch (thrown) {
    const { code, detail } = toSyncError(thrown);
    const expected = detail?.['expected'];
    if (code === 'sequence' && Number.isSafeInteger(expected)) return Number(expected);
    throw thrown;
  }
  throw new SyncError('internal', 'A log took a number that it could not expect.');
}

/** Stores what comes before the last message, in its order: the log takes none whose predecessor it hasn't got. @throws why one isn't stored */
async function storeFurther(channel: Channel, appends: readonly Omit<Append, 'keep'>[]): Promise<void> {
  const outcomes = await Promise.allSettled(appends.map((append) => channel.append(append)));
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') continue;
    const { code, detail } = toSyncError(outcome.reason);
    if (code !== 'sequence') throw outcome.reason;
    // It was stored so many messages ago that nobody remembers where.
    if (Number(detail?.['expected']) > i + 1) continue;
    throw new SyncError('unavailable', 'The log has lost what was stored of the request. Send it again.');
  }
}

/** Why something was not stored, as an answer, where the producer is what is wrong; else it is thrown. */
function notStored(thrown: unknown, top: Position, { epoch, sequence }: Producing): StreamAnswer {
  const { code, detail } = toSyncError(thrown);
  if (code === 'superseded') return { outcome: 'fenced' };
  const next = Number(detail?.['expected']) - 1;
  if (code !== 'sequence' || Number.isNaN(next)) throw thrown;
  // It was stored so long ago that nobody remembers where: the numbers have no holes.
  if (sequence < next)
    return { outcome: 'duplicate', next: top, producerEpoch: epoch, producerSequence: next - 1 };
  return { outcome: 'skipped', expected: next, received: sequence };
}

function placeOf(place: Appended | undefined): Position {
  if (!place) throw new SyncError('internal', 'A request without messages.');
  const { epoch, offset, check } = place;
  return { epoch, offset, check };
}
