/**
 * Signals in one channel, with cursors and without sockets: one batch a turn, taken once by whoever is up to date in that turn,
 * and nothing of it left for anyone after.
 */
import { fakeClock } from '@syncline/protocol/testing';
import type { Signalled, Start } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import { memory } from '../broker/memory.ts';
import { Channel } from '../channel.ts';
import { Batch, type Cursor, Signals, type Taken } from '../cursor.ts';
import { newMetrics, silentLogger } from '../observe.ts';
import { turns } from '../testing/meddle.ts';
import { Turn } from '../turn.ts';

async function channelOf(entries = 0) {
  const clock = fakeClock();
  const turn = new Turn(clock);
  const metrics = newMetrics();
  const tools = { broker: memory({ clock }), clock, turn, metrics, logger: silentLogger };
  const keep = { entriesMax: 100, bytesMax: 1e6, ageMs: Number.POSITIVE_INFINITY };
  const limits = { tailEntriesMax: 4, tailBytesMax: 1e6 };
  const channel = await Channel.open({ id: 7, name: 'c', stamped: false, keep, ...limits }, tools);
  for (let i = 0; i < entries; i++) await channel.append({ data: `${i}`, from: null });
  await turns();
  /** A reader who takes all there is when turns are written, or as much as there is room for, as sessions do. */
  const reader = async (start: Start = 0, traits: { resident?: boolean; room?: number } = {}) => {
    const { resident = false, room = Number.POSITIVE_INFINITY } = traits;
    const taken: (Taken | undefined)[] = [];
    let cursor: Cursor | undefined;
    let woken = false;
    const take = (): void => {
      woken = false;
      for (let i = 0; i < room; i++) {
        const one = cursor?.take();
        if (!one) return;
        taken.push(one);
      }
    };
    const wake = (): void => {
      if (!woken) turn.write({ write: take });
      woken = true;
    };
    cursor = (await channel.join(start, { wake }, resident)).cursor;
    /** What was signalled to it, in batches. */
    const told = () =>
      taken.flatMap((one) => (one instanceof Signals ? [one.signals.map(([, , d]) => d)] : []));
    return { cursor, take, taken, told };
  };
  const signal = (data: unknown, key = 'k'): boolean => channel.signal([key, null, JSON.stringify(data)]);
  return { channel, clock, turn, metrics, reader, signal };
}

describe('signals', () => {
  it('[N6] of one turn are one batch, the same for all, with the channel’s id', async () => {
    const { reader, signal, metrics } = await channelOf();
    const [a, b] = [await reader(), await reader()];
    signal(1);
    signal(2);
    expect(a.cursor.hasMore).toBe(false);
    await turns();
    signal(3);
    await turns();
    expect(a.told()).toEqual([['1', '2'], ['3']]);
    expect(a.taken).toEqual(b.taken);
    expect(a.taken[0]).toBe(b.taken[0]);
    expect(a.taken[0]).toMatchObject({
      id: 7,
      signals: [['k', null, '1'] satisfies Signalled, ['k', null, '2']],
    });
    expect(metrics.signalsSent).toBe(6);
  });

  it('[N6] are taken once, and only while their turn is written', async () => {
    const { reader, signal, turn } = await channelOf();
    const { cursor, take, told } = await reader();
    signal(1);
    // In the midst of a turn, as when a socket has room again: they are not all there yet.
    take();
    expect(told()).toEqual([]);
    signal(2);
    const seen: unknown[] = [];
    turn.beforeWrites(() => turn.write({ write: () => seen.push(cursor.hasMore) }));
    await turns();
    expect(told()).toEqual([['1', '2']]);
    take();
    expect(told()).toEqual([['1', '2']]);
    expect([cursor.hasMore, seen]).toEqual([false, [false]]);
  });

  it('[N6] are lost to whoever doesn’t take them in time, and nothing is kept for it', async () => {
    const { channel, signal, reader } = await channelOf();
    const slow = (await channel.join(0, { wake: () => {} })).cursor;
    const other = await reader();
    signal(1);
    await turns();
    expect(other.told()).toEqual([['1']]);
    expect([slow.hasMore, slow.take()]).toEqual([false, undefined]);
  });

  it('[N6] come after the entries of their turn, and not to whoever is behind', async () => {
    const { channel, signal, reader } = await channelOf(30);
    const { epoch } = await channel.history('after', 0, 1);
    const live = await reader();
    const behind = await reader({ epoch, offset: 0, check: 0 }, { room: 1 });
    signal(1);
    await channel.append({ data: '"entry"', from: null });
    await turns(10);
    expect(live.taken.map((one) => one?.constructor)).toEqual([Batch, Signals]);
    behind.take();
    expect(behind.taken.map((one) => one?.constructor)).toEqual([Batch, Batch]);
    signal(2);
    await turns();
    expect([live.told(), behind.told()]).toEqual([[['1'], ['2']], [['2']]]);
  });

  it('[N6] are not for the node’s own readers, nor for cursors that were given up', async () => {
    const { signal, reader } = await channelOf();
    const own = await reader(0, { resident: true });
    const left = await reader();
    signal(1);
    left.cursor.release();
    await turns();
    own.take();
    left.take();
    expect([own.told(), left.told(), own.cursor.hasMore]).toEqual([[], [], false]);
  });

  it('[N6] that fill a frame leave no room in it for others, until the next turn', async () => {
    const { reader, signal } = await channelOf();
    const { told } = await reader();
    const large = 'x'.repeat(30_000);
    expect([signal(large), signal(large), signal(large), signal(1)]).toEqual([true, true, false, true]);
    await turns();
    expect([signal(large), signal(large)]).toEqual([true, true]);
    await turns();
    for (let i = 0; i < 512; i++) expect(signal(i)).toBe(true);
    expect(signal(512)).toBe(false);
    await turns();
    expect(signal('x'.repeat(1_000_000))).toBe(true);
    await turns();
    expect(told().map((batch) => batch.length)).toEqual([3, 2, 512, 1]);
  });

  it('[N6] to many readers are told in one frame for some milliseconds, so that no crowd is written to for each', async () => {
    const { channel, clock, reader, signal, metrics } = await channelOf();
    const readers = await Promise.all(Array.from({ length: 400 }, () => reader()));
    // The first one after it was quiet at once.
    signal(0);
    await turns();
    for (let i = 1; i <= 100; i++) {
      signal(i);
      await turns(1);
    }
    expect(metrics.signalsSent).toBe(400);
    await clock.advance(19);
    expect(metrics.signalsSent).toBe(400);
    await clock.advance(1);
    await turns();
    const rest = Array.from({ length: 100 }, (_, i) => String(i + 1));
    for (const { told } of readers) expect(told()).toEqual([['0'], rest]);
    // What fills the frame meanwhile is refused, as within a turn.
    for (let i = 0; i < 512; i++) expect(signal(i)).toBe(true);
    expect(signal('more')).toBe(false);
    await clock.advance(20);
    await turns();
    expect(signal('more')).toBe(true);
    await clock.advance(1000);
    expect(
      readers[0]
        ?.told()
        .slice(2)
        .map((batch) => batch.length),
    ).toEqual([512, 1]);
    // It is quiet: nothing is told, and the next one at once.
    await clock.advance(1000);
    signal('x'.repeat(40_000));
    await turns();
    expect(readers[0]?.told().length).toBe(5);
    // The larger the frame, the longer the rest.
    signal('next');
    await clock.advance(199);
    await turns();
    expect(readers[0]?.told().length).toBe(5);
    await clock.advance(1);
    await turns();
    expect(readers[0]?.told().length).toBe(6);
    channel.close();
    expect(clock.timers).toBe(0);
  });

  it('[N6] to few readers are told in the turn in which they come', async () => {
    const { clock, reader, signal } = await channelOf();
    const [one] = await Promise.all(Array.from({ length: 90 }, () => reader()));
    for (let i = 0; i < 3; i++) {
      signal(i);
      await turns();
    }
    expect([one?.told(), clock.timers]).toEqual([[['0'], ['1'], ['2']], 0]);
  });
});
