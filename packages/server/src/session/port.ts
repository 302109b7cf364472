/**
 * The seam between a session and its transport: what a session says, and how it is turned into bytes and written. Every
 * transport implements Port; the session calls it and knows nothing of what is behind. It must not know any channel.
 */

import { type ErrorCode, errors, type SyncError } from '@syncline/protocol';
import type { Data, ServerFrame } from '@syncline/protocol/wire';
import { Batch, Ended, type Gap, type Reading, Seen, Signals, SnapshotPart } from '../cursor.ts';

/** What a server says that is no entry. */
export type Control = Exclude<ServerFrame, { type: 'entries' | 'snapshot' | 'changes' | 'signals' | 'seen' }>;

/** The transport's side of a session: how it turns frames into bytes, and how it is told to write or to end. */
export interface Port {
  /** The bytes of these frames, one after another; undefined when this transport has nothing to say of them. */
  controls(frames: readonly Control[]): Uint8Array | undefined;
  /** The bytes of a batch, shared where possible; undefined when this transport leaves all of it out. */
  batch(batch: Batch): Uint8Array | undefined;
  /** The bytes of a part of a snapshot, shared where possible; undefined when this transport leaves it out. */
  snapshot(part: SnapshotPart): Uint8Array | undefined;
  /** The bytes of signals, shared where possible; undefined when this transport leaves them out. */
  signals(signals: Signals): Uint8Array | undefined;
  /** The bytes of what a view tells; undefined when this transport leaves it out. */
  seen(seen: Seen): Uint8Array | undefined;
  /** Takes from the session and writes while there is room. Called at the end of a turn in which something came up. */
  pump(): void;
  /** Ends the connection because of an error of the table, after what was taken so far. */
  end(code: ErrorCode, reason: string): void;
}

/** A text cut out of a frame holds on to all of the frame, and is slower to go through; a copy stands alone. */
export function own(data: Data): Data {
  return typeof data === 'string' ? Buffer.from(data, 'utf8').toString('utf8') : data;
}

/** A gap as the frame that tells it. */
function gapFrame({ id, position, top, reason: why }: Gap): Control {
  return { type: 'gap', id, position, top, reason: why };
}

/** The end of a subscription or a view as the frame that tells it. */
export function revokedFrame(id: number, { code, message }: SyncError): Control {
  return { type: 'revoked', id, code, message: isInside(code) ? errors[code].message : message };
}

/** Errors that say something about this node: clients are told the table's sentence, since what a broker says of itself may name files. */
export function isInside(code: ErrorCode): boolean {
  return code === 'internal' || code === 'storage' || code === 'corrupt';
}

/** What a session reads, one thing after another. */
export type Taken = Exclude<ReturnType<Reading['take']>, undefined>;

/** What was read, as bytes of this transport; undefined when it leaves that out. */
export function bytesOf(port: Port, taken: Taken): Uint8Array | undefined {
  if (taken instanceof Batch) return port.batch(taken);
  if (taken instanceof SnapshotPart) return port.snapshot(taken);
  if (taken instanceof Signals) return port.signals(taken);
  if (taken instanceof Seen) return port.seen(taken);
  if (taken instanceof Ended) return port.controls([revokedFrame(taken.id, taken.error)]);
  return port.controls([gapFrame(taken)]);
}
