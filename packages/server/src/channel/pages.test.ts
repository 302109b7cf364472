/**
 * Reads that are shared and pages that are kept: neighbours cost one read, and neither a read that began too early nor a
 * page of another log is passed on.
 */
import { describe, expect, it } from 'vitest';
import { memory } from '../broker/memory.ts';
import { gate, meddle } from '../testing/meddle.ts';
import { firstAfter, Pages, pageAfter } from './pages.ts';

const log = 'chat/x';

async function filled(entries: number, bytes = 1) {
  const inner = memory();
  for (let i = 0; i < entries; i++)
    await inner.append(log, { data: `"${'x'.repeat(bytes)}"`, from: null, keep: null });
  const { broker, meddling, replace } = meddle(inner);
  return { inner, meddling, replace, pages: new Pages(broker, log, null) };
}

describe('pages', () => {
  it('are read once for all who ask for about the same place at the same time', async () => {
    const { pages, meddling } = await filled(1000);
    const slices = await Promise.all([130, 131, 200, 255].map((offset) => pages.after(offset)));
    expect(meddling.reads).toBe(1);
    for (const slice of slices) expect(slice.entries.map(({ offset }) => offset)).toContain(256);
    expect(pages.kept(slices[0]?.epoch ?? '', 129)).toHaveLength(512);
    expect(pages.kept(slices[0]?.epoch ?? '', 640)).toHaveLength(1);
    expect(pages.kept(slices[0]?.epoch ?? '', 641)).toEqual([]);
    expect(pages.kept('another', 129)).toEqual([]);
  });

  it('hold the entry after the place, also where a page doesn’t reach from its beginning', async () => {
    const { pages, meddling } = await filled(100, 30_000);
    const { entries, epoch } = await pages.after(50);
    expect(entries[0]?.offset).toBe(51);
    expect(meddling.reads).toBe(2);
    expect(pages.kept(epoch, 52)).toHaveLength(1);
  });

  it('are kept up to a few, the newest ones', async () => {
    const { pages } = await filled(5000);
    const { epoch } = await pages.after(0);
    for (const offset of [1024, 2048, 3072]) await pages.after(offset);
    expect(pages.kept(epoch, 1)).not.toEqual([]);
    await pages.after(4096);
    expect(pages.kept(epoch, 1)).toEqual([]);
    for (const offset of [1025, 2049, 3073, 4097]) expect(pages.kept(epoch, offset)).not.toEqual([]);
  });

  it('are not shared with those who ask after the log moved on', async () => {
    const { pages, meddling, inner } = await filled(3);
    const held = gate();
    meddling.read = async (read) => {
      const slice = await read();
      await held.passed;
      return slice;
    };
    const early = pages.read(pageAfter(0));
    expect(pages.read(pageAfter(0))).toBe(early);
    await inner.append(log, { data: '4', from: null, keep: null });
    pages.moved();
    const late = pages.read(pageAfter(0));
    expect(pages.read(pageAfter(0))).toBe(late);
    held.open();
    expect((await early).top.offset).toBe(3);
    expect((await late).top.offset).toBe(4);
    expect(meddling.reads).toBe(2);
    meddling.read = (read) => read();
    expect((await pages.read(pageAfter(0))).top.offset).toBe(4);
    expect(meddling.reads).toBe(3);
  });

  it('of a log that was are forgotten, those still under way too', async () => {
    const { pages, meddling } = await filled(200);
    const { epoch } = await pages.after(0);
    const held = gate();
    meddling.read = async (read) => {
      const slice = await read();
      await held.passed;
      return slice;
    };
    const late = pages.after(128);
    pages.forget();
    held.open();
    await late;
    expect(pages.kept(epoch, 1)).toEqual([]);
    expect(pages.kept(epoch, 129)).toEqual([]);
  });

  it('that fail leave nothing behind', async () => {
    const { pages, meddling } = await filled(3);
    meddling.read = () => Promise.reject(new Error('no disk'));
    const both = await Promise.allSettled([pages.read(firstAfter(0)), pages.read(firstAfter(0))]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    meddling.read = (read) => read();
    expect((await pages.read(firstAfter(0))).entries).toHaveLength(1);
    expect(meddling.reads).toBe(2);
  });
});
