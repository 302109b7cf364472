/**
 * A note beside the database of the entry that was acknowledged last: SQLite takes a write-ahead log that lost its end for
 * a shorter one, and only this tells that more was promised. store.ts writes it after each flush, file.ts asks at start. It knows a file
 * of one line, and no tables.
 */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { nextCheck } from '@syncline/protocol/wire';

/** An entry that was acknowledged. Commits are in order, so a file that has it lacks nothing that was acknowledged before. */
export interface Acked {
  readonly channel: string;
  readonly epoch: string;
  readonly offset: number;
}

/** Where the note of a database stands. */
export function receiptPath(path: string): string {
  return `${path}-acked`;
}

/** What the note says; undefined where there is none, and where it can't be read: then nothing is known, and nothing refused. */
export function readReceipt(path: string): Acked | undefined {
  try {
    const [line = ''] = readFileSync(receiptPath(path), 'utf8').split('\n', 1);
    const said = line.slice(line.indexOf(' ') + 1);
    if (line !== lineOf(said)) return undefined;
    const [channel, epoch, offset] = JSON.parse(said) as [string, string, number];
    return { channel, epoch, offset };
  } catch {
    return undefined;
  }
}

/** Removes the note once nothing is left in the write-ahead log: then there is nothing that could get lost with that. */
export function dropReceipt(path: string): void {
  try {
    const left = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (left === 0) rmSync(receiptPath(path), { force: true });
  } catch {
    // A note that stays is true as well, so that is no reason not to start.
  }
}

/**
 * The writing side. It isn't flushed: after `kill -9` it is what was written last, after a power loss it may be an older note, which
 * is true as well. So a note that can't be written is no reason to refuse what is stored.
 */
export class Receipt {
  readonly #path: string;
  #file: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Call it once the entry is flushed, and before anyone hears of it. */
  write({ channel, epoch, offset }: Acked): void {
    try {
      this.#file ??= openSync(receiptPath(this.#path), 'w');
      writeSync(this.#file, `${lineOf(JSON.stringify([channel, epoch, offset]))}\n`, 0);
    } catch {
      // The older note stands, or none.
    }
  }

  /** Call it when the database is closed. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    dropReceipt(this.#path);
  }
}

/** A checksum and what it is of, so that half a note is none. */
function lineOf(said: string): string {
  return `${nextCheck(0, said)} ${said}`;
}
