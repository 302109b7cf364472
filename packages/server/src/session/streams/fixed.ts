/**
 * Requests that write to channels which the contract made: their messages are appended as what clients publish, and nobody creates,
 * closes or deletes them. The streams of a node call it; it goes by what faces and definitions say, and knows no header.
 */
import { type Definition, type Position, SyncError } from '@syncline/protocol';
import { type Data, toSyncError } from '@syncline/protocol/wire';
import type { Append, Appended } from '../../broker/broker.ts';
import type { Channel } from '../../channel.ts';
import type { Intake } from '../../hub/admission.ts';
import type { Face } from '../../hub/face.ts';
import type { Faces } from '../../hub/faces.ts';
import { charge } from '../asking.ts';
import { producerAs, requestAs } from '../scope.ts';
import type { Sessions } from '../sessions.ts';
import type { SessionTools } from '../tools.ts';
import { definitionOf, vet } from '../vetting.ts';
import type { Producing, StreamAnswer, StreamWrite, Writes } from './request.ts';

/** Messages in one request. */
const messagesMax = 1000;
/** Of ids of producers. */
const charsMax = 255;

type Asked = Pick<StreamWrite, 'identity' | 'network' | 'channel'>;

export class FixedWrites implements Writes {
  readonly #tools: SessionTools;
  readonly #sessions: Sessions;
  readonly #faces: Faces;

  constructor(tools: SessionTools, sessions: Sessions, faces: Faces) {
    this.#tools = tools;
    this.#sessions = sessions;
    this.#faces = faces;
  }

  /** It is there already: whoever wants it as it is finds it so. */
  async create(write: StreamWrite): Promise<StreamAnswer> {
    const { channel, type, closes, ttl, expiresAt } = write;
    await this.#admit(write, write.body.length);
    const face = this.#face(channel);
    const differs = (type !== undefined && !sameType(type, face.type)) || closes;
    if (!differs && ttl === undefined && expiresAt === undefined)
      return { outcome: 'exists', next: (await this.#tools.hub.current(channel)).top, type: face.type };
    const why = `"${channel}" is there by the server's contract: of type ${face.type}, open, and without an end of its own.`;
    return { outcome: 'different', why };
  }

  async append(write: StreamWrite): Promise<StreamAnswer> {
    const { channel: name, body, closes } = write;
    const definition = await this.#admit(write, body.length);
    if (closes) return fixed(name, 'closed');
    checkMarks(write);
    const face = this.#face(name);
    // It is opened once, and charged for so.
    await this.#channel(name);
    if (write.type !== undefined && !sameType(write.type, face.type))
      return { outcome: 'mistyped', why: `"${name}" takes ${face.type}, not what was sent.` };
    let payloads: readonly Data[];
    try {
      payloads = payloadsOf(write, face);
    } catch (thrown) {
      const { code, message } = toSyncError(thrown);
      // What can't be read is the request's fault; what is read may still be no payload of this channel.
      if (code === 'bad_payload') return { outcome: 'faulty', why: message };
      throw thrown;
    }
    const further = { type: 'publish', count: payloads.length - 1 } as const;
    this.#tools.metrics.framesReceived += further.count;
    charge(this.#tools, this.#sessions, write, further);
    return await this.#append(write, payloads, definition);
  }

  async remove(asked: Asked): Promise<StreamAnswer> {
    await this.#admit(asked, 0);
    return fixed(asked.channel, 'deleted');
  }

  /** Looks at all before any is stored: what is wrong with one is wrong with the request. */
  async #append(
    write: StreamWrite,
    payloads: readonly Data[],
    definition: Definition,
  ): Promise<StreamAnswer> {
    const { identity, channel: name, producer } = write;
    const rights = this.#tools.access.rights(identity);
    const intakes: Intake[] = [];
    for (const payload of payloads) intakes.push(await vet(this.#tools, rights, name, definition, payload));
    const channel = await this.#channel(name);
    // Rights may have ended while they were looked at.
    this.#tools.access.good(identity);
    // Entries that are kept for good keep their keys for good, so whoever takes another name each time would fill the log with names.
    const fences = (append: Intake['append']): boolean =>
      append.key === undefined && channel.settings.keep !== null;
    const appends = intakes.map(({ append }, i) => ({
      ...append,
      from: identity.user,
      ...(producer && producedBy(write, producer, fences(append), i)),
    }));
    return await stored(channel, appends, producer);
  }

  /** Charges for a request, and finds out whether it may be asked for. @throws SyncError `too_many`, `unknown_channel`, `forbidden` */
  async #admit(asked: Asked, bytes: number): Promise<Definition> {
    const { access, hub, metrics } = this.#tools;
    const { identity, channel } = asked;
    metrics.framesReceived++;
    charge(this.#tools, this.#sessions, asked, { type: 'publish', channel, bytes });
    const definition = definitionOf(hub, channel);
    await access.rights(identity).demand('publish', channel, definition);
    return definition;
  }

  #face(channel: string): Face {
    const face = this.#faces.fixed(channel);
    if (face) return face;
    throw new SyncError('internal', `"${channel}" is there by no contract.`);
  }

  async #channel(name: string): Promise<Channel> {
    const { hub } = this.#tools;
    return hub.opened(name) ?? (await hub.open(name));
  }
}

/** What a request says besides its messages. @throws SyncError `bad_frame` */
function checkMarks({ channel, type, body, order, producer }: StreamWrite): void {
  if (body.length === 0) throw new SyncError('bad_frame', 'The body is empty: there is nothing to append.');
  if (type === undefined) throw new SyncError('bad_frame', 'Say with a Content-Type what the body is.');
  if (order !== undefined)
    throw new SyncError(
      'bad_frame',
      `"${channel}" keeps no Stream-Seq. To repeat a request safely send Producer-Id, Producer-Epoch and Producer-Seq.`,
    );
  if ((producer?.id.length ?? 0) > charsMax)
    throw new SyncError('bad_frame', `A Producer-Id has up to ${charsMax} characters.`);
}

/** @throws SyncError `bad_payload`, `frame_too_large` */
function payloadsOf({ channel, body }: StreamWrite, face: Face): readonly Data[] {
  if (!face.payloads) throw new SyncError('internal', `Nobody knows what is appended to "${channel}".`);
  const payloads = face.payloads(body, messagesMax);
  if (payloads.length <= messagesMax) return payloads;
  throw new SyncError(
    'frame_too_large',
    `A request holds up to ${messagesMax} messages, and this one has more. Send several.`,
  );
}

/**
 * As whose an append is stored, so that a repeated request stores nothing twice: the first message takes the producer's next number, and
 * so proves that no request is missing; the further ones are numbered by a producer that stands for the request, and so keep their
 * order. An older epoch is fenced off where `fences`: then the producer is a key of its own, and its epochs are in order.
 */
function producedBy(
  { identity }: StreamWrite,
  { id, epoch, sequence }: Producing,
  fences: boolean,
  item: number,
): Pick<Append, 'producer' | 'key' | 'order'> {
  const name = `${id}.${epoch}`;
  if (item > 0) return { producer: { id: requestAs(identity, name, sequence), sequence: item } };
  const producer = { id: producerAs(identity, name), sequence: sequence + 1 };
  return fences ? { producer, key: producerAs(identity, id), order: epoch } : { producer };
}

/**
 * Stores all, in their order, and says where the last one is. The others wait for the first, which proves that the producer's turn has
 * come; none of them waits for the one before it, since a log takes them in the order in which they are given to it.
 */
async function stored(
  channel: Channel,
  [first, ...rest]: readonly Omit<Append, 'keep'>[],
  producer: Producing | undefined,
): Promise<StreamAnswer> {
  if (!first) throw new SyncError('internal', 'A request without messages.');
  let places: readonly Appended[];
  try {
    places = [await channel.append(first)];
  } catch (thrown) {
    return notStored(thrown, channel.top, producer);
  }
  const further = await Promise.allSettled(rest.map((append) => channel.append(append)));
  places = [...places, ...further.flatMap((one, i) => placeOf(one, i + 1))];
  const { epoch, offset, check } = places.reduce((last, one) => (one.offset > last.offset ? one : last));
  const isNew = places.some(({ duplicate }) => !duplicate);
  return {
    outcome: !producer ? 'appended' : isNew ? 'taken' : 'duplicate',
    next: { epoch, offset, check },
    ...(producer && { producerEpoch: producer.epoch, producerSequence: producer.sequence }),
  };
}

/** Where a further message of a request is; nothing for one that was stored so many messages ago that nobody remembers where. */
function placeOf(outcome: PromiseSettledResult<Appended>, item: number): readonly Appended[] {
  if (outcome.status === 'fulfilled') return [outcome.value];
  const { code, detail } = toSyncError(outcome.reason);
  if (code !== 'sequence') throw outcome.reason;
  if (Number(detail?.['expected']) > item) return [];
  // The log has lost what it stored just now.
  throw new SyncError('unavailable', 'The log has changed since the request began. Send it again.');
}

/** Why something was not stored, as an answer, where the producer is what is wrong; else it is thrown. */
function notStored(thrown: unknown, top: Position, producer: Producing | undefined): StreamAnswer {
  const { code, detail } = toSyncError(thrown);
  if (!producer) throw thrown;
  if (code === 'superseded') return { outcome: 'fenced' };
  const next = Number(detail?.['expected']) - 1;
  if (code !== 'sequence' || Number.isNaN(next)) throw thrown;
  // It was stored so long ago that nobody remembers where: the numbers have no holes.
  if (producer.sequence < next)
    return { outcome: 'duplicate', next: top, producerEpoch: producer.epoch, producerSequence: next - 1 };
  return { outcome: 'skipped', expected: next, received: producer.sequence };
}

function fixed(channel: string, what: 'closed' | 'deleted'): StreamAnswer {
  const why = `"${channel}" is there by the server's contract: it can't be ${what}. Streams that clients create and end are those of durable() channels.`;
  return { outcome: 'fixed', why };
}

/** Whether a media type is the one that is meant, whatever its case; of its parameters only a charset may be said, and only UTF-8. */
function sameType(given: string, type: string): boolean {
  const [essence = '', ...parameters] = given.split(';').map((part) => part.trim().toLowerCase());
  return essence === type && parameters.every((one) => /^(charset="?utf-8"?)?$/.test(one));
}
