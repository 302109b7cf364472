/**
 * Places in a log: epoch, offset, and the check that proves the log up to there. Everything that compares two places,
 * on a node, in a broker or in a browser, does it with these functions. They know nothing of what entries mean.
 */
import type { Data, Entry } from './entry.ts';

/** A place in a log (rule P2). `check` proves every entry up to `offset` (rule P3). */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
  readonly check: number;
}

/** Why a position can't be read on from: another life of the log, entries dropped, a rolled-back log, or beyond its head. */
export type GapReason = 'epoch' | 'trimmed' | 'diverged' | 'ahead';

/** The place before the first entry of an epoch. */
export function origin(epoch: string): Position {
  return { epoch, offset: 0, check: 0 };
}

/** 32-bit FNV-1a over the UTF-16 code units of a text, or the bytes of binary data. */
export function hash(data: Data): number {
  let h = 0x811c9dc5;
  if (typeof data === 'string') {
    for (let i = 0; i < data.length; i++) h = Math.imul(h ^ data.charCodeAt(i), 0x01000193);
  } else {
    for (const byte of data) h = Math.imul(h ^ byte, 0x01000193);
  }
  return h >>> 0;
}

/** The check after `data`, given the check before it (rule P3). The step is small enough for a Redis script to do in doubles. */
export function nextCheck(check: number, data: Data): number {
  return (Math.imul(check, 31) + hash(data)) >>> 0;
}

/** Whether `entry` is the very next one after `position` in the same log (rule P4). */
export function follows(position: Position, entry: Pick<Entry, 'offset' | 'check' | 'data'>): boolean {
  return entry.offset === position.offset + 1 && entry.check === nextCheck(position.check, entry.data);
}

/** Whether two positions are the same place (rule P2). */
export function samePlace(a: Position, b: Position): boolean {
  return a.offset === b.offset && a.check === b.check && a.epoch === b.epoch;
}

/**
 * A new epoch: the time in milliseconds as nine base-36 digits, then the random bytes as hexadecimal (rule P5).
 *
 * @param now milliseconds since 1970
 * @param random at least 16 random bytes
 */
export function newEpoch(now: number, random: Uint8Array): string {
  const bytes = Array.from(random, (byte) => byte.toString(16).padStart(2, '0'));
  // Joined at once: a text that was added to piece by piece is kept in its pieces, at ten times the memory.
  return [Math.floor(now).toString(36).padStart(9, '0'), ...bytes].join('');
}

/** 31 × this is 1 modulo 2³², which lets a check be carried back one step. */
const inverseOf31 = 0xbdef7bdf;

/** The check before `data`, given the check after it; the reverse of `nextCheck`. */
export function previousCheck(check: number, data: Data): number {
  return Math.imul((check - hash(data)) | 0, inverseOf31) >>> 0;
}
