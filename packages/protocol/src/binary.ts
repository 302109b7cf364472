/**
 * The frames of channels whose data are bytes (rule F8): varints, texts, then the bytes as they are. Session and
 * connection call it at their edge beside the codec, whose fields it reads names and numbers with.
 */
import { joined } from './bytes.ts';
import { clientFrames, type Refused, readField, refused, serverFrames, tooLarge } from './codec.ts';
import { SyncError } from './codes.ts';
import type { ClientFrame, FrameOf, ServerFrame } from './frame.ts';
import { frameBytesMax } from './limits.ts';

/** A client's frame that carries bytes. */
export type BinaryPublish = FrameOf<ClientFrame, 'publish'> & { readonly data: Uint8Array };

/** A part of a snapshot that is bytes. */
export type BinarySnapshot = FrameOf<ServerFrame, 'snapshot'> & { readonly data: Uint8Array };

const entriesTag = 0;
const publishTag = 1;
const snapshotTag = 2;

/** Reads a client's binary frame. Whatever is wrong comes back as `refused`; it never throws. `data` is a copy. */
export function decodeClientBinary(
  bytes: Uint8Array,
  bytesMax: number = frameBytesMax,
): BinaryPublish | Refused {
  const reader = new Reader(bytes);
  let ref: number | undefined;
  try {
    if (bytes.length > bytesMax) throw tooLarge(bytesMax);
    const tag = reader.number();
    ref = reader.number();
    if (tag !== publishTag)
      throw new SyncError('bad_frame', `No binary frame of a client begins with ${tag}.`);
    const { publish } = clientFrames;
    return {
      type: 'publish',
      ref: readField('publish', 'ref', publish.ref, ref),
      channel: readField('publish', 'channel', publish.channel, reader.text()),
      producer: readField('publish', 'producer', publish.producer, reader.text()),
      sequence: readField('publish', 'sequence', publish.sequence, reader.number()),
      data: reader.rest(),
    };
  } catch (thrown) {
    return refused(ref, thrown);
  }
}

/** Writes a client's frame as bytes. */
export function encodeClientBinary(frame: BinaryPublish): Uint8Array {
  return join([
    publishTag,
    frame.ref,
    ...sized(utf8(frame.channel)),
    ...sized(utf8(frame.producer)),
    frame.sequence,
    frame.data,
  ]);
}

/**
 * Reads a server's binary frame; undefined for one that this version doesn't know.
 *
 * @throws SyncError `bad_frame` when a known frame can't be read.
 */
export function decodeServerBinary(bytes: Uint8Array): ServerFrame | undefined {
  const reader = new Reader(bytes);
  const tag = reader.number();
  if (tag === entriesTag) {
    const id = reader.number();
    const first = readField('entries', 'first', clientFrames.publish.sequence, reader.number());
    const entries: Uint8Array[] = [];
    while (!reader.done) entries.push(reader.bytes());
    return { type: 'entries', id, first, entries };
  }
  if (tag !== snapshotTag) return undefined;
  const id = reader.number();
  const offset = reader.number();
  return {
    type: 'snapshot',
    id,
    offset,
    check: readField('snapshot', 'check', serverFrames.snapshot.check, reader.number()),
    more: reader.number() === 1,
    data: reader.rest(),
  };
}

/** The bytes of a frame of entries (rule D1). */
export function encodeEntriesBinary(id: number, first: number, entries: readonly Uint8Array[]): Uint8Array {
  return join([entriesTag, id, first, ...entries.flatMap(sized)]);
}

/** The bytes of a frame with a part of a snapshot. */
export function encodeSnapshotBinary(frame: BinarySnapshot): Uint8Array {
  const { id, offset, check, more, data } = frame;
  return join([snapshotTag, id, offset, check, Number(more), data]);
}

/** Takes a frame apart from its front; what would reach past its end is refused. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  number(): number {
    let value = 0;
    // A scale beyond 2⁴⁹ would be the ninth byte. Sums, not shifts: those end at 32 bits.
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw tooShort();
      value += (byte % 128) * scale;
      if (byte < 128 && value <= Number.MAX_SAFE_INTEGER) return value;
    }
    throw new SyncError('bad_frame', 'The binary frame holds a number above 2^53 - 1.');
  }

  /** A copy, so that keeping it doesn't keep the whole frame, nor whatever block of memory the frame was received into. */
  bytes(count: number = this.number()): Uint8Array {
    if (count > this.#bytes.length - this.#at) throw tooShort();
    const end = this.#at + count;
    const copy = new Uint8Array(this.#bytes.subarray(this.#at, end));
    this.#at = end;
    return copy;
  }

  text(): string {
    try {
      // A mark at the beginning stays: names are compared exactly (rule C1).
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.bytes());
    } catch (thrown) {
      throw thrown instanceof SyncError
        ? thrown
        : new SyncError('bad_frame', 'The binary frame holds a text that is not UTF-8.');
    }
  }

  rest(): Uint8Array {
    return this.bytes(this.#bytes.length - this.#at);
  }
}

function tooShort(): SyncError {
  return new SyncError('bad_frame', 'The binary frame ends too early.');
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function sized(bytes: Uint8Array): [number, Uint8Array] {
  return [bytes.length, bytes];
}

/** Numbers as varints and bytes as they are, one after the other. */
function join(parts: readonly (number | Uint8Array)[]): Uint8Array {
  return joined(parts.map((part) => (typeof part === 'number' ? varint(part) : part)));
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return Uint8Array.of(...bytes, value);
}
