/**
 * Why edits of a document aren't taken, from the refusal of one until something is different. A document's channel holds it, and
 * shows it. It must not know what an edit is.
 */
import type { SyncError } from '@syncline/protocol';

export interface Refusal {
  readonly state: 'read-only' | 'rejected';
  readonly error: SyncError;
  /** What was edited is still to be handed out. */
  readonly due: boolean;
}

/** What follows from the refusal of an edit. */
export function refusalOf(error: SyncError): Refusal {
  const isReadOnly = error.code === 'forbidden' || error.code === 'quarantined';
  return { state: isReadOnly ? 'read-only' : 'rejected', error, due: true };
}

/**
 * What is left of it when what was edited is handed out.
 *
 * @param isSame whether it is the same document as before: of another one only that is known which was said of who edits
 */
export function handedOut(refusal: Refusal | undefined, isSame: boolean): Refusal | undefined {
  return refusal && (isSame || refusal.error.code === 'forbidden') ? { ...refusal, due: false } : undefined;
}
