/**
 * What is kept of a document on this machine, as a seam: whoever can keep a few kinds of records together may stand behind it. The
 * document's channel writes through it by way of keeper.ts; indexeddb.ts is the one that browsers bring along.
 */
import type { Position } from '@syncline/protocol';

/** Up to where a log was read into what is kept of it. */
export interface KeptPlace {
  readonly position: Position;
  /** 16 bytes; null while the log has told of no document. */
  readonly lineage: Uint8Array | null;
  /** What is kept was begun anew by someone who called it that; by it clients that keep the same document know each other. */
  readonly life: string;
}

/** An edit that the log may lack. */
export interface KeptEdit {
  readonly id: string;
  /** In Yjs' first encoding. */
  readonly update: Uint8Array;
  /** Of the document that it was made in; null where that wasn't known. */
  readonly lineage: Uint8Array | null;
}

/** Everything that is kept of a document. */
export interface KeptContent {
  /** Undefined where none of the log is kept. */
  readonly place: KeptPlace | undefined;
  /** What the log said up to there, in order: entries and snapshots, as they are in it. */
  readonly log: readonly Uint8Array[];
  /** Those that nobody who lives sees to, in the order in which they were added. */
  readonly edits: readonly KeptEdit[];
}

/** What to do with what is kept of the log; `toWrite` says whether to. */
export interface KeptLog {
  /** `append`: goes behind what is kept. `compact`: takes its place, and says the same. `anew`: takes its place. */
  readonly type: 'append' | 'compact' | 'anew';
  readonly said: readonly Uint8Array[];
  /** Where that leads. Its life is that of what it belongs to; of `anew` a new one. */
  readonly place: KeptPlace;
  /** The offset after which it begins. */
  readonly from: number;
  /** What was kept, as far as whoever writes knows, when it began anew. */
  readonly instead: string | undefined;
}

/** What is to be changed, all of it or nothing. */
export interface KeptChange {
  readonly log: KeptLog | undefined;
  readonly added: readonly KeptEdit[];
  /** The ids of edits that needn't be kept any more, in any order; they may be gone already. */
  readonly removed: readonly string[];
}

/** One document's records, while they are open. */
export interface KeptDoc {
  /** What is kept. Called once, before anything is written. */
  read(): Promise<KeptContent>;
  /** Makes a change, as one transaction. Resolves with the life of what is kept then. Never called while another is under way. */
  write(change: KeptChange): Promise<string | undefined>;
  /** Nothing more is written. */
  close(): void;
}

/** Keeps documents on this machine. */
export interface DocStorage {
  /**
   * Opens what is kept of a channel's document, or where something may be kept. Rejects where nothing can be.
   *
   * @param client what the ids of all edits that this client adds begin with; a dot follows
   */
  open(channel: string, client: string): Promise<KeptDoc>;
}

/**
 * What of a change of the log is to be written to what is kept; undefined for nothing at all. Several clients may keep one document:
 * each writes what it reads, and only what follows what is there counts.
 */
export function toWrite(kept: KeptPlace | undefined, log: KeptLog): readonly Uint8Array[] | undefined {
  const { type, said, from, instead, place } = log;
  const { life, position } = place;
  const { offset = 0, epoch } = kept?.position ?? {};
  if (type === 'anew') {
    // Someone else has begun it anew as well, and read on as far.
    const theirs = kept?.life !== instead && epoch === position.epoch && offset >= position.offset;
    return theirs && String(kept?.lineage) === String(place.lineage) ? undefined : said;
  }
  if (kept?.life !== life || offset < from || offset > position.offset) return undefined;
  if (type === 'compact') return said;
  if (offset === position.offset) return undefined;
  // Where each entry is there, those that are kept already needn't be again.
  return said.length === position.offset - from ? said.slice(offset - from) : said;
}
