/**
 * What every folder must do, as one suite: each kind that folds runs it over its own, with logs to try it on. The kind's pure
 * functions are the oracle: a folder is the same fold, made to be driven a little at a time.
 */
import { logOf } from '@syncline/protocol/testing';
import type { Data, Entry, Kind } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Folder } from './folder.ts';

/** A folder, the kind it stands for, logs to try it with, and what of a view counts. */
export interface FolderCase<View extends { readonly offset: number }> {
  readonly kind: Kind<View>;
  readonly make: () => Folder;
  readonly data: fc.Arbitrary<readonly Data[]>;
  readonly content: (view: View) => unknown;
}

/** Bytes are parted anywhere. */
function halves(bytes: Uint8Array): Uint8Array[] {
  const middle = bytes.length >> 1;
  return [bytes.subarray(0, middle), bytes.subarray(middle)];
}

const atOnce = () => Promise.resolve();

export function folderSuite<View extends { readonly offset: number }>(given: FolderCase<View>): void {
  const { kind, make, content } = given;
  const log = given.data.map(logOf);
  const steps = fc.array(fc.integer({ min: 1, max: 7 }));
  const place = fc.nat(1000);
  const fold = (entries: readonly Entry[], view = kind.empty()) => kind.apply(view, entries);

  /** Entries in pieces of so many, the rest as one. */
  function* pieces(entries: readonly Entry[], sizes: readonly number[]): Generator<readonly Entry[]> {
    let at = 0;
    for (const size of sizes) {
      yield entries.slice(at, at + size);
      at += size;
    }
    yield entries.slice(at);
  }
  const holds = async (folder: Folder, entries: readonly Entry[]) => {
    const view = kind.restore((await folder.snapshot(atOnce)) ?? '', entries.length);
    expect(content(view)).toEqual(content(fold(entries)));
  };
  const restored = async (folder: Folder, entries: readonly Entry[]) => {
    folder.clear();
    const snapshot = kind.snapshot(fold(entries));
    const parts = typeof snapshot === 'string' ? snapshot.split('\n') : halves(snapshot);
    for (const [i, part] of parts.entries()) await folder.restore(part, entries.length, i < parts.length - 1);
  };

  describe(`a folder: ${kind.name}`, () => {
    it('folds as its kind does, however the log is cut into pieces', async () => {
      await fc.assert(
        fc.asyncProperty(log, steps, async (entries, sizes) => {
          const folder = make();
          for (const piece of pieces(entries, sizes)) await folder.add(piece);
          await holds(folder, entries);
        }),
      );
    });

    it('goes on from a snapshot, and from nothing again, whatever it held', async () => {
      await fc.assert(
        fc.asyncProperty(log, log, place, async (before, entries, at) => {
          const cut = at % (entries.length + 1);
          const folder = make();
          await folder.add(before);
          await restored(folder, entries.slice(0, cut));
          await folder.add(entries.slice(cut));
          await holds(folder, entries);
          folder.clear();
          await folder.add(entries);
          await holds(folder, entries);
        }),
      );
    });

    it('passes over what it holds', async () => {
      await fc.assert(
        fc.asyncProperty(log, place, async (entries, at) => {
          const folder = make();
          await folder.add(entries.slice(0, at % (entries.length + 1)));
          await folder.add(entries);
          await folder.add(entries);
          await holds(folder, entries);
        }),
      );
    });

    it('helps a reader from where it remembers: fewer entries, in order, none from before, with the same effect', async () => {
      await fc.assert(
        fc.asyncProperty(log, place, place, steps, async (entries, at, start, sizes) => {
          const folder = make();
          const cut = at % (entries.length + 1);
          await restored(folder, entries.slice(0, cut));
          for (const piece of pieces(entries.slice(cut), sizes)) await folder.add(piece);
          let view = fold(entries.slice(0, start % (entries.length + 1)));
          const begin = view.offset;
          for (let help = folder.after(begin); help; help = folder.after(view.offset)) {
            const offsets = help.map(({ offset }) => offset);
            expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
            expect(offsets[0]).toBeGreaterThan(view.offset);
            view = kind.apply(view, help);
          }
          // Who is helped is helped to the end; who stands before a snapshot is not.
          expect([begin, entries.length]).toContain(view.offset);
          if (begin < cut) expect(view.offset).toBe(begin);
          if (view.offset === entries.length) expect(content(view)).toEqual(content(fold(entries)));
        }),
        { numRuns: 300 },
      );
    });

    it('has nothing for who is at its end, or beyond, or comes when it holds nothing', async () => {
      const folder = make();
      expect(folder.after(0)).toBeUndefined();
      await fc.assert(
        fc.asyncProperty(log, async (entries) => {
          folder.clear();
          expect(folder.after(0)).toBeUndefined();
          await folder.add(entries);
          for (const more of [0, 1, 100]) expect(folder.after(entries.length + more)).toBeUndefined();
        }),
      );
    });
  });
}
