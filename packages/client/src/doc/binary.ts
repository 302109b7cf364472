/**
 * Frames as bytes, the client's half only (rule F8): it writes publishes of bytes and reads entries and snapshots of bytes. The
 * entry with documents hands it to the connection, in place of the protocol's codec; binary.test.ts proves that the two agree.
 */
import { joined, type ServerFrame } from '@syncline/protocol/wire';
import { misread } from '../faults.ts';
import type { BinaryFrames } from '../requests.ts';

export const bytes: BinaryFrames = {
  read(frame): ServerFrame | undefined {
    // An ArrayBuffer, as sockets give it, or bytes.
    const reader = new Reader(new Uint8Array(frame as ArrayBuffer));
    const tag = reader.number();
    const id = reader.number();
    if (tag === 0) {
      const first = reader.number();
      const entries: Uint8Array[] = [];
      while (reader.left > 0) entries.push(reader.bytes(reader.number()));
      return { type: 'entries', id, first, entries };
    }
    if (tag !== 2) return undefined;
    const place = { offset: reader.number(), check: reader.number(), more: reader.number() === 1 };
    return { type: 'snapshot', id, ...place, data: reader.bytes(reader.left) };
  },
  write([type, ref, channel, producer, sequence, data]): Uint8Array<ArrayBuffer> | undefined {
    if (type !== 'publish' || !(data instanceof Uint8Array)) return undefined;
    const texts = [channel, producer].flatMap((text) => {
      const utf8 = new TextEncoder().encode(String(text));
      return [...varint(utf8.length), ...utf8];
    });
    const head = [1, ...varint(Number(ref)), ...texts, ...varint(Number(sequence))];
    return joined([Uint8Array.from(head), data]);
  },
};

/** Takes a frame apart from its front. @throws SyncError `bad_frame` where it ends too early */
class Reader {
  readonly #frame: Uint8Array;
  #at = 0;

  constructor(frame: Uint8Array) {
    this.#frame = frame;
  }

  get left(): number {
    return this.#frame.length - this.#at;
  }

  number(): number {
    let value = 0;
    // Sums, not shifts: those end at 32 bits.
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.#frame[this.#at++] ?? 256;
      if (byte > 255) break;
      value += (byte % 128) * scale;
      if (byte < 128 && value <= Number.MAX_SAFE_INTEGER) return value;
    }
    throw misread();
  }

  /** A copy, so that keeping it doesn't keep the whole frame. */
  bytes(count: number): Uint8Array {
    if (count > this.left) throw misread();
    this.#at += count;
    return this.#frame.slice(this.#at - count, this.#at);
  }
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}
