/**
 * What is told of acknowledged entries that are gone: a process that was killed left a database, and then its write-ahead log is
 * overwritten, cut or lost. And what must never be taken for that: writes that were torn before anybody heard of them.
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SyncError } from '@syncline/protocol';
import { seeded } from '@syncline/protocol/testing';
import { expect, it } from 'vitest';
import { rangeOf } from '../testing.ts';
import { fileName } from './file.ts';
import type { Outcome } from './operation.ts';
import { readReceipt, receiptPath } from './receipt.ts';
import { Store } from './store.ts';
import { append, appender, folder, opened } from './testing.ts';

const wal = `${fileName}-wal`;
const note = receiptPath(fileName);
const frameBytes = 24 + 4096;

function topOf(store: Store, channel: string): number {
  const range = rangeOf({ entriesMax: 1, keep: null });
  const [outcome]: Outcome[] = store.commit([{ type: 'read', channel, now: 1, range }]);
  return outcome?.type === 'slice' ? outcome.value.top.offset : Number.NaN;
}

/** Opens what is in a folder; returns the top of each channel, or why it is refused. */
function startOn(dir: string, channels: readonly string[]): SyncError | number[] {
  try {
    const store = new Store({ dir });
    const tops = channels.map((channel) => topOf(store, channel));
    store.close();
    return tops;
  } catch (thrown) {
    if (thrown instanceof SyncError) return thrown;
    throw thrown;
  }
}

/** The same on a copy of the folder, once `change` was at it. */
function afterChange(dir: string, channels: readonly string[], change: (copy: string) => void) {
  const copy = folder();
  cpSync(dir, copy, { recursive: true });
  change(copy);
  const came = startOn(copy, channels);
  rmSync(copy, { recursive: true });
  return came;
}

const rooms = ['room/0', 'room/1', 'room/2'];

/** A folder whose writer was killed after so many acknowledgements, and the last offset acknowledged of each room. */
async function killed(acks: number): Promise<{ dir: string; acked: number[] }> {
  const dir = folder();
  const acked = rooms.map(() => 0);
  let count = 0;
  await appender(dir, (line, child) => {
    const [room = '', , , offset] = line.split(' ');
    const at = rooms.indexOf(room);
    acked[at] = Math.max(acked[at] ?? 0, Number(offset));
    if (++count === acks) child.kill('SIGKILL');
  });
  return { dir, acked };
}

for (const acks of [20, 400]) {
  it(`[A1] 8 KB overwritten anywhere in the write-ahead log of a killed server lose nothing unnoticed, after ${acks} acknowledgements`, async () => {
    const { dir, acked } = await killed(acks);
    const random = seeded(acks);
    const size = readFileSync(join(dir, wal)).length;
    const places = [size - 8192, ...Array.from({ length: 30 }, () => Math.floor(random() * (size - 8192)))];
    let told = 0;
    for (const place of places) {
      const came = afterChange(dir, rooms, (copy) => {
        const log = readFileSync(join(copy, wal));
        for (let at = place; at < place + 8192; at++) log.writeUInt8(Math.floor(random() * 256), at);
        writeFileSync(join(copy, wal), log);
      });
      if (came instanceof SyncError) {
        expect(came).toMatchObject({ code: 'corrupt' });
        told++;
      } else for (const [i, top] of came.entries()) expect(top).toBeGreaterThanOrEqual(acked[i] ?? 0);
    }
    expect(told).toBeGreaterThan(20);
  });
}

/** A folder as it is while a server runs: `acked` groups of one entry that were acknowledged, and one that is written only. */
function underWay(acked: number): { dir: string; torn: { from: number; to: number } } {
  const live = folder();
  const dir = folder();
  const store = opened(live);
  for (let i = 1; i <= acked; i++) store.commit([append('a', `"${i} ${'.'.repeat(3000)}"`)]);
  copyFileSync(join(live, note), join(dir, note));
  const from = readFileSync(join(live, wal)).length;
  store.commit([append('a', '"not acknowledged yet"'), append('b', '"nor this"')]);
  for (const file of [fileName, wal]) copyFileSync(join(live, file), join(dir, file));
  return { dir, torn: { from, to: readFileSync(join(live, wal)).length } };
}

it('[A1] a write that was torn before it was acknowledged is no damage, wherever it tore', () => {
  const { dir, torn } = underWay(12);
  const random = seeded(3);
  expect(torn.to - torn.from).toBeGreaterThan(2 * frameBytes);
  for (let i = 0; i < 60; i++) {
    const cut = torn.from + Math.floor(random() * (torn.to - torn.from));
    expect(afterChange(dir, ['a'], (copy) => truncateSync(join(copy, wal), cut))).toEqual([12]);
    const garbled = afterChange(dir, ['a'], (copy) => {
      const log = readFileSync(join(copy, wal));
      for (let at = cut; at < Math.min(torn.to, cut + 512); at++)
        log.writeUInt8(Math.floor(random() * 256), at);
      writeFileSync(join(copy, wal), log);
    });
    expect(garbled).toEqual([12]);
  }
  expect(startOn(dir, ['a', 'b'])).toEqual([13, 1]);
});

it('[A1] a write-ahead log that is gone, or cut before what was acknowledged, is told', () => {
  const { dir, torn } = underWay(12);
  const random = seeded(4);
  const message = expect.stringMatching(
    /lacks entries that were acknowledged: 12 of channel "a" were, \d+ are there\. Likely .*Restore .*, or remove .*-acked/,
  );
  const lost = { code: 'corrupt', message };
  expect(afterChange(dir, ['a'], (copy) => rmSync(join(copy, wal)))).toMatchObject(lost);
  truncateSync(join(dir, wal), torn.from - 1);
  const files = () =>
    readdirSync(dir).map((file) => ({ file, text: readFileSync(join(dir, file), 'latin1') }));
  const before = files();
  expect(startOn(dir, ['a'])).toMatchObject(lost);
  expect(files()).toEqual(before);
  const cuts = [0, 1, 32, ...Array.from({ length: 40 }, () => Math.floor(random() * torn.from))];
  for (const cut of cuts)
    expect(afterChange(dir, ['a'], (copy) => truncateSync(join(copy, wal), cut))).toMatchObject(lost);
});

it('a folder without room for an index to look with starts, and what it lacks is told all the same', () => {
  const { dir, torn } = underWay(12);
  const noRoom = (copy: string) => mkdirSync(join(copy, `${fileName}-shm`));
  expect(afterChange(dir, ['a', 'b'], noRoom)).toEqual([13, 1]);
  const lost = afterChange(dir, ['a'], (copy) => {
    noRoom(copy);
    truncateSync(join(copy, wal), torn.from - 1);
  });
  expect(lost).toMatchObject({ code: 'corrupt', message: expect.stringContaining('12 of channel "a" were') });
});

it('a note that can neither be written nor removed hinders nobody', () => {
  const dir = folder();
  mkdirSync(join(dir, note));
  const store = opened(dir);
  store.commit([append('a', '1')]);
  store.close();
  expect(startOn(dir, ['a'])).toEqual([1]);
});

it("another program's database in its place is told", () => {
  const { dir } = underWay(1);
  for (const file of [fileName, wal]) rmSync(join(dir, file));
  const db = new DatabaseSync(join(dir, fileName));
  db.exec('CREATE TABLE theirs (a)');
  db.close();
  expect(startOn(dir, ['a'])).toMatchObject({ code: 'corrupt', message: expect.stringContaining('lacks') });
});

it('a second server is told that the file is in use, before it looks for anything lost', () => {
  const dir = folder();
  const store = opened(dir);
  store.commit([append('a', '1')]);
  expect(startOn(dir, ['a'])).toMatchObject({ code: 'storage', message: expect.stringContaining('in use') });
  store.commit([append('a', '2')]);
  expect(topOf(store, 'a')).toBe(2);
});

it('a database that is gone is told while its note says that there was one', () => {
  const { dir } = underWay(2);
  for (const file of [fileName, wal]) rmSync(join(dir, file));
  const message = expect.stringMatching(/gone, while entries in it were acknowledged.*Restore a backup/);
  expect(startOn(dir, ['a'])).toMatchObject({ code: 'corrupt', message });
  expect(existsSync(join(dir, fileName))).toBe(false);
});

it('whoever removes the note goes on without what is lost', () => {
  const { dir } = underWay(2);
  rmSync(join(dir, wal));
  rmSync(join(dir, note));
  expect(startOn(dir, ['a'])).toEqual([0]);
});

it('half a note, or one that something changed, is none', () => {
  const { dir } = underWay(3);
  const said = readFileSync(join(dir, note), 'utf8');
  expect(readReceipt(join(dir, fileName))).toMatchObject({ channel: 'a', offset: 3 });
  truncateSync(join(dir, wal), 0);
  for (const other of ['', said.slice(0, said.length / 2), said.replace(',3]', ',4]'), '0 [\n'])
    expect(afterChange(dir, ['a'], (copy) => writeFileSync(join(copy, note), other))).toEqual([0]);
});

it('says what was acknowledged last, in names of any text, and stays while the write-ahead log does', () => {
  const dir = folder();
  const store = opened(dir);
  const said = () => readReceipt(join(dir, fileName));
  expect(said()).toBeUndefined();
  const long = `${'long/'.repeat(40)}"\n\ud800`;
  store.commit([append(long, '1'), append(long, '2')]);
  expect(said()).toMatchObject({ channel: long, offset: 2 });
  store.commit([append('b', '1'), { type: 'read', channel: 'a', now: 1, range: rangeOf() }]);
  expect(said()).toMatchObject({ channel: 'b', offset: 1 });
  const copy = folder();
  for (const file of [fileName, wal, note]) copyFileSync(join(dir, file), join(copy, file));
  const again = opened(copy);
  expect(existsSync(join(copy, note))).toBe(false);
  expect(topOf(again, long)).toBe(2);
  store.close();
  expect(existsSync(join(dir, note))).toBe(false);
});
