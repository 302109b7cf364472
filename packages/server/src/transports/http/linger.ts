/**
 * The end of an answer to somebody who is still sending: what they send is read and dropped for a while, since a connection that is cut
 * with bytes unread takes the answer with it. Whoever answers requests calls it; it knows nothing of what was asked.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@syncline/protocol/wire';

/** How long somebody may go on sending once they were answered. */
const lingerMs = 2000;
/** And how much they may send: who pours on as fast as they can isn't waiting for an answer. */
const lingerBytesMax = 1_048_576;

/** Writes the rest of an answer whose head is written, and ends it: at once, or when the request is over, or has gone on for long or with much. */
export function endAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array | undefined,
  clock: Pick<Clock, 'timer'>,
): void {
  if (request.complete || request.destroyed) {
    response.end(bytes);
    return;
  }
  if (bytes && bytes.length > 0) response.write(bytes);
  else response.flushHeaders();
  let dropped = 0;
  const drop = ({ length }: Uint8Array): void => {
    dropped += length;
    if (dropped > lingerBytesMax) end();
  };
  const end = (): void => {
    cancel();
    request.off('data', drop).off('end', end).off('close', end).pause();
    response.end();
  };
  const cancel = clock.timer(lingerMs, end);
  request.on('data', drop).on('end', end).on('close', end).resume();
}
