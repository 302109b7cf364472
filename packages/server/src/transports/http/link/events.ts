/**
 * Frames as they travel down a link over HTTP (rule L5): as events of an event stream, whether it stays open or is the answer to one
 * poll, so that all links share their bytes. The link writes them; this room knows no session and no request.
 */
import type { ErrorCode } from '@syncline/protocol';
import { errors } from '@syncline/protocol';
import { type Data, encodeServer } from '@syncline/protocol/wire';
import type { Batch, Seen, Signals, SnapshotPart } from '../../../cursor.ts';
import type { Control } from '../../../session/port.ts';
import { batchFrame, seenFrame, signalsFrame, snapshotFrame } from '../../frames.ts';

/** An event without anything in it: whoever reads a stream answers it, which is its sign of life. */
const ping = ':\n\n';

/** One frame. Line ends in a text stay what they are: only then is its check that of the entry. */
function frameEvent(frame: Data): string {
  if (typeof frame !== 'string') return `data:${Buffer.from(frame).toString('base64')}\n\n`;
  return `data:${frame.includes('\n') ? frame.replaceAll('\n', '\ndata:') : frame}\n\n`;
}

/** By which name the link is called. */
export function linkEvent(id: string): string {
  return `link:${id}\n\n`;
}

/** The last that is said: with what a WebSocket would be closed. */
export function closeEvent(code: ErrorCode, reason: string): string {
  return `close:${errors[code].close} ${reason.replaceAll(/[\r\n]/g, ' ')}\n\n`;
}

/** Control frames. */
export function linkControls(frames: readonly Control[]): Uint8Array {
  const texts = frames.map((frame) => frameEvent(encodeServer(frame)));
  if (frames.some((frame) => frame.type === 'heartbeat')) texts.push(ping);
  return Buffer.from(texts.join(''));
}

/** A batch as the bytes that all links share. */
export function linkBatch(batch: Batch): Uint8Array {
  return batch.encoded('link', (one) => Buffer.from(frameEvent(batchFrame(one))));
}

/** A part of a snapshot as the bytes that all links share. */
export function linkSnapshot(part: SnapshotPart): Uint8Array {
  return part.encoded('link', (one) => Buffer.from(frameEvent(snapshotFrame(one))));
}

/** Signals as the bytes that all links share. */
export function linkSignals(signals: Signals): Uint8Array {
  return signals.encoded('link', (one) => Buffer.from(frameEvent(signalsFrame(one))));
}

/** What a view tells, as bytes for its one reader. */
export function linkSeen(seen: Seen): Uint8Array {
  return Buffer.from(frameEvent(seenFrame(seen)));
}
