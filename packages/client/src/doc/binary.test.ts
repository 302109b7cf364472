/**
 * The client's own reading and writing of binary frames against the protocol's codec: what one writes the other reads, and what one
 * refuses the other does too.
 */
import {
  decodeClientBinary,
  decodeServerBinary,
  encodeEntriesBinary,
  encodeSnapshotBinary,
  type ServerFrame,
} from '@syncline/protocol/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytes } from './binary.ts';

const data = fc.uint8Array({ maxLength: 40 });
const count = fc.oneof(fc.nat(300), fc.maxSafeNat());
const ref = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const name = fc.stringMatching(/^[a-z]{1,9}(\/[a-z]{1,9}){0,2}$/);
const producer = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const sequence = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
);

/** What a reader makes of bytes: a frame, nothing, or a refusal. */
function outcome(read: () => ServerFrame | undefined): unknown {
  try {
    return read();
  } catch (thrown) {
    return (thrown as { code: unknown }).code;
  }
}

describe('[F8] binary frames', () => {
  test('a publish is what the server reads', () => {
    fc.assert(
      fc.property(ref, name, producer, sequence, data, (...fields) => {
        const [ref, channel, producer, sequence, data] = fields;
        const frame = bytes.write(['publish', ...fields]) ?? new Uint8Array();
        expect(decodeClientBinary(frame)).toEqual({
          type: 'publish',
          ref,
          channel,
          producer,
          sequence,
          data,
        });
      }),
    );
  });

  test('what is no publish of bytes goes as text', () => {
    expect(bytes.write(['publish', 1, 'chat/a', 'p', 1, '"text"'])).toBeUndefined();
    expect(bytes.write(['subscribe', 1, 'board/a', 0])).toBeUndefined();
  });

  test('entries and snapshots are what the server wrote', () => {
    fc.assert(
      fc.property(fc.nat(1e6), sequence, fc.array(data), (id, first, entries) => {
        const frame = encodeEntriesBinary(id, first, entries);
        expect(bytes.read(frame)).toEqual({ type: 'entries', id, first, entries });
        expect(bytes.read(frame.slice().buffer)).toEqual(bytes.read(frame));
      }),
    );
    fc.assert(
      fc.property(
        fc.nat(1e6),
        count,
        fc.nat(2 ** 32 - 1),
        fc.boolean(),
        data,
        (id, offset, check, more, data) => {
          const frame = { type: 'snapshot', id, offset, check, more, data } as const;
          expect(bytes.read(encodeSnapshotBinary(frame))).toEqual(frame);
        },
      ),
    );
  });

  test('of any bytes it makes what the codec makes, or refuses them as it does', () => {
    const any = fc
      .uint8Array({ maxLength: 24 })
      .map((tail) => Uint8Array.from([(tail[0] ?? 0) % 4, ...tail]));
    fc.assert(
      fc.property(any, (frame) => {
        const theirs = outcome(() => decodeServerBinary(frame));
        // A first offset of 0, or a check that no hash gives, is nothing that a client can be harmed by.
        if (theirs === 'bad_frame') expect(['bad_frame', 'entries', 'snapshot']).toContain(typeOf(frame));
        else if (theirs !== undefined || typeOf(frame) !== 'bad_frame')
          expect(outcome(() => bytes.read(frame))).toEqual(theirs);
      }),
      { numRuns: 2_000 },
    );
  });

  test('bytes that end too early are refused, whatever they are', () => {
    const whole = encodeSnapshotBinary({
      type: 'snapshot',
      id: 1,
      offset: 300,
      check: 70_000,
      more: true,
      data: Uint8Array.of(1),
    });
    for (let end = 0; end < whole.length - 1; end++) {
      expect(outcome(() => bytes.read(whole.subarray(0, end)))).toBe('bad_frame');
    }
  });

  test('what is kept of a frame doesn’t keep the frame', () => {
    const read = bytes.read(encodeEntriesBinary(1, 1, [Uint8Array.of(1, 2)]));
    expect(read?.type === 'entries' && (read.entries[0] as Uint8Array).buffer.byteLength).toBe(2);
  });
});

function typeOf(frame: Uint8Array): unknown {
  const read = outcome(() => bytes.read(frame));
  return typeof read === 'object' && read && 'type' in read ? read.type : read;
}
