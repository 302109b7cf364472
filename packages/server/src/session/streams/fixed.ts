/**
 * Requests that write to channels which the contract made: their messages are appended as what clients publish, and nobody creates,
 * closes or deletes them. The streams of a node call it; it goes by what faces and definitions say, and knows no header.
 */
import { type Definition, SyncError } from '@syncline/protocol';
import { type Data, toSyncError } from '@syncline/protocol/wire';
import type { Channel } from '../../channel.ts';
import type { Intake } from '../../hub/admission.ts';
import type { Face } from '../../hub/face.ts';
import type { Faces } from '../../hub/faces.ts';
import { charge } from '../asking.ts';
import type { Sessions } from '../sessions.ts';
import type { SessionTools } from '../tools.ts';
import { definitionOf, vet } from '../vetting.ts';
import type { StreamAnswer, StreamWrite, Writes } from './request.ts';
import { Storing } from './storing.ts';

/** Messages in one request. */
const messagesMax = 1000;
/** Of ids of producers. */
const charsMax = 255;

type Asked = Pick<StreamWrite, 'identity' | 'network' | 'channel'>;

export class FixedWrites implements Writes {
  readonly #tools: SessionTools;
  readonly #sessions: Sessions;
  readonly #faces: Faces;
  readonly #storing: Storing;

  constructor(tools: SessionTools, sessions: Sessions, faces: Faces) {
    this.#tools = tools;
    this.#sessions = sessions;
    this.#faces = faces;
    this.#storing = new Storing((identity) => tools.access.good(identity));
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
    const messages = intakes.map(({ append }) => ({ ...append, from: identity.user }));
    return await this.#storing.store(channel, identity, messages, producer);
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

function fixed(channel: string, what: 'closed' | 'deleted'): StreamAnswer {
  const why = `"${channel}" is there by the server's contract: it can't be ${what}. Streams that clients create and end are those of durable() channels.`;
  return { outcome: 'fixed', why };
}

/** Whether a media type is the one that is meant, whatever its case; of its parameters only a charset may be said, and only UTF-8. */
function sameType(given: string, type: string): boolean {
  const [essence = '', ...parameters] = given.split(';').map((part) => part.trim().toLowerCase());
  return essence === type && parameters.every((one) => /^(charset="?utf-8"?)?$/.test(one));
}
