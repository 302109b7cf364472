/**
 * A subscription to a channel whose log folds: besides entries it takes what stands for many of them. Channels of keyed values and
 * documents hold one; who has streams only loads nothing of it. It must not know what entries mean.
 */
import type { FrameOf, ServerFrame } from '@syncline/protocol/wire';
import { Subscription } from './subscription.ts';

/** How long the next part of a snapshot may take, on a slow link say, in ms. */
const partMs = 30_000;

export class FoldingSubscription extends Subscription {
  changes({ from, check, entries }: FrameOf<ServerFrame, 'changes'>): void {
    this.take(from, entries, check);
  }

  snapshot({ offset, check, more, data }: FrameOf<ServerFrame, 'snapshot'>): void {
    const { place } = this;
    if (!place) return;
    this.trust();
    this.reader.snapshot?.(data, more ? undefined : this.move(place.position, offset, check));
    if (more) this.doubt(partMs);
    this.show();
  }
}
