/**
 * One record of a log, as brokers keep it and readers get it. Every room of both ends passes entries on; only a kind
 * looks inside `data`. This file must not know any kind.
 */

/** What an entry carries: the text of one JSON value, or bytes. */
export type Data = string | Uint8Array;

/** One record of a log. */
export interface Entry {
  /** Its number in the log, consecutive from 1 (rule P1). */
  readonly offset: number;
  /** Proves this entry and all before it (rule P3). */
  readonly check: number;
  /** The server's clock when it was stored, in ms since 1970; never falls within a log. */
  readonly at: number;
  /** Who appended it, as the server knows them; null for nobody in particular. */
  readonly from: string | null;
  readonly data: Data;
}
