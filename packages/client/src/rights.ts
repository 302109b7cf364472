/**
 * Renews what a session may do before it ends: fetches a token in time and sends it over the link that is there (rules I2 and
 * I7). The connection holds one and tells it when rights begin and end. It must not know links, nor what the rights are.
 */
import { SyncError } from '@syncline/protocol';
import type { Cancel, Clock } from '@syncline/protocol/wire';
import { toFault } from './faults.ts';
import { connectMs } from './machine.ts';
import type { Answer } from './requests.ts';
import type { Report } from './store.ts';
import { backoff, retryMsOf } from './timing.ts';

/** Gives the token to connect with. `rejected` is true when the server refused the last one, so a cached one won't do. */
export type GetToken = (why: { readonly rejected: boolean }) => string | Promise<string>;

export interface RightsParts {
  readonly clock: Clock;
  readonly getToken: GetToken | undefined;
  readonly report: Report;
}

/** Renewals of rights that end at once are at least so far apart, in ms. */
const renewMsMin = 1_000;

/** Sends a token and hands on what the server says to it. */
type Send = (token: string, answer: (answer: Answer<'auth'>) => void) => void;

export class Rights {
  readonly #parts: RightsParts;
  readonly #send: Send;
  /** When to renew, in ms since 1970. */
  #due = 0;
  #timer: Cancel | undefined;
  #failures = 0;
  #rejected = false;
  /** The renewal under way; what comes of an earlier one counts no more. */
  #renewal: object | undefined;

  constructor(parts: RightsParts, send: Send) {
    this.#parts = parts;
    this.#send = send;
  }

  /** There are rights that end after so many ms; null: they don't. */
  begin(expiresMs: number | null): void {
    this.end();
    if (expiresMs === null || !this.#parts.getToken) return;
    this.#failures = 0;
    this.#rejected = false;
    // A minute or a fifth before the end, whichever is earlier, but not before half of a short life is over; and up to a
    // tenth earlier still, so that those who came together don't all ask at once.
    const ms = Math.max(expiresMs / 2, Math.min(0.8 * expiresMs, expiresMs - 60_000));
    this.#renewIn(Math.max(renewMsMin, ms * (1 - this.#parts.clock.random() / 10)));
  }

  /** The link is gone, and the rights with it. */
  end(): void {
    this.#rest();
    this.#renewal = undefined;
  }

  /** Time may have passed that no timer saw: a machine that slept renews what is due at once. */
  wake(): void {
    if (this.#timer && this.#parts.clock.now() >= this.#due) this.#renew();
  }

  #rest(): void {
    this.#timer?.();
    this.#timer = undefined;
  }

  #renewIn(ms: number): void {
    const { clock } = this.#parts;
    this.#due = clock.now() + ms;
    this.#rest();
    this.#timer = clock.timer(ms, () => this.#renew());
  }

  #renew(): void {
    const { getToken, clock, report } = this.#parts;
    const renewal = {};
    this.#renewal = renewal;
    // A token that doesn't come is asked for again.
    this.#renewIn(connectMs);
    const failed = (thrown: unknown) => {
      if (this.#renewal !== renewal) return;
      this.#renewal = undefined;
      const failures = this.#failures++;
      const error = toFault(thrown);
      if (failures === 0) report(error);
      this.#renewIn(backoff(failures, clock.random(), retryMsOf(error)));
    };
    Promise.resolve({ rejected: this.#rejected })
      .then(getToken)
      .then((token) => {
        if (this.#renewal !== renewal) return;
        // An answer that doesn't come ends the link.
        this.#rest();
        this.#send(token, (answer) => {
          if (this.#renewal !== renewal || !answer) return;
          if (!(answer instanceof SyncError)) return this.begin(answer.expiresMs);
          this.#rejected = answer.next !== 'retry';
          failed(answer);
        });
      })
      .catch(failed);
  }
}
