/**
 * How far what is shown can be trusted to be up to date: the one judgement of it, which subscriptions and views call whenever something
 * changed that it goes by. It knows the connection, but not what is followed, nor how.
 */
import type { GapReason, SyncError } from '@syncline/protocol';
import type { Core } from './core.ts';
import type { Value } from './store.ts';

/**
 * How far a channel can be trusted to be up to date.
 *
 * - `live`: everything the server told of is here.
 * - `catching-up`: `left` entries are known to be missing and on their way.
 * - `stale`: nothing has been heard `since` (ms since 1970).
 * - `gap`: entries are lost for good, or the log is another one; until the first entry or heartbeat after that.
 * - `refused`: the server doesn't let this channel be read; it is asked again on the next connection.
 */
export type Freshness =
  | { readonly state: 'live' }
  | { readonly state: 'catching-up'; readonly left: number }
  | { readonly state: 'stale'; readonly since: number }
  | { readonly state: 'gap'; readonly reason: GapReason }
  | { readonly state: 'refused'; readonly error: SyncError };

/**
 * Shows how fresh something is, if that is different from what is shown.
 *
 * @param refused why the server refuses it now
 * @param gap the loss after which nothing newer was shown yet
 * @param begun whether it was confirmed on this link, or on one that this link goes on from; falsy: what is here is stale
 * @param left how many entries are missing at least, 0 or more
 */
export function showFreshness(
  shown: Value<Freshness>,
  core: Core,
  refused: SyncError | undefined,
  gap: GapReason | undefined,
  begun: unknown,
  left: number,
): void {
  const { heardAt, late, status } = core.connection;
  const before = shown.get();
  const stale = !begun || 'degraded' in status.get();
  const now: Freshness = refused
    ? { state: 'refused', error: refused }
    : stale
      ? // Since when is told once.
        before.state === 'stale'
        ? before
        : { state: 'stale', since: heardAt }
      : gap
        ? { state: 'gap', reason: gap }
        : left || late
          ? { state: 'catching-up', left: left || 1 }
          : { state: 'live' };
  if (JSON.stringify(now) !== JSON.stringify(before)) shown.set(now);
}
