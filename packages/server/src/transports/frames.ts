/**
 * What transports share that speak `syncline.v1`: the frames of clients read into a session, and what a session tells as frames. The
 * WebSocket transport and links over HTTP call it; how a frame is wrapped on its way is theirs. It never sees a channel.
 */
import { limits, SyncError } from '@syncline/protocol';
import {
  type ClientFrame,
  type Data,
  decodeClient,
  decodeClientBinary,
  type Entry,
  encodeEntries,
  encodeEntriesBinary,
  encodeServer,
  encodeSnapshotBinary,
  type Refused,
  readPublish,
  wireText,
} from '@syncline/protocol/wire';
import type { Batch, Seen, Signals, SnapshotPart } from '../cursor.ts';
import { own } from '../session/port.ts';
import type { Session } from '../session.ts';

/** What must be known to read a frame. */
export interface ReadingRules {
  /** Whether there are channels whose data are bytes, which travel in binary frames. */
  readonly takesBinary: boolean;
  readonly frameBytesMax: number;
}

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

/** Hands one frame to a session, which is charged for it first. @param data UTF-8, where it isn't binary */
export function receive(session: Session, data: Buffer, isBinary: boolean, rules: ReadingRules): void {
  const { frameBytesMax, takesBinary } = rules;
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

/** The frame of a batch. */
export function batchFrame({ id, stamped, entries, from, last }: Batch): Data {
  const first = entries[0]?.offset ?? 0;
  if (typeof last.data !== 'string') return encodeEntriesBinary(id, first, entries.map(bytesOf));
  if (from === null) {
    const texts = entries.map((entry) => wireText(entry, stamped));
    return encodeEntries(id, first, texts);
  }
  const placed = entries.map((entry) => ({ offset: entry.offset, data: wireText(entry, stamped) }));
  return encodeServer({ type: 'changes', id, from, check: last.check, entries: placed });
}

/** The frame of a part of a snapshot. */
export function snapshotFrame({ id, offset, check, more, data }: SnapshotPart): Data {
  const frame = { type: 'snapshot', id, offset, check, more } as const;
  if (typeof data === 'string') return encodeServer({ ...frame, data });
  return encodeSnapshotBinary({ ...frame, data });
}

/** The frame of signals. */
export function signalsFrame({ id, signals }: Signals): string {
  return encodeServer({ type: 'signals', id, signals });
}

/** The frame of what a view tells. */
export function seenFrame({ id, offset, more, rows, gone }: Seen): string {
  return encodeServer({ type: 'seen', id, offset, more, rows, gone });
}

/** A log holds bytes or texts, never both; and where it holds bytes nobody can say which entries might be left out. */
function bytesOf({ data }: Entry): Uint8Array {
  if (typeof data === 'string') throw new SyncError('corrupt', 'A log of bytes holds a text.');
  return data;
}
