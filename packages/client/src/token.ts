/**
 * Names that nobody else makes. What a client goes by on the wire, as a producer and as a member, is one of them; it must not know
 * which.
 */
import type { Clock } from '@syncline/protocol/wire';

/** 30 letters of 32, so 150 random bits: no two of them meet, and nobody guesses one. */
export function token(clock: Clock): string {
  return Array.from(clock.randomBytes(30), (byte) => (byte % 32).toString(36)).join('');
}
