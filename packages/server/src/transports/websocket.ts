/**
 * The native WebSocket transport: reads `syncline.v1` frames into a session and writes what it takes from it. It knows the
 * codec and the socket; it never sees a channel.
 */
import { limits } from '@syncline/protocol';
import { ackBytesMax, type Data, encodeServer, type FrameOf, writeAck } from '@syncline/protocol/wire';
import type { Batch, Seen, Signals, SnapshotPart } from '../cursor.ts';
import type { Control } from '../session/port.ts';
import { batchFrame, receive, seenFrame, signalsFrame, snapshotFrame } from './frames.ts';
import { binaryFrame, pingFrame, shortFrames, textFrame, textFrames } from './framing.ts';
import { Transport } from './transport.ts';

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
    receive(this.session, data, isBinary, this.tools);
  }
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
export function nativeSeen(seen: Seen): Uint8Array {
  return textFrame(seenFrame(seen));
}

function encodeBatch(batch: Batch): Uint8Array {
  return frameOf(batchFrame(batch));
}

function encodeSnapshot(part: SnapshotPart): Uint8Array {
  return frameOf(snapshotFrame(part));
}

function encodeSignals(signals: Signals): Uint8Array {
  return textFrame(signalsFrame(signals));
}

function frameOf(data: Data): Uint8Array {
  return typeof data === 'string' ? textFrame(data) : binaryFrame(data);
}
