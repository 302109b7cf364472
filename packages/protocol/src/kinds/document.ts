/**
 * How the log of a document holds its bytes (rule Y1): a byte that says what follows, then a lineage where one begins, then what
 * Yjs wrote. Both ends take their entries and snapshots apart with it, and put them together; what is inside it leaves to Yjs.
 */
import { joined } from '../bytes.ts';
import { SyncError } from '../codes.ts';
import type { Data } from '../entry.ts';

const updateFormat = 1;
const beginningFormat = 0x10;
const snapshotFormat = 0x12;
const lineageBytes = 16;

/** The lineage of a document whose log tells of no beginning (rule Y3). */
export const noLineage: Uint8Array<ArrayBuffer> = new Uint8Array(lineageBytes);

/** An edit, in Yjs' first encoding. */
export interface DocUpdate {
  readonly type: 'update';
  readonly update: Uint8Array;
}

/** What a document begins with, in Yjs' first encoding: nothing before it is part of this document. */
export interface DocBeginning {
  readonly type: 'beginning';
  /** 16 bytes. */
  readonly lineage: Uint8Array;
  readonly update: Uint8Array;
}

/** What a log comes to. */
export interface DocSnapshot {
  readonly type: 'snapshot';
  /** 16 bytes. */
  readonly lineage: Uint8Array;
  /** The whole document, garbage-collected, in Yjs' second encoding. */
  readonly update: Uint8Array;
}

/** The bytes of an entry that edits. @param update in Yjs' first encoding */
export function updateEntry(update: Uint8Array): Uint8Array<ArrayBuffer> {
  return written(updateFormat, update);
}

/** The bytes of an entry that a document begins with. @param lineage 16 bytes @param update in Yjs' first encoding */
export function beginning(lineage: Uint8Array, update: Uint8Array): Uint8Array<ArrayBuffer> {
  return written(beginningFormat, lineage, update);
}

/** The bytes of a snapshot. @param lineage 16 bytes @param update in Yjs' second encoding */
export function docSnapshot(lineage: Uint8Array, update: Uint8Array): Uint8Array<ArrayBuffer> {
  return written(snapshotFormat, lineage, update);
}

/** What an entry holds; its parts are views of it, not copies. @throws SyncError `corrupt` */
export function readDocEntry(data: Data): DocUpdate | DocBeginning {
  const read = readDocData(data);
  return read.type === 'snapshot' ? refuse('an entry') : read;
}

/** What a snapshot holds; its parts are views of it, not copies. @throws SyncError `corrupt` */
export function readDocSnapshot(data: Data): DocSnapshot {
  const read = readDocData(data);
  return read.type === 'snapshot' ? read : refuse('a snapshot');
}

/** What an entry or a snapshot holds; its parts are views of it, not copies. @throws SyncError `corrupt` */
export function readDocData(data: Data): DocUpdate | DocBeginning | DocSnapshot {
  if (typeof data === 'string') return refuse('bytes');
  const [format] = data;
  if (format === updateFormat) return { type: 'update', update: data.subarray(1) };
  const type = format === beginningFormat ? 'beginning' : format === snapshotFormat && 'snapshot';
  if (!type || data.length <= lineageBytes) return refuse('a format that is known');
  return { type, lineage: data.subarray(1, 1 + lineageBytes), update: data.subarray(1 + lineageBytes) };
}

/** Whether two lineages are the same. */
export function sameLineage(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

function written(format: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return joined([Uint8Array.of(format), ...parts]);
}

function refuse(expected: string): never {
  throw new SyncError('corrupt', `A document can't be read: expected ${expected}.`);
}
