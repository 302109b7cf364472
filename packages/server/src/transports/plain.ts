/**
 * The plain WebSocket transport: bare payloads on a path that stands for one channel, so that five lines of browser code
 * without any SDK can chat (rules W1 to W3). It speaks to the session as a client would; it never sees a channel.
 */
import type { Duplex } from 'node:stream';
import { type ErrorCode, limits, type Position } from '@syncline/protocol';
import { type Cancel, type FrameOf, readPayload, toSyncError, wireText } from '@syncline/protocol/wire';
import type { Batch } from '../cursor.ts';
import { type Control, own } from '../session/port.ts';
import type { Place } from '../session/sessions.ts';
import { pingFrame, textFrames } from './framing.ts';
import type { Guest } from './socket.ts';
import { Transport, type TransportTools } from './transport.ts';

/** The request that subscribes the connection to its channel; those of the client's frames are above it. */
const subscribeRef = 1;

/** A client of the plain transport, and its session, which is subscribed to `channel` from the first on. */
export class PlainTransport extends Transport {
  readonly #channel: string;
  readonly #words: Words;
  #ref = subscribeRef;
  #cancelLeave: Cancel | undefined;

  constructor(ws: Guest, socket: Duplex, tools: TransportTools, place: Place, channel: string) {
    super(ws, socket, tools, place);
    this.#channel = channel;
    // Such a client knows no farewell: it is closed when its time to come back has come.
    this.#words = new Words(({ reason, afterMs }) => {
      this.#cancelLeave ??= tools.clock.timer(afterMs, () => this.session.finish('restart', reason));
    });
    this.session.receive({ type: 'subscribe', ref: subscribeRef, channel, start: 0 });
  }

  controls(frames: readonly Control[]): Uint8Array | undefined {
    return this.#words.controls(frames);
  }

  batch(batch: Batch): Uint8Array | undefined {
    return this.#words.batch(batch);
  }

  snapshot(): undefined {
    return undefined;
  }

  signals(): undefined {
    return undefined;
  }

  seen(): undefined {
    return undefined;
  }

  override pump(): void {
    super.pump();
    const { deaf } = this.#words;
    if (deaf) this.session.end(deaf.code, deaf.why);
  }

  message(data: Buffer, isBinary: boolean): void {
    const { session } = this;
    if (isBinary) return this.end('unsupported_data', 'A plain path takes text frames with JSON.');
    const ref = this.#ref === limits.refMax.default ? subscribeRef + 1 : this.#ref + 1;
    this.#ref = ref;
    const text = String(data);
    if (!session.pays(text.length, () => ref)) return;
    try {
      const payload = own(readPayload(text));
      this.tools.metrics.framesReceived++;
      session.alive();
      session.publish({ ref, channel: this.#channel, data: payload });
    } catch (thrown) {
      session.receive({ type: 'refused', ref, error: toSyncError(thrown) });
    }
  }

  override closed(): void {
    this.#cancelLeave?.();
    super.closed();
  }
}

/** What is said to one plain client, and what isn't: answers that only the SDK understands, and its own payloads. */
class Words {
  /** Why the client can't be told what others append any more, if so. */
  deaf: { readonly code: ErrorCode; readonly why: string } | undefined;
  readonly #onBye: (bye: FrameOf<Control, 'bye'>) => void;
  /** Own offsets, until they come by in the log. Who sends more, and reads nothing meanwhile, is sent away. */
  readonly #own = new Set<number>();
  #epoch = '';

  constructor(onBye: (bye: FrameOf<Control, 'bye'>) => void) {
    this.#onBye = onBye;
  }

  controls(frames: readonly Control[]): Uint8Array | undefined {
    const texts: string[] = [];
    let ping = false;
    for (const frame of frames) {
      if (frame.type === 'ack') this.#stored(frame.position);
      if (frame.type === 'gap') this.#skip(frame.position, frame.reason === 'trimmed');
      if (frame.type === 'error') {
        texts.push(JSON.stringify({ error: { code: frame.code, message: frame.message } }));
        if (frame.ref === subscribeRef)
          this.deaf = { code: frame.code, why: 'The channel could not be subscribed to.' };
      }
      if (frame.type === 'bye') this.#onBye(frame);
      ping ||= frame.type === 'heartbeat';
    }
    if (texts.length === 0) return ping ? pingFrame : undefined;
    return ping ? Buffer.concat([textFrames(texts), pingFrame]) : textFrames(texts);
  }

  /** The payloads of others; the bytes are shared with whoever has none of its own among them. */
  batch(batch: Batch): Uint8Array | undefined {
    if (this.deaf) return undefined;
    const { entries, from, last } = batch;
    if (!entries.some(({ offset }) => this.#own.has(offset))) {
      if (from !== null) this.#forget(last.offset);
      return batch.encoded('plain', encodeBatch);
    }
    // `delete` tells whether it was there: each own offset comes by once.
    const others = entries.filter(({ offset }) => !this.#own.delete(offset));
    if (from !== null) this.#forget(last.offset);
    return others.length > 0 ? textFrames(others.map((entry) => wireText(entry, false))) : undefined;
  }

  /** Own entries up to here were passed over, and won't come by. */
  #forget(offset: number): void {
    for (const own of this.#own) if (own <= offset) this.#own.delete(own);
  }

  #stored({ epoch, offset }: Position): void {
    if (epoch !== this.#epoch) this.#own.clear();
    this.#epoch = epoch;
    this.#own.add(offset);
    if (this.#own.size <= limits.ownEntriesMax.default) return;
    const why = 'Messages were sent on and on, and what others sent meanwhile was not read.';
    this.deaf = { code: 'too_many', why };
    this.#own.clear();
  }

  /** The reader stands elsewhere now: what it passed over won't come by. */
  #skip({ epoch, offset }: Position, ahead: boolean): void {
    if (epoch !== this.#epoch) return;
    for (const own of this.#own) if (!ahead || own <= offset) this.#own.delete(own);
  }
}

function encodeBatch({ entries }: Batch): Uint8Array {
  return textFrames(entries.map((entry) => wireText(entry, false)));
}
