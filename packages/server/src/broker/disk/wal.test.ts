/**
 * What is told of a write-ahead log that SQLite wrote and something changed since: every single bit flip before the last
 * commit, and no torn write, however it tore. SQLite itself is asked what it would have made of the rest.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { seeded } from '@syncline/protocol/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { walTrouble } from './wal.ts';

const pageBytes = 1024;
const frameBytes = 24 + pageBytes;
const commits = 12;

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Both files after `commits` commits of one row and several pages each, on top of `before` in an older generation. */
function written(before = 0): { dir: string; path: string; wal: string; log: Buffer } {
  const dir = folder();
  const path = join(dir, 'live.db');
  const db = new DatabaseSync(path);
  onTestFinished(() => db.close());
  db.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0`);
  db.exec('CREATE TABLE rows (data TEXT)');
  const add = db.prepare('INSERT INTO rows VALUES (?)');
  for (let i = 0; i < before; i++) add.run('o'.repeat(3000));
  db.exec(`PRAGMA wal_checkpoint(${before > 0 ? 'RESTART' : 'TRUNCATE'})`);
  for (let i = 0; i < commits; i++) add.run('n'.repeat(1500 + (i % 3) * 1000));
  copyFileSync(path, join(dir, 'copy.db'));
  return { dir, path: join(dir, 'copy.db'), wal: join(dir, 'copy.db-wal'), log: readFileSync(`${path}-wal`) };
}

/** Places of the frames of the newest generation, and where the last transaction and the one before it begin. */
function frameAts(log: Buffer): { all: number[]; last: number; end: number } {
  const salts = log.subarray(16, 24);
  const all: number[] = [];
  for (let at = 32; at + frameBytes <= log.length; at += frameBytes)
    if (log.subarray(at + 8, at + 16).equals(salts)) all.push(at);
  const ends = all.filter((at) => log.readUInt32BE(at + 4) !== 0);
  return { all, last: (ends.at(-2) ?? 0) + frameBytes, end: (ends.at(-1) ?? 0) + frameBytes };
}

function flipped(log: Buffer, at: number, bit: number): Buffer {
  const changed = Buffer.from(log);
  changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at);
  return changed;
}

for (const before of [0, 40]) {
  describe(`a write-ahead log with ${before} commits of an older generation`, () => {
    const trouble = ({ wal, path }: { wal: string; path: string }, log: Buffer) => {
      writeFileSync(wal, log);
      return walTrouble(wal, path);
    };

    it('is in order as SQLite wrote it', () => {
      const files = written(before);
      expect(trouble(files, files.log)).toBeUndefined();
      expect(files.log.length > frameAts(files.log).end).toBe(before > 0);
    });

    it('is damaged with a bit of its header or of any frame header flipped, but for the last transaction', () => {
      const files = written(before);
      const { all, last } = frameAts(files.log);
      for (let at = 0; at < 32; at++)
        expect(trouble(files, flipped(files.log, at, at % 8)), `header, ${at}`).toMatchObject({
          type: 'damaged',
          part: 'header',
        });
      for (const [i, frame] of all.entries()) {
        if (frame >= last) break;
        for (let at = frame + (i % 4); at < frame + 24; at += 4)
          expect(trouble(files, flipped(files.log, at, (at + i) % 8)), `frame ${i}, ${at - frame}`).toEqual({
            type: 'damaged',
            part: 'frames',
            framesGood: i,
          });
      }
    });

    it('is damaged with a bit of a page flipped, and of the last transaction SQLite loses no more than that', () => {
      const files = written(before);
      const { all, last, end } = frameAts(files.log);
      const random = seeded(9);
      for (let i = 0; i < 120; i++) {
        const place = 32 + Math.floor(random() * (end - 32));
        const said = trouble(files, flipped(files.log, place, i % 8));
        if (place < last)
          expect(said).toEqual({
            type: 'damaged',
            part: 'frames',
            framesGood: all.filter((at) => at + frameBytes <= place).length,
          });
        if (said) continue;
        const db = new DatabaseSync(files.path, { readOnly: true });
        expect(Number(db.prepare('SELECT count(*) AS n FROM rows').get()?.['n'])).toBeGreaterThanOrEqual(
          before + commits - 1,
        );
        db.close();
      }
    });

    it('is in order when its last transaction was torn, cut or written in part', () => {
      const files = written(before);
      const { last, end } = frameAts(files.log);
      const random = seeded(10);
      for (let i = 0; i < 60; i++) {
        const from = last + Math.floor(random() * (end - last));
        expect(trouble(files, files.log.subarray(0, from))).toBeUndefined();
        const zeroed = Buffer.from(files.log).fill(0, from, Math.min(end, from + 512));
        expect(trouble(files, zeroed)).toBeUndefined();
        const garbled = Buffer.from(files.log);
        for (let at = from; at < end; at++) garbled.writeUInt8(Math.floor(random() * 256), at);
        expect(trouble(files, garbled)).toBeUndefined();
      }
    });
  });
}

describe('a write-ahead log', () => {
  it('that is absent, empty, or a header only has no trouble', () => {
    const { dir, path, wal, log } = written();
    expect(walTrouble(join(dir, 'none'), path)).toBeUndefined();
    for (const bytes of [0, 1, 31, 32, 33]) {
      writeFileSync(wal, log.subarray(0, bytes));
      expect(walTrouble(wal, path)).toBeUndefined();
    }
  });

  it('is damaged when one bit hides the commit before the last', () => {
    const dir = folder();
    const path = join(dir, 'live.db');
    const db = new DatabaseSync(path);
    onTestFinished(() => db.close());
    db.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; CREATE TABLE rows (data TEXT)`);
    for (let i = 0; i < 3; i++) db.exec(`INSERT INTO rows VALUES ('${i}')`);
    const log = readFileSync(`${path}-wal`);
    const at = log.length - 2 * frameBytes + 4;
    expect([log.readUInt32BE(at), log.readUInt32BE(at + frameBytes)]).toEqual([2, 2]);
    writeFileSync(join(dir, 'copy.db-wal'), flipped(log, at + 3, 1));
    expect(walTrouble(join(dir, 'copy.db-wal'), path)).toMatchObject({ type: 'damaged', part: 'frames' });
  });

  it('with a damaged header and one commit lost that one at most', () => {
    const { path, wal, log } = written();
    const { all } = frameAts(log);
    const first = all.findIndex((at) => log.readUInt32BE(at + 4) !== 0);
    writeFileSync(wal, flipped(log.subarray(0, 32 + (first + 1) * frameBytes), 9, 0));
    expect(walTrouble(wal, path)).toBeUndefined();
  });
});
