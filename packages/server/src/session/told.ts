/**
 * What whoever asks without a session is told of an error: the same as a session's client would be. Those who answer such requests call
 * it; it counts and logs as sessions do.
 */
import { SyncError } from '@syncline/protocol';
import { toSyncError } from '@syncline/protocol/wire';
import { reason } from '../observe.ts';
import { errorFrame, isInside } from './port.ts';
import type { SessionTools } from './tools.ts';

/** An error as it may be told: of what is wrong inside, the table's sentence alone. */
export function told(
  { metrics, logger }: Pick<SessionTools, 'metrics' | 'logger'>,
  thrown: unknown,
): SyncError {
  const error = toSyncError(thrown);
  metrics.framesRefused++;
  if (isInside(error.code))
    logger.error(
      { code: error.code, reason: reason(thrown) },
      'A request by HTTP failed for a reason of our own.',
    );
  const frame = errorFrame(null, error);
  if (frame.type !== 'error') return error;
  return new SyncError(frame.code, frame.message, frame.detail ?? undefined);
}
