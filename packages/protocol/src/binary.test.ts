/**
 * Binary frames (rule F8), byte for byte. Raw bytes are written out for each layout of the page, hostile ones stand in
 * tables with the words they are refused with, and fast-check cuts and bends good frames.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeClientBinary,
  decodeServerBinary,
  encodeClientBinary,
  encodeEntriesBinary,
  encodeSnapshotBinary,
} from './binary.ts';
import { SyncError } from './codes.ts';
import * as frames from './frames.suite.ts';

const ends = 'The binary frame ends too early.';
const tooBig = 'The binary frame holds a number above 2^53 - 1.';

/** Numbers are bytes, texts their UTF-8. */
function raw(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === 'number'
        ? [part]
        : [...(typeof part === 'string' ? new TextEncoder().encode(part) : part)],
    ),
  );
}

function refusal(bytes: Uint8Array): { ref: number | null; code: string; message: string } {
  const frame = decodeClientBinary(bytes);
  if (frame.type !== 'refused') throw new Error('It was taken.');
  return { ref: frame.ref, code: frame.error.code, message: frame.error.message };
}

/** A varint as the page says it, counted in BigInt. */
function varint(value: number): number[] {
  const out: number[] = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    out.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return out;
}

const maxVarint = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
const publish = {
  type: 'publish',
  ref: 300,
  channel: 'b/7',
  producer: 'p-1',
  sequence: 2,
  data: Uint8Array.of(0, 255, 128),
} as const;
const published = raw(1, 0xac, 0x02, 3, 'b/7', 3, 'p-1', 2, 0, 255, 128);

describe('layout', () => {
  test('[F8] a client publishes: 1, ref, channel, producer, sequence, and the data to the end', () => {
    expect(encodeClientBinary(publish)).toEqual(published);
    expect(decodeClientBinary(published)).toEqual(publish);
  });

  test('[F8] a server sends entries: 0, id, first offset, and each with its length', () => {
    const bytes = raw(0, 3, 0x80, 0x01, 2, 7, 8, 0, 1, 9);
    const entries = [Uint8Array.of(7, 8), new Uint8Array(), Uint8Array.of(9)];
    expect(encodeEntriesBinary(3, 128, entries)).toEqual(bytes);
    expect(decodeServerBinary(bytes)).toEqual({ type: 'entries', id: 3, first: 128, entries });
  });

  test('[F8] a server sends a snapshot: 2, id, offset, check, whether more follows, and the data to the end', () => {
    const bytes = raw(2, 3, 5, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 7, 8);
    const data = Uint8Array.of(7, 8);
    const frame = { type: 'snapshot', id: 3, offset: 5, check: 2 ** 32 - 1, more: true, data } as const;
    expect(encodeSnapshotBinary(frame)).toEqual(bytes);
    expect(decodeServerBinary(bytes)).toEqual(frame);
  });

  test('[F8] data may be empty', () => {
    expect(decodeClientBinary(raw(1, 1, 1, 'c', 1, 'p', 1))).toMatchObject({ data: new Uint8Array() });
    expect(decodeServerBinary(raw(2, 1, 1, 1, 0))).toMatchObject({ data: new Uint8Array() });
  });

  test('[F8] every frame is read back', () => {
    fc.assert(
      fc.property(frames.binaryPublish, (frame) => {
        expect(decodeClientBinary(encodeClientBinary(frame))).toEqual(frame);
      }),
    );
    fc.assert(
      fc.property(frames.count, frames.sequence, fc.array(frames.bytes), (id, first, entries) => {
        const bytes = encodeEntriesBinary(id, first, entries);
        expect(decodeServerBinary(bytes)).toEqual({ type: 'entries', id, first, entries });
      }),
    );
    fc.assert(
      fc.property(frames.binarySnapshot, (frame) => {
        expect(decodeServerBinary(encodeSnapshotBinary(frame))).toEqual(frame);
      }),
    );
  });

  test('[F8] numbers are varints of seven bits a byte, the lowest first, up to 2^53 - 1', () => {
    const edges = [0, 1, 127, 128, 16_383, 16_384, 2 ** 28, 2 ** 31, 2 ** 32, 2 ** 35, 2 ** 49 - 1, 2 ** 49];
    const value = fc.oneof(fc.constantFrom(...edges, Number.MAX_SAFE_INTEGER), frames.count);
    fc.assert(
      fc.property(value, (id) => {
        const bytes = encodeEntriesBinary(id, 1, []);
        expect([...bytes]).toEqual([0, ...varint(id), 1]);
        expect(decodeServerBinary(bytes)).toMatchObject({ id });
      }),
    );
    expect(varint(Number.MAX_SAFE_INTEGER)).toEqual(maxVarint);
  });

  test('[F8] a number may be spelled with more bytes than it needs, up to eight', () => {
    expect(decodeServerBinary(raw(0, 0x83, 0x80, 0x00, 1))).toMatchObject({ id: 3 });
    expect(() => decodeServerBinary(raw(0, 0x83, ...Array(8).fill(0x80), 0x00, 1))).toThrow(tooBig);
  });

  test('[F8] what is read is a copy: what becomes of the bytes received changes nothing', () => {
    const block = Buffer.from(raw(99, published, 99));
    const frame = decodeClientBinary(block.subarray(1, -1));
    const entries = decodeServerBinary(Buffer.from(raw(0, 1, 1, 2, 7, 8)));
    block.fill(0);
    expect(frame).toEqual(publish);
    if (frame.type !== 'publish' || entries?.type !== 'entries')
      throw new Error('They were read as other frames.');
    for (const data of [frame.data, ...entries.entries]) {
      expect(Object.getPrototypeOf(data)).toBe(Uint8Array.prototype);
      expect((data as Uint8Array).buffer.byteLength).toBe(data.length);
    }
  });
});

describe('what a client may not send', () => {
  test.each([
    ['nothing', raw(), null, ends],
    ['only a tag', raw(1), null, ends],
    ['a number cut off', raw(1, 0x80), null, ends],
    ['only a ref', raw(1, 9), 9, ends],
    ['a text cut off', raw(1, 9, 4, 'abc'), 9, ends],
    ['a text longer than all memory', raw(1, 9, ...maxVarint, 'abc'), 9, ends],
    ['no producer', raw(1, 9, 1, 'c'), 9, ends],
    ['no sequence', raw(1, 9, 1, 'c', 1, 'p'), 9, ends],
    [
      'a number of 54 bits',
      raw(1, 9, 1, 'c', 1, 'p', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10),
      9,
      tooBig,
    ],
    ['a number without end', raw(1, 9, 1, 'c', 1, 'p', ...Array(100).fill(0xff)), 9, tooBig],
    ['a ref without end', raw(1, ...Array(100).fill(0x80)), null, tooBig],
    ['a tag without end', raw(...Array(100).fill(0x80)), null, tooBig],
    ['entries', raw(0, 9, 1, 1, 7), 9, 'No binary frame of a client begins with 0.'],
    ['a snapshot', raw(2, 9, 1, 1, 7), 9, 'No binary frame of a client begins with 2.'],
    ['a text frame', raw('["heartbeat"]'), 34, 'No binary frame of a client begins with 91.'],
    [
      'a channel that is no UTF-8',
      raw(1, 9, 1, 0xff, 1, 'p', 1),
      9,
      'The binary frame holds a text that is not UTF-8.',
    ],
    [
      'a producer that is no UTF-8',
      raw(1, 9, 1, 'c', 2, 0xc0, 0x80, 1),
      9,
      'The binary frame holds a text that is not UTF-8.',
    ],
  ])('[F8] %s is refused', (_what, bytes, ref, message) => {
    expect(refusal(bytes)).toEqual({ ref, code: 'bad_frame', message });
  });

  const cannot = (field: string, expected: string, got: string) =>
    `The frame "publish" can't be read: expected \`${field}\` to be ${expected}, got ${got}.`;
  const aRef = 'an integer from 1 to 2147483647';
  const allowed = 'a channel name (it may hold only A–Z a–z 0–9 _ - = @ , . : ; and / between segments)';
  const aProducer = 'a producer id of up to 64 characters of A–Z a–z 0–9 _ -';

  test.each([
    ['a ref of 0', { ref: 0 }, null, cannot('ref', aRef, '0 (number)')],
    ['a ref of 2^31', { ref: 2 ** 31 }, null, cannot('ref', aRef, '2147483648 (number)')],
    [
      'a channel without a name',
      { channel: '' },
      300,
      cannot('channel', 'a channel name (it is empty)', '"" (string)'),
    ],
    ['a channel with a NUL', { channel: 'a\0' }, 300, cannot('channel', allowed, '"a\0" (string)')],
    [
      'a channel behind a byte order mark',
      { channel: '\ufeffa' },
      300,
      cannot('channel', allowed, '"\ufeffa" (string)'),
    ],
    ['a producer without a name', { producer: '' }, 300, cannot('producer', aProducer, '"" (string)')],
    [
      'a producer behind a byte order mark',
      { producer: '\ufeffp' },
      300,
      cannot('producer', aProducer, '"\ufeffp" (string)'),
    ],
    ['a sequence of 0', { sequence: 0 }, 300, cannot('sequence', 'an integer from 1 up', '0 (number)')],
  ])('[F2] %s is refused by the same fields as in text', (_what, change, ref, message) => {
    expect(refusal(encodeClientBinary({ ...publish, ...change }))).toEqual({
      ref,
      code: 'bad_frame',
      message,
    });
  });

  test('[F3] a frame beyond the size is refused before anything is read', () => {
    const fits = encodeClientBinary({ ...publish, data: new Uint8Array(66_560 - published.length + 3) });
    expect(fits).toHaveLength(66_560);
    expect(decodeClientBinary(fits).type).toBe('publish');
    const message = 'The frame is larger than the 66560 bytes that the server takes.';
    expect(refusal(raw(fits, 0))).toEqual({ ref: null, code: 'frame_too_large', message });
    expect(decodeClientBinary(raw(fits, 0), 70_000).type).toBe('publish');
  });

  test('[F5] the ref is answered wherever it could be read', () => {
    fc.assert(
      fc.property(frames.binaryPublish, fc.nat(), (frame, at) => {
        const bytes = encodeClientBinary(frame);
        const cut = decodeClientBinary(bytes.subarray(0, at % (bytes.length - frame.data.length)));
        const whole = 1 + varint(frame.ref).length;
        const readable = at % (bytes.length - frame.data.length) >= whole;
        expect(cut).toMatchObject({ type: 'refused', ref: readable ? frame.ref : null });
      }),
    );
  });

  test('[F8] any bytes are a frame or refused as bad_frame; it never throws', () => {
    const bent = fc
      .tuple(frames.binaryPublish, fc.nat(), fc.nat(255))
      .map(([frame, at, byte]) =>
        encodeClientBinary(frame).with(at % encodeClientBinary(frame).length, byte),
      );
    const headed = fc.uint8Array().map((tail) => raw(1, tail));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), headed, bent), (bytes) => {
        const frame = decodeClientBinary(bytes);
        if (frame.type === 'refused') expect(frame.error.code).toBe('bad_frame');
        else expect(decodeClientBinary(encodeClientBinary(frame))).toEqual(frame);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('what a server may not send', () => {
  test.each([
    ['nothing', raw(), ends],
    ['only a tag', raw(0), ends],
    ['entries without an offset', raw(0, 1), ends],
    ['an entry cut off', raw(0, 1, 1, 3, 7, 8), ends],
    ['an entry longer than all memory', raw(0, 1, 1, ...maxVarint, 7), ends],
    ['a length cut off', raw(0, 1, 1, 1, 7, 0x80), ends],
    ['a snapshot without a check', raw(2, 1, 1), ends],
    ['an id without end', raw(2, ...Array(100).fill(0xff)), tooBig],
    [
      'entries from offset 0',
      raw(0, 1, 0, 1, 7),
      'The frame "entries" can\'t be read: expected `first` to be an integer from 1 up, got 0 (number).',
    ],
    [
      'a check of 33 bits',
      raw(2, 1, 1, ...varint(2 ** 32), 7),
      'The frame "snapshot" can\'t be read: expected `check` to be a check from 0 to 4294967295, got 4294967296 (number).',
    ],
  ])('[F8] %s is thrown as bad_frame', (_what, bytes, message) => {
    expect(() => decodeServerBinary(bytes)).toThrow(new SyncError('bad_frame', message));
  });

  test('[F4] a binary frame of the server with an unknown tag is ignored', () => {
    for (const tag of [1, 3, 4, 127])
      expect(decodeServerBinary(raw(tag, 1, 1, 1)), String(tag)).toBeUndefined();
  });

  test('[F8] any bytes are a frame, ignored, or thrown as bad_frame', () => {
    const headed = fc.tuple(fc.constantFrom(0, 2), fc.uint8Array()).map(([tag, tail]) => raw(tag, tail));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), headed), (bytes) => {
        try {
          decodeServerBinary(bytes);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(SyncError);
          expect(thrown).toMatchObject({ code: 'bad_frame' });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
