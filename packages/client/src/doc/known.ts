/**
 * What the log of a document is known to hold, and what a copy has beyond that, as updates that fit a publish. It looks inside Yjs'
 * updates and documents, so that edits needn't be kept one by one, and one big edit can go in parts. It must not know channels.
 */
import { SyncError } from '@syncline/protocol';
import { joined } from '@syncline/protocol/wire';
import * as Y from 'yjs';
import { tooMuch } from '../faults.ts';

type DeleteSet = ReturnType<typeof Y.createDeleteSet>;
/** Consecutive numbers of one author, from `clock` on. */
type Range = { readonly clock: number; readonly len: number };

/** Something that the log lacks, in Yjs' first encoding. `whole`: it lacks nothing else. */
export interface Lacking {
  readonly update: Uint8Array;
  readonly whole: boolean;
}

export class Known {
  /** By author, the number of the first thing that the log may lack. */
  readonly #clocks: Map<number, number>;
  #deleted: DeleteSet;

  constructor(clocks: Map<number, number>, deleted: DeleteSet) {
    this.#clocks = clocks;
    this.#deleted = deleted;
  }

  static nothing(): Known {
    return new Known(new Map(), Y.createDeleteSet());
  }

  /** All that a document holds, but for what waits in it for something it lacks. */
  static of(doc: Y.Doc): Known {
    const { sv, ds } = Y.snapshot(doc);
    return new Known(sv, ds);
  }

  /** The log holds these updates too. */
  add(updates: readonly Uint8Array[]): void {
    const read = updates.map((update) => Y.decodeUpdate(update));
    for (const { id, length } of read.flatMap(({ structs }) => structs.filter(isThere))) {
      const known = this.#clocks.get(id.client) ?? 0;
      // What comes after something unknown may be there for nothing: it counts as lacking.
      if (id.clock <= known) this.#clocks.set(id.client, Math.max(known, id.clock + length));
    }
    this.#deleted = Y.mergeDeleteSets([this.#deleted, ...read.map(({ ds }) => ds)]);
  }

  /** The log may lack what is in these updates. */
  drop(updates: readonly Uint8Array[]): void {
    for (const { structs, ds } of updates.map((update) => Y.decodeUpdate(update))) {
      for (const { id } of structs.filter(isThere)) {
        this.#clocks.set(id.client, Math.min(this.#clocks.get(id.client) ?? 0, id.clock));
      }
      this.#deleted = beyond(this.#deleted, ds);
    }
  }

  /**
   * What a copy has that the log lacks, or a first part of it; undefined for nothing.
   *
   * @param bytesMax how large it may be
   * @throws SyncError `payload_too_large` where one thing that can't be parted is larger than that
   */
  lacking(doc: Y.Doc, bytesMax: number): Lacking | undefined {
    const part = new Part(bytesMax);
    const deleted = inOrder(beyond(Y.snapshot(doc).ds, this.#deleted).clients);
    const whole =
      inOrder(doc.store.clients).every(([author, structs]) => part.add(author, structs, this.#clocks)) &&
      deleted.every(([author, ranges]) => part.delete(author, ranges));
    const update = part.update();
    if (!update && !whole) throw tooLarge();
    return update && { update, whole };
  }
}

type Struct = Y.Item | Y.GC;

const isThere = (struct: Struct | Y.Skip): struct is Struct => !(struct instanceof Y.Skip);

/** Most bytes of a number in an update. */
const numberBytesMax = 8;

/** One update that is put together, up to a size. */
class Part {
  /** Bytes that are left. */
  #room: number;
  readonly #authors: { readonly client: number; readonly clock: number; readonly structs: Uint8Array[] }[] =
    [];
  readonly #deleted: (readonly [client: number, ranges: Range[]])[] = [];

  constructor(bytesMax: number) {
    this.#room = bytesMax - 2 * numberBytesMax;
  }

  /** Adds what an author wrote from a number on; false when not all of it. */
  add(client: number, structs: readonly Struct[], from: ReadonlyMap<number, number>): boolean {
    const clock = from.get(client) ?? 0;
    const last = structs.at(-1);
    if (!last || last.id.clock + last.length <= clock) return true;
    const written: Uint8Array[] = [];
    this.#room -= 3 * numberBytesMax;
    for (let i = Y.findIndexSS(structs as Struct[], clock), at = clock; i < structs.length; i++) {
      const struct = structs[i];
      if (!struct) break;
      let end = struct.id.clock + struct.length;
      let bytes = encoded(struct, at - struct.id.clock);
      // Only what nothing else stands beside is taken apart: so parts are few.
      const alone = this.#authors.length + written.length === 0;
      while (bytes.length > this.#room && alone) {
        end = cut(struct, at, end);
        bytes = encoded(piece(struct, at, end), 0);
      }
      if (bytes.length <= this.#room) written.push(bytes);
      this.#room -= bytes.length;
      if (this.#room < 0 || end < struct.id.clock + struct.length) {
        if (written.length > 0) this.#authors.push({ client, clock, structs: written });
        return false;
      }
      at = end;
    }
    this.#authors.push({ client, clock, structs: written });
    return true;
  }

  /** Adds what is deleted of an author's; false when not all of it. */
  delete(client: number, ranges: readonly Range[]): boolean {
    const fit = Math.max(0, Math.floor(this.#room / (2 * numberBytesMax)) - 1);
    const taken = ranges.slice(0, fit);
    this.#room -= (taken.length + 1) * 2 * numberBytesMax;
    if (taken.length > 0) this.#deleted.push([client, taken]);
    return taken.length === ranges.length;
  }

  /** It, in Yjs' first encoding; undefined when nothing is in it. */
  update(): Uint8Array | undefined {
    if (this.#authors.length + this.#deleted.length === 0) return undefined;
    const chunks: Uint8Array[] = [numbers(this.#authors.length)];
    for (const { client, clock, structs } of this.#authors)
      chunks.push(numbers(structs.length, client, clock), ...structs);
    chunks.push(numbers(this.#deleted.length));
    for (const [client, ranges] of this.#deleted)
      chunks.push(numbers(client, ranges.length, ...ranges.flatMap(({ clock, len }) => [clock, len])));
    return joined(chunks);
  }
}

function encoded(struct: Struct, offset: number): Uint8Array {
  const encoder = new Y.UpdateEncoderV1();
  struct.write(encoder, offset);
  return encoder.toUint8Array();
}

function numbers(...values: readonly number[]): Uint8Array {
  const encoder = new Y.UpdateEncoderV1();
  // What it writes for a length is a number, and nothing else.
  for (const value of values) encoder.writeLen(value);
  return encoder.toUint8Array();
}

/** Where to end, about half-way, in what reaches from one number to another. @throws SyncError `payload_too_large` */
function cut(struct: Struct, from: number, to: number): number {
  const half = from + ((to - from) >> 1);
  const text = struct instanceof Y.Item && struct.content instanceof Y.ContentString && struct.content.str;
  // Two halves of one character aren't parted.
  const within = text && /[\ud800-\udbff]/.test(text[half - struct.id.clock - 1] ?? '');
  const end = within ? half - 1 : half;
  if (end > from) return end;
  throw tooLarge();
}

function tooLarge(): SyncError {
  return new SyncError('payload_too_large', tooMuch('the server takes, and can not go in parts'));
}

/** What an author wrote between two numbers of one thing. */
function piece(struct: Struct, from: number, to: number): Struct {
  const { client, clock } = struct.id;
  const id = Y.createID(client, from);
  if (!(struct instanceof Y.Item)) return new Y.GC(id, to - from);
  const { origin, rightOrigin, parent, parentSub } = struct;
  let content = struct.content.copy();
  content.splice(to - clock);
  if (from > clock) content = content.splice(from - clock);
  const left = from > clock ? Y.createID(client, from - 1) : origin;
  return new Y.Item(id, null, left, null, rightOrigin, parent, parentSub, content);
}

/** By author, in the order of updates. */
function inOrder<T>(authors: ReadonlyMap<number, T>): [number, T][] {
  return [...authors].sort(([a], [b]) => b - a);
}

/** What is in one set and not in another. */
function beyond({ clients }: DeleteSet, less: DeleteSet): DeleteSet {
  const left = Y.createDeleteSet();
  for (const [client, ranges] of clients) {
    const rest = minus(ranges, less.clients.get(client) ?? []);
    if (rest.length > 0) left.clients.set(client, rest);
  }
  return left;
}

/** Both in order, neither overlapping itself. */
function minus(ranges: readonly Range[], less: readonly Range[]): Range[] {
  const rest: Range[] = [];
  let i = 0;
  for (const { clock, len } of ranges) {
    let at = clock;
    for (let end = clock + len; at < end; ) {
      const next = less[i];
      if (next && next.clock + next.len <= at) i++;
      else if (next && next.clock <= at) at = next.clock + next.len;
      else {
        const until = Math.min(end, next?.clock ?? end);
        rest.push({ clock: at, len: until - at });
        at = until;
      }
    }
  }
  return rest;
}
