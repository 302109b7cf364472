/**
 * Documents as plain HTTP shows them: updates in Yjs' first encoding, each with its length before it, as lib0 writes bytes. The faces of
 * a node hand it out; snapshots are turned into such an update by the process that folds documents, since nothing is decoded here.
 */
import { SyncError } from '@syncline/protocol';
import { readDocEntry, updateEntry } from '@syncline/protocol/wire';
import type { Batch, SnapshotPart } from '../../cursor.ts';
import { bytesOf } from '../../fold/doc/entries.ts';
import type { Docs } from '../../fold/docs.ts';
import type { Face, SnapshotFace } from '../face.ts';

/** Bits of a number in one byte of its varint. */
const varintBits = 7;
/** No body is so large that its lengths need more bytes. */
const varintBytesMax = 5;

/** What snapshots come to, with its length before it, by the last part of each: those who take the same one share it. */
const updates = new WeakMap<SnapshotPart, Promise<Uint8Array>>();

/** The face of doc channels. */
export function docFace(docs: Pick<Docs, 'update'>): Face {
  return {
    type: 'application/octet-stream',
    form: 'bytes',
    name: 'updates',
    messages: ({ entries }) => entries.map(({ data }) => framed(readDocEntry(data).update)),
    ends: replaces,
    snapshot: () => new DocSnapshot(docs),
    payloads: (body, most) => unframed(body, most).map(updateEntry),
  };
}

/**
 * Another document begins in it: whoever has some of the last one must not merge the two (rule Y4). What the log begins with is no
 * other document.
 */
function replaces({ entries }: Batch, fresh: boolean): 'gone' | undefined {
  const begins = entries.some(
    ({ offset, data }, i) => offset > 1 && !(fresh && i === 0) && readDocEntry(data).type === 'beginning',
  );
  return begins ? 'gone' : undefined;
}

class DocSnapshot implements SnapshotFace {
  readonly name = 'all';
  readonly end = undefined;
  readonly #docs: Pick<Docs, 'update'>;
  readonly #parts: Uint8Array[] = [];

  constructor(docs: Pick<Docs, 'update'>) {
    this.#docs = docs;
  }

  next(part: SnapshotPart): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    this.#parts.push(bytesOf(part.data));
    return part.more ? [] : this.#whole(part);
  }

  async #whole(last: SnapshotPart): Promise<readonly Uint8Array[]> {
    const known = updates.get(last) ?? this.#docs.update(Buffer.concat(this.#parts)).then(framed);
    updates.set(last, known);
    return [await known];
  }
}

/** Bytes with their length before them. */
function framed(bytes: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 127; rest >>>= varintBits) length.push((rest & 127) | 128);
  return Buffer.concat([Uint8Array.of(...length, rest), bytes]);
}

/** What `framed` put together: of more than `most` one more, since each costs more than its byte. @throws SyncError `bad_payload` */
function unframed(body: Uint8Array, most: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  while (at < body.length && found.length <= most) {
    let length = 0;
    let byte = 128;
    for (let i = 0; byte > 127; i++) {
      byte = body[at++] ?? Number.NaN;
      if (Number.isNaN(byte) || i === varintBytesMax) throw misframed();
      length += (byte & 127) * 2 ** (varintBits * i);
    }
    if (at + length > body.length) throw misframed();
    found.push(body.subarray(at, at + length));
    at += length;
  }
  return found;
}

function misframed(): SyncError {
  return new SyncError(
    'bad_payload',
    'The body is no row of updates, each with its length before it as a varint (`writeVarUint8Array` of lib0).',
  );
}
