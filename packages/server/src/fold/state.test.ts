/**
 * Keyed values as a server folds them: the suite of folders, when values end, and that no step is larger than it may be. Logs
 * are made here; there is no channel and no broker.
 */
import { fakeClock, logOf } from '@syncline/protocol/testing';
import { deleteEntry, expireEntry, setEntry, stateKind } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { folderSuite } from './folder.suite.ts';
import { StateFolder } from './state.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', '__proto__', '\ud800', '');
const change = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(key, fc.json()).map(([name, value]) => setEntry(name, value)) },
  { weight: 1, arbitrary: key.map(deleteEntry) },
  { weight: 1, arbitrary: key.map(expireEntry) },
);

// Once with all removals remembered, once with hardly any.
for (const removalsKept of [1024, 0])
  folderSuite({
    kind: stateKind,
    make: () => new StateFolder(Number.POSITIVE_INFINITY, fakeClock(), null, removalsKept),
    data: fc.array(change, { maxLength: 60 }),
    content: ({ values }) => [...values],
  });

/** A folder that holds these entries, stored at 1000, 1001 … ms. */
function folded(ttlMs: number, ...data: string[]): StateFolder {
  const folder = new StateFolder(ttlMs, fakeClock());
  folder.add(logOf(data));
  return folder;
}

const expiry = (name: string, version: number) => ({
  data: `[${JSON.stringify(name)},null,{"expired":true}]`,
  from: null,
  key: name,
  keyEnds: true,
  ifKeyAt: version,
});

describe('help for readers', () => {
  it('is as many entries as a batch holds, by number and by size', () => {
    const folder = folded(1, ...Array.from({ length: 1500 }, (_, i) => setEntry(`k${i % 1000}`, '1')));
    expect(folder.after(0)?.map(({ offset }) => offset)).toEqual(
      Array.from({ length: 512 }, (_, i) => 501 + i),
    );
    expect(folder.after(1012)?.length).toBe(488);
    const large = folded(
      1,
      ...Array.from({ length: 5 }, (_, i) => setEntry(`k${i}`, `"${'x'.repeat(30_000)}"`)),
    );
    expect(large.after(0)?.length).toBe(2);
    expect(large.after(4)?.length).toBe(1);
  });

  it('tells removals, the newest ones at least', () => {
    const folder = new StateFolder(1, fakeClock(), null, 2);
    const keys = ['a', 'b', 'c', 'd', 'e'];
    const log = logOf([setEntry('z', '1'), ...keys.map(deleteEntry), setEntry('c', '2')]);
    const told = (from: number) => folder.after(from)?.map(({ data }) => data);
    folder.add(log.slice(0, 5));
    expect(told(0)).toEqual(['["z",1]', '["a"]', '["b"]', '["c"]', '["d"]']);
    folder.add(log.slice(5, 6));
    expect([told(0), told(3)]).toEqual([undefined, undefined]);
    expect(told(4)).toEqual(['["d"]', '["e"]']);
    folder.add(log.slice(6));
    expect(told(4)).toEqual(['["d"]', '["e"]', '["c",2]']);
    expect(folder.size).toBe(2);
  });

  it('remembers as many removals as there are keys', () => {
    const folder = new StateFolder(1, fakeClock(), null, 0);
    const sets = Array.from({ length: 10 }, (_, i) => setEntry(`k${i}`, '1'));
    folder.add(logOf([...sets, ...Array.from({ length: 20 }, (_, i) => deleteEntry(`gone${i}`))]));
    expect(folder.after(9)?.length).toBe(21);
    folder.add(logOf([...Array.from({ length: 30 }, () => ''), deleteEntry('one more')]).slice(30));
    expect([folder.after(20), folder.after(21)?.length]).toEqual([undefined, 10]);
  });

  it('holds no more than what is newest, however often keys change', () => {
    const folder = new StateFolder(1, fakeClock());
    const log = logOf(Array.from({ length: 20_000 }, (_, i) => setEntry(`k${i % 5}`, String(i))));
    for (let at = 0; at < log.length; at += 100) folder.add(log.slice(at, at + 100));
    expect(folder.size).toBe(5);
    expect(folder.after(0)?.map(({ offset }) => offset)).toEqual([19_996, 19_997, 19_998, 19_999, 20_000]);
  });
});

describe('what is due', () => {
  it('[K5] is a value that was not set again for as long as it may stay', () => {
    const folder = folded(500, setEntry('a', '1'), setEntry('b', '1'), setEntry('a', '2'));
    expect(folder.dueAt).toBe(1501);
    expect(folder.takeDue(1500, 9)).toEqual([]);
    expect(folder.takeDue(1501, 9)).toEqual([expiry('b', 2)]);
    expect(folder.takeDue(1501, 9)).toEqual([]);
    expect(folder.dueAt).toBe(1502);
    expect(folder.takeDue(9999, 9)).toEqual([expiry('a', 3)]);
    expect(folder.dueAt).toBe(Number.POSITIVE_INFINITY);
  });

  it('[K5] comes earlier for a value of a shorter life, and not later for one of a longer', () => {
    const folder = folded(500, setEntry('long', '1', { ttlMs: 9999 }), setEntry('short', '1', { ttlMs: 10 }));
    expect(folder.takeDue(1011, 9)).toEqual([expiry('short', 2)]);
    expect(folder.dueAt).toBe(1500);
  });

  it('[K5] is nothing where values have no end, nor what is gone', () => {
    expect(folded(Number.POSITIVE_INFINITY, setEntry('a', '1')).dueAt).toBe(Number.POSITIVE_INFINITY);
    expect(folded(1, setEntry('a', '1'), deleteEntry('a')).dueAt).toBe(Number.POSITIVE_INFINITY);
    expect(folded(1, setEntry('a', '1'), expireEntry('a')).dueAt).toBe(Number.POSITIVE_INFINITY);
  });

  it('[K5] counts from when a value was set, also when it comes out of a snapshot', () => {
    const folder = new StateFolder(500, fakeClock());
    folder.restore('[["a",1,7,4000,null],["b",1,8,4100,"ann",{"ttlMs":5}]]', 9);
    expect(folder.takeDue(4500, 9)).toEqual([expiry('b', 8), expiry('a', 7)]);
  });

  it('is given in bits', () => {
    const folder = folded(1, ...Array.from({ length: 10 }, (_, i) => setEntry(`k${i}`, '1')));
    expect([4, 4, 4].map((max) => folder.takeDue(9999, max).length)).toEqual([4, 4, 2]);
  });

  it('is due again when it could not be appended, unless something newer has come', () => {
    const folder = folded(500, setEntry('a', '1'), setEntry('b', '1'), setEntry('c', '1'));
    const [a, b, c] = folder.takeDue(2000, 9);
    if (!a || !b || !c) throw new Error('Nothing is due.');
    folder.add(logOf(['', '', '', setEntry('b', '2'), deleteEntry('c')]).slice(3));
    for (const due of [a, a, b, c]) folder.putBack(due, 3000);
    expect(folder.takeDue(2999, 9)).toEqual([expiry('b', 4)]);
    expect(folder.takeDue(3000, 9)).toEqual([a]);
  });

  it('is what a plain list would say, whatever is set, removed and set again', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(key, fc.option(fc.integer({ min: 1, max: 50 })), fc.boolean()), { maxLength: 60 }),
        fc.integer({ min: 990, max: 1100 }),
        (changes, now) => {
          const log = logOf(
            changes.map(([name, ttlMs, removes]) =>
              removes ? deleteEntry(name) : setEntry(name, '1', { ttlMs: ttlMs ?? undefined }),
            ),
          );
          const ends = new Map<string, [due: number, version: number]>();
          for (const [i, [name, ttlMs, removes]] of changes.entries()) {
            if (removes) ends.delete(name);
            else ends.set(name, [1000 + i + Math.min(30, ttlMs ?? 30), i + 1]);
          }
          const folder = new StateFolder(30, fakeClock());
          folder.add(log);
          const due = [...ends].filter(([, [at]]) => at <= now).sort(([, a], [, b]) => a[0] - b[0]);
          const given = folder.takeDue(now, 1000);
          expect(given.map(({ key: name, ifKeyAt }) => [name, ifKeyAt]).sort()).toEqual(
            due.map(([name, [, version]]) => [name, version]).sort(),
          );
          const left = [...ends.values()].map(([at]) => at).filter((at) => at > now);
          expect(folder.dueAt).toBe(Math.min(...left));
        },
      ),
    );
  });
});

describe('a snapshot of many', () => {
  it('is made in steps of a few lines, with a pause between them', async () => {
    const folder = folded(
      1,
      ...Array.from({ length: 5000 }, (_, i) => setEntry(`k${i}`, `"${'x'.repeat(100)}"`)),
    );
    let pauses = 0;
    const snapshot = String(await folder.snapshot(async () => void pauses++));
    const lines = snapshot.split('\n').length;
    expect(lines).toBeGreaterThan(8);
    expect(pauses).toBe(Math.floor(lines / 4));
  });
});
