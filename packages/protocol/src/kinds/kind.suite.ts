/**
 * The law of kinds, as one suite that each kind passes with logs of its own: folding all is folding a prefix, through a
 * snapshot, and then the rest; what a view holds changes nothing when it comes again; conflating changes nothing at all.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Data, Entry } from '../entry.ts';
import type { Kind } from '../kind.ts';
import { logOf } from '../testing.ts';

/** A kind, logs to try it with, and what of a view counts: two views are equal when this is. */
export interface KindCase<View extends { readonly offset: number }> {
  readonly kind: Kind<View>;
  readonly data: fc.Arbitrary<readonly Data[]>;
  readonly content: (view: View) => unknown;
  readonly runs?: number;
}

export function kindSuite<View extends { readonly offset: number }>(given: KindCase<View>): void {
  const { kind, content } = given;
  const log = given.data.map(logOf);
  const place = fc.nat(1000);
  const runs = { numRuns: given.runs ?? 100 };
  const fold = (entries: readonly Entry[], view = kind.empty()) => kind.apply(view, entries);
  const viaSnapshot = (view: View) => kind.restore(kind.snapshot(view), view.offset);
  const same = (left: View, right: View) => {
    expect(left.offset).toBe(right.offset);
    expect(content(left)).toEqual(content(right));
  };

  describe(`the law of kinds: ${kind.name}`, () => {
    test('folding all is restoring the snapshot of any prefix and folding the rest', () => {
      fc.assert(
        fc.property(log, place, (entries, at) => {
          const cut = at % (entries.length + 1);
          same(fold(entries.slice(cut), viaSnapshot(fold(entries.slice(0, cut)))), fold(entries));
        }),
        runs,
      );
    });

    test('folding through a snapshot after every few entries is folding all at once', () => {
      fc.assert(
        fc.property(log, fc.array(fc.integer({ min: 1, max: 5 })), (entries, steps) => {
          let view = kind.empty();
          let at = 0;
          for (const step of [...steps, entries.length]) {
            view = viaSnapshot(fold(entries.slice(at, at + step), view));
            at += step;
          }
          same(view, fold(entries));
        }),
        runs,
      );
    });

    test('applying what a view holds changes nothing, alone or before what it does not hold', () => {
      fc.assert(
        fc.property(log, place, place, place, (entries, at, back, length) => {
          const cut = at % (entries.length + 1);
          const from = back % (cut + 1);
          const view = fold(entries.slice(0, cut));
          const before = content(view);
          same(fold(entries.slice(from, from + (length % (cut - from + 1))), view), view);
          same(fold(entries.slice(from), view), fold(entries));
          expect(content(view)).toEqual(before);
        }),
        runs,
      );
    });

    test('a view stands at the offset of the last entry it holds', () => {
      fc.assert(
        fc.property(log, (entries) => {
          expect(fold(entries).offset).toBe(entries.length);
          expect(viaSnapshot(fold(entries)).offset).toBe(entries.length);
        }),
        runs,
      );
      expect(kind.empty().offset).toBe(0);
    });

    test('folding what was conflated is folding it all, from any place at or before its first entry', () => {
      fc.assert(
        fc.property(log, place, place, (entries, at, back) => {
          const cut = at % (entries.length + 1);
          const conflated = kind.conflate(entries.slice(back % (cut + 1)));
          same(fold(conflated, fold(entries.slice(0, cut))), fold(entries));
        }),
        runs,
      );
    });

    test('what was conflated is no longer, in offset order, and ends where it ended', () => {
      fc.assert(
        fc.property(log, (entries) => {
          const conflated = kind.conflate(entries);
          const offsets = conflated.map(({ offset }) => offset);
          expect(conflated.length).toBeLessThanOrEqual(entries.length);
          expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
          const { data: _merged, ...last } = conflated.at(-1) ?? { data: '' };
          expect(entries.at(-1) ?? {}).toMatchObject(last);
          expect(conflated.length === 0).toBe(entries.length === 0);
        }),
        runs,
      );
    });

    test('a log without entries is a log like any other', () => {
      same(viaSnapshot(kind.empty()), kind.empty());
      same(fold([]), kind.empty());
      expect(kind.conflate([])).toEqual([]);
    });
  });
}
