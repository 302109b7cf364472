/**
 * A document's subscription: its reader is told as well why it can't be read for now. A document's channel holds one; others learn
 * of refusals by `onError` and `freshness`, and needn't load this. It must not know edits.
 */
import type { SyncError } from '@syncline/protocol';
import { FoldingSubscription } from '../folding.ts';

export class DocSubscription extends FoldingSubscription {
  override refuse(error: SyncError, ended?: boolean): void {
    super.refuse(error, ended);
    this.reader.troubled?.(error);
  }
}
