/**
 * Every statement that the disk broker runs, prepared once, as typed functions over numbers, texts and entries. log.ts
 * calls them inside store.ts's transactions. It knows columns and how text and bytes are stored, not what a log allows.
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { Data, Entry } from '@syncline/protocol/wire';
import type { Snapshot } from '../broker.ts';
import { dataBytes, type Head } from '../head.ts';
import { ownerOf, type Producer } from '../producer.ts';
import { ringIn, ringOut } from './ring.ts';

type Row = Record<string, SQLOutputValue>;

/** How `data` stands in its column: as text, as bytes, or as the UTF-16 bytes of a text that `fitsText` refuses. */
const asText = 0;
const asBytes = 1;
const asUtf16 = 2;

const columns = 'offset, chk, at, author, form, data';
const statements = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  log: 'SELECT id, epoch, top, chk, at, oldest, bytes, snapshot FROM logs WHERE name = ?',
  addLog:
    'INSERT INTO logs (name, epoch, top, chk, at, oldest, bytes, snapshot) VALUES (?, ?, 0, 0, 0, 1, 0, 0)',
  putLog: 'UPDATE logs SET top = ?, chk = ?, at = ?, oldest = ?, bytes = ?, snapshot = ? WHERE id = ?',
  addEntry:
    'INSERT INTO entries (log, offset, chk, at, bytes, author, form, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  after: `SELECT ${columns}, bytes FROM entries WHERE log = ? AND offset >= ? ORDER BY offset LIMIT ?`,
  before: `SELECT ${columns}, bytes FROM entries WHERE log = ? AND offset <= ? ORDER BY offset DESC LIMIT ?`,
  sizes: 'SELECT offset, at, bytes FROM entries WHERE log = ? AND offset >= ? ORDER BY offset LIMIT ?',
  bytesFrom: 'SELECT coalesce(sum(bytes), 0) AS bytes FROM entries WHERE log = ? AND offset >= ?',
  first: 'SELECT min(offset) AS first FROM entries WHERE log = ?',
  dropEntries: 'DELETE FROM entries WHERE log = ? AND offset < ?',
  producer: 'SELECT last, turn, ring FROM producers WHERE log = ? AND id = ?',
  countProducers: 'SELECT count(*) AS n FROM producers WHERE log = ?',
  byTurn: 'SELECT id, turn, newest FROM producers WHERE log = ? ORDER BY turn',
  byTurnOf: 'SELECT id, turn, newest FROM producers WHERE log = ? AND owner = ? ORDER BY turn',
  putProducer:
    'INSERT OR REPLACE INTO producers (log, id, owner, turn, newest, last, ring) VALUES (?, ?, ?, ?, ?, ?, ?)',
  updateProducer: 'UPDATE producers SET newest = ?, last = ?, ring = ? WHERE log = ? AND id = ?',
  dropProducer: 'DELETE FROM producers WHERE log = ? AND id = ?',
  keys: 'SELECT key, newest, rank FROM keys WHERE log = ? ORDER BY newest',
  putKey: 'INSERT OR REPLACE INTO keys (log, key, newest, rank) VALUES (?, ?, ?, ?)',
  dropKey: 'DELETE FROM keys WHERE log = ? AND key = ?',
  snapshot: 'SELECT offset, chk, form, data FROM snapshots WHERE log = ?',
  putSnapshot: 'INSERT OR REPLACE INTO snapshots (log, offset, chk, form, data) VALUES (?, ?, ?, ?, ?)',
} as const;

/** What trimming must know of an entry, and which one it is. */
export interface SizeAt {
  readonly offset: number;
  readonly at: number;
  readonly bytes: number;
}

export class Tables {
  readonly #run: Readonly<Record<keyof typeof statements, StatementSync>>;

  constructor(db: DatabaseSync) {
    const prepared = Object.entries(statements).map(([name, sql]) => [name, db.prepare(sql)]);
    this.#run = Object.fromEntries(prepared) as Record<keyof typeof statements, StatementSync>;
  }

  begin(): void {
    this.#run.begin.run();
  }

  commit(): void {
    this.#run.commit.run();
  }

  /** The stored head of a log, without its producers and keys. */
  log(
    name: string,
  ): { id: number; head: Omit<Head, 'producers' | 'keys' | 'orders' | 'changedKeys'> } | undefined {
    const row = this.#run.log.get(textIn(name));
    if (!row) return undefined;
    const { top, check, at, oldest, bytes, snapshot } = numbers(row, {
      top: 'top',
      check: 'chk',
      at: 'at',
      oldest: 'oldest',
      bytes: 'bytes',
      snapshot: 'snapshot',
    });
    return {
      id: Number(row['id']),
      head: { epoch: String(row['epoch']), top, check, at, oldest, bytes, snapshot },
    };
  }

  addLog(name: string, epoch: string): number {
    return Number(this.#run.addLog.run(textIn(name), epoch).lastInsertRowid);
  }

  putLog(log: number, head: Head): void {
    this.#run.putLog.run(head.top, head.check, head.at, head.oldest, head.bytes, head.snapshot, log);
  }

  addEntry(log: number, entry: Entry): void {
    const { offset, check, at, from, data } = entry;
    const form = formOf(data);
    this.#run.addEntry.run(
      log,
      offset,
      check,
      at,
      dataBytes(data),
      from === null ? null : textIn(from),
      form,
      dataIn(data, form),
    );
  }

  /** Entries from `offset` on upwards, or downwards, with their sizes; none is read before it is asked for. */
  *entries(
    log: number,
    direction: 'after' | 'before',
    offset: number,
    limit: number,
  ): Generator<{ entry: Entry; bytes: number }> {
    for (const row of this.#run[direction].iterate(log, offset, limit))
      yield { entry: entryOut(row), bytes: Number(row['bytes']) };
  }

  sizes(log: number, from: number, limit: number): SizeAt[] {
    const rows = this.#run.sizes.all(log, from, limit);
    return rows.map((row) => ({
      offset: Number(row['offset']),
      at: Number(row['at']),
      bytes: Number(row['bytes']),
    }));
  }

  /** Payload bytes of the entries from `offset` on. */
  bytesFrom(log: number, offset: number): number {
    return Number(this.#run.bytesFrom.get(log, offset)?.['bytes']);
  }

  /** Offset of the first entry that is still in the file; undefined when none is. */
  first(log: number): number | undefined {
    const first = this.#run.first.get(log)?.['first'];
    return typeof first === 'number' ? first : undefined;
  }

  dropEntries(log: number, below: number): void {
    this.#run.dropEntries.run(log, below);
  }

  /** One producer, and its turn. */
  producer(log: number, id: string): { producer: Producer; turn: number } | undefined {
    const row = this.#run.producer.get(log, textIn(id));
    if (!row) return undefined;
    return { producer: ringOut(Number(row['last']), bytesOut(row['ring'])), turn: Number(row['turn']) };
  }

  countProducers(log: number): number {
    return Number(this.#run.countProducers.get(log)?.['n']);
  }

  /** Producers by turn, the first one first, of an owner or of all; none is read before it is asked for. */
  *byTurn(log: number, owner: string | undefined): Generator<{ id: string; turn: number; newest: number }> {
    const rows =
      owner === undefined ? this.#run.byTurn.iterate(log) : this.#run.byTurnOf.iterate(log, textIn(owner));
    for (const row of rows)
      yield { id: textOut(row['id']), turn: Number(row['turn']), newest: Number(row['newest']) };
  }

  /** Writes a producer whose newest entry is at `newest`, and makes that its turn. */
  putProducer(log: number, id: string, producer: Producer, newest: number): void {
    const owner = textIn(ownerOf(id));
    this.#run.putProducer.run(log, textIn(id), owner, newest, newest, producer.last, ringIn(producer));
  }

  /** The same for one that is there, and leaves its turn, so that no index has to be written. */
  updateProducer(log: number, id: string, producer: Producer, newest: number): void {
    this.#run.updateProducer.run(newest, producer.last, ringIn(producer), log, textIn(id));
  }

  /** Removes one, and returns how many that were: 0 when it was not there. */
  dropProducer(log: number, id: string): number {
    return Number(this.#run.dropProducer.run(log, textIn(id)).changes);
  }

  /** The keys of a log in the order of their newest entries, and those entries' own order. */
  keys(log: number): Pick<Head, 'keys' | 'orders'> {
    const keys = new Map<string, number>();
    const orders = new Map<string, number>();
    for (const row of this.#run.keys.iterate(log)) {
      const key = textOut(row['key']);
      keys.set(key, Number(row['newest']));
      if (row['rank'] !== null) orders.set(key, Number(row['rank']));
    }
    return { keys, orders };
  }

  putKey(log: number, key: string, newest: number | undefined, order: number | undefined): void {
    if (newest === undefined) this.#run.dropKey.run(log, textIn(key));
    else this.#run.putKey.run(log, textIn(key), newest, order ?? null);
  }

  snapshot(log: number): Snapshot | null {
    const row = this.#run.snapshot.get(log);
    return row ? { offset: Number(row['offset']), check: Number(row['chk']), data: dataOut(row) } : null;
  }

  putSnapshot(log: number, { offset, check, data }: Snapshot): void {
    const form = formOf(data);
    this.#run.putSnapshot.run(log, offset, check, form, dataIn(data, form));
  }
}

function numbers<Names extends string>(
  row: Row,
  names: Readonly<Record<Names, string>>,
): Record<Names, number> {
  return Object.fromEntries(
    Object.entries<string>(names).map(([name, column]) => [name, Number(row[column])]),
  ) as Record<Names, number>;
}

function entryOut(row: Row): Entry {
  const author = row['author'];
  const from = author === null ? null : textOut(author);
  return {
    offset: Number(row['offset']),
    check: Number(row['chk']),
    at: Number(row['at']),
    from,
    data: dataOut(row),
  };
}

/**
 * UTF-8 has no place for half a surrogate pair: SQLite would store U+FFFD, and two keys could become one. And Node 22 reads
 * text up to its first NUL only.
 */
function fitsText(text: string): boolean {
  return !/\p{Surrogate}/u.test(text) && !text.includes('\0');
}

/** A text as it stands in its column. */
export function textIn(text: string): string | Uint8Array {
  return fitsText(text) ? text : utf16(text);
}

function utf16(text: string): Uint8Array {
  return Buffer.from(text, 'utf16le');
}

/** The text that stands in a column. */
export function textOut(value: SQLOutputValue | undefined): string {
  return value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf16le')
    : String(value);
}

function formOf(data: Data): number {
  if (typeof data !== 'string') return asBytes;
  return fitsText(data) ? asText : asUtf16;
}

function dataIn(data: Data, form: number): string | Uint8Array {
  if (typeof data === 'string') return form === asText ? data : utf16(data);
  // Node 22 binds bytes of no length as NULL.
  return data.byteLength === 0 ? '' : data;
}

function dataOut(row: Row): Data {
  return row['form'] === asBytes ? bytesOut(row['data']) : textOut(row['data']);
}

function bytesOut(value: SQLOutputValue | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}
