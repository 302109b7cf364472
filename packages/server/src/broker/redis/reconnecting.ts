/**
 * A connection that is made again whenever it is lost, with waits that grow and that chance spreads, so that nodes don't come back
 * all at once. It never gives up. A place keeps one for commands and one for what is published; what they carry it doesn't know.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';
import type { Connection } from './connection.ts';

/** The first wait is up to this long, the next ones up to twice as long each. */
const waitMs = 50;
const waitMsMax = 2000;
/** A connection that lasted so long worked. */
const lastedMs = 2000;

export interface ReconnectingSetting {
  readonly clock: Clock;
  /** Makes a connection that can be used. */
  open(onLost: (why: Error) => void): Promise<Connection>;
  /** Called with each new one. */
  onUp(connection: Connection): void;
  /** Called when there is none: after each loss, and each time that making one failed. */
  onDown(why: Error): void;
}

export class Reconnecting {
  readonly #setting: ReconnectingSetting;
  #current: Connection | undefined;
  #failures = 0;
  /** Counts attempts, so that what comes of an older one is thrown away. */
  #attempt = 0;
  #since = 0;
  #cancel: Cancel | undefined;
  #closed = false;

  constructor(setting: ReconnectingSetting) {
    this.#setting = setting;
  }

  /** The connection, while there is one. */
  get current(): Connection | undefined {
    return this.#current;
  }

  /** Makes the first one. */
  start(): void {
    void this.#dial();
  }

  /** Throws the connection away, or the attempt at one, and makes another. */
  rebuild(why: Error): void {
    if (this.#closed) return;
    this.#drop();
    this.#setting.onDown(why);
    this.#later();
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #drop(): void {
    this.#attempt++;
    this.#cancel?.();
    const lost = this.#current;
    this.#current = undefined;
    lost?.close();
  }

  async #dial(): Promise<void> {
    const attempt = ++this.#attempt;
    const current = (): boolean => attempt === this.#attempt && !this.#closed;
    try {
      const made = await this.#setting.open((why) => current() && this.rebuild(why));
      if (!current()) return made.close();
      if (!made.open) throw new Error('The connection was lost as soon as it was made.');
      this.#current = made;
      this.#since = this.#setting.clock.now();
      this.#setting.onUp(made);
    } catch (thrown) {
      if (current()) this.rebuild(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  #later(): void {
    const { clock } = this.#setting;
    if (this.#since > 0 && clock.now() - this.#since > lastedMs) this.#failures = 0;
    this.#since = 0;
    const ms = clock.random() * Math.min(waitMsMax, waitMs * 2 ** Math.min(this.#failures++, 10));
    this.#cancel = clock.timer(ms, () => void this.#dial());
  }
}
