/**
 * Calls that were given up while they were on their way: the connection broke, or no answer came. One may still arrive, and must not
 * take effect after what is asked for later. So each call has a number, and the next one on that log says up to which the ones before
 * it are lost; the scripts pass over those. All logs of a broker share one; it knows no connection.
 */

/** Logs of which a lost call is remembered until the next one; of the others it may come late. */
const logsMax = 10_000;

export class LostCalls {
  #calls = 0;
  readonly #upTo = new Map<string, number>();

  /** The number of a call that begins now. */
  next(): number {
    return ++this.#calls;
  }

  /** Nobody waits any more for what comes of it. */
  lose(topic: string, call: number): void {
    this.#upTo.delete(topic);
    this.#upTo.set(topic, call);
    const [oldest] = this.#upTo.keys();
    if (oldest !== undefined && this.#upTo.size > logsMax) this.#upTo.delete(oldest);
  }

  /** Up to which number calls on a log are lost; 0: none is, or Redis knows. */
  upTo(topic: string): number {
    return this.#upTo.get(topic) ?? 0;
  }

  /** Redis knows by now that they are. */
  noted(topic: string, upTo: number): void {
    if (this.#upTo.get(topic) === upTo) this.#upTo.delete(topic);
  }
}
