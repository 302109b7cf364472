/**
 * The ids of tokens that were withdrawn, each until it would have ended by itself. Whoever lets people in asks; it knows
 * neither tokens nor sessions.
 */
import { SyncError } from '@syncline/protocol';
import { type Clock, systemClock } from '@syncline/protocol/wire';
import { numberOption } from './checks.ts';

/**
 * A bounded set of revoked ids.
 *
 * @throws SyncError `bad_option`
 * @example
 * revoked.add('token-1', clock.now() + 86_400_000)
 * revoked.has('token-1') // true, for a day
 */
export class Revoked {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #until = new Map<string, number>();

  /** `revokedMax`: ids kept at once, 100,000 by default. */
  constructor(clock: Clock = systemClock, revokedMax = 100_000) {
    this.#clock = clock;
    this.#max = numberOption('revokedMax', revokedMax, 1, 10_000_000);
  }

  /**
   * Withdraws a token until a time in ms since 1970: when it ends by itself. Said twice, the later time holds.
   *
   * @throws SyncError `too_many` when there is no room: to forget another would let that one in again.
   */
  add(tokenId: string, untilMs: number): void {
    const before = this.#until.get(tokenId);
    if (before === undefined && !this.#hasRoom())
      throw new SyncError(
        'too_many',
        `${this.#max} tokens are revoked already. Change the key they are signed with instead.`,
      );
    this.#until.set(tokenId, Math.max(untilMs, before ?? untilMs));
  }

  /** Whether a token is withdrawn. */
  has(tokenId: string): boolean {
    const until = this.#until.get(tokenId);
    if (until === undefined) return false;
    if (until > this.#clock.now()) return true;
    this.#until.delete(tokenId);
    return false;
  }

  /** Whether another fits, when those whose time is over are gone. */
  #hasRoom(): boolean {
    if (this.#until.size < this.#max) return true;
    const now = this.#clock.now();
    for (const [tokenId, until] of this.#until) if (until <= now) this.#until.delete(tokenId);
    return this.#until.size < this.#max;
  }
}
