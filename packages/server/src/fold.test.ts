/**
 * The fold of an open channel over a real log: what it stores and when, what it appends because its time has come, how little
 * it does at a time, and what becomes of it when something fails. Folders are the state's, or ones that count.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { deleteEntry, type Entry, setEntry, stateKind } from '@syncline/protocol/wire';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Broker, Slice } from './broker/broker.ts';
import { memory } from './broker/memory.ts';
import { Channel } from './channel.ts';
import type { Folder } from './fold/folder.ts';
import { StateFolder } from './fold/state.ts';
import { Fold } from './fold.ts';
import { newMetrics } from './observe.ts';
import { gate, meddle, turns } from './testing/meddle.ts';
import { passes } from './testing/wire.ts';
import { Turn } from './turn.ts';

const range = { direction: 'after', offset: 0, entriesMax: 100_000, bytesMax: 1e9, keep: null } as const;

/** A log, and a way to open its channel with a fold on any number of nodes. */
function logAt(clock = fakeClock()) {
  const { broker, meddling } = meddle(memory({ clock }));
  const errors: string[] = [];
  const logger = { error: (_facts: unknown, message: string) => void errors.push(message) };
  const node = async (folder: Folder = new StateFolder(60_000, clock), settings = {}) => {
    const metrics = newMetrics();
    const tools = { broker, clock, metrics, turn: new Turn(clock), logger };
    const bounds = { stamped: true, keep: null, tailEntriesMax: 600, tailBytesMax: 1e6 };
    const channel = await Channel.open({ id: 1, name: 'c', ...bounds }, tools);
    const fold = new Fold(channel, folder, { foldEntriesMax: 10, foldBytesMax: 1e9, ...settings }, tools);
    onTestFinished(() => {
      fold.close();
      channel.close();
    });
    return { channel, fold, metrics, folder };
  };
  const append = (data: string, key = 'k') => broker.append('c', { data, from: null, key, keep: null });
  const read = (): Promise<Slice> => broker.read('c', range);
  return { broker, meddling, clock, errors, node, append, read };
}

/** What a log comes to: its snapshot and the entries after it. */
function contentOf({ snapshot, entries }: Slice) {
  const view = snapshot ? stateKind.restore(snapshot.data, snapshot.offset) : stateKind.empty();
  return [...stateKind.apply(view, entries).values].map(([key, { text }]) => [key, text]);
}

/** A folder that does nothing but note when it is asked for what. */
function counting(notes: string[]): Folder {
  return {
    size: 0,
    dueAt: Number.POSITIVE_INFINITY,
    clear: () => void notes.push('clear'),
    restore: (part) => void notes.push(`part ${String(part)}`),
    add: (entries: readonly Entry[]) => void notes.push(`add ${entries.length}`),
    snapshot: async () => '[]',
    after: () => undefined,
    takeDue: () => [],
    putBack: () => {},
  };
}

describe('snapshots', () => {
  it('are stored when more came than they stand for, and the log is cut', async () => {
    const { node, append, read } = logAt();
    const { fold, metrics } = await node();
    await fold.open();
    for (let i = 1; i <= 10; i++) await append(setEntry('k', String(i)));
    await turns();
    expect(metrics.snapshotsStored).toBe(0);
    await append(setEntry('k', '11'));
    await passes(() => expect(metrics.snapshotsStored).toBe(1));
    const slice = await read();
    expect([slice.oldest, slice.snapshot?.offset, contentOf(slice)]).toEqual([12, 11, [['k', '11']]]);
  });

  it('wait for as many entries as there are keys', async () => {
    const { node, append, read } = logAt();
    const { fold, metrics } = await node();
    await fold.open();
    for (let i = 1; i <= 30; i++) await append(setEntry(`k${i}`, '1'), `k${i}`);
    await turns();
    // The first when it had 11 keys and as many entries, which is not more; so none before a key came again.
    expect((await read()).snapshot).toBeNull();
    for (let i = 1; i <= 2; i++) await append(setEntry('k1', '2'), 'k1');
    await passes(() => expect(metrics.snapshotsStored).toBe(1));
    expect((await read()).snapshot?.offset).toBeGreaterThan(30);
  });

  it('are stored when many bytes came, too', async () => {
    const { node, append } = logAt();
    const { fold, metrics } = await node(undefined, { foldBytesMax: 2000, foldEntriesMax: 1e6 });
    await fold.open();
    for (let i = 1; i <= 3; i++) await append(setEntry('k', `"${'x'.repeat(1000)}"`));
    await passes(() => expect(metrics.snapshotsStored).toBe(1));
  });

  it('are made one at a time, and what comes meanwhile is in the next', async () => {
    const { broker, node, append, read } = logAt();
    const { fold, metrics } = await node();
    await fold.open();
    const held = gate();
    const compact = broker.compact.bind(broker);
    let calls = 0;
    broker.compact = async (...what: Parameters<Broker['compact']>) => {
      calls++;
      await held.passed;
      return await compact(...what);
    };
    for (let i = 1; i <= 40; i++) {
      await append(setEntry('k', String(i)));
      await turns(1);
    }
    expect(calls).toBe(1);
    held.open();
    await passes(() => expect(metrics.snapshotsStored).toBe(1));
    await append(setEntry('k', '41'));
    await passes(() => expect(metrics.snapshotsStored).toBe(2));
    expect(contentOf(await read())).toEqual([['k', '41']]);
  });

  it('that can not be stored are told of, and made again after as many entries', async () => {
    const { broker, node, append, errors } = logAt();
    const { fold, metrics } = await node();
    await fold.open();
    const compact = broker.compact.bind(broker);
    broker.compact = () => Promise.reject(new Error('full'));
    for (let i = 1; i <= 15; i++) await append(setEntry('k', String(i)));
    await passes(() => expect(errors).toEqual([expect.stringContaining('A snapshot could not be stored')]));
    broker.compact = compact;
    for (let i = 1; i <= 15; i++) await append(setEntry('k', String(i)));
    await passes(() => expect(metrics.snapshotsStored).toBe(1));
  });

  it('[S9] of an older fold are where the next one begins', async () => {
    const { node, append, read } = logAt();
    const first = await node();
    await first.fold.open();
    for (let i = 1; i <= 25; i++) await append(setEntry(`k${i % 3}`, String(i)), `k${i % 3}`);
    await passes(() => expect(first.metrics.snapshotsStored).toBe(1));
    first.fold.close();
    first.channel.close();
    const { fold, folder } = await node();
    await fold.open();
    const held = stateKind.restore((await folder.snapshot(() => Promise.resolve())) ?? '', 25);
    expect([...held.values].map(([key, { text }]) => [key, text])).toEqual(contentOf(await read()));
    expect(folder.size).toBe(3);
  });
});

describe('what is due', () => {
  it('[K5] is appended when its time has come, by a timer', async () => {
    const { clock, node, append, read } = logAt();
    const { fold, metrics } = await node();
    await fold.open();
    await append(setEntry('k', '1'));
    await clock.advance(40_000);
    await append(setEntry('k', '2'));
    await clock.advance(59_999);
    expect((await read()).top.offset).toBe(2);
    await clock.advance(1);
    await turns();
    expect((await read()).entries.at(-1)?.data).toBe('["k",null,{"expired":true}]');
    expect(metrics.dueAppended).toBe(1);
    expect(contentOf(await read())).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it('[K5] is appended before anyone gets the channel, when nobody had it open', async () => {
    const { clock, node, append, read } = logAt();
    await append(setEntry('old', '1'), 'old');
    await clock.advance(50_000);
    await append(setEntry('young', '1'), 'young');
    await clock.advance(10_000);
    const { fold } = await node();
    await fold.open();
    expect(contentOf(await read())).toEqual([['young', '1']]);
  });

  it('[K5] is appended by one of several nodes', async () => {
    const { clock, node, append, read } = logAt();
    const nodes = [await node(), await node(), await node()];
    for (const { fold } of nodes) await fold.open();
    for (let i = 0; i < 20; i++) await append(setEntry(`k${i}`, '1'), `k${i}`);
    await turns();
    await clock.advance(60_000);
    await turns(10);
    const slice = await read();
    expect([slice.top.offset, contentOf(slice)]).toEqual([40, []]);
    expect(nodes.reduce((sum, { metrics }) => sum + metrics.dueAppended, 0)).toBe(20);
  });

  it('[K5] is not appended when the value was set again meanwhile, though this node has not heard of it', async () => {
    const { clock, meddling, node, append, read } = logAt();
    const { fold } = await node();
    await fold.open();
    await append(setEntry('k', '1'));
    await turns();
    meddling.news = () => {};
    await append(setEntry('k', '2'));
    await clock.advance(60_000);
    await turns();
    expect(contentOf(await read())).toEqual([['k', '2']]);
  });

  it('is tried again a second after it could not be appended', async () => {
    const { clock, meddling, node, append, read, errors } = logAt();
    const { fold } = await node();
    await fold.open();
    await append(setEntry('k', '1'));
    await turns();
    meddling.append = () => Promise.reject(new Error('full'));
    await clock.advance(60_000);
    await turns();
    expect(errors).toEqual([expect.stringContaining('could not be appended')]);
    meddling.append = (append) => append();
    await clock.advance(999);
    await turns();
    expect((await read()).top.offset).toBe(1);
    await clock.advance(1);
    await turns();
    expect(contentOf(await read())).toEqual([]);
  });

  it('waits for the clock when that was set back', async () => {
    const { clock, node, append, read } = logAt();
    const { fold } = await node();
    await fold.open();
    await append(setEntry('k', '1'));
    await turns();
    clock.setNow(clock.now() - 5000);
    await clock.advance(60_000);
    await turns();
    expect((await read()).top.offset).toBe(1);
    await clock.advance(5000);
    await turns();
    expect((await read()).top.offset).toBe(2);
  });

  it('is nothing any more once the fold is closed', async () => {
    const { clock, node, append, read } = logAt();
    const { fold } = await node();
    await fold.open();
    await append(setEntry('k', '1'));
    await turns();
    fold.close();
    await clock.advance(120_000);
    expect((await read()).top.offset).toBe(1);
    expect(clock.timers).toBe(0);
  });
});

describe('a turn of the event loop', () => {
  it('sees a few batches folded at most, however much is there', async () => {
    const { node, append } = logAt();
    for (let i = 0; i < 6000; i++) await append(setEntry(`k${i}`, '1'), `k${i}`);
    const notes: string[] = [];
    const { fold } = await node(counting(notes), { foldEntriesMax: 1e6 });
    let open = true;
    const perTurn: number[] = [];
    const opening = fold.open().finally(() => {
      open = false;
    });
    while (open) {
      const before = notes.length;
      await turns(1);
      perTurn.push(notes.length - before);
    }
    await opening;
    expect(notes.length).toBeGreaterThanOrEqual(Math.ceil(6000 / 512));
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(4);
    expect(notes.every((note) => Number(note.slice(4)) <= 512)).toBe(true);
  });

  it('sees some entries appended at most, however many are due', async () => {
    const { clock, node, append, read } = logAt();
    for (let i = 0; i < 2000; i++) await append(setEntry(`k${i}`, '1'), `k${i}`);
    await clock.advance(60_000);
    const { fold, metrics } = await node(undefined, { foldEntriesMax: 1e6 });
    let open = true;
    const perTurn: number[] = [];
    const opening = fold.open().finally(() => {
      open = false;
    });
    while (open) {
      const before = metrics.dueAppended;
      await turns(1);
      perTurn.push(metrics.dueAppended - before);
    }
    await opening;
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(256);
    expect(contentOf(await read())).toEqual([]);
  });
});

describe('trouble', () => {
  it('a log that can not be folded keeps its channel shut', async () => {
    const { node, append } = logAt();
    await append('{"no":"entry"}');
    const { fold } = await node();
    await expect(fold.open()).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('an entry that can not be folded is told of, and the channel goes on without a fold', async () => {
    const { node, append, errors, read } = logAt();
    const { fold, channel } = await node();
    await fold.open();
    await append('{"no":"entry"}');
    await passes(() => expect(errors).toEqual([expect.stringContaining('can no longer be folded')]));
    for (let i = 0; i < 30; i++) await append(setEntry('k', '1'));
    await turns();
    expect([(await read()).snapshot, channel.top.offset, errors.length]).toEqual([null, 31, 1]);
  });

  it('a fold that is closed while it opens is refused, and leaves nothing behind', async () => {
    const { clock, meddling, node, append } = logAt();
    for (let i = 0; i < 1000; i++) await append(setEntry(`k${i}`, '1'), `k${i}`);
    const { fold, channel } = await node();
    const held = gate();
    meddling.read = (read) => held.passed.then(read);
    const opening = fold.open();
    await turns();
    fold.close();
    held.open();
    await expect(opening).rejects.toMatchObject({ code: 'restart' });
    await turns();
    expect([channel.idle, clock.timers]).toEqual([true, 0]);
  });

  it('a log that turns out to be another one is folded anew', async () => {
    const clock = fakeClock();
    const { broker, replace } = meddle(memory({ clock }));
    const metrics = newMetrics();
    const tools = { broker, clock, metrics, turn: new Turn(clock), logger: { error: () => {} } };
    const settings = { id: 1, name: 'c', stamped: true, keep: null, tailEntriesMax: 600, tailBytesMax: 1e6 };
    const channel = await Channel.open(settings, tools);
    const folder = new StateFolder(1000, clock);
    const fold = new Fold(channel, folder, { foldEntriesMax: 4, foldBytesMax: 1e9 }, tools);
    onTestFinished(() => {
      fold.close();
      channel.close();
    });
    await fold.open();
    const set = (key: string) => channel.append({ data: setEntry(key, '1'), from: null, key });
    for (const key of ['a', 'b', 'c']) await set(key);
    await turns();
    expect(folder.size).toBe(3);
    replace(memory({ clock }));
    await set('d');
    await passes(() => expect(folder.size).toBe(1));
    for (let i = 0; i < 5; i++) await set('d');
    await passes(() => expect(metrics.snapshotsStored).toBe(1));
    await channel.append({ data: deleteEntry('d'), from: null, key: 'd', keyEnds: true });
    await passes(() => expect(folder.size).toBe(0));
  });
});
