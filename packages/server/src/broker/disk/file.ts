/**
 * The database file: opens or creates it, refuses what isn't ours or is damaged, and turns SQLite's errors into SyncErrors
 * that say what to do. store.ts calls it once per start. It knows the tables, not the rules of a log.
 */
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SyncError } from '@syncline/protocol';
import { ownerOf } from '../producer.ts';
import { type Acked, dropReceipt, readReceipt, receiptPath } from './receipt.ts';
import { textIn, textOut } from './tables.ts';
import { walTrouble } from './wal.ts';

export const fileName = 'syncline.db';

/** Marks a file as ours, in SQLite's header: "SYNL". */
const applicationId = 0x53594e4c;
/** Raised with every change of the tables. */
const schemaVersion = 3;
/** The write-ahead log is cut back to this after a burst. */
const walBytesKept = 64 * 1024 * 1024;
/** Pages in the write-ahead log before they are moved to the main file; pages written often are moved once. */
const walPages = 4000;

export interface FileOptions {
  readonly dir: string;
  /** Size of the file in bytes beyond which appends fail with `storage`. Default: until the disk is full. */
  readonly fileBytesMax?: number | undefined;
  /** Up to this size the whole file is checked at start; beyond it each log when it is opened. Default 256 MiB. */
  readonly checkedBytesMax?: number | undefined;
}

/** Producers in the order in which they are forgotten, of all owners and of each. */
const turns = `
  CREATE INDEX producers_by_turn ON producers (log, turn);
  CREATE INDEX producers_by_owner ON producers (log, owner, turn);
`;

/** ANY where a text may be one that a TEXT column can't hold exactly, and is then stored as UTF-16 bytes. */
const tables = `
  CREATE TABLE logs (
    id INTEGER PRIMARY KEY, name ANY NOT NULL UNIQUE, epoch TEXT NOT NULL, top INTEGER NOT NULL, chk INTEGER NOT NULL,
    at INTEGER NOT NULL, oldest INTEGER NOT NULL, bytes INTEGER NOT NULL, snapshot INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE entries (
    log INTEGER NOT NULL, offset INTEGER NOT NULL, chk INTEGER NOT NULL, at INTEGER NOT NULL, bytes INTEGER NOT NULL,
    author ANY, form INTEGER NOT NULL, data ANY NOT NULL, PRIMARY KEY (log, offset)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE snapshots (
    log INTEGER PRIMARY KEY, offset INTEGER NOT NULL, chk INTEGER NOT NULL, form INTEGER NOT NULL, data ANY NOT NULL
  ) STRICT;
  CREATE TABLE producers (
    log INTEGER NOT NULL, id ANY NOT NULL, last INTEGER NOT NULL, newest INTEGER NOT NULL, ring BLOB NOT NULL,
    owner ANY NOT NULL, turn INTEGER NOT NULL, PRIMARY KEY (log, id)
  ) STRICT, WITHOUT ROWID;
  ${turns}
  CREATE TABLE keys (
    log INTEGER NOT NULL, key ANY NOT NULL, newest INTEGER NOT NULL, rank INTEGER, PRIMARY KEY (log, key)
  ) STRICT, WITHOUT ROWID;
`;

/**
 * Opens the file, creating it and its folder when they don't exist.
 *
 * @throws SyncError `storage` when it can't be written to or another process has it, `corrupt` when it can't be used
 */
export function openFile(options: FileOptions): DatabaseSync {
  const { dir, fileBytesMax, checkedBytesMax = 256 * 1024 * 1024 } = options;
  const path = join(dir, fileName);
  let db: DatabaseSync | undefined;
  try {
    makeFolder(dir);
    refuseLostMain(path);
    refuseDamagedWal(path);
    const acked = readReceipt(path);
    if (acked) lookUntouched(path, (untouched) => refuseLostAcks(untouched, path, acked));
    db = new DatabaseSync(path);
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    identify(db, path);
    if (acked) refuseLostAcks(db, path, acked);
    db.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${walPages}; PRAGMA journal_size_limit = ${walBytesKept}`,
    );
    const pageBytes = pragma(db, 'page_size');
    if (fileBytesMax !== undefined)
      db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(fileBytesMax / pageBytes))}`);
    const fileBytes = pragma(db, 'page_count') * pageBytes;
    if (bytesOf(`${path}-wal`) === 0 && bytesOf(path) < fileBytes) throw damaged(path, 'its end is missing');
    if (fileBytes <= checkedBytesMax) check(db, path);
    upgrade(db);
    emptyWal(db);
    dropReceipt(path);
    return db;
  } catch (thrown) {
    if (db?.isOpen) db.close();
    throw fileError(thrown, path);
  }
}

/** SQLite takes an empty main file for a new one and throws its write-ahead log away; it never makes such a pair itself. */
function refuseLostMain(path: string): void {
  if (bytesOf(path) > 0) return;
  if (bytesOf(`${path}-wal`) > 0)
    throw damaged(path, 'it is empty or gone, while its write-ahead log is not');
  if (readReceipt(path)) throw damaged(path, 'it is empty or gone, while entries in it were acknowledged');
}

/** SQLite goes by what comes before the first bad frame, and forgets the rest without a word. */
function refuseDamagedWal(path: string): void {
  const trouble = walTrouble(`${path}-wal`, path);
  if (trouble?.type === 'in use') throw new SyncError('storage', `${path} can't be used: ${mends[5]}`);
  if (trouble?.part === 'header')
    throw damaged(path, 'the header of its write-ahead log is, while acknowledged entries follow it');
  if (trouble)
    throw damaged(
      path,
      `its write-ahead log is damaged in the middle, after ${trouble.framesGood} good frames, while acknowledged entries follow`,
    );
}

/** Commits are in order: where the entry that was acknowledged last is there, so are all before it. */
function refuseLostAcks(db: DatabaseSync, path: string, { channel, epoch, offset }: Acked): void {
  const log = logIn(db, channel);
  const top = log?.['epoch'] === epoch ? Number(log['top']) : 0;
  if (top >= offset) return;
  throw new SyncError(
    'corrupt',
    `${path} lacks entries that were acknowledged: ${offset} of channel "${channel}" were, ${top} are there. Likely the end of its write-ahead log was damaged or lost, or another copy was put in its place. Restore a newer backup of the folder, or remove ${receiptPath(path)} to go on without them: clients that have seen them are told.`,
  );
}

function logIn(db: DatabaseSync, channel: string) {
  try {
    return db.prepare('SELECT epoch, top FROM logs WHERE name = ?').get(textIn(channel));
  } catch (thrown) {
    // A database without that table lacks them too.
    if (resultOf(thrown) !== 1) throw thrown;
    return undefined;
  }
}

/**
 * Whoever may write moves the write-ahead log to the main file when it closes; whoever may not needs an index of it, in a file of its own.
 * A disk without room for that hinders nobody who only reads: then the file is looked at once it is open.
 */
function lookUntouched(path: string, look: (db: DatabaseSync) => void): void {
  const index = `${path}-shm`;
  const shared = existsSync(index);
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    look(db);
  } catch (thrown) {
    if (![10, 13, 14].includes(resultOf(thrown))) throw thrown;
  } finally {
    db.close();
    if (!shared) rmSync(index, { force: true });
  }
}

/**
 * Moves what the last run left in the write-ahead log to the main file, so that no log outlives a start: neither damage nor
 * leftovers of torn writes pile up in it. A full disk doesn't hinder reading, so it is told at the first append, not here.
 */
function emptyWal(db: DatabaseSync): void {
  try {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch (thrown) {
    if (![10, 13].includes(resultOf(thrown))) throw thrown;
  }
}

/** Tells our file, a new one and a stranger's apart, and makes a new one ours. Until then nothing is written. */
function identify(db: DatabaseSync, path: string): void {
  const id = pragma(db, 'application_id');
  const version = pragma(db, 'user_version');
  if (id === applicationId) {
    if (version <= schemaVersion) return;
    throw new SyncError(
      'corrupt',
      `${path} was written by a newer version (schema ${version}, this one reads ${schemaVersion}). Run that version, or move the file away.`,
    );
  }
  const empty = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'] === 0;
  if (id !== 0 || version !== 0 || !empty)
    throw new SyncError(
      'corrupt',
      `${path} is a database of another program. Move it away, or choose another \`dir\`.`,
    );
  db.exec(
    `BEGIN EXCLUSIVE; ${tables} PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}; COMMIT`,
  );
}

/**
 * Makes a file of an older version one of this, one step after another. Version 1 kept producers without an order to forget
 * them in, version 2 keys without that of their entries.
 */
function upgrade(db: DatabaseSync): void {
  const version = pragma(db, 'user_version');
  if (version === schemaVersion) return;
  db.function('owner_of', { deterministic: true }, (id) => textIn(ownerOf(textOut(id))));
  const steps = [
    `
    ALTER TABLE producers ADD COLUMN owner ANY NOT NULL DEFAULT '';
    ALTER TABLE producers ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
    UPDATE producers SET owner = owner_of(id), turn = newest;
    ${turns}
    `,
    'ALTER TABLE keys ADD COLUMN rank INTEGER;',
  ];
  db.exec(
    `BEGIN EXCLUSIVE; ${steps.slice(version - 1).join('\n')} PRAGMA user_version = ${schemaVersion}; COMMIT`,
  );
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function check(db: DatabaseSync, path: string): void {
  const said = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (said !== 'ok') throw damaged(path, unsound, String(said).replaceAll(/\s+/g, ' '));
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

const unsound = 'its pages do not hold together';

/** @param detail what SQLite says, which is for whoever looks closer */
function damaged(path: string, what: string, detail?: string): SyncError {
  const said = detail === undefined ? '' : ` (SQLite: ${detail})`;
  return new SyncError(
    'corrupt',
    `${path} is damaged: ${what}. Likely the disk failed, or something changed or copied files of this folder while a server used them. Restore a backup of the folder, or move it away to begin anew.${said}`,
  );
}

/** What an operator can do, by SQLite's primary result code; 0 for what the file system said. */
const mends: Readonly<Record<number, string>> = {
  0: 'Check that the folder can exist there and that the server may write to it.',
  3: 'Check that the server may write to that folder.',
  5: 'It is in use: is another server running on it?',
  8: 'Check that the server may write to that folder.',
  10: 'Check the disk, its free space and the limits of this process.',
  13: 'The disk, or the size allowed for the file, is full: make room.',
  14: 'Check that the folder exists and the server may write to it.',
};

/** Any error of the file system or of SQLite, as what an operator can act upon. */
export function fileError(thrown: unknown, path: string): SyncError {
  if (thrown instanceof SyncError) return thrown;
  const { message } = thrown instanceof Error ? thrown : new Error(String(thrown));
  const result = resultOf(thrown);
  if (result === 11) return damaged(path, unsound, message);
  if (result === 26) return damaged(path, 'it is no database any more', message);
  return new SyncError('storage', `${path} can't be used: ${message}. ${mends[result] ?? ''}`.trimEnd());
}

/** SQLite's primary result code; 0 for any other error. */
function resultOf(thrown: unknown): number {
  return thrown instanceof Error && 'errcode' in thrown && typeof thrown.errcode === 'number'
    ? thrown.errcode & 0xff
    : 0;
}

/** Makes a folder and those above it. Node's own way of doing so never ends where the system says ENOENT for ever, as in /proc. */
function makeFolder(dir: string): void {
  if (existsSync(dir)) return;
  makeFolder(dirname(dir));
  try {
    mkdirSync(dir);
  } catch (thrown) {
    // Somebody else was first.
    if (!existsSync(dir)) throw thrown;
  }
}
