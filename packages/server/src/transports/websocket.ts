/**
 * The native WebSocket transport: reads `syncline.v1` frames into a session and writes what it takes from it. It knows the
 * codec and the socket; it never sees a channel.
 */
import { limits, SyncError } from '@syncline/protocol';
import {
  ackBytesMax,
  type ClientFrame,
  decodeClient,
  decodeClientBinary,
  type Entry,
  encodeEntries,
  encodeEntriesBinary,
  encodeServer,
  encodeSnapshotBinary,
  type FrameOf,
  type Refused,
  readPublish,
  wireText,
  writeAck,
} from '@syncline/protocol/wire';
import type { Batch, Seen, Signals, SnapshotPart } from '../cursor.ts';
import { type Control, own } from '../session/port.ts';
import { binaryFrame, pingFrame, shortFrames, textFrame, textFrames } from './framing.ts';
import { Transport } from './transport.ts';

const binaryRefused: Refused = {
  type: 'refused',
  ref: null,
  error: new SyncError(
    'unsupported_data',
    'This server has no channel that carries bytes: it takes text frames.',
  ),
};

/** How every request begins: its name, its number, and something more. */
const request = /^[\t\n\r ]*\[[\t\n\r ]*"[a-z]{1,32}"[\t\n\r ]*,[\t\n\r ]*([1-9]\d{0,9})[\t\n\r ]*,/;

/** A client of the native transport. */
export class NativeTransport extends Transport {
  controls(frames: readonly Control[]): Uint8Array {
    return nativeControls(frames);
  }

  batch(batch: Batch): Uint8Array {
    return nativeBatch(batch);
  }

  snapshot(part: SnapshotPart): Uint8Array {
    return nativeSnapshot(part);
  }

  signals(signals: Signals): Uint8Array {
    return nativeSignals(signals);
  }

  seen(seen: Seen): Uint8Array {
    return nativeSeen(seen);
  }

  message(data: Buffer, isBinary: boolean): void {
    const { session } = this;
    const { frameBytesMax, takesBinary } = this.tools;
    if (isBinary) {
      const read = () => (takesBinary ? decodeClientBinary(data, frameBytesMax) : binaryRefused);
      if (session.pays(data.length, () => read().ref)) session.receive(read());
      return;
    }
    // What was read is short, and proven to be: a larger one is paid for before anyone looks at it.
    const publish = readPublish(data, frameBytesMax, cut);
    if (publish) return session.receive(publish);
    const text = String(data);
    if (session.pays(text.length, () => refOf(text))) session.receive(readFrame(text, frameBytesMax));
  }
}

/** A text that stands alone. */
function cut(bytes: Uint8Array, from: number, to: number, ascii: boolean): string {
  // A transport's messages are buffers.
  return (bytes as Buffer).toString(ascii ? 'latin1' : 'utf8', from, to);
}

/**
 * A client's frame. One that nests too deep or holds too much is never built, so its number is looked for in its text: then
 * it is answered like any other that is refused, and the session goes on (rule F5).
 */
function readFrame(text: string, bytesMax: number): ClientFrame | Refused {
  const frame = decodeClient(text, bytesMax);
  if (frame.type === 'publish') return { ...frame, data: own(frame.data) };
  // Of all refusals only those for a bound have a detail.
  if (frame.type !== 'refused' || frame.ref !== null || !frame.error.detail) return frame;
  return { ...frame, ref: refOf(text) };
}

/** The number of a request, found without building it. */
function refOf(text: string): number | null {
  const ref = Number(request.exec(text)?.[1]);
  return ref <= limits.refMax.default ? ref : null;
}

/** Control frames as bytes of the native transport. */
export function nativeControls(frames: readonly Control[]): Uint8Array {
  if (frames.every(isAck)) return shortFrames(frames, ackBytesMax, writeAck);
  const bytes = textFrames(frames.map(encodeServer));
  // Browsers don't show pings to the page, but answer them: that answer is the server's sign of life.
  return frames.some((frame) => frame.type === 'heartbeat') ? Buffer.concat([bytes, pingFrame]) : bytes;
}

type Ack = FrameOf<Control, 'ack'>;

/** Whether it is an acknowledgement: a busy session is told little else, so there is a short way for those. */
function isAck(frame: Control): frame is Ack {
  return frame.type === 'ack' && frame.position.epoch.length <= limits.epochCharsMax.default;
}

/** A batch as the bytes that all native subscribers share. */
export function nativeBatch(batch: Batch): Uint8Array {
  return batch.encoded('native', encodeBatch);
}

/** A part of a snapshot as the bytes that all native subscribers share. */
export function nativeSnapshot(part: SnapshotPart): Uint8Array {
  return part.encoded('native', encodeSnapshot);
}

/** Signals as the bytes that all native subscribers share. */
export function nativeSignals(signals: Signals): Uint8Array {
  return signals.encoded('native', encodeSignals);
}

/** What a view tells, as bytes for its one reader. */
export function nativeSeen({ id, offset, more, rows, gone }: Seen): Uint8Array {
  return textFrame(encodeServer({ type: 'seen', id, offset, more, rows, gone }));
}

function encodeSignals({ id, signals }: Signals): Uint8Array {
  return textFrame(encodeServer({ type: 'signals', id, signals }));
}

function encodeSnapshot({ id, offset, check, more, data }: SnapshotPart): Uint8Array {
  const frame = { type: 'snapshot', id, offset, check, more } as const;
  if (typeof data === 'string') return textFrame(encodeServer({ ...frame, data }));
  return binaryFrame(encodeSnapshotBinary({ ...frame, data }));
}

function encodeBatch({ id, stamped, entries, from, last }: Batch): Uint8Array {
  const first = entries[0]?.offset ?? 0;
  if (typeof last.data !== 'string') return binaryFrame(encodeEntriesBinary(id, first, entries.map(bytesOf)));
  if (from === null) {
    const texts = entries.map((entry) => wireText(entry, stamped));
    return textFrame(encodeEntries(id, first, texts));
  }
  const placed = entries.map((entry) => ({ offset: entry.offset, data: wireText(entry, stamped) }));
  return textFrame(encodeServer({ type: 'changes', id, from, check: last.check, entries: placed }));
}

/** A log holds bytes or texts, never both; and where it holds bytes nobody can say which entries might be left out. */
function bytesOf({ data }: Entry): Uint8Array {
  if (typeof data === 'string') throw new SyncError('corrupt', 'A log of bytes holds a text.');
  return data;
}
