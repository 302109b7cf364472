/**
 * The contract of a broker: it stores logs and announces what is appended to them. Channels call it; memory and
 * disk implement it and pass broker.suite.ts. A broker never sees a kind: entries are opaque to it.
 *
 * One sentence carries the rest: `listen` may lose, repeat or reorder; `read` is the truth.
 */
import type { Data, Direction, Entry, Keep } from '@syncline/protocol/wire';

/** What is to be appended, and the conditions under which it may be. */
export interface Append {
  readonly data: Data;
  /** Who appends, as the server knows them. */
  readonly from: string | null;
  /**
   * Makes a retry safe: a sequence number already stored is answered with its first position (rule A2). An id may begin with
   * its owner and a `/`; a log that has to forget producers forgets those of the owner who adds one.
   */
  readonly producer?: { readonly id: string; readonly sequence: number } | undefined;
  /** A name for what the entry is about; the log remembers the newest offset of each key. */
  readonly key?: string | undefined;
  /** With this entry its key is gone: the log remembers it no longer. */
  readonly keyEnds?: boolean | undefined;
  /** Append only if the newest entry with `key` is at this offset (0: there is none). A retry is answered without asking. */
  readonly ifKeyAt?: number | undefined;
  /** An integer, a time say. Append only if it isn't below that of the newest entry with `key`; where either has none, nothing is compared. */
  readonly order?: number | undefined;
  /** Append only if the newest entry of the log is at this offset (0: there has been none). A retry is answered without asking. */
  readonly ifTopAt?: number | undefined;
  /** Append only if the log then remembers so many keys at most. */
  readonly keysMax?: number | undefined;
  /** What this log keeps; null where only `compact` may drop entries. Bytes alone never drop the newest entry. */
  readonly keep: Keep | null;
}

/** Where an entry was stored. `duplicate` when that was at an earlier attempt, and nothing was stored now. */
export interface Appended {
  readonly epoch: string;
  readonly offset: number;
  readonly check: number;
  readonly at: number;
  readonly duplicate: boolean;
}

/** Which entries to read: up to so many, and so many bytes of payload (at least one entry), before or after an offset. */
export interface Range {
  readonly direction: Direction;
  readonly offset: number;
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** What this log keeps, so that entries past their age are not read; null where only `compact` may drop entries. */
  readonly keep: Keep | null;
}

/** The fold of all entries up to `offset`, as a kind made it. */
export interface Snapshot {
  readonly offset: number;
  readonly check: number;
  readonly data: Data;
}

/** One answer of the truth. Entries are consecutive and in offset order, whichever the direction. */
export interface Slice {
  readonly epoch: string;
  /** The head of the log. */
  readonly top: { readonly offset: number; readonly check: number };
  /** The oldest offset that can still be read; `top.offset + 1` when nothing can. */
  readonly oldest: number;
  /** Present when reading after an offset that lies before `oldest - 1` and there is a snapshot: the entries then follow it. */
  readonly snapshot: Snapshot | null;
  readonly entries: readonly Entry[];
}

/** News of a log. A hint: it may be lost, repeated or late. */
export interface Announcement {
  readonly epoch: string;
  /** The head of the log as it was when this was announced. Nobody has to read it while entries up to it come along. */
  readonly top: Slice['top'];
  readonly entries: readonly Entry[];
  /** The broker was asked where the log ends, or found it rolled back: an end before the one that is known is news too. */
  readonly asked?: boolean;
}

/**
 * The nodes that share a broker. What they tell each other is stored nowhere: it may be lost, repeated or late. A node gives a
 * sign of life every 3 s and is gone after 9 s without one.
 */
export interface Nodes {
  /** This node's name, 1 to 64 characters of `A–Z a–z 0–9 _ -`: random, a new one each time the process starts. It is registered before the broker is `ready`. */
  readonly id: string;
  /** Tells every other node that hears `topic`. Never throws. */
  tell(topic: string, text: string): void;
  /**
   * Calls `onText` with what other nodes tell, soon after this is called: what they told before that is not heard. Returns what
   * ends it. What a listener throws is warned of, and harms no other.
   */
  hear(topic: string, onText: (text: string) => void): () => void;
  /**
   * Which of these nodes give no sign of life any more, asked of the broker anew: one that registered before this call and
   * goes on is never among them.
   *
   * @throws SyncError `unavailable`, `storage`, `closed` when it can't be asked
   */
  gone(ids: readonly string[]): Promise<readonly string[]>;
  /**
   * Calls `onGone` with a node's id when that was found gone: each survivor is told, some time after a node that was cut off
   * meanwhile came back. With this node's own id when the others have taken it for gone: it was frozen, or cut off; of what
   * was found meanwhile it may not be told then. Returns what ends it.
   */
  onGone(onGone: (id: string) => void): () => void;
}

/** What a broker found wrong with what others may write where it stores, counted as it goes on. */
export interface Troubles {
  /** Logs whose parts didn't fit each other, which were moved aside and begun anew. */
  readonly logsBroken: number;
  /** Messages that no node can have published. */
  readonly messagesDropped: number;
}

/** Whether the broker answers, and what it announces arrives. */
export interface Health {
  /** Since when it doesn't, in ms of the node's clock; null: it does. */
  readonly brokenSince: number | null;
  /** What is wrong, for logs. Left out where nobody can say. */
  readonly what?: string;
  /** Calls `listener` whenever it breaks, whenever something else is wrong, and whenever it is whole again. Returns what ends it. */
  onChange(listener: () => void): () => void;
}

/**
 * Refusals mean that nothing was stored, and `too_many` that there is no room now: too much waits already, or the log has
 * as many keys as it may; save for `unavailable`, which leaves the outcome unknown.
 */
export interface Broker {
  /** Resolves once the broker can be used; rejects with what keeps it from starting. Left out where there is nothing to wait for. */
  readonly ready?: Promise<void>;
  /** Where logs are kept that needn't outlive the nodes. Left out: in the memory of each node. This broker closes it with itself. */
  readonly volatile?: Broker;
  /** What the nodes that share this broker know of each other. Left out where there is one node only. */
  readonly nodes?: Nodes;
  /** How the way to the logs is. Left out where it can't break. */
  readonly health?: Health;
  /** What it found wrong. Left out where nobody else can write. */
  readonly troubles?: Troubles;
  /** The time by which entries are stamped, in ms since 1970, as far as this node knows it. Left out: it is the node's clock's. */
  now?(): number;
  /**
   * Appends one entry atomically: checks the producer, then the condition; assigns the next offset, its check and a time
   * not before the last one's; stores; announces. Resolves when the log holds the entry as durably as this broker promises.
   * Calls on one channel take effect in the order they are made, reads included, and resolve in that order. An append of this
   * node resolves no later than its announcement comes, in the same turn at the latest: an author's ack goes first (rule A4).
   *
   * @throws SyncError `sequence` (detail `expected`), `precondition` (detail `offset`: the newest of the key, or of the log), `superseded` (likewise, of the key),
   * `too_many`, `storage`, `corrupt`, `unavailable`, `closed`.
   */
  append(channel: string, append: Append): Promise<Appended>;
  /**
   * As `append`, where the broker can answer at once: what that would resolve with is returned, what it would reject with thrown.
   * Left out where there is anything to wait for.
   */
  appendNow?(channel: string, append: Append): Appended;
  /**
   * Reads a part of the log. A channel that was never used begins its first epoch here; until something is stored in it, an
   * epoch may be forgotten and begun anew.
   *
   * @throws SyncError `too_many`, `storage`, `corrupt`, `unavailable`, `closed`.
   */
  read(channel: string, range: Range): Promise<Slice>;
  /**
   * Stores a snapshot and drops the entries it covers. False, and nothing changes, unless it is of this epoch, newer than
   * the stored one, not beyond the top, and has the check of the entry at its offset. The keys of what it covers stay known.
   *
   * @throws SyncError `too_many`, `storage`, `corrupt`, `unavailable`, `closed`.
   */
  compact(channel: string, epoch: string, snapshot: Snapshot): Promise<boolean>;
  /**
   * Calls `onNews` for what is appended to `channel` from now on, by any node. Returns a function that ends it. What a
   * listener throws is warned of, and harms neither the append nor other listeners.
   *
   * It is in force for every read called after it returned: such a read is not older than what was announced before the
   * call, and what it doesn't hold yet comes as news. A broker that has to subscribe elsewhere holds these reads back until
   * it has.
   */
  listen(channel: string, onNews: (news: Announcement) => void): () => void;
  /** Finishes what was begun, releases everything. What is called later is refused with `closed`. */
  close(): Promise<void>;
}
