/**
 * The client's fixed times and how it spreads repetitions. Connection, subscriptions and outboxes wait by these; what an
 * application may set is an option of the client instead.
 */
import type { SyncError } from '@syncline/protocol';

/** The first wait before a repetition; each next one may be twice as long. */
const backoffMs = 250;
const backoffMsMax = 15_000;

/** A random wait (full jitter) after so many failures: 0 up to 250 ms, doubling, never beyond 15 s; `leastMs` at the least. */
export function backoff(failures: number, random: number, leastMs = 0): number {
  return Math.max(leastMs, random * Math.min(backoffMsMax, backoffMs * 2 ** failures));
}

/** How long the server asks to wait before a repetition, in ms; 0 when it doesn't say. */
export function retryMsOf(error: SyncError): number {
  return Number(error.detail?.['retryMs']) || 0;
}
