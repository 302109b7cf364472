/**
 * What is said to whoever asks a server that is about to leave. The routes share it; it knows nothing else.
 */
import { Refusal } from '../refusal.ts';

export function leaving(): Refusal {
  return new Refusal(503, 'restart', 'The server is leaving; come back.', { 'Retry-After': '1' });
}
