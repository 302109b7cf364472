/**
 * A document's channel as applications see it, as types: what it shows, tells and takes. The entry point with documents hands them
 * on; doc.ts does what they say. They must not say how.
 */
import type { SyncError } from '@syncline/protocol';
import type { Awareness } from 'y-protocols/awareness';
import type { Doc } from 'yjs';
import type { Freshness } from '../freshness.ts';
import type { Store } from '../store.ts';
import type { Recovery } from '../subscription.ts';
import type { DocStorage } from './storage.ts';

/**
 * How a document stands with its log.
 *
 * - `loading`: there is nothing to show yet.
 * - `syncing`: the log is being read, or edits are on their way.
 * - `synced`: everything is here, and everything made here is stored.
 * - `offline`: nothing is heard of the log: there is no connection, or nobody follows the document. Editing goes on.
 * - `read-only`: an edit was refused, since this client may only read (`error.code` is `forbidden`), or since nobody may edit this
 *   document any more (`quarantined`). Until one is taken, the next connection, or another document in its place.
 * - `rejected`: an edit was refused for another reason, or the channel may not be read. `error` says why.
 */
export interface DocSync {
  readonly state: 'loading' | 'syncing' | 'synced' | 'offline' | 'read-only' | 'rejected';
  /** Own edits, one per transaction, that aren't known to be stored. */
  readonly unsaved: number;
  /** Why; while `loading` or `syncing`, why the log can't be read for now: it is tried again by itself. */
  readonly error?: SyncError;
}

/** Another document took the place of one. */
export interface DocReplaced {
  /** `lineage`: the log holds another document now. `read-only`, `rejected`: an edit was refused. */
  readonly reason: 'lineage' | 'read-only' | 'rejected';
  /** What was shown, with all edits that weren't stored. Nothing reads or writes it any more. */
  readonly before: Doc;
  readonly after: Doc;
}

export interface DocOptions {
  /**
   * A document to use instead of a new one. What it holds is published like an edit, unless the log begins with content of its own:
   * then that takes its place, and `replaced` hands it out.
   */
  readonly doc?: Doc;
  /**
   * Where the document is kept on this machine: it is there after a reload, without a network too, and so are edits that weren't
   * sent. `'indexeddb'` keeps it for whoever uses this page; `indexedDb(user)` for one user. Default: nowhere.
   */
  readonly persist?: 'indexeddb' | DocStorage;
}

/** A document that several edit at once. */
export interface DocChannel {
  readonly name: string;
  readonly kind: 'doc';
  /** How far what is shown can be trusted to be up to date. */
  readonly freshness: Store<Freshness>;
  /** The document, for any Yjs binding. Its origin for what others edited is this channel, so that undo managers can tell. */
  readonly doc: Doc;
  /** The document as a store, which changes when another takes its place. Followed while someone subscribes. */
  readonly current: Store<Doc>;
  /**
   * Cursors, names and the like, for any Yjs binding: what it says goes with this client's presence, so use one of both. Another when
   * the document is replaced. Shown and seen while the document is followed.
   */
  readonly awareness: Awareness;
  /** How the document stands with its log. Followed while someone subscribes. */
  readonly sync: Store<DocSync>;
  /** Follows the document until what is returned is called. Edits are sent even after that. */
  open(): () => void;
  /** Tells when another document takes the place of this one, and hands out the old one. Bind anew to `after`. */
  on(event: 'replaced', onReplaced: (replaced: DocReplaced) => void): () => void;
  /** Tells how following began, or went on. Doesn't follow by itself. */
  onRecover(onRecover: (recovery: Recovery) => void): () => void;
  /** Resolves once there is something to show: a kept copy, or the log, read for the first time. */
  readonly whenLoaded: Promise<void>;
  /**
   * Follows the document, and resolves once everything is here and every edit until then is stored.
   *
   * @throws SyncError why an edit was refused, or `closed`
   */
  whenSynced(): Promise<void>;
}
