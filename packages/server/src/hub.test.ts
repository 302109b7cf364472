/**
 * A node's open channels: opened once for all who ask, closed when idle, with ids that no two open ones share. Only
 * memory and a clock are needed; sockets are in the other tests.
 */
import { defineChannels, SyncError, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { lookup } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import type { Broker } from './broker/broker.ts';
import { memory } from './broker/memory.ts';
import { Hub } from './hub.ts';
import { newMetrics, silentLogger } from './observe.ts';
import { resolveNumbers } from './options.ts';
import { gate, meddle, turns } from './testing/meddle.ts';
import { memoryNodes, onNode } from './testing/nodes.ts';
import { Turn } from './turn.ts';

function hubOf(settings: { channelsOpenMax?: number } = {}, shape = (broker: Broker): Broker => broker) {
  const clock = fakeClock();
  const { broker: inner, meddling } = meddle(memory({ clock }));
  const broker = shape(inner);
  const metrics = newMetrics();
  const tools = { broker, clock, turn: new Turn(clock), metrics, logger: silentLogger };
  const numbers = resolveNumbers({ channelIdleMs: 1000, ...settings });
  const hub = new Hub(numbers, tools, lookup(defineChannels({ 'chat/:room': stream() })));
  return { hub, broker, clock, meddling, metrics };
}

describe('the hub', () => {
  it('opens a channel once for all who ask meanwhile', async () => {
    const { hub, meddling, metrics } = hubOf();
    expect(hub.opened('chat/x')).toBeUndefined();
    const [a, b] = await Promise.all([hub.open('chat/x'), hub.open('chat/x')]);
    expect(a).toBe(b);
    expect(hub.opened('chat/x')).toBe(a);
    expect(meddling.reads).toBe(1);
    expect(metrics.channelsOpen).toBe(1);
  });

  it('gives open channels different ids, and takes up those of closed ones', async () => {
    const { hub, clock } = hubOf();
    const ids = async (names: string[]) =>
      Promise.all(names.map(async (name) => (await hub.open(`chat/${name}`)).settings.id));
    expect(await ids(['a', 'b', 'c'])).toEqual([1, 2, 3]);
    const held = (await hub.open('chat/b')).join(0, { wake: () => {} });
    await held;
    await clock.advance(2000);
    const again = await ids(['b', 'd', 'e', 'f']);
    expect(again[0]).toBe(2);
    expect(again.slice(1).sort()).toEqual([1, 3, 4]);
  });

  it('closes what nobody reads, appends to or asks for, after one idle time and before two', async () => {
    const { hub, clock, metrics } = hubOf();
    const reader = await (await hub.open('chat/read')).join(0, { wake: () => {} });
    await hub.open('chat/idle');
    await clock.advance(999);
    hub.opened('chat/idle');
    await clock.advance(1);
    expect(metrics.channelsOpen).toBe(2);
    await clock.advance(1000);
    expect(hub.opened('chat/idle')).toBeUndefined();
    expect(metrics.channelsOpen).toBe(1);
    reader.cursor.release();
    await clock.advance(2000);
    expect(metrics).toMatchObject({ channelsOpen: 0, cursorsOpen: 0 });
  });

  it('does not close a channel that is opening or appending, however long that takes', async () => {
    const { hub, clock, meddling, metrics } = hubOf();
    const reading = gate();
    meddling.read = (read) => reading.passed.then(read);
    const opening = hub.open('chat/x');
    await clock.advance(5000);
    expect(metrics.channelsOpen).toBe(1);
    reading.open();
    const channel = await opening;
    const appending = gate();
    meddling.append = (append) => appending.passed.then(append);
    const appended = channel.append({ data: '1', from: null });
    await clock.advance(5000);
    expect(hub.opened('chat/x')).toBe(channel);
    appending.open();
    expect(await appended).toMatchObject({ offset: 1 });
  });

  it('tells everyone who asked when a channel cannot be opened, and opens it anew for the next', async () => {
    const { hub, meddling, metrics } = hubOf();
    meddling.read = () => Promise.reject(new Error('no disk'));
    const both = await Promise.allSettled([hub.open('chat/x'), hub.open('chat/x')]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(metrics.channelsOpen).toBe(0);
    meddling.read = (read) => read();
    expect((await hub.open('chat/x')).settings.id).toBe(1);
  });

  it('refuses more channels than it may hold, and unknown ones, and everything once it is closed', async () => {
    const { hub } = hubOf({ channelsOpenMax: 1 });
    await hub.open('chat/x');
    expect(() => hub.open('chat/y')).toThrow('1 channels open');
    expect(() => hub.open('news/x')).toThrow('No pattern of the contract matches "news/x"');
    await hub.close();
    expect(() => hub.open('chat/x')).toThrow(expect.objectContaining({ code: 'restart' }));
  });

  it('closes a channel that nobody uses to make room for another, and never one that is read', async () => {
    const { hub, clock } = hubOf({ channelsOpenMax: 2 });
    const read = await hub.open('chat/read');
    await read.join(0, { wake: () => {} });
    await hub.open('chat/left');
    await clock.advance(1001);
    expect((await hub.open('chat/new')).settings.name).toBe('chat/new');
    expect(hub.opened('chat/left')).toBeUndefined();
    expect(hub.opened('chat/read')).toBe(read);
  });

  it('[L1] a channel that opens after the hub was closed is closed too, and nobody gets it', async () => {
    const { hub, meddling, clock, metrics } = hubOf();
    const reading = gate();
    meddling.read = (read) => reading.passed.then(read);
    const opening = hub.open('chat/x');
    await hub.close();
    reading.open();
    await expect(opening).rejects.toMatchObject({ code: 'restart' });
    expect(metrics).toMatchObject({ channelsOpen: 0, cursorsOpen: 0 });
    expect(clock.timers).toBe(0);
  });
});

describe('where nodes share their logs', () => {
  const append = { data: '1', from: null, keep: null };

  it('a log is asked once for all who ask meanwhile, and once more for those who came while it was', async () => {
    const { hub, broker, meddling } = hubOf({}, (inner) => onNode(inner, memoryNodes().join()));
    meddling.news = () => {};
    await hub.open('chat/x');
    const { passed, open } = gate();
    let asked = 0;
    meddling.read = async (read, { entriesMax }) => {
      // Those that hold no entries ask where the log ends.
      if (entriesMax === 0) asked++;
      const slice = await read();
      await passed;
      return slice;
    };
    const first = hub.current('chat/x');
    await turns();
    // The log was read before this, and says nothing of it.
    await broker.append('chat/x', append);
    const others = Array.from({ length: 50 }, () => hub.current('chat/x'));
    await turns();
    expect(asked).toBe(1);
    open();
    for (const channel of await Promise.all(others)) expect(channel.top.offset).toBe(1);
    await first;
    expect(asked).toBe(2);
    await hub.current('chat/x');
    expect(asked).toBe(3);
  });

  it('a log that was rolled back is known for what it is', async () => {
    const logs = [1, 2].map(() => memory({ clock: fakeClock({ seed: 7 }) }));
    const [before, after] = logs as [Broker, Broker];
    for (const log of logs) await log.append('chat/x', append);
    await before.append('chat/x', append);
    const { broker: inner, replace } = meddle(before);
    const { hub } = hubOf({}, () => onNode(inner, memoryNodes().join()));
    const { epoch, offset } = (await hub.open('chat/x')).top;
    expect(offset).toBe(2);
    replace(after);
    expect((await hub.current('chat/x')).top).toMatchObject({ epoch, offset: 1 });
  });

  it('a log that can be asked, but not be read on, keeps nobody waiting for more than five seconds', async () => {
    const { hub, broker, meddling, clock } = hubOf({}, (inner) => onNode(inner, memoryNodes().join()));
    meddling.news = () => {};
    await hub.open('chat/x');
    const { timers } = clock;
    await broker.append('chat/x', append);
    const whole = meddling.read;
    let reads = 0;
    // Where it ends, and what it keeps; what the channel lacks isn't given.
    meddling.read = (real) => (++reads < 3 ? real() : Promise.reject(new SyncError('unavailable')));
    const asked = Promise.allSettled([1, 2].map(() => hub.current('chat/x')));
    await clock.advance(10_000);
    for (const one of await asked) expect(one).toMatchObject({ reason: { code: 'unavailable' } });
    meddling.read = whole;
    await clock.advance(1000);
    expect((await hub.current('chat/x')).top.offset).toBe(1);
    expect(clock.timers).toBe(timers);
  });

  it('a log that can’t be asked is told to all who asked, and asked again by who comes next', async () => {
    const { hub, meddling } = hubOf({}, (inner) => onNode(inner, memoryNodes().join()));
    await hub.open('chat/x');
    const { read } = meddling;
    meddling.read = () => Promise.reject(new SyncError('unavailable'));
    const asked = await Promise.allSettled([1, 2, 3].map(() => hub.current('chat/x')));
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    meddling.read = read;
    expect((await hub.current('chat/x')).top.offset).toBe(0);
  });
});
