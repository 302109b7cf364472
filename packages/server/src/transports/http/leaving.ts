/**
 * What is said to whoever asks a server that is about to leave, or that is cut off. Doors and routes share it; it knows nothing else.
 */
import { Refusal } from '../refusal.ts';

export function leaving(): Refusal {
  // Whoever keeps connections would come back to this server on the same one for as long as it is there.
  const headers = { 'Retry-After': '1', Connection: 'close' };
  return new Refusal(503, 'restart', 'The server is leaving; come back.', headers);
}

/** It is always an answer with a status: a load balancer that sees it goes on to another node. */
export function cutOff(): Refusal {
  const why = 'This node can’t reach its logs (`cutOffMs`). Try again: another one may, or this one later.';
  return new Refusal(503, 'unavailable', why, { 'Retry-After': '1' });
}
