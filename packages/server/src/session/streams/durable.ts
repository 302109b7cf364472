/**
 * Requests that write to durable logs: what their fields say is read, rights are asked for and all is charged, as of a session, and what
 * the log says to it becomes an answer. The transport hands them over once it knows who is asking; it knows no log, and no response.
 */
import { SyncError } from '@syncline/protocol';
import type { Action } from '../../access.ts';
import { bodyOf, type DurableRequest, type Judged } from '../../hub/durables.ts';
import { charge } from '../asking.ts';
import { producerAs } from '../scope.ts';
import type { Sessions } from '../sessions.ts';
import type { SessionTools } from '../tools.ts';
import { definitionOf } from '../vetting.ts';
import type { StreamAnswer, StreamWrite, Writes } from './request.ts';

/** Who asks for what. */
type Asked = Pick<StreamWrite, 'identity' | 'network' | 'channel'>;

/** Media types, and what is said where nothing is. */
const typePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+[\t ]*(;[\t\x20-\x7e]*)?$/;
const typeDefault = 'application/octet-stream';
/** Of types, marks and ids of producers. */
const charsMax = 255;
/** A hundred years. */
const ttlSecondsMax = 3_155_760_000;
/** RFC 3339, section 5.6. */
const timePattern = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

export class DurableWrites implements Writes {
  readonly #tools: SessionTools;
  readonly #sessions: Sessions;

  constructor(tools: SessionTools, sessions: Sessions) {
    this.#tools = tools;
    this.#sessions = sessions;
  }

  async create(write: StreamWrite): Promise<StreamAnswer> {
    const { body, closes: closed, type = typeDefault } = write;
    return await this.#ask(write, body.length, ['manage'], () => {
      if (type.length > charsMax || !typePattern.test(type))
        throw new SyncError('bad_frame', 'The Content-Type is no media type of up to 255 characters.');
      return { op: 'create', type, closed, ...lifetimeOf(write), body: bodyOf(type, body, true) };
    });
  }

  async append(write: StreamWrite): Promise<StreamAnswer> {
    const { identity, body, closes: closed, type, order, producer } = write;
    // Who only closes a log publishes nothing.
    const actions: Action[] = [
      ...(body.length > 0 ? (['publish'] as const) : []),
      ...(closed ? (['manage'] as const) : []),
    ];
    return await this.#ask(write, body.length, actions.length > 0 ? actions : ['publish'], () => {
      if ((order?.length ?? 0) > charsMax || (producer?.id.length ?? 0) > charsMax)
        throw new SyncError('bad_frame', `Stream-Seq and Producer-Id have up to ${charsMax} characters.`);
      const { id = '', epoch = 0, sequence: seq = 0 } = producer ?? {};
      return {
        op: 'append',
        type: type ?? null,
        body: bodyOf(type ?? '', body, false),
        closed,
        seq: order ?? null,
        producer: producer ? { id: producerAs(identity, id), epoch, seq } : null,
      };
    });
  }

  async remove(asked: Asked): Promise<StreamAnswer> {
    return await this.#ask(asked, 0, ['manage'], () => ({ op: 'delete' }));
  }

  async #ask(
    asked: Asked,
    bytes: number,
    actions: readonly Action[],
    request: () => DurableRequest,
  ): Promise<StreamAnswer> {
    const { access, hub, metrics, payloadBytesMax } = this.#tools;
    const { identity, channel } = asked;
    metrics.framesReceived++;
    charge(this.#tools, this.#sessions, asked, { type: 'publish', channel, bytes });
    const definition = definitionOf(hub, channel);
    const rights = access.rights(identity);
    for (const action of actions) await rights.demand(action, channel, definition);
    if (bytes > payloadBytesMax)
      throw new SyncError(
        'payload_too_large',
        `The body has ${bytes} bytes; this server takes up to ${payloadBytesMax} in one request. Send several.`,
      );
    const read = request();
    // Rights may have ended while they were asked for.
    access.good(identity);
    return answerOf(read, await hub.durables.ask(channel, read, identity.user));
  }
}

function answerOf(request: DurableRequest, judged: Judged): StreamAnswer {
  const { outcome, facts, producer, position, fault } = judged;
  const asked = request.op === 'append' ? request.producer : null;
  return {
    outcome: outcome === 'appended' && asked ? 'taken' : outcome,
    why: fault ?? undefined,
    ...(facts && { next: position, type: facts.type, closed: facts.closed }),
    ...(asked && producer && { producerEpoch: producer.epoch, producerSequence: producer.seq }),
    ...(asked && outcome === 'skipped' && { expected: expectedOf(judged, asked.epoch), received: asked.seq }),
  };
}

/** The number that would have fit in that epoch. */
function expectedOf({ producer }: Judged, epoch: number): number {
  return producer?.epoch === epoch ? producer.seq + 1 : 0;
}

/** @throws SyncError `bad_frame` */
function lifetimeOf({ ttl, expiresAt }: Pick<StreamWrite, 'ttl' | 'expiresAt'>) {
  if (ttl !== undefined && expiresAt !== undefined)
    throw new SyncError('bad_frame', 'Give Stream-TTL or Stream-Expires-At, not both.');
  const seconds = Number(ttl);
  if (ttl !== undefined && !(/^(0|[1-9]\d*)$/.test(ttl) && seconds <= ttlSecondsMax))
    throw new SyncError(
      'bad_frame',
      `Stream-TTL is a whole number of seconds, up to ${ttlSecondsMax}, without sign or leading zeros.`,
    );
  const time = Date.parse(expiresAt ?? '');
  if (expiresAt !== undefined && !(timePattern.test(expiresAt) && time >= 0))
    throw new SyncError('bad_frame', 'Stream-Expires-At is a time such as 2030-01-31T12:00:00Z (RFC 3339).');
  return { ttlS: ttl === undefined ? null : seconds, expiresAt: expiresAt === undefined ? null : time };
}
