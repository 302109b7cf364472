/**
 * Streams as plain HTTP knows them, without a session: what is there, whether somebody may read it, and who takes what is written. A
 * live read is a session; a transport looks here before it opens one. It knows no kind, no request and no header.
 */
import { type Position, SyncError } from '@syncline/protocol';
import type { Shown } from '../hub/face.ts';
import type { Faces } from '../hub/faces.ts';
import { type Asker, charge, chargeRead } from './asking.ts';
import type { Sessions } from './sessions.ts';
import { DurableWrites } from './streams/durable.ts';
import { FixedWrites } from './streams/fixed.ts';
import type { StreamAnswer, StreamWrite, Writes } from './streams/request.ts';
import { told } from './told.ts';
import type { SessionTools } from './tools.ts';
import { definitionOf } from './vetting.ts';

/** Who asks for which stream. */
export interface StreamAsked extends Asker {
  readonly channel: string;
}

/** A stream as it is found. */
export interface Found extends Shown {
  /** Where it ends right now. */
  readonly top: Position;
  /** Whether anybody may read it, whoever they are. */
  readonly open: boolean;
  /** Charges its reader for so many bytes, besides what was charged for the request. */
  readonly charge: (bytes: number) => void;
}

export class Streams {
  readonly #tools: SessionTools;
  readonly #sessions: Sessions;
  readonly #faces: Faces;
  readonly #fixed: Writes;
  readonly #durable: Writes;

  constructor(tools: SessionTools, sessions: Sessions, faces: Faces) {
    this.#tools = tools;
    this.#sessions = sessions;
    this.#faces = faces;
    this.#fixed = new FixedWrites(tools, sessions, faces);
    this.#durable = new DurableWrites(tools, sessions);
  }

  /**
   * A stream that somebody wants to read.
   *
   * @param uses whether this counts as a use of it, which puts its end off
   * @throws SyncError `too_many`, whose detail `retryMs` says when to come again, `unknown_channel`, `forbidden`, `expired`, `revoked`,
   * `unavailable`
   */
  async find(asked: StreamAsked, uses: boolean): Promise<Found> {
    try {
      return await this.#find(asked, uses);
    } catch (thrown) {
      throw told(this.#tools, thrown);
    }
  }

  /** Creates a stream, or finds it there. @throws SyncError, as `find` */
  create(write: StreamWrite): Promise<StreamAnswer> {
    return this.#write(write.channel, (writes) => writes.create(write));
  }

  /** Appends to a stream, or closes it, or both. @throws SyncError, as `find` */
  append(write: StreamWrite): Promise<StreamAnswer> {
    return this.#write(write.channel, (writes) => writes.append(write));
  }

  /** Deletes a stream. @throws SyncError, as `find` */
  remove(asked: StreamAsked): Promise<StreamAnswer> {
    return this.#write(asked.channel, (writes) => writes.remove(asked));
  }

  async #find(asked: StreamAsked, uses: boolean): Promise<Found> {
    const { access, hub } = this.#tools;
    const { identity, channel } = asked;
    charge(this.#tools, this.#sessions, asked, { type: 'subscribe', channel });
    const definition = definitionOf(hub, channel);
    await access.rights(identity).demand('subscribe', channel, definition);
    const shown = await this.#faces.show(channel, uses);
    // Rights may have ended while this was looked for.
    access.good(identity);
    if (!shown) throw new SyncError('unknown_channel', `There is no stream at ${JSON.stringify(channel)}.`);
    const open = definition.anonymous.includes('subscribe');
    return { ...shown, top: shown.head(), open, charge: (bytes) => chargeRead(this.#sessions, asked, bytes) };
  }

  async #write(channel: string, write: (writes: Writes) => Promise<StreamAnswer>): Promise<StreamAnswer> {
    try {
      definitionOf(this.#tools.hub, channel);
      const writes = this.#faces.fixed(channel) ? this.#fixed : this.#durable;
      return await write(writes);
    } catch (thrown) {
      throw told(this.#tools, thrown);
    }
  }
}
