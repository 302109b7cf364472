/**
 * What whoever asked is told of an error, over whichever transport: it is counted, logged where it is our own, and loses what names
 * the inside. Sessions and those who answer requests without one call it; it must not know how the answer travels.
 */
import { errors, SyncError } from '@syncline/protocol';
import { toSyncError } from '@syncline/protocol/wire';
import { reason } from '../observe.ts';
import { isInside } from './port.ts';
import type { SessionTools } from './tools.ts';

/**
 * An error as it may be told: of what is wrong inside, the table's sentence alone.
 *
 * @param session whose request it was, for the log; none for a request that is made without one
 */
export function told(
  { metrics, logger }: Pick<SessionTools, 'metrics' | 'logger'>,
  thrown: unknown,
  session: string | null = null,
): SyncError {
  const { code, message, detail } = toSyncError(thrown);
  metrics.framesRefused++;
  if (isInside(code))
    logger.error({ session, code, reason: reason(thrown) }, 'A request failed for a reason of our own.');
  // Hooks throw these too, and what they put into them may be nothing that JSON can say.
  const facts = Object.entries(detail ?? {}).filter(([, fact]) =>
    ['string', 'number', 'boolean'].includes(typeof fact),
  );
  return new SyncError(
    code,
    isInside(code) ? errors[code].message : String(message),
    detail && Object.fromEntries(facts),
  );
}
