/**
 * What a kind is: how a log folds for those who come late, as pure functions. The kinds implement it and pass one
 * law, kind.suite.ts. Nothing here does I/O, and no transport, session or broker ever holds one.
 */
import type { Data, Entry } from './entry.ts';

export type KindName = 'stream' | 'state' | 'doc' | 'durable';

/**
 * The law: folding all entries equals restoring the snapshot of any prefix and folding the rest; and an entry whose
 * offset the view already holds changes nothing.
 */
export interface Kind<View extends { readonly offset: number }> {
  readonly name: KindName;
  /** Whether a log of this kind can be trimmed only where a snapshot covers it. */
  readonly folds: boolean;
  /** The view of a log without entries. */
  readonly empty: () => View;
  /** The view with more entries, given in offset order. Entries that the view already holds are passed over. */
  readonly apply: (view: View, entries: readonly Entry[]) => View;
  /** What a late reader needs instead of the entries up to `view.offset`. */
  readonly snapshot: (view: View) => Data;
  /**
   * The view that a snapshot stands for.
   *
   * @throws SyncError `corrupt` for what no `snapshot` returned; of bytes it may be told only by the next `apply`.
   */
  readonly restore: (snapshot: Data, offset: number) => View;
  /** Fewer entries with the same effect on a reader that is behind; the last one keeps its place. */
  readonly conflate: (entries: readonly Entry[]) => readonly Entry[];
}
