/**
 * The brokers' suite on reading: what a log keeps, ranges and their bounds, snapshots that stand for what was dropped.
 * broker.suite.ts runs it over each broker; it sees the contract of broker.ts only.
 */
import { expect, it } from 'vitest';
import type { Range } from './broker.ts';
import {
  appendOf,
  data,
  everything,
  expectWhole,
  filled,
  type Make,
  made,
  offsets,
  rangeOf,
  refusal,
} from './testing.ts';

/** Reading: what is kept, which part is given, what stands in for the rest. */
export function readSuite(make: Make): void {
  keepRules(make);
  rangeRules(make);
  compactionRules(make);
}

function keepRules(make: Make): void {
  it('keeps so many entries', async () => {
    const { broker } = await filled(make, 700, { keep: { ...everything, entriesMax: 3 } });
    const slice = await broker.read('c', rangeOf());
    expect([slice.oldest, offsets(slice)]).toEqual([698, [698, 699, 700]]);
  });

  it('keeps so many bytes, counted as UTF-8, and always the newest entry', async () => {
    const { broker } = await made(make);
    const keep = { ...everything, bytesMax: 10 };
    for (const text of ['1234', '12345', '€€']) await broker.append('c', appendOf(text, { keep }));
    expect(data(await broker.read('c', rangeOf()))).toEqual(['€€']);
    await broker.append('c', appendOf(new Uint8Array(4), { keep }));
    expect((await broker.read('c', rangeOf())).oldest).toBe(3);
    await broker.append('c', appendOf('larger than all', { keep }));
    expect(data(await broker.read('c', rangeOf()))).toEqual(['larger than all']);
  });

  it('keeps entries of an age, also when nothing is appended', async ({ skip }) => {
    const keep = { ...everything, ageMs: 1000 };
    const { broker, clock } = await made(make);
    if (!clock) return skip();
    for (const text of ['1', '2', '3']) {
      await broker.append('c', appendOf(text, { keep }));
      await clock.advance(500);
    }
    expect(offsets(await broker.read('c', rangeOf({ keep })))).toEqual([2, 3]);
    await clock.advance(600);
    const empty = await broker.read('c', rangeOf({ keep }));
    expect([empty.oldest, empty.top.offset, empty.entries]).toEqual([4, 3, []]);
    expect((await broker.append('c', appendOf('4', { keep }))).offset).toBe(4);
    expectWhole(await broker.read('c', rangeOf({ keep })), { epoch: empty.epoch, ...empty.top });
  });

  it('drops nothing where only compaction may', async () => {
    const { broker } = await filled(make, 50, { keep: null });
    expect((await broker.read('c', rangeOf({ keep: null }))).entries.length).toBe(50);
  });

  it('goes on trimming after a restart', async ({ skip }) => {
    const keep = { ...everything, bytesMax: 30 };
    const { broker, reopen } = await made(make);
    if (!reopen) return skip();
    for (let i = 10; i < 40; i++) await broker.append('c', appendOf(`"${i}"`, { keep }));
    const again = await reopen();
    expect((await again.read('c', rangeOf())).oldest).toBe(24);
    await again.append('c', appendOf('"40"', { keep }));
    expect((await again.read('c', rangeOf())).oldest).toBe(25);
  });
}

function rangeRules(make: Make): void {
  it('reads after and before an offset, always in offset order', async () => {
    const { broker } = await filled(make, 10);
    const read = async (more: Partial<Range>) => offsets(await broker.read('c', rangeOf(more)));
    expect(await read({ offset: 7 })).toEqual([8, 9, 10]);
    expect(await read({ offset: 2, entriesMax: 2 })).toEqual([3, 4]);
    expect(await read({ offset: 10 })).toEqual([]);
    expect(await read({ offset: 99 })).toEqual([]);
    expect(await read({ direction: 'before', offset: 4 })).toEqual([1, 2, 3]);
    expect(await read({ direction: 'before', offset: 8, entriesMax: 2 })).toEqual([6, 7]);
    expect(await read({ direction: 'before', offset: Number.MAX_SAFE_INTEGER, entriesMax: 2 })).toEqual([
      9, 10,
    ]);
    expect(await read({ direction: 'before', offset: 1 })).toEqual([]);
    expect(await read({ direction: 'before', offset: 0 })).toEqual([]);
    expect(await read({ entriesMax: 0 })).toEqual([]);
    expect(await read({ direction: 'before', offset: 99, entriesMax: 0 })).toEqual([]);
  });

  it('reads so many bytes, but at least one entry', async () => {
    const { broker } = await made(make);
    for (const text of ['1234', '1234', '123456789', '€']) await broker.append('c', appendOf(text));
    const read = async (more: Partial<Range>) => offsets(await broker.read('c', rangeOf(more)));
    expect(await read({ bytesMax: 8 })).toEqual([1, 2]);
    expect(await read({ bytesMax: 7 })).toEqual([1]);
    expect(await read({ bytesMax: 1 })).toEqual([1]);
    expect(await read({ offset: 2, bytesMax: 8 })).toEqual([3]);
    expect(await read({ direction: 'before', offset: 9, bytesMax: 12 })).toEqual([3, 4]);
    expect(await read({ direction: 'before', offset: 9, bytesMax: 11 })).toEqual([4]);
    expect(await read({ direction: 'before', offset: 4, bytesMax: 1 })).toEqual([3]);
  });

  it('[S4] tells by `oldest` what is no longer kept', async () => {
    const { broker } = await filled(make, 10, { keep: { ...everything, entriesMax: 4 } });
    for (const offset of [0, 5, 6])
      expect(await broker.read('c', rangeOf({ offset }))).toMatchObject({ oldest: 7, snapshot: null });
    expect(offsets(await broker.read('c', rangeOf({ offset: 2, entriesMax: 2 })))).toEqual([7, 8]);
    expect(offsets(await broker.read('c', rangeOf({ direction: 'before', offset: 9 })))).toEqual([7, 8]);
    expect(offsets(await broker.read('c', rangeOf({ direction: 'before', offset: 7 })))).toEqual([]);
  });
}

function compactionRules(make: Make): void {
  /** Entries 1 to 10, and the check at each. */
  async function ready() {
    const subject = await filled(make, 10, { keep: null });
    const { epoch, entries } = await subject.broker.read('c', rangeOf({ keep: null }));
    const snapshot = (offset: number) => ({
      offset,
      check: entries[offset - 1]?.check ?? 0,
      data: `"up to ${offset}"`,
    });
    return { ...subject, epoch, snapshot };
  }

  it('a snapshot replaces the entries it covers', async () => {
    const { broker, epoch, snapshot } = await ready();
    expect(await broker.compact('c', epoch, snapshot(6))).toBe(true);
    const slice = await broker.read('c', rangeOf({ keep: null }));
    expect(slice).toMatchObject({ oldest: 7, snapshot: snapshot(6) });
    expectWhole(slice, { epoch, ...snapshot(6) });
    expect((await broker.read('c', rangeOf({ offset: 6, keep: null }))).snapshot).toBeNull();
    expect((await broker.read('c', rangeOf({ offset: 5, keep: null }))).snapshot).toEqual(snapshot(6));
    expect(await broker.read('c', rangeOf({ direction: 'before', offset: 9, keep: null }))).toMatchObject({
      snapshot: null,
      entries: [{ offset: 7 }, { offset: 8 }],
    });
  });

  it('a snapshot of all leaves no entry, and the log goes on', async () => {
    const { broker, epoch, snapshot, reopen } = await ready();
    expect(await broker.compact('c', epoch, snapshot(10))).toBe(true);
    const again = reopen ? await reopen() : broker;
    expect(await again.read('c', rangeOf({ keep: null }))).toMatchObject({
      oldest: 11,
      entries: [],
      snapshot: snapshot(10),
      top: { offset: 10 },
    });
    expect((await again.append('c', appendOf('11', { keep: null }))).offset).toBe(11);
    expectWhole(await again.read('c', rangeOf({ keep: null })), { epoch, ...snapshot(10) });
  });

  it('takes a snapshot only if it is of this log, newer than the stored one and not beyond the top', async () => {
    const { broker, epoch, snapshot } = await ready();
    expect(await broker.compact('c', epoch, snapshot(5))).toBe(true);
    expect(await broker.compact('c', epoch, snapshot(5))).toBe(false);
    expect(await broker.compact('c', epoch, snapshot(4))).toBe(false);
    expect(await broker.compact('c', epoch, snapshot(11))).toBe(false);
    expect(await broker.compact('c', `${epoch}0`, snapshot(7))).toBe(false);
    expect(await broker.compact('c', epoch, { ...snapshot(7), check: 1 })).toBe(false);
    expect(await broker.compact('c', epoch, { ...snapshot(10), check: 1 })).toBe(false);
    expect(await broker.compact('never used', epoch, snapshot(1))).toBe(false);
    expect(await broker.read('c', rangeOf({ keep: null }))).toMatchObject({
      oldest: 6,
      snapshot: snapshot(5),
    });
    expect(await broker.compact('c', epoch, snapshot(7))).toBe(true);
  });

  it('a snapshot of bytes comes back byte by byte, after a restart too', async () => {
    const { broker, epoch, snapshot, reopen } = await ready();
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 256);
    expect(await broker.compact('c', epoch, { ...snapshot(3), data: bytes })).toBe(true);
    const again = reopen ? await reopen() : broker;
    const slice = await again.read('c', rangeOf({ keep: null }));
    expect(Buffer.compare(Buffer.from(slice.snapshot?.data ?? ''), bytes)).toBe(0);
  });

  it('the keys it covers stay known, but for those that ended', async () => {
    const { broker, reopen } = await made(make);
    for (const key of ['ended', 'covered', 'later'])
      await broker.append('c', appendOf(`"${key}"`, { key, keep: null }));
    await broker.append('c', appendOf('"end"', { key: 'ended', keyEnds: true, keep: null }));
    const { epoch, entries } = await broker.read('c', rangeOf({ keep: null }));
    const snapshot = { offset: 2, check: entries[1]?.check ?? 0, data: '{}' };
    expect(await broker.compact('c', epoch, snapshot)).toBe(true);
    const again = reopen ? await reopen() : broker;
    const at = async (key: string) =>
      (await refusal(again.append('c', appendOf('1', { key, ifKeyAt: 99, keep: null })))).detail;
    expect([await at('ended'), await at('covered'), await at('later')]).toEqual([
      { offset: 0 },
      { offset: 2 },
      { offset: 3 },
    ]);
  });

  it('a snapshot that trimming has passed is no longer given: it would hide a hole', async () => {
    const { broker, epoch, snapshot } = await ready();
    await broker.compact('c', epoch, snapshot(3));
    expect(await broker.read('c', rangeOf({ keep: { ...everything, entriesMax: 7 } }))).toMatchObject({
      oldest: 4,
      snapshot: snapshot(3),
    });
    expect(await broker.read('c', rangeOf({ keep: { ...everything, entriesMax: 6 } }))).toMatchObject({
      oldest: 5,
      snapshot: null,
    });
  });
}
