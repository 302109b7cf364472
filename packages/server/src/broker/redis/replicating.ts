/**
 * Writes that wait for replicas, on one connection: WAIT speaks of what was written on the connection it comes by, and of nothing
 * else, so a connection that was made anew must never be asked for what another one wrote. It knows no scripts.
 */
import type { Clock } from '@syncline/protocol/wire';
import type { Argument, Connection } from './connection.ts';

type SendWithin = (args: readonly Argument[], ms: number) => Promise<unknown>;

export class Replicating {
  readonly connection: Connection;
  readonly #clock: Clock;
  readonly #commandMs: number;
  readonly #send: SendWithin;
  /** Questions that are not on their way yet. */
  readonly #asked = new Map<string, Promise<number>>();
  /** Settles when the last of those that are has been answered. */
  #answered: Promise<unknown> = Promise.resolve();

  /** @param send sends on that connection */
  constructor(connection: Connection, clock: Clock, commandMs: number, send: SendWithin) {
    this.connection = connection;
    this.#clock = clock;
    this.#commandMs = commandMs;
    this.#send = send;
  }

  /** Sends a command. It may have to wait for the replicas that one before it waits for: up to `ms`. @throws Refused, Unanswered */
  send(args: readonly Argument[], ms: number): Promise<unknown> {
    return this.#send(args, this.#commandMs + ms);
  }

  /**
   * How many replicas have all that was written here, once so many have or `ms` have passed. One question is on its way at a time,
   * and what was answered meanwhile shares the next: Redis holds everything behind it up, and a pile of them would take its sum.
   *
   * @throws Refused, Unanswered
   */
  replicas(replicasMin: number, ms: number): Promise<number> {
    const key = `${replicasMin} ${ms}`;
    const asked = this.#asked.get(key);
    if (asked) return asked;
    const turn = new Promise<void>((resolve) => this.#clock.endOfTurn(resolve));
    const asking = Promise.all([turn, this.#answered]).then(async () => {
      this.#asked.delete(key);
      const count = await this.send(['WAIT', String(replicasMin), String(ms)], ms);
      return typeof count === 'number' ? count : 0;
    });
    this.#asked.set(key, asking);
    this.#answered = asking.catch(() => {});
    return asking;
  }
}
