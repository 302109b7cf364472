/**
 * What one session may ask for, and what each request costs: by its type, its size, and whether a channel must be opened for
 * it. A session charges everything that it is sent, before it looks into it. It knows no channel and no frame's content.
 */
import type { Bucket } from './bucket.ts';

/** What a request takes from the session's bucket, beside one for each of `bytesPerCost`. */
const costs = {
  publish: 1,
  subscribe: 2,
  unsubscribe: 1,
  history: 5,
  auth: 20,
  heartbeat: 1,
  refused: 5,
} as const;
const bytesPerCost = 4096;
/** A channel that isn't open is read from the log, and stays in memory for a while. */
const openCost = 10;
/** Requests refused one after another with which a session is given up. */
const refusalsMax = 1000;

export class Allowance {
  readonly #bucket: Bucket;
  #refusals = 0;

  /** @param bucket what is charged: shared by all sessions of one user */
  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /** Whether so much was refused without a pause that the session should end. */
  get spent(): boolean {
    return this.#refusals > refusalsMax;
  }

  /** Charges a request: 0 when it may go on, else in how many ms it might. */
  charge(type: keyof typeof costs, bytes: number, opens: boolean): number {
    const cost = costs[type] + Math.floor(bytes / bytesPerCost) + (opens ? openCost : 0);
    const retryMs = this.#bucket.take(cost);
    this.#refusals = retryMs === 0 && type !== 'refused' ? 0 : this.#refusals + 1;
    return retryMs;
  }
}
