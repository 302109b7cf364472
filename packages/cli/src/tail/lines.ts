/**
 * How `tail` writes what it read, for people and for programs. The same for every kind: a snapshot's rows look like the entries that
 * they stand for. It prints nothing itself.
 */
import type { Position } from '@syncline/client/log';
import { type Data, readStateLine, setEntry } from '@syncline/protocol/wire';
import { safe } from '../output.ts';
import { writePlace } from '../place.ts';

/** An entry, or a row of a snapshot. */
export interface Shown {
  readonly offset: number;
  readonly at: number | null;
  readonly from: string | null;
  readonly data: Data;
  /** Where to go on after it, where that is known. */
  readonly place: string | undefined;
  readonly snapshot?: true;
}

/** The two ways to write. */
export interface Lines {
  entry(row: Shown): string;
  gap(reason: string, position: Position): string;
}

export function linesFor(json: boolean): Lines {
  return json ? forPrograms : forPeople;
}

const forPrograms: Lines = {
  entry: ({ offset, at, from, data, place, snapshot }) => {
    const payload = typeof data === 'string' ? `"data":${data}` : `"bytes":"${base64(data)}"`;
    const facts = {
      offset,
      ...(place !== undefined && { position: place }),
      ...(at !== null && { at, from }),
      ...(snapshot && { snapshot }),
    };
    return `${JSON.stringify(facts).slice(0, -1)},${payload}}`;
  },
  gap: (gap, position) => JSON.stringify({ gap, position: writePlace(position) }),
};

const forPeople: Lines = {
  entry: ({ offset, at, from, data }) => {
    const parts = [String(offset)];
    if (at !== null) parts.push(new Date(at).toISOString().replace('T', ' ').replace('Z', ''));
    if (at !== null) parts.push(from === null ? '-' : safe(from));
    parts.push(typeof data === 'string' ? safe(data) : `${data.length} bytes`);
    return parts.join('  ');
  },
  gap: (reason, { offset }) => `--- ${gaps[reason] ?? reason}; it goes on after offset ${offset} ---`,
};

const gaps: Readonly<Record<string, string>> = {
  epoch: 'this is another log now: the one before is gone',
  trimmed: 'entries are missing here: the log keeps them no longer',
  diverged: 'the log was rolled back: some of what stands above is not in it any more',
  ahead: 'the log ends before that position',
};

/** What a snapshot says: a row for each key, in the order in which they were set, or one for all bytes. */
export function shownRows(parts: readonly Data[], position: Position): Shown[] {
  const place = writePlace(position);
  const bytes = parts.filter((part) => typeof part !== 'string');
  if (bytes.length > 0) {
    const { offset } = position;
    return [{ offset, at: null, from: null, data: Buffer.concat(bytes), place, snapshot: true }];
  }
  const rows = parts.flatMap((part) => String(part).split('\n')).flatMap(rowsOf);
  rows.sort((a, b) => a.offset - b.offset);
  // Whoever has read the last row may go on behind what the snapshot stands for.
  return rows.map((row, i) => (i === rows.length - 1 ? { ...row, place } : row));
}

/** A line of a snapshot as the entries that it stands for. */
function rowsOf(line: string): Shown[] {
  if (line.trim() === '') return [];
  return readStateLine(line).map(([key, { text, version, since, from, at, ttlMs }]) => ({
    offset: version,
    at: since,
    from,
    data: setEntry(key, text, { at, ttlMs }),
    place: undefined,
    snapshot: true,
  }));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
