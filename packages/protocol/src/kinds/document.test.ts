/**
 * The bytes of a document's entries and snapshots, written out as the page has them (rule Y1), and what is refused. That they
 * fold as they should is proven in doc.test.ts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SyncError } from '../codes.ts';
import {
  beginning,
  docSnapshot,
  noLineage,
  readDocData,
  readDocEntry,
  readDocSnapshot,
  sameLineage,
  updateEntry,
} from './document.ts';

const lineage = Uint8Array.from({ length: 16 }, (_, i) => 100 + i);
const update = Uint8Array.of(7, 8, 9);

describe('formats', () => {
  test('[Y1] an update: 1, then what Yjs wrote', () => {
    const bytes = Uint8Array.of(1, 7, 8, 9);
    expect(updateEntry(update)).toEqual(bytes);
    expect(readDocEntry(bytes)).toEqual({ type: 'update', update });
  });

  test('[Y1] a beginning: 0x10, 16 bytes of lineage, then what Yjs wrote', () => {
    const bytes = Uint8Array.of(0x10, ...lineage, 7, 8, 9);
    expect(beginning(lineage, update)).toEqual(bytes);
    expect(readDocEntry(bytes)).toEqual({ type: 'beginning', lineage, update });
  });

  test('[Y1] a snapshot: 0x12, 16 bytes of lineage, then what Yjs wrote', () => {
    const bytes = Uint8Array.of(0x12, ...lineage, 7, 8, 9);
    expect(docSnapshot(lineage, update)).toEqual(bytes);
    expect(readDocSnapshot(bytes)).toEqual({ type: 'snapshot', lineage, update });
  });

  test('[Y3] no lineage is 16 zeros', () => {
    expect([...noLineage]).toEqual(Array(16).fill(0));
    expect(sameLineage(noLineage, new Uint8Array(16))).toBe(true);
    expect(sameLineage(noLineage, lineage)).toBe(false);
    expect(sameLineage(lineage, lineage.slice(0, 15))).toBe(false);
  });
});

describe('what is refused as corrupt', () => {
  const refusal = (expected: string) =>
    new SyncError('corrupt', `A document can't be read: expected ${expected}.`);

  test.each([
    ['nothing', []],
    ['an unknown format', [2, 7]],
    ['the other encoding as an entry', [0]],
    ['a beginning without a whole lineage', [0x10, 1, 2, 3]],
    ['a snapshot without a whole lineage', [0x12, ...lineage.slice(1)]],
  ])('%s', (_what, bytes) => {
    expect(() => readDocData(Uint8Array.from(bytes))).toThrow(refusal('a format that is known'));
  });

  test('an entry where a snapshot should stand, a snapshot where an entry should, a text where bytes should', () => {
    expect(() => readDocSnapshot(updateEntry(update))).toThrow(refusal('a snapshot'));
    expect(() => readDocSnapshot(beginning(lineage, update))).toThrow(refusal('a snapshot'));
    expect(() => readDocEntry(docSnapshot(lineage, update))).toThrow(refusal('an entry'));
    expect(() => readDocEntry('[]')).toThrow(refusal('bytes'));
  });

  test('any bytes are read as one of the three, or refused', () => {
    const format = fc.constantFrom(0, 1, 2, 0x10, 0x12, 255);
    fc.assert(
      fc.property(format, fc.uint8Array({ maxLength: 40 }), (first, rest) => {
        const known = first === 1 || ((first === 0x10 || first === 0x12) && rest.length >= 16);
        const bytes = Uint8Array.of(first, ...rest);
        if (!known) {
          expect(() => readDocData(bytes)).toThrow(SyncError);
          return;
        }
        const read = readDocData(bytes);
        const parts = read.type === 'update' ? [read.update] : [read.lineage, read.update];
        expect(parts.flatMap((part) => [...part])).toEqual([...rest]);
      }),
    );
  });
});
