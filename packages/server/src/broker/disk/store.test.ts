/**
 * The store by itself, in this process: what a torn write-ahead log, a flipped bit or a damaged page leave, and that damage
 * in one log stays there. Files are cut and changed between a store's last commit and the next one's start.
 */
import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SyncError } from '@syncline/protocol';
import { seeded } from '@syncline/protocol/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Append, Slice } from '../broker.ts';
import { appendOf, expectWhole, rangeOf } from '../testing.ts';
import { fileName, openFile } from './file.ts';
import { StoredLog } from './log.ts';
import type { Operation, Outcome } from './operation.ts';
import { Store } from './store.ts';
import { Tables } from './tables.ts';
import { append, folder, opened } from './testing.ts';

const wal = `${fileName}-wal`;

const read = (channel: string): Operation => ({
  type: 'read',
  channel,
  now: 1,
  range: rangeOf({ entriesMax: 100_000, keep: null }),
});

function slice(outcome: Outcome | undefined): Slice {
  if (outcome?.type === 'slice') return outcome.value;
  throw new Error(`Expected a slice, got ${JSON.stringify(outcome)}.`);
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

describe('a write-ahead log that was torn', () => {
  const groups = 25;
  const perGroup = 4;

  /** The two files as they are while a server runs: `groups` commits of entries in two channels, none of them in the main file. */
  function running(): { main: Buffer; log: Buffer } {
    const dir = folder();
    const store = opened(dir);
    for (let group = 0; group < groups; group++) {
      const texts = Array.from(
        { length: perGroup },
        (_, i) => `"${group} ${i} ${'.'.repeat((group * 97) % 1500)}"`,
      );
      store.commit(texts.flatMap((text) => [append('a', text), append('b', text)]));
    }
    return { main: readFileSync(join(dir, fileName)), log: readFileSync(join(dir, wal)) };
  }

  /** Starts on these files and returns how many whole groups are there; nothing else may be. */
  function groupsAfter(main: Buffer, log: Buffer): number {
    const dir = folder();
    writeFileSync(join(dir, fileName), main);
    writeFileSync(join(dir, wal), log);
    const store = opened(dir);
    const [a, b] = store.commit([read('a'), read('b')]).map(slice);
    if (!a || !b) throw new Error('Expected two slices.');
    expectWhole(a);
    expectWhole(b);
    expect(a.top.offset % perGroup).toBe(0);
    expect(b.entries.map((entry) => entry.data)).toEqual(a.entries.map((entry) => entry.data));
    expect(store.commit([append('a', '"next"')])).toMatchObject([
      { type: 'appended', value: { offset: a.top.offset + 1 } },
    ]);
    store.close();
    rmSync(dir, { recursive: true });
    return a.top.offset / perGroup;
  }

  it('[P1] cut at any byte, it opens with the groups that were whole', () => {
    const { main, log } = running();
    const random = seeded(7);
    const cuts = [
      0,
      1,
      31,
      32,
      33,
      log.length - 1,
      log.length,
      ...Array.from({ length: 60 }, () => Math.floor(random() * log.length)),
    ].sort((a, b) => a - b);
    const counts = cuts.map((cut) => groupsAfter(main, log.subarray(0, cut)));
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect([counts[0], counts.at(-2), counts.at(-1)]).toEqual([0, groups - 1, groups]);
  });

  it('[P1] with a bit flipped, it opens without the last group at most, or is told to be damaged', () => {
    const { main, log } = running();
    const random = seeded(8);
    const frame = 24 + 4096;
    const commitEnds = Array.from({ length: Math.floor((log.length - 32) / frame) }, (_, i) => 32 + i * frame)
      .filter((at) => log.readUInt32BE(at + 4) !== 0)
      .map((at) => at + frame);
    const last = commitEnds.at(-2) ?? 0;
    const anywhere = Array.from({ length: 60 }, () => Math.floor(random() * log.length));
    const header = Array.from({ length: 32 }, (_, at) => at);
    const frameHeaders = [32, last - frame, log.length - frame].flatMap((at) =>
      Array.from({ length: 24 }, (_, i) => at + i),
    );
    const told = { damaged: 0, opened: 0 };
    for (const place of [...header, ...frameHeaders, ...anywhere]) {
      const changed = Buffer.from(log);
      changed.writeUInt8(changed.readUInt8(place) ^ (1 << Math.floor(random() * 8)), place);
      let count: number | undefined;
      const thrown = thrownBy(() => {
        count = groupsAfter(main, changed);
      });
      if (thrown === undefined) {
        expect(count, `byte ${place}`).toBeGreaterThanOrEqual(groups - 1);
        told.opened++;
      } else {
        expect(thrown, `byte ${place}`).toMatchObject({
          code: 'corrupt',
          message: expect.stringMatching(/write-ahead log.*Restore a backup/),
        });
        told.damaged++;
      }
      if (place < last) expect(thrown, `byte ${place}`).toBeDefined();
    }
    expect(told.opened).toBeGreaterThan(20);
    expect(told.damaged).toBeGreaterThan(100);
  });

  it('is moved to the main file at start', () => {
    const { main, log } = running();
    const dir = folder();
    writeFileSync(join(dir, fileName), main);
    writeFileSync(join(dir, wal), log);
    const store = opened(dir);
    expect(readFileSync(join(dir, wal)).length).toBe(0);
    expect(slice(store.commit([read('a')])[0]).top.offset).toBe(groups * perGroup);
  });

  it('without its main file, it is not taken for a new one', () => {
    const { log } = running();
    const dir = folder();
    writeFileSync(join(dir, wal), log);
    expect(thrownBy(() => new Store({ dir }))).toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('write-ahead log'),
    });
    expect(readFileSync(join(dir, wal)).equals(log)).toBe(true);
  });
});

describe('damage in one log', () => {
  /** A closed file with 100 entries in each of three channels; b's hold "needle". */
  function written(): string {
    const dir = folder();
    const store = opened(dir);
    const padding = '.'.repeat(300);
    const numbers = Array.from({ length: 100 }, (_, i) => i);
    store.commit(
      numbers.flatMap((i) => [
        append('a', `"${i} ${padding}"`),
        append('b', `"needle ${i} ${padding}"`),
        append('c', `"${i} ${padding}"`),
      ]),
    );
    store.close();
    return dir;
  }

  /** Changes the file at the place of `text`, or at the start of the page that holds it. */
  function strike(dir: string, text: string, strikePage: boolean): void {
    const path = join(dir, fileName);
    const bytes = readFileSync(path);
    const at = bytes.indexOf(text);
    expect(at).toBeGreaterThan(0);
    bytes.writeUInt8(0x7f, strikePage ? at - (at % 4096) : at);
    writeFileSync(path, bytes);
  }

  it('[P3] a flipped bit in an entry is told when it is read, and other entries are still served', () => {
    const dir = written();
    strike(dir, 'needle 5 ', false);
    const store = opened(dir);
    expect(store.commit([read('b')])).toMatchObject([
      { type: 'fault', fault: { code: 'corrupt', message: expect.stringContaining('"b" is damaged') } },
    ]);
    const after = { ...read('b'), range: rangeOf({ offset: 50, keep: null }) } as Operation;
    expect(slice(store.commit([after])[0]).entries.length).toBe(50);
    expect(store.commit([append('b', '1')])).toMatchObject([{ type: 'appended', value: { offset: 101 } }]);
  });

  it('[P3] newest entries that do not lead to the head are told when the log is opened', () => {
    const dir = written();
    strike(dir, 'needle 99 ', false);
    expect(opened(dir).commit([append('b', '1'), append('c', '1')])).toMatchObject([
      { type: 'fault', fault: { code: 'corrupt' } },
      { type: 'appended', value: { offset: 101 } },
    ]);
  });

  it('[P1] a row that is gone is told, and never read over', () => {
    const dir = written();
    const db = new DatabaseSync(join(dir, fileName));
    db.exec("DELETE FROM entries WHERE offset = 20 AND log = (SELECT id FROM logs WHERE name = 'b')");
    db.close();
    const store = opened(dir);
    for (const range of [
      rangeOf({ keep: null }),
      rangeOf({ offset: 19, keep: null }),
      rangeOf({ direction: 'before', offset: 21, keep: null }),
    ]) {
      expect(store.commit([{ type: 'read', channel: 'b', now: 1, range }])).toMatchObject([
        { type: 'fault', fault: { code: 'corrupt' } },
      ]);
    }
  });

  it('[A3] damage met while trimming undoes the append, and that of no other log', () => {
    const dir = written();
    const db = new DatabaseSync(join(dir, fileName));
    db.exec("DELETE FROM entries WHERE offset = 20 AND log = (SELECT id FROM logs WHERE name = 'b')");
    db.close();
    const store = opened(dir);
    const keep = { entriesMax: 50, bytesMax: 1_000_000, ageMs: Number.POSITIVE_INFINITY };
    const trimming: Operation = { type: 'append', channel: 'b', now: 1, append: appendOf('1', { keep }) };
    const outcomes = store.commit([append('a', '1'), trimming, append('c', '1')]);
    const told = outcomes.map((outcome) => (outcome.type === 'fault' ? outcome.fault.code : outcome.type));
    expect(told).toEqual(['appended', 'corrupt', 'appended']);
    store.close();
    expect(opened(dir).commit([append('a', '2'), append('b', '2')])).toMatchObject([
      { value: { offset: 102 } },
      { value: { offset: 101 } },
    ]);
  });

  it('a snapshot that is gone is told, and entries are not given as if they were all', () => {
    const dir = written();
    const before = opened(dir);
    const { epoch, entries } = slice(before.commit([read('b')])[0]);
    const snapshot = { offset: 50, check: entries[49]?.check ?? 0, data: '{}' };
    const compact = { type: 'compact', channel: 'b', now: 1, epoch, snapshot } as const;
    expect(before.commit([compact])).toMatchObject([{ type: 'compacted', value: true }]);
    before.close();
    const db = new DatabaseSync(join(dir, fileName));
    db.exec('DELETE FROM snapshots');
    db.close();
    expect(opened(dir).commit([read('b')])).toMatchObject([{ type: 'fault', fault: { code: 'corrupt' } }]);
  });

  it('a damaged page is found at start', () => {
    const dir = written();
    strike(dir, 'needle 50 ', true);
    expect(thrownBy(() => new Store({ dir }))).toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('Restore a backup'),
    });
  });

  it('a damaged page of a file too large to check fails its own log only', () => {
    const dir = written();
    strike(dir, 'needle 60 ', true);
    const store = opened(dir, { checkedBytesMax: 0 });
    const outcomes = store.commit([
      append('a', '1'),
      append('b', '1'),
      read('b'),
      append('c', '1'),
      read('c'),
    ]);
    expect(outcomes.map((outcome) => (outcome.type === 'fault' ? outcome.fault.code : outcome.type))).toEqual(
      ['appended', 'corrupt', 'corrupt', 'appended', 'slice'],
    );
    for (const channel of ['a', 'c']) {
      const whole = slice(store.commit([read(channel)])[0]);
      expectWhole(whole);
      expect(whole.top.offset).toBe(101);
    }
  });
});

describe('heads in memory', () => {
  const by = (channel: string, id: string, sequence: number): Operation => ({
    type: 'append',
    channel,
    now: 1,
    append: appendOf(`"${id} ${sequence}"`, { producer: { id, sequence }, key: id, keep: null }),
  });
  const rooms = ['a', 'b', 'c', 'd'];

  it('a read loads no producer of its log, and an append the one it names', () => {
    const dir = folder();
    const before = opened(dir);
    before.commit(Array.from({ length: 500 }, (_, i) => by('a', `p${i}`, 1)));
    before.close();
    const store = opened(dir);
    const asked = vi.spyOn(Tables.prototype, 'producer');
    onTestFinished(() => asked.mockRestore());
    expect(slice(store.commit([read('a')])[0]).top.offset).toBe(500);
    expect(asked).not.toHaveBeenCalled();
    expect(store.commit([by('a', 'p7', 2), by('a', 'p7', 1), append('a', '1')])).toMatchObject([
      { value: { offset: 501, duplicate: false } },
      { value: { offset: 8, duplicate: true } },
      { value: { offset: 502 } },
    ]);
    expect(asked.mock.calls.map(([, id]) => id)).toEqual(['p7']);
  });

  it('[A2] of one group too, no more are held than the bound and one, and what is let go of is written', () => {
    const dir = folder();
    const store = opened(dir, { headsBytesMax: 1 });
    const opens = vi.spyOn(StoredLog, 'open');
    onTestFinished(() => opens.mockRestore());
    const rounds = [1, 2, 3];
    const group = rounds.flatMap((sequence) => rooms.map((room) => by(room, 'p', sequence)));
    const again = rooms.map((room) => by(room, 'p', 2));
    store.commit(Array.from({ length: 20 }, (_, i) => by('in use', 'p', i + 1)));
    expect(opens.mock.calls.length).toBe(1);
    opens.mockClear();
    const outcomes = store.commit([...group, ...again, ...rooms.map(read)]);
    expect(opens.mock.calls.length).toBe(5 * rooms.length);
    const offsets = outcomes.map((outcome) => outcome.type === 'appended' && outcome.value.offset);
    expect(offsets.slice(0, 16)).toEqual([1, 2, 3, 2].flatMap((offset) => rooms.map(() => offset)));
    for (const outcome of outcomes.slice(16)) {
      expectWhole(slice(outcome));
      expect(slice(outcome).top.offset).toBe(3);
    }
    store.close();
    const later = opened(dir);
    for (const room of rooms) {
      expect(later.commit([by(room, 'p', 3), by(room, 'p', 4)])).toMatchObject([
        { value: { offset: 3, duplicate: true } },
        { value: { offset: 4, duplicate: false } },
      ]);
    }
  });

  it('holds heads within the bound, so that a log used again is not read again', () => {
    const store = opened(folder(), { headsBytesMax: 1_000_000 });
    const opens = vi.spyOn(StoredLog, 'open');
    onTestFinished(() => opens.mockRestore());
    for (const sequence of [1, 2, 3]) store.commit(rooms.map((room) => by(room, 'p', sequence)));
    expect(opens.mock.calls.length).toBe(rooms.length);
  });

  it('[A3] a group that fails after heads were let go of leaves nothing behind', () => {
    const dir = folder();
    const store = opened(dir, { headsBytesMax: 1, fileBytesMax: 512 * 1024 });
    const first = store.commit(rooms.map((room) => by(room, 'p', 1)));
    const large = { ...by('a', 'p', 3), append: appendOf('x'.repeat(1024 * 1024), { keep: null }) };
    const failed = store.commit([...rooms.map((room) => by(room, 'p', 2)), large, ...rooms.map(read)]);
    for (const outcome of failed.slice(0, 5))
      expect(outcome).toMatchObject({ type: 'fault', fault: { code: 'storage' } });
    for (const outcome of failed.slice(5)) expect(slice(outcome).top.offset).toBe(1);
    expect(first.map((outcome) => outcome.type)).toEqual(rooms.map(() => 'appended'));
    for (const room of rooms)
      expect(store.commit([by(room, 'p', 1), by(room, 'p', 2)])).toMatchObject([
        { value: { offset: 1, duplicate: true } },
        { value: { offset: 2, duplicate: false } },
      ]);
  });
});

describe('a file of version 1', () => {
  it('[A2] is made one of this version, with its producers in the order and of the owners they have', () => {
    const dir = folder();
    const before = opened(dir);
    const ids = ['bare', 'ann/1', 'bob/1', 'ann/2', '\ud800/1', 'ann/1'];
    const by = (id: string, sequence: number): Operation => ({
      type: 'append',
      channel: 'c',
      now: 1,
      append: appendOf('1', { producer: { id, sequence }, keep: null }),
    });
    before.commit(ids.map((id, i) => by(id, i === 5 ? 2 : 1)));
    before.close();
    const db = new DatabaseSync(join(dir, fileName));
    db.exec(`
      DROP INDEX producers_by_turn; DROP INDEX producers_by_owner;
      ALTER TABLE producers DROP COLUMN owner; ALTER TABLE producers DROP COLUMN turn;
      ALTER TABLE keys DROP COLUMN rank; PRAGMA user_version = 1
    `);
    db.close();
    const store = opened(dir);
    expect(store.commit(ids.map((id) => by(id, 1)))).toMatchObject(
      [1, 2, 3, 4, 5, 2].map((offset) => ({ value: { offset, duplicate: true } })),
    );
    store.close();
    const upgraded = openFile({ dir });
    onTestFinished(() => upgraded.close());
    const tables = new Tables(upgraded);
    const order = (owner?: string) => [...tables.byTurn(1, owner)].map(({ id }) => id);
    expect(order()).toEqual(['bare', 'bob/1', 'ann/2', '\ud800/1', 'ann/1']);
    expect(['', 'ann/', '\ud800/'].map(order)).toEqual([['bare'], ['ann/2', 'ann/1'], ['\ud800/1']]);
  });
});

describe('a file of version 2', () => {
  it('is made one of this version, with its keys, of which none has an order', () => {
    const dir = folder();
    const before = opened(dir);
    const about = (key: string, more: Partial<Append>): Operation => ({
      type: 'append',
      channel: 'c',
      now: 1,
      append: appendOf('1', { key, keep: null, ...more }),
    });
    before.commit([about('k', { order: 7 }), about('\ud800', {})]);
    before.close();
    const db = new DatabaseSync(join(dir, fileName));
    db.exec('ALTER TABLE keys DROP COLUMN rank; PRAGMA user_version = 2');
    db.close();
    const store = opened(dir);
    expect(
      store.commit([about('k', { ifKeyAt: 1, order: 3 }), about('\ud800', { ifKeyAt: 2 })]),
    ).toMatchObject([{ value: { offset: 3 } }, { value: { offset: 4 } }]);
    expect(store.commit([about('k', { order: 2 })])).toMatchObject([{ fault: { code: 'superseded' } }]);
  });
});

describe('a store', () => {
  it('[A1] flushes at every commit', () => {
    const db = openFile({ dir: folder() });
    const settings = ['journal_mode', 'synchronous', 'locking_mode'].map((name) =>
      db.prepare(`PRAGMA ${name}`).get(),
    );
    expect(settings).toEqual([{ journal_mode: 'wal' }, { synchronous: 2 }, { locking_mode: 'exclusive' }]);
    db.close();
  });

  it('reading logs that were never used writes nothing', () => {
    const dir = folder();
    const store = opened(dir);
    store.commit(Array.from({ length: 100 }, (_, i) => read(`never/${i}`)));
    store.close();
    const db = new DatabaseSync(join(dir, fileName));
    expect(db.prepare('SELECT count(*) AS n FROM logs').get()).toMatchObject({ n: 0 });
    db.close();
  });

  it('a copy of both files taken between commits is a backup', () => {
    const dir = folder();
    const store = opened(dir);
    store.commit([append('a', '1'), append('a', '2')]);
    const copy = folder();
    for (const file of [fileName, wal]) copyFileSync(join(dir, file), join(copy, file));
    store.commit([append('a', '3')]);
    expect(slice(opened(copy).commit([read('a')])[0]).top.offset).toBe(2);
  });

  it('a file closed as it should be has no write-ahead log left', () => {
    const dir = folder();
    const store = opened(dir);
    store.commit([append('a', '1')]);
    store.close();
    expect(thrownBy(() => truncateSync(join(dir, wal), 0))).toMatchObject({ code: 'ENOENT' });
    expect(thrownBy(() => new Store({ dir: join(dir, fileName) }))).toBeInstanceOf(SyncError);
  });
});
