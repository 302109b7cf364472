/**
 * How much waits for Redis: calls and payload bytes, over all logs of a broker, and the bound on both. A log takes what a call needs
 * and gives it back with the answer.
 */
import { SyncError } from '@syncline/protocol';

export class Load {
  readonly #opsMax: number;
  readonly #bytesMax: number;
  #ops = 0;
  #bytes = 0;

  constructor(opsMax: number, bytesMax: number) {
    this.#opsMax = opsMax;
    this.#bytesMax = bytesMax;
  }

  /** @throws SyncError `too_many` when there is no room */
  take(bytes: number): void {
    if (this.#ops >= this.#opsMax || this.#bytes + bytes > this.#bytesMax)
      throw new SyncError(
        'too_many',
        `Redis can't keep up: ${this.#ops} calls with ${this.#bytes} bytes wait for it. This one was not begun; try again.`,
      );
    this.#ops++;
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#ops--;
    this.#bytes -= bytes;
  }
}
