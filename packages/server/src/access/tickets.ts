/**
 * One-time tickets: whoever has proved who they are in a request gets a word that opens one connection, soon. A ticket may
 * stand in an address, where a token would end up in logs. Only its hash is kept, so what is in memory opens nothing.
 */
import { createHash } from 'node:crypto';
import { type Clock, systemClock } from '@syncline/protocol/wire';
import { numberOption } from './checks.ts';
import { Expiring } from './expiring.ts';
import type { Identity } from './identity.ts';

export interface TicketOptions {
  /** How long a ticket is good. Default 30,000 ms. */
  readonly ticketMs?: number;
  /** Tickets kept at once; beyond it the oldest is forgotten. Default 10,000. */
  readonly ticketsMax?: number;
  /** Time and chance, for tests. */
  readonly clock?: Clock;
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
  readonly #issued: Expiring<Identity>;

  constructor({ ticketMs = 30_000, ticketsMax = 10_000, clock = systemClock }: TicketOptions = {}) {
    this.#clock = clock;
    this.#ticketMs = numberOption('ticketMs', ticketMs, 1000, 600_000);
    this.#issued = new Expiring(clock, numberOption('ticketsMax', ticketsMax, 1, 1_000_000));
  }

  /** A ticket for this identity, and how long it is good, in ms: never longer than the identity. */
  issue(identity: Identity): { readonly ticket: string; readonly expiresMs: number } {
    const now = this.#clock.now();
    const until = Math.min(now + this.#ticketMs, identity.expiresAt ?? Number.POSITIVE_INFINITY);
    const ticket = Buffer.from(this.#clock.randomBytes(ticketBytes)).toString('base64url');
    this.#issued.set(hash(ticket), identity, until);
    return { ticket, expiresMs: Math.max(0, until - now) };
  }

  /** Whom a ticket stands for; undefined when it was never issued, is used, or its time is over. */
  redeem(ticket: string): Identity | undefined {
    return ticketShape.test(ticket) ? this.#issued.take(hash(ticket)) : undefined;
  }
}

function hash(ticket: string): string {
  return createHash('sha256').update(ticket).digest('base64');
}
