/**
 * Views of keyed values, case by case: what a new one begins with, what a slow reader is told, how often, and what happens when it
 * is moved or ends. That all of it comes to what is so is proven in views.property.test.ts.
 */
import { SyncError } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import { Seen } from '../cursor.ts';
import { Log, noTraits } from '../testing/views.ts';
import { StateFolder } from './state.ts';
import type { FoldView } from './views/view.ts';

const at52 = (x: number, more = '') => JSON.stringify({ lat: 52, lng: x, more });

describe('a new view', () => {
  it('[V4] begins with all that is in it, in frames of 64 KiB, and goes on with what changed meanwhile', async () => {
    const log = new Log();
    for (let i = 0; i < 300; i++) log.set(`k${i}`, at52(i / 10, 'ü'.repeat(1000)));
    log.set('large', at52(1, 'x'.repeat(100_000)));
    const client = await log.open({ bbox: [0, 50, 20, 55] });
    const before = log.offset;
    expect(client.take()).toBe(true);
    log.set('k1', at52(3));
    log.set('k200', at52(5));
    log.remove('k2', 'delete');
    log.set('new', at52(4));
    while (client.take());
    const opening = client.frames.filter(({ offset }) => offset === before);
    expect(opening.length).toBeGreaterThan(5);
    expect(opening.map(({ more }) => more)).toEqual(opening.map((_, i) => i < opening.length - 1));
    expect(opening.flatMap(({ gone }) => gone)).toEqual([]);
    for (const { rows } of client.frames)
      expect(rows.length === 1 || Buffer.byteLength(rows.join(',')) <= 65_536).toBe(true);
    expect(client.frames.at(-1)).toMatchObject({ offset: log.offset, more: false });
    expect(client.rows).toEqual(client.expected);
    expect(client.rows.size).toBe(202);
  });

  it('[V4] that shows nothing says so, once', async () => {
    const log = new Log();
    log.set('a', '1');
    const client = await log.open({ keys: ['b'] });
    while (client.take());
    expect(client.frames).toEqual([new Seen(1, 1, false, [], [])]);
    log.set('a', '2');
    expect([client.view?.hasMore, client.take()]).toEqual([false, false]);
  });

  it('[V4] tells a key once that changed before it came by', async () => {
    const log = new Log();
    for (const key of ['a', 'b', 'c']) log.set(key, at52(1));
    const client = await log.open({ bbox: [0, 50, 20, 55] });
    log.set('b', at52(2));
    while (client.take());
    expect(client.frames.map(({ rows }) => rows.length)).toEqual([3]);
    expect(client.rows).toEqual(client.expected);
  });

  it('takes up what there is in steps, and what happens between them', async () => {
    const log = new Log();
    for (let i = 0; i < 3000; i++) log.set(`k${i}`, at52(i / 100));
    const opening = log.open({ bbox: [0, 50, 20, 55], prefix: 'k1' });
    for (let turn = 0; turn < 5; turn++) {
      await new Promise((resolve) => log.clock.endOfTurn(() => resolve(undefined)));
      for (let i = 0; i < 3000; i += 7) log.set(`k${i}`, at52((i * 13) / 100));
      log.remove(`k1${turn}`, 'delete');
      log.set(`k1-${turn}`, at52(7));
    }
    const client = await opening;
    await client.drain();
    expect(client.rows).toEqual(client.expected);
    expect(client.rows.size).toBeGreaterThan(500);
  });

  it('goes on later where it looked at much and found little, and lets others come first', async () => {
    const log = new Log();
    // All in one cell, and beside the box.
    for (let i = 0; i < 20_000; i++)
      log.set(`k${i}`, JSON.stringify({ lat: 52.001 + i * 1e-8, lng: 13.001 }));
    log.set('one', JSON.stringify({ lat: 52.002, lng: 13.003 }));
    const client = await log.open({ bbox: [13.002, 52, 13.004, 52.005] });
    // The one that was added last is looked at first; all others are looked at in vain.
    while (client.take());
    expect(client.view?.hasMore).toBe(true);
    await expect.poll(() => client.wakes).toBeGreaterThan(0);
    await client.drain();
    expect(client.frames.map(({ more, rows }) => [more, rows.length])).toEqual([
      [true, 1],
      [false, 0],
    ]);
  });
});

describe('a slow reader', () => {
  it('[V6] is told the newest of each key, and nothing of one that came and went', async () => {
    const log = new Log();
    log.set('a', at52(1));
    log.set('b', at52(2));
    const client = await log.open({ bbox: [0, 50, 20, 55] });
    while (client.take());
    for (let i = 0; i < 500; i++) {
      log.set('a', at52(3 + i / 100));
      log.set(`passing${i}`, at52(5));
      if (i % 2) log.set(`passing${i}`, at52(50));
      else log.remove(`passing${i}`, 'expire');
    }
    log.remove('b', 'expire');
    const frames = client.frames.length;
    while (client.take());
    expect(client.frames.slice(frames)).toEqual([
      new Seen(1, log.offset, false, [client.expected.get('a') ?? ''], [['b', 'expire']]),
    ]);
  });

  it('[V6] costs nothing for keys that came and went, and tells nothing when only that happened', async () => {
    const log = new Log();
    const client = await log.open({ bbox: [0, 50, 20, 55] });
    while (client.take());
    for (let i = 0; i < 10; i++) {
      log.set(`k${i}`, at52(5));
      expect(client.view?.hasMore).toBe(true);
      if (i % 2) log.set(`k${i}`, at52(50));
      else log.remove(`k${i}`, 'delete');
      expect(client.view?.hasMore).toBe(false);
    }
    expect(client.take()).toBe(false);
  });

  it('[V3] is told what took a key out of view, not what became of it after', async () => {
    const log = new Log();
    for (const key of ['a', 'b', 'c']) log.set(key, at52(13.005));
    const client = await log.open({ bbox: [13, 51, 13.01, 53] });
    while (client.take());
    log.set('a', at52(13.0101));
    log.remove('a', 'delete');
    log.remove('b', 'expire');
    log.set('b', at52(13.0101));
    log.remove('c', 'expire');
    log.set('c', at52(13.0101));
    log.remove('c', 'delete');
    client.take();
    const gone = [
      ['a', 'exit'],
      ['b', 'exit'],
      ['c', 'expire'],
    ];
    expect(client.frames.at(-1)).toMatchObject({ rows: [], gone });
  });

  it('[V6] is woken once, however much happens until it takes', async () => {
    const log = new Log();
    const client = await log.open({});
    while (client.take());
    for (let i = 0; i < 100; i++) log.set(`k${i % 10}`, String(i));
    expect(client.wakes).toBe(1);
    while (client.take());
    log.set('k1', 'null');
    expect(client.wakes).toBe(2);
  });
});

describe('one who takes nothing', () => {
  it('[V6] costs nothing any more once much has changed, and is told what is different when it takes', async () => {
    const log = new Log(10);
    for (const key of ['a', 'b', 'c', 'd']) log.set(key, at52(1));
    const client = await log.open({ bbox: [0, 50, 20, 55] });
    while (client.take());
    const told = log.offset;
    for (let i = 0; i < 30; i++) log.set(`k${i}`, at52(2));
    const { asked } = client.view as FoldView;
    // Keys that it has, and others, come, go and stay.
    log.set('a', at52(3));
    log.set('b', at52(40));
    log.remove('c', 'expire');
    const long = 'x'.repeat(8000);
    for (let i = 0; i < 1000; i++) log.set(`k${i % 40}`, at52(i % 40 < 20 ? 4 : 44, long));
    expect((client.view as FoldView).asked).toBe(asked);
    expect(client.wakes).toBe(1);
    const { length } = client.frames;
    while (client.take());
    const gone = client.frames.slice(length).flatMap((frame) => frame.gone);
    // What became of the key it isn't said.
    expect(gone.sort()).toEqual([
      ['b', 'exit'],
      ['c', 'delete'],
    ]);
    expect(client.rows).toEqual(client.expected);
    // Before the last one it has not been told of anything up to anywhere.
    const offsets = client.frames.slice(length).map(({ offset }) => offset);
    expect([offsets.length > 2, offsets.pop(), new Set(offsets)]).toEqual([
      true,
      log.offset,
      new Set([told]),
    ]);
    // From now on it is told of each change again.
    log.set('k1', at52(5));
    expect((client.view as FoldView).asked).toBeGreaterThan(asked);
  });

  it('[V6] nor does one that rests: then it is told when its time has come', async () => {
    const log = new Log(10);
    const client = await log.open({ maxHz: 0.01 });
    while (client.take());
    for (let i = 0; i < 500; i++) log.set(`k${i % 50}`, String(i));
    const { asked } = client.view as FoldView;
    for (let i = 0; i < 500; i++) log.set(`k${i % 60}`, String(i));
    expect([(client.view as FoldView).asked, client.wakes, client.take()]).toEqual([asked, 0, false]);
    await log.clock.advance(100_000);
    expect(client.wakes).toBe(1);
    while (client.take());
    expect(client.rows).toEqual(client.expected);
    expect(client.rows.size).toBe(60);
  });

  it('[V3] takes no version of another log for one that it was told of', async () => {
    const log = new Log(0);
    log.set('a', '"old"');
    const client = await log.open({});
    while (client.take());
    log.set('a', '"new"');
    log.replace(() => true)();
    for (let i = 0; i < 100; i++) log.set(`k${i}`, '1');
    while (client.take());
    expect(client.rows).toEqual(client.expected);
    expect(client.rows.get('a')).toContain('"new",1');
  });

  it('[V5] may be moved, replaced or let go of while it sleeps', async () => {
    const log = new Log(0);
    const clients = [await log.open({ prefix: 'k' }), await log.open({ bbox: [170, 50, -170, 55] })];
    clients.push(await log.open({ keys: ['k1'] }));
    const stir = () => {
      for (let i = 0; i < 100; i++) log.set(`k${i}`, at52(i % 2 ? 175 : -175));
    };
    stir();
    clients[2]?.view?.release();
    clients[1]?.move({ bbox: [170, 50, 180, 55] });
    stir();
    log.replace((key) => key !== 'k1')();
    stir();
    for (const client of clients.slice(0, 2)) {
      await client.drain();
      expect(client.rows).toEqual(client.expected);
    }
  });
});

describe('who looks through much', () => {
  /** Many keys that a filter looks through in vain. */
  const crowded = async () => {
    const log = new Log();
    for (let i = 0; i < 20_000; i++)
      log.set(`k${i}`, JSON.stringify({ lat: 52.001 + i * 1e-8, lng: 13.001 }));
    return { log, vain: { bbox: [13.002, 52, 13.004, 52.005] } as const };
  };

  it('[V6] keeps nobody waiting who is told of changes', async () => {
    const { log, vain } = await crowded();
    const watching = await log.open({ keys: ['one'] });
    while (watching.take());
    const looking = await log.open(vain);
    for (let i = 0; i < 4; i++) {
      looking.take();
      log.set('one', String(i));
      expect(watching.take()).toBe(true);
      await log.clock.advance(0);
    }
  });

  it('[V4] comes after those who came to nothing before', async () => {
    const { log, vain } = await crowded();
    const [first, second] = [await log.open(vain), await log.open({ ...vain, prefix: 'k2' })];
    first.take();
    second.take();
    await expect.poll(() => log.woken.length).toBe(2);
    // The first had all there was to look at in that turn, so the second goes before it in this one.
    expect(log.woken).toEqual([second, first]);
  });

  it('waits when it has had more looked at than its reader may, and goes on after that', async () => {
    const { log, vain } = await crowded();
    const purse = { waitMs: 0, taken: 0 };
    const take = (keys: number): void => {
      purse.taken += keys;
    };
    log.purse = Object.assign(purse, { take });
    const client = await log.open(vain);
    client.take();
    expect(purse.taken).toBe(8192);
    purse.waitMs = 700;
    await expect.poll(() => client.wakes).toBe(1);
    expect([client.take(), log.clock.timers]).toEqual([false, 1]);
    await log.clock.advance(699);
    expect(client.wakes).toBe(1);
    purse.waitMs = 0;
    await log.clock.advance(1);
    expect(client.wakes).toBe(2);
    await client.drain();
    expect(purse.taken).toBeGreaterThanOrEqual(20_000);
    // What changes in view is told whatever it owes.
    purse.waitMs = 1000;
    log.set('new', JSON.stringify({ lat: 52.001, lng: 13.003 }));
    expect(client.take()).toBe(true);
    expect([client.rows.size, log.clock.timers]).toEqual([1, 0]);
    client.move({ ...vain, prefix: 'k' });
    expect([client.take(), log.clock.timers]).toEqual([false, 1]);
    client.view?.release();
    expect(log.clock.timers).toBe(0);
  });
});

describe('maxHz', () => {
  it('[V6] bounds how often a view tells, and what it tells then is the newest', async () => {
    const log = new Log();
    log.set('a', '0');
    const client = await log.open({ maxHz: 2 });
    while (client.take());
    for (let i = 1; i <= 40; i++) {
      log.set('a', String(i));
      await log.clock.advance(100);
      while (client.take());
    }
    // Four seconds, twice a second, and what it began with.
    expect(client.frames.length).toBe(9);
    expect(client.wakes).toBe(8);
    await client.drain();
    expect(client.rows).toEqual(client.expected);
    expect(log.clock.timers).toBe(0);
  });

  it('[V6] tells what is more than a frame in one go, and at once after it was quiet', async () => {
    const log = new Log();
    const client = await log.open({ maxHz: 0.1 });
    while (client.take());
    await log.clock.advance(10_000);
    const long = 'x'.repeat(30_000);
    for (let i = 0; i < 10; i++) log.set(`k${i}`, JSON.stringify(long));
    client.take();
    log.set('late', '1');
    while (client.take());
    expect(client.rows.size).toBe(10);
    await log.clock.advance(10_000);
    expect(client.take()).toBe(true);
    expect(client.rows.size).toBe(11);
  });

  it('[V5] lets a view be moved at any time: the difference is told at once', async () => {
    const log = new Log();
    for (let i = 0; i < 100; i++) log.set(`k${i}`, at52(i));
    const client = await log.open({ bbox: [0, 50, 40, 55], maxHz: 0.01 });
    while (client.take());
    const frames = client.frames.length;
    for (let west = 1; west <= 10; west++) {
      client.move({ bbox: [west, 50, west + 40, 55], maxHz: 0.01 });
      while (client.take());
      expect(client.rows).toEqual(client.expected);
    }
    const told = client.frames.slice(frames);
    expect(told.map(({ rows, gone, more }) => [rows.length, gone, more])).toEqual(
      Array.from({ length: 10 }, (_, i) => [1, [[`k${i}`, 'exit']], false]),
    );
  });
});

describe('moving', () => {
  it('[V5] away and back at once tells what changed outside meanwhile, and of what stayed the same nothing', async () => {
    const log = new Log();
    for (const key of ['a', 'b', 'c']) log.set(key, at52(1));
    const client = await log.open({ bbox: [0, 50, 5, 55] });
    while (client.take());
    client.move({ bbox: [40, 50, 45, 55] });
    log.set('a', at52(2));
    log.remove('b', 'delete');
    client.move({ bbox: [0, 50, 6, 55] });
    const frames = client.frames.length;
    while (client.take());
    expect(client.frames.slice(frames)).toEqual([
      new Seen(1, log.offset, false, [client.expected.get('a') ?? ''], [['b', 'exit']]),
    ]);
    expect(client.rows).toEqual(client.expected);
  });

  it('[V5] tells all that is different at once, in as many frames as it takes, also while it rests', async () => {
    const log = new Log();
    const name = (i: number) => `${'k'.repeat(200)}${i}`;
    for (let i = 0; i < 1000; i++) log.set(name(i), at52(1));
    const client = await log.open({ bbox: [0, 50, 5, 55], maxHz: 0.01 });
    while (client.take());
    for (let i = 0; i < 10; i++) log.set(`else${i}`, at52(50));
    client.move({ bbox: [60, 50, 65, 55], maxHz: 0.01 });
    const frames = client.frames.length;
    while (client.take());
    expect(client.rows).toEqual(client.expected);
    expect(client.frames.length - frames).toBeGreaterThan(2);
  });
});

describe('views of a channel', () => {
  it('begin anew after nobody viewed it for long', async () => {
    const log = new Log();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 100; i++) log.set(`k${i}`, at52(i + round));
      const client = await log.open({ bbox: [10, 50, 20, 55] });
      await client.drain();
      expect(client.rows).toEqual(client.expected);
      client.view?.release();
      for (let i = 0; i < 50 * round; i++) log.remove(`k${i}`, 'delete');
      for (let i = 0; i < 400; i++) log.set(`k${i % 50}`, at52(i));
    }
  });

  it('are released once, and told of nothing after', async () => {
    const log = new Log();
    let released = 0;
    const traits = { ...noTraits, id: 9, onRelease: () => released++ };
    const view = await log.folder.view(traits, { maxHz: 1 });
    expect(view.take()).toBeInstanceOf(Seen);
    log.set('a', '1');
    view.release();
    view.release();
    view.move({ keys: ['a'] });
    log.set('a', '2');
    expect([released, view.take(), view.hasMore, log.clock.timers]).toEqual([1, undefined, false, 0]);
  });

  it('end with an error, which is told when there is room, and then nothing', async () => {
    const log = new Log();
    const client = await log.open({});
    while (client.take());
    client.view?.end(new SyncError('corrupt'));
    log.set('a', '1');
    expect(client.wakes).toBe(1);
    expect(client.view?.take()).toMatchObject({ id: 1, error: { code: 'corrupt' } });
    expect([client.view?.hasMore, client.view?.take()]).toEqual([false, undefined]);
  });

  it('[V2] refuse a box where the contract names no places, also of a view that is moved', async () => {
    const folder = new StateFolder(1000, fakeClock());
    const box = { bbox: [0, 0, 1, 1] } as const;
    await expect(folder.view(noTraits, box)).rejects.toMatchObject({ code: 'bad_payload' });
    const view = await folder.view(noTraits, {});
    expect(() => view.move(box)).toThrow(/geo/);
    expect(view.take()).toBeInstanceOf(Seen);
  });
});
