/**
 * One-time tickets: whoever has proved who they are in a request gets a word that opens one connection, soon. A ticket may
 * stand in an address, where a token would end up in logs. Only its hash is kept, so what is in memory opens nothing.
 */
import { createHash } from 'node:crypto';
import { SyncError } from '@syncline/protocol';
import { type Clock, systemClock } from '@syncline/protocol/wire';
import { numberOption } from './checks.ts';
import type { Identity } from './identity.ts';

export interface TicketOptions {
  /** How long a ticket is good. Default 30,000 ms. */
  readonly ticketMs?: number;
  /** Tickets kept at once, those of which nobody knows yet that their time is over included. Default 10,000. */
  readonly ticketsMax?: number;
  /** The same for one user, so that nobody takes what is meant for all. Default 100. */
  readonly ticketsPerUserMax?: number;
  /** Time and chance, for tests. */
  readonly clock?: Clock;
}

interface Issued {
  readonly identity: Identity;
  readonly user: string;
  readonly until: number;
}

const ticketBytes = 32;
const ticketShape = /^[\w-]{43}$/;

/**
 * The tickets of one node.
 *
 * @throws SyncError `bad_option`
 * @example
 * const { ticket } = tickets.issue({ user: 'ada' })
 * tickets.redeem(ticket) // { user: 'ada' }, once
 */
export class Tickets {
  readonly #clock: Clock;
  readonly #ticketMs: number;
  readonly #max: number;
  readonly #perUserMax: number;
  /** By hash, the oldest first. */
  readonly #issued = new Map<string, Issued>();
  readonly #byUser = new Map<string, number>();

  constructor(options: TicketOptions = {}) {
    const { ticketMs = 30_000, ticketsMax = 10_000, ticketsPerUserMax = 100, clock = systemClock } = options;
    this.#clock = clock;
    this.#ticketMs = numberOption('ticketMs', ticketMs, 1000, 600_000);
    this.#max = numberOption('ticketsMax', ticketsMax, 1, 1_000_000);
    this.#perUserMax = numberOption('ticketsPerUserMax', ticketsPerUserMax, 1, 1_000_000);
  }

  /**
   * A ticket for this identity, and how long it is good, in ms: never longer than the identity.
   *
   * @throws SyncError `too_many` when there is no room, since another's ticket is not thrown away; `unauthenticated` for nobody
   * in particular, who needs none.
   */
  issue(identity: Identity): { readonly ticket: string; readonly expiresMs: number } {
    const { user } = identity;
    if (user === null)
      throw new SyncError('unauthenticated', 'A ticket stands for a user, and what you sent names none.');
    this.#sweep();
    if (this.#issued.size >= this.#max || (this.#byUser.get(user) ?? 0) >= this.#perUserMax)
      throw new SyncError(
        'too_many',
        'There are too many tickets that nobody has used. Use one, or ask again later.',
      );
    const now = this.#clock.now();
    const until = Math.min(now + this.#ticketMs, identity.expiresAt ?? Number.POSITIVE_INFINITY);
    const ticket = Buffer.from(this.#clock.randomBytes(ticketBytes)).toString('base64url');
    this.#issued.set(hash(ticket), { identity, user, until });
    this.#byUser.set(user, (this.#byUser.get(user) ?? 0) + 1);
    return { ticket, expiresMs: Math.max(0, until - now) };
  }

  /** Whom a ticket stands for; undefined when it was never issued, is used, or its time is over. */
  redeem(ticket: string): Identity | undefined {
    const issued = ticketShape.test(ticket) ? this.#take(hash(ticket)) : undefined;
    return issued && issued.until > this.#clock.now() ? issued.identity : undefined;
  }

  /** Takes back the tickets of a user, of those identities: they open nothing any more. */
  withdraw(user: string, whose: (identity: Identity) => boolean = () => true): void {
    for (const [key, issued] of this.#issued)
      if (issued.user === user && whose(issued.identity)) this.#take(key);
  }

  #take(key: string): Issued | undefined {
    const issued = this.#issued.get(key);
    if (!issued) return undefined;
    this.#issued.delete(key);
    const left = (this.#byUser.get(issued.user) ?? 1) - 1;
    if (left > 0) this.#byUser.set(issued.user, left);
    else this.#byUser.delete(issued.user);
    return issued;
  }

  #sweep(): void {
    for (const [key, { until }] of this.#issued) {
      if (until > this.#clock.now()) return;
      this.#take(key);
    }
  }
}

function hash(ticket: string): string {
  return createHash('sha256').update(ticket).digest('base64');
}
