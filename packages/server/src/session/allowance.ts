/**
 * What one session may ask for, and what each request costs: by its type, its size, and whether a channel must be opened for
 * it. A session charges everything that it is sent, before it looks into it. It knows no channel and no frame's content.
 */
import type { Clock } from '@syncline/protocol/wire';
import type { Identity } from '../access.ts';
import type { Purse } from '../cursor.ts';
import { Bucket } from './bucket.ts';

/** What a request takes from the session's bucket, beside one for each of `bytesPerCost`. */
const costs = {
  publish: 1,
  subscribe: 2,
  unsubscribe: 1,
  history: 5,
  auth: 20,
  enter: 1,
  leave: 1,
  signal: 1,
  view: 5,
  heartbeat: 1,
  refused: 5,
} as const;
export type Cost = keyof typeof costs;
const bytesPerCost = 4096;
/** Keys that a view looks at. */
const looksPerCost = 500;
/** A channel that isn't open is read from the log, and stays in memory for a while. */
const openCost = 10;
/** Refusals with which a session is given up, and how many of them a second are forgiven. */
const refusalsMax = 1000;
const refusalsPerSecond = 20;

/** What views are looked through for: whoever has much looked at in vain, or moves to and fro, waits as one who asks for much. */
export function purseOf(bucket: Bucket): Purse {
  return {
    get waitMs() {
      return bucket.owedMs;
    },
    take: (keys) => bucket.owe(keys / looksPerCost),
  };
}

/** What is charged where it is nobody in particular who asks without a session: an API key, or all that comes from a network. */
export function sourceOf({ apiKey }: Identity, network: string): string {
  return apiKey === undefined ? network : `key ${apiKey}`;
}

export class Allowance {
  readonly #bucket: Bucket;
  readonly #clock: Clock;
  #patience: Bucket | undefined;
  /** Whether so much was refused that the session should end. */
  spent = false;

  /** @param bucket what is charged: shared by all sessions of one user */
  constructor(bucket: Bucket, clock: Clock) {
    this.#bucket = bucket;
    this.#clock = clock;
  }

  /** Charges the bytes of a frame: 0 when it may be read, else in how many ms it might. */
  bytes(count: number): number {
    const cost = Math.floor(count / bytesPerCost);
    const retryMs = cost === 0 ? 0 : this.#bucket.take(cost);
    if (retryMs > 0) this.#note();
    return retryMs;
  }

  /**
   * Charges a request: 0 when it may go on, else in how many ms it might.
   *
   * @param count of how many it is made up; @param bytes how large it is, where that wasn't charged before
   */
  charge(type: Cost, opens: boolean, count = 1, bytes = 0): number {
    const size = Math.floor(bytes / bytesPerCost);
    const retryMs = this.#bucket.take(costs[type] * count + size + (opens ? openCost : 0));
    if (type === 'refused' || retryMs > 0) this.#note();
    return retryMs;
  }

  #note(): void {
    this.#patience ??= new Bucket(this.#clock, refusalsPerSecond, refusalsMax);
    if (this.#patience.take(1) > 0) this.spent = true;
  }
}
