/**
 * A reader's place in a channel, and the batches of entries it reads; and views, which are read in the same way. A session holds
 * one cursor per subscription and takes from it when its transport has room; the channel wakes it when there is more. Neither
 * knows what is behind it.
 */
import { type GapReason, limits, type Position, SyncError } from '@syncline/protocol';
import type { Data, Entry, Gone, Signalled, ViewFilter } from '@syncline/protocol/wire';
import type { Snapshot } from './broker/broker.ts';

/**
 * What many readers are given alike. Each encoding of it (a WebSocket frame, say) is built once and kept here, opaque to everyone
 * but the transport that built it.
 */
abstract class Shared {
  /** Nearly always there is one encoding, so it stands by itself. */
  #encoding: string | undefined;
  #bytes: Uint8Array | undefined;
  #others: Map<string, Uint8Array> | undefined;

  /** The bytes of this under `encoding`, built on first use. */
  encoded(encoding: string, build: (shared: this) => Uint8Array): Uint8Array {
    if (this.#bytes === undefined) {
      this.#encoding = encoding;
      this.#bytes = build(this);
    }
    return this.#encoding === encoding ? this.#bytes : this.#other(encoding, build);
  }

  #other(encoding: string, build: (shared: this) => Uint8Array): Uint8Array {
    this.#others ??= new Map();
    const bytes = this.#others.get(encoding) ?? build(this);
    this.#others.set(encoding, bytes);
    return bytes;
  }
}

/**
 * Entries of one channel, shared by every cursor that stands before them: consecutive ones, or fewer that do for a reader who
 * is further behind.
 */
export class Batch extends Shared {
  readonly id: number;
  readonly stamped: boolean;
  /** The offset of the cursors that it is for. */
  readonly after: number;
  readonly entries: readonly Entry[];
  /** The offset that its readers come from, where entries were left out after it (rule K9); null where none were. */
  readonly from: number | null;

  constructor(id: number, stamped: boolean, after: number, entries: readonly Entry[]) {
    super();
    this.id = id;
    this.stamped = stamped;
    this.after = after;
    this.entries = entries;
    this.from = this.last.offset === after + entries.length ? null : after;
  }

  /** The entry at which its readers stand when they have taken it. */
  get last(): Entry {
    const last = this.entries.at(-1);
    if (last) return last;
    throw new SyncError('internal', 'A batch without entries.');
  }
}

/**
 * The fold of a channel's entries up to an offset, in the parts in which it travels (rule S9), shared by every cursor that
 * begins before them. A text is parted at its line ends, bytes are parted by size.
 */
export class SnapshotParts {
  readonly offset: number;
  readonly parts: readonly SnapshotPart[];

  constructor(id: number, { offset, check, data }: Snapshot) {
    this.offset = offset;
    const pieces = typeof data === 'string' ? data.split('\n') : chunks(data);
    this.parts = pieces.map((piece, i) => new SnapshotPart(id, offset, check, i < pieces.length - 1, piece));
  }
}

/** One part of a snapshot, shared by every cursor that takes it. */
export class SnapshotPart extends Shared {
  readonly id: number;
  readonly offset: number;
  readonly check: number;
  /** Whether another part follows. */
  readonly more: boolean;
  readonly data: Data;

  constructor(id: number, offset: number, check: number, more: boolean, data: Data) {
    super();
    this.id = id;
    this.offset = offset;
    this.check = check;
    this.more = more;
    this.data = data;
  }
}

function chunks(data: Uint8Array): Uint8Array[] {
  const size = limits.batchBytesMax.default;
  const count = Math.max(1, Math.ceil(data.length / size));
  return Array.from({ length: count }, (_, i) => data.subarray(i * size, (i + 1) * size));
}

/** What was signalled in one turn, shared by every cursor that is up to date. */
export class Signals extends Shared {
  readonly id: number;
  readonly signals: readonly Signalled[];

  constructor(id: number, signals: readonly Signalled[]) {
    super();
    this.id = id;
    this.signals = signals;
  }
}

/** What a reader must be told instead of entries: the log doesn't reach back to its place; it stands at `position` now. */
export interface Gap {
  readonly id: number;
  readonly position: Position;
  readonly top: number;
  readonly reason: GapReason;
}

/** What a reader of a log gets. */
export type Taken = Batch | SnapshotPart | Signals | Gap;

/** What came into a view, changed in it, or is gone from it (rule V3). It is one reader's own. */
export class Seen {
  readonly id: number;
  readonly offset: number;
  /** Whether more of what a new view begins with follows. */
  readonly more: boolean;
  readonly rows: readonly string[];
  readonly gone: readonly Gone[];

  constructor(id: number, offset: number, more: boolean, rows: readonly string[], gone: readonly Gone[]) {
    this.id = id;
    this.offset = offset;
    this.more = more;
    this.rows = rows;
    this.gone = gone;
  }
}

/** A reader is told nothing more, and why. */
export class Ended {
  readonly id: number;
  readonly error: SyncError;

  constructor(id: number, error: SyncError) {
    this.id = id;
    this.error = error;
  }
}

/** What a session reads from: a place in a log, or a view of what a log comes to. It is woken when there may be something. */
export interface Reading {
  /** What comes next; undefined when there is nothing yet. */
  take(): Taken | Seen | Ended | undefined;
  /** Whether `take` may give something right now. */
  readonly hasMore: boolean;
  /** Nothing is taken or woken after this. */
  release(): void;
}

/** What a filter lets through of what a log comes to, for one reader. Kinds that fold provide it. */
export interface View extends Reading {
  readonly id: number;
  /** How many `Seen` it has given (rule V7). */
  readonly seen: number;
  /** How many keys its reader has: what the view costs. */
  readonly size: number;
  /** From now on it shows something else (rule V5). @throws SyncError `bad_payload` */
  move(filter: ViewFilter): void;
  /** Nothing more can be shown: the reader is told why. */
  end(error: SyncError): void;
}

/** What a reader may still have looked at for it: keys that may be in view are charged to it, found or not. */
export interface Purse {
  /** After how many ms there will be something in it again; 0: there is. */
  readonly waitMs: number;
  /** Takes so many keys out of it, more than are in it if need be. */
  take(keys: number): void;
}

/** Whom a view is opened for. */
export interface Viewer {
  readonly onWake: () => void;
  readonly purse: Purse;
}

/** Who a view is for. */
export interface ViewTraits extends Viewer {
  /** Its number on the wire. */
  readonly id: number;
  readonly onRelease: () => void;
}

/** What whoever shows the view tells of it besides. */
export interface CountedTraits extends ViewTraits {
  /** So many rows and keys that are gone were told. */
  readonly onTold: (count: number) => void;
}

/** Opens a view of what a log comes to. @throws SyncError `bad_payload` for a filter that doesn't fit it */
export type OpenView = (traits: CountedTraits, filter: ViewFilter) => Promise<View>;

/** What a cursor's channel does for it. */
export interface Source {
  /** What comes after the cursor's offset; undefined when nothing is there yet, and then the cursor is woken later. */
  take(cursor: Cursor): Taken | undefined;
  /** Whether `take` may give something right now. */
  hasMore(cursor: Cursor): boolean;
  release(cursor: Cursor): void;
}

/**
 * Fewer entries than come after an offset that have the same effect on a reader who stands there, as many as a batch holds;
 * undefined where nobody can say. Kinds that fold provide it; whoever calls it can't tell which.
 */
export type Conflate = (offset: number) => readonly Entry[] | undefined;

/** Whom a cursor is for. */
export interface Woken {
  /** There may be something to take. */
  wake(): void;
}

/** What a cursor is to its channel besides a place. */
export interface CursorTraits {
  /** Whether the log proves its place. If not, nothing but a snapshot can be next. */
  readonly proven: boolean;
  /** Whether it is a reader of this node's own, for which no channel is held open and nothing is counted. */
  readonly resident: boolean;
}

export class Cursor implements Reading {
  /** The last offset taken. The channel moves it. */
  offset: number;
  proven: boolean;
  /** The number of the last batch of signals taken. The channel moves it. */
  signalled = 0;
  readonly resident: boolean;
  readonly #source: Source;
  readonly #reader: Woken;

  constructor(source: Source, offset: number, traits: CursorTraits, reader: Woken) {
    this.#source = source;
    this.offset = offset;
    this.proven = traits.proven;
    this.resident = traits.resident;
    this.#reader = reader;
  }

  /** Called by the channel: the log goes on for this reader after `offset`, whatever it has of what came before. */
  place(offset: number): void {
    this.offset = offset;
    this.proven = true;
  }

  /** Called by the channel when there may be something to take. */
  wake(): void {
    this.#reader.wake();
  }

  /** The next batch or part of a snapshot, or a gap that must be told; undefined when there is nothing yet. */
  take(): Taken | undefined {
    return this.#source.take(this);
  }

  /** Whether there may be something to take right now; if not, the cursor is woken when there is. */
  get hasMore(): boolean {
    return this.#source.hasMore(this);
  }

  /** Gives the place up: nothing is taken or woken after this. */
  release(): void {
    this.#source.release(this);
  }
}
