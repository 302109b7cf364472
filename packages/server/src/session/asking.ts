/**
 * Whoever asks without a session: whom their requests are charged to. Posts and look-ups share it; it knows neither what is asked nor how
 * it came.
 */
import { SyncError } from '@syncline/protocol';
import type { Identity } from '../access.ts';
import { Allowance, type Cost, sourceOf } from './allowance.ts';
import type { Bucket } from './bucket.ts';
import type { Sessions } from './sessions.ts';
import type { SessionTools } from './tools.ts';

/** As many as a page of a log has for each of what reading it costs. */
const readBytesPerCost = 16_384;

export interface Asker {
  readonly identity: Identity;
  /** Where it comes from: who is nobody in particular shares an allowance with all from there. */
  readonly network: string;
}

/** What is asked for, as far as that says what it costs. */
interface Charged {
  readonly type: Cost;
  /** The log that it is about, which may have to be opened. */
  readonly channel?: string;
  /** Of how many requests it is made up. Default 1. */
  readonly count?: number;
  /** How many bytes were sent for it. Default 0. */
  readonly bytes?: number;
}

/**
 * Charges a request to whoever asks, as a session's is; returns what was charged.
 *
 * @throws SyncError `too_many`, whose detail `retryMs` says when to come again
 * @example
 * charge(tools, sessions, { identity, network }, { type: 'history', channel: 'chat/lobby' })
 */
export function charge(
  { clock, hub, metrics }: Pick<SessionTools, 'clock' | 'hub' | 'metrics'>,
  sessions: Sessions,
  asker: Asker,
  { type, channel, count = 1, bytes = 0 }: Charged,
): Bucket {
  const bucket = bucketOf(sessions, asker);
  const opens = channel !== undefined && hub.opened(channel) === undefined;
  const retryMs = new Allowance(bucket, clock).charge(type, opens, count, bytes);
  if (retryMs === 0) return bucket;
  metrics.requestsLimited++;
  throw new SyncError(
    'too_many',
    `You asked for more than the server takes from one. Go on in ${retryMs} ms.`,
    { retryMs },
  );
}

/** Charges for so many bytes that were read, whether there is so much left or not: who has read much waits as one who asks for much. */
export function chargeRead(sessions: Sessions, asker: Asker, bytes: number): void {
  bucketOf(sessions, asker).owe(bytes / readBytesPerCost);
}

function bucketOf(sessions: Sessions, { identity, network }: Asker): Bucket {
  return sessions.bucketOf(identity.user, sourceOf(identity, network));
}
