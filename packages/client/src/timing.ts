/**
 * The client's fixed times and how it spreads repetitions. Connection, subscriptions and outboxes wait by these; what an
 * application may set is an option of the client instead.
 */
import type { SyncError } from '@syncline/protocol';

/** The first wait before a repetition; each next one may be twice as long. */
const backoffMs = 250;
export const backoffMsMax = 15_000;
/** However little was waited before, so long a wait may be, in ms. */
const waitMsMin = 2_000;

/**
 * A random wait (full jitter) after so many failures: 0 up to 250 ms, doubling, never beyond 15 s; `leastMs` at the least.
 *
 * @param waitedMs how much was waited before, of which it is no more than that again, or 2 s. Default: failures alone count
 */
export function backoff(failures: number, random: number, leastMs = 0, waitedMs = backoffMsMax): number {
  const mostMs = Math.max(waitMsMin, waitedMs);
  return Math.max(leastMs, random * Math.min(mostMs, backoffMs * 2 ** failures));
}

/** How long the server asks to wait before a repetition, in ms; 0 when it doesn't say. */
export function retryMsOf(error: SyncError): number {
  return Number(error.detail?.['retryMs']) || 0;
}
