/**
 * Tickets that open a connection on any node: where nodes share a broker, each is noted in a log of its own, and whoever takes the note
 * away first has used it. So a ticket opens one connection, by whichever nodes it is tried. Access asks for tickets here; the log sees a
 * hash, and keeps it for as long as a ticket is good.
 */
import { createHash } from 'node:crypto';
import { SyncError } from '@syncline/protocol';
import type { Clock, Entry } from '@syncline/protocol/wire';
import type { Broker } from '../broker/broker.ts';
import { Expiring } from './expiring.ts';
import { type Identity, readIdentity } from './identity.ts';
import { Tickets } from './tickets.ts';

/** Whom a ticket stands for, and when it was begun to find that out, by the time of all nodes. */
export interface Redeemed {
  readonly identity: Identity;
  /** Undefined where this node issued it, and knows. */
  readonly foundAt: number | undefined;
}

/** No channel has such a name. */
const name = '?tickets';
const ticketShape = /^([\w-]{43})\.([1-9]\d{0,14})$/;
/** How long, and of how many, it is remembered that they were sent away. */
const sentAwayMs = 60_000;
const sentAwayMax = 10_000;
/** What the log keeps: tickets of the last while, as many as there may be on some nodes together. */
const keep = { entriesMax: 100_000, bytesMax: 64 * 1024 * 1024, ageMs: 120_000 };

export class TicketDesk {
  readonly #tickets: Tickets;
  readonly #clock: Clock;
  readonly #broker: Broker | undefined;
  /** When users were sent away, for as long as a ticket may be good that another node issued before. */
  readonly #sentAway: Expiring<number>;

  /** @param broker where no other node shares it tickets are for this one alone */
  constructor(clock: Clock, broker: Broker | undefined) {
    this.#clock = clock;
    this.#tickets = new Tickets({ clock });
    this.#broker = broker?.nodes && (broker.volatile ?? broker);
    this.#sentAway = new Expiring(clock, sentAwayMax);
  }

  /** @throws SyncError as `Tickets.issue`, or the broker's */
  async issue(identity: Identity, foundAt: number): Promise<{ ticket: string; expiresMs: number }> {
    const { ticket, expiresMs } = this.#tickets.issue(identity);
    if (!this.#broker) return { ticket, expiresMs };
    const data = JSON.stringify({ identity, foundAt, expiresMs });
    try {
      const { offset } = await this.#broker.append(name, { data, from: null, key: hash(ticket), keep });
      return { ticket: `${ticket}.${offset}`, expiresMs };
    } catch (thrown) {
      // Nobody gets it, so nobody's count holds it: whoever asks again and again in an outage has some left after it.
      this.#tickets.redeem(ticket);
      throw thrown;
    }
  }

  /** Whom a ticket stands for, once; undefined when it was never issued, is used, or its time is over. @throws SyncError the broker's */
  async redeem(ticket: string): Promise<Redeemed | undefined> {
    if (!this.#broker) {
      const identity = this.#tickets.redeem(ticket);
      return identity && { identity, foundAt: undefined };
    }
    const [, secret, place] = ticketShape.exec(ticket) ?? [];
    if (secret === undefined) return undefined;
    const noted = await this.#note(this.#broker, Number(place));
    if (!noted || !(await this.#takes(this.#broker, hash(secret), noted))) return undefined;
    this.#tickets.redeem(secret);
    return this.#read(noted, this.#broker.now?.() ?? this.#clock.now());
  }

  /** Takes back the tickets of a user of whom it was known by then who they are; `whose` says so of this node's own. */
  withdraw(user: string, at: number, whose: (identity: Identity) => boolean): void {
    this.#tickets.withdraw(user, whose);
    if (this.#broker) this.#sentAway.set(user, at, this.#clock.now() + sentAwayMs);
  }

  /** What was noted there, if it still is. */
  async #note(broker: Broker, offset: number): Promise<Entry | undefined> {
    const range = { direction: 'after', offset: offset - 1, entriesMax: 1, bytesMax: 1, keep } as const;
    const [entry] = (await broker.read(name, range)).entries;
    return entry?.offset === offset ? entry : undefined;
  }

  /** Takes the note away, if it is of this ticket and nobody did before. */
  async #takes(broker: Broker, key: string, { offset }: Entry): Promise<boolean> {
    try {
      await broker.append(name, { data: 'null', from: null, key, keyEnds: true, ifKeyAt: offset, keep });
      return true;
    } catch (thrown) {
      if (thrown instanceof SyncError && thrown.code === 'precondition') return false;
      throw thrown;
    }
  }

  /** What comes out of a log is believed no more than what comes from a hook. */
  #read({ data, at }: Entry, now: number): Redeemed | undefined {
    try {
      const note: { identity?: unknown; foundAt?: unknown; expiresMs?: unknown } = JSON.parse(String(data));
      const { foundAt, expiresMs } = note;
      if (typeof foundAt !== 'number' || typeof expiresMs !== 'number' || now - at >= expiresMs)
        return undefined;
      const identity = readIdentity(note.identity);
      const sentAway = this.#sentAway.get(identity.user ?? '') ?? Number.NEGATIVE_INFINITY;
      return foundAt > sentAway ? { identity, foundAt } : undefined;
    } catch {
      return undefined;
    }
  }
}

function hash(ticket: string): string {
  return createHash('sha256').update(ticket).digest('base64url');
}
