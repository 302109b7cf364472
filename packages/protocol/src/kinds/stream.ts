/**
 * The kind for messages: chat, notifications, events. A stream folds into nothing: who comes late reads what the log
 * still keeps. Nothing folds logs yet but the law's tests; it knows nothing of how long a log is kept.
 */
import type { Kind } from '../kind.ts';

/** How far a stream has been read; there is nothing else to know of it. */
export interface StreamView {
  readonly offset: number;
}

export const streamKind: Kind<StreamView> = {
  name: 'stream',
  folds: false,
  empty: () => ({ offset: 0 }),
  apply: (view, entries) => ({ offset: Math.max(view.offset, entries.at(-1)?.offset ?? 0) }),
  snapshot: () => 'null',
  restore: (_snapshot, offset) => ({ offset }),
  conflate: (entries) => entries,
};
