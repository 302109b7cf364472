/**
 * How bad the simulated network is, and what was done to what it carries. Links and requests read the first and count the second; it
 * knows neither.
 */

/** How bad the network is; each number is a probability per message, connection or second. */
export interface Faults {
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: number;
  /** Per connection: it is cut after some number of bytes. */
  readonly cut: number;
  /** Per connection: one direction holds everything back for some seconds, or for ever. */
  readonly stall: number;
  readonly latencyMsMax: number;
}

export const noFaults: Faults = { drop: 0, duplicate: 0, reorder: 0, cut: 0, stall: 0, latencyMsMax: 5 };

/** What was done to the messages, so that a run can show that it tested something. */
export interface Injected {
  dropped: number;
  duplicated: number;
  reordered: number;
  cut: number;
  stalled: number;
  connections: number;
}
