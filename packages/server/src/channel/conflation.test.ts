/**
 * A channel that was told how to spare its readers what they needn't see: who gets fewer entries, who gets all, and who a
 * snapshot. What is left out here is every entry but the newest of its last digit; a channel knows nothing of why.
 */
import { type Clock, type Entry, systemClock } from '@syncline/protocol/wire';
import { describe, expect, it, onTestFinished } from 'vitest';
import { memory } from '../broker/memory.ts';
import { Channel } from '../channel.ts';
import { Batch, type Cursor, SnapshotPart } from '../cursor.ts';
import { newMetrics, silentLogger } from '../observe.ts';
import { type Gate, gate, turns } from '../testing/meddle.ts';
import { nativeBatch } from '../transports/websocket.ts';
import { Turn } from '../turn.ts';

const count = 2000;

/** A channel with 2,000 entries, of which it holds the last 600 in memory, and a function that leaves most of them out. */
async function begun() {
  const broker = memory();
  const clock: Clock = systemClock;
  const metrics = newMetrics();
  const settings = { id: 1, name: 'c', stamped: false, keep: null, tailEntriesMax: 600, tailBytesMax: 1e6 };
  const tools = { broker, clock, metrics, turn: new Turn(clock), logger: silentLogger };
  const channel = await Channel.open(settings, tools);
  onTestFinished(() => channel.close());
  for (let i = 1; i <= count; i++) await channel.append({ data: String(i), from: null });
  const log: Entry[] = [];
  const all = { direction: 'after', offset: 0, entriesMax: count, bytesMax: 1e9, keep: null } as const;
  for (const entry of (await broker.read('c', all)).entries) log.push(entry);
  let asked = 0;
  const conflate = (offset: number): readonly Entry[] | undefined => {
    asked++;
    const newest = new Map(log.slice(offset).map((entry) => [entry.offset % 10, entry]));
    return offset < log.length ? [...newest.values()].sort((a, b) => a.offset - b.offset) : undefined;
  };
  await turns();
  return { broker, channel, metrics, log, conflate, asked: () => asked };
}

/** What a cursor gets next, waiting for it where need be. */
async function next(cursor: Cursor, woken: { gate: Gate }) {
  for (;;) {
    const taken = cursor.take();
    if (taken) return taken;
    await woken.gate.passed;
    woken.gate = gate();
  }
}

async function joined(channel: Channel, start: Parameters<Channel['join']>[0], resident = false) {
  const woken = { gate: gate() };
  const { cursor, ...where } = await channel.join(start, { wake: () => woken.gate.open() }, resident);
  return { cursor, where, take: () => next(cursor, woken) };
}

function batch(taken: unknown): Batch {
  if (taken instanceof Batch) return taken;
  throw new Error(`Expected a batch, got ${JSON.stringify(taken)}.`);
}

describe('conflation', () => {
  it('[K9] a reader behind by more than a batch gets fewer entries, and where they lead', async () => {
    const { channel, conflate, log } = await begun();
    channel.conflateWith(conflate);
    const { take, cursor } = await joined(channel, 1000);
    const taken = batch(await take());
    expect([taken.from, taken.entries.map(({ offset }) => offset)]).toEqual([
      1000,
      [1991, 1992, 1993, 1994, 1995, 1996, 1997, 1998, 1999, 2000],
    ]);
    expect(taken.last).toBe(log[1999]);
    expect(cursor.take()).toBeUndefined();
  });

  it('[K9] they travel in one frame with their offsets, where they come from and the check of the last', async () => {
    const { channel, conflate, log } = await begun();
    channel.conflateWith((offset) => conflate(offset)?.slice(-2));
    const { take } = await joined(channel, 1000);
    const bytes = Buffer.from(nativeBatch(batch(await take())));
    expect(bytes.subarray(2).toString()).toBe(`["changes",1,1000,${log[1999]?.check},[1999,1999,2000,2000]]`);
  });

  it('readers at one place share one batch, and nothing is read for them', async () => {
    const { channel, conflate, metrics, asked } = await begun();
    channel.conflateWith(conflate);
    const [one, two] = [await joined(channel, 1900), await joined(channel, 1900)];
    expect(await one.take()).toBe(await two.take());
    expect([asked(), metrics.readsBehind, metrics.batchesBuilt]).toEqual([1, 0, 1]);
  });

  it('[D2] a reader behind by one batch gets every entry', async () => {
    const { channel, conflate, asked } = await begun();
    channel.conflateWith(conflate);
    const { take } = await joined(channel, 500);
    const taken = batch(await take());
    expect([taken.from, taken.entries.length, asked()]).toEqual([null, 500, 0]);
  });

  it('[D1] entries of which none is left out are a batch like any other', async () => {
    const { channel, log } = await begun();
    channel.conflateWith((offset) => log.slice(offset, offset + 3));
    const { take } = await joined(channel, 1000);
    expect(
      Buffer.from(nativeBatch(batch(await take())))
        .subarray(2)
        .toString(),
    ).toBe('[1,1001,1001,1002,1003]');
  });

  it('[D2] who can not be helped gets every entry, from the log', async () => {
    const { channel, metrics } = await begun();
    channel.conflateWith(() => undefined);
    const { take } = await joined(channel, 1000);
    let at = 1000;
    while (at < count) {
      const taken = batch(await take());
      expect([taken.from, taken.entries[0]?.offset]).toEqual([null, at + 1]);
      at = taken.last.offset;
    }
    expect(metrics.readsBehind).toBeGreaterThan(0);
  });

  it('[S9] a reader whose place the log no longer proves gets the snapshot first', async () => {
    const { broker, channel, conflate, log } = await begun();
    channel.conflateWith(conflate);
    const { epoch } = channel.top;
    const check = log[1199]?.check ?? 0;
    expect(await broker.compact('c', epoch, { offset: 1200, check, data: '["up to 1200"]' })).toBe(true);
    const { take, where } = await joined(channel, { epoch, offset: 1000, check: 12345 });
    expect(where).toEqual({ position: { epoch, offset: 1000, check: 12345 }, gap: null, proven: false });
    const part = await take();
    expect(part).toBeInstanceOf(SnapshotPart);
    expect(part).toMatchObject({ offset: 1200, check, more: false });
    expect(batch(await take()).from).toBe(1200);
  });

  it('[S9] who comes while a snapshot is taken shares its parts, and nothing is read', async () => {
    const { broker, channel, conflate, log, metrics } = await begun();
    channel.conflateWith(conflate);
    const data = '["one"]\n["two"]';
    await broker.compact('c', channel.top.epoch, { offset: 1200, check: log[1199]?.check ?? 0, data });
    const one = await joined(channel, Number.MAX_SAFE_INTEGER);
    channel.conflateWith((offset) => (offset < 1200 ? undefined : conflate(offset)));
    const first = await one.take();
    const reads = metrics.readsBehind;
    const two = await joined(channel, Number.MAX_SAFE_INTEGER);
    expect(await two.take()).toBe(first);
    expect(await two.take()).toMatchObject({ more: false });
    expect(await one.take()).toMatchObject({ more: false });
    expect(metrics.readsBehind).toBe(reads);
    expect(await one.take()).toBe(await two.take());
  });

  it('holds until the log is another one', async () => {
    const { broker, channel, conflate, asked } = await begun();
    channel.conflateWith(conflate);
    const { take } = await joined(channel, 1000);
    const before = channel.top.epoch;
    // As when the data of the broker were lost: its log begins anew, and news come of it.
    const other = memory();
    Object.assign(broker, { read: other.read.bind(other), append: other.append.bind(other) });
    for (let i = 1; i <= 3; i++) await channel.append({ data: `"${i}"`, from: null });
    expect(await take()).toMatchObject({ reason: 'epoch', position: { offset: 0 } });
    expect(channel.top.epoch).not.toBe(before);
    expect(batch(await take()).entries.map(({ data }) => data)).toEqual(['"1"', '"2"', '"3"']);
    expect(asked()).toBe(0);
  });

  it("a cursor of the node's own doesn't hold the channel open and isn't counted", async () => {
    const { channel, metrics } = await begun();
    const { take, cursor } = await joined(channel, 5, true);
    await take();
    expect([channel.idle, metrics.cursorsOpen, metrics.entriesSent]).toEqual([true, 0, 0]);
    const reader = await joined(channel, 5);
    expect([channel.idle, metrics.cursorsOpen]).toEqual([false, 1]);
    cursor.release();
    reader.cursor.release();
    expect([channel.idle, metrics.cursorsOpen]).toEqual([true, 0]);
  });
});
