/**
 * Outcomes that come by callback, so that they are there in the same turn, as promises for those outside. The outbox, history
 * and timelines tell outcomes this way; applications only see the promises.
 */
import { SyncError } from '@syncline/protocol';

/** Takes what came of something: the result, or why there is none. */
export type Settle<T> = (outcome: T | SyncError) => void;

/** A promise for the outcome of what `begin` begins. */
export function promised<T>(begin: (settle: Settle<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    begin((outcome) => (outcome instanceof SyncError ? reject(outcome) : resolve(outcome)));
  });
}
