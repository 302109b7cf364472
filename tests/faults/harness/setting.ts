/**
 * What a run is set up as: who serves, over what, to how many, and what is allowed. The rig is built by it, the checker judges by it,
 * and each scenario is one with something done to it.
 */
import type { Floor, Invariant, Terms } from './checker/terms.ts';
import type { GuestPlan } from './guest.ts';

/** What stands between clients and logs: one node with a folder, or several nodes over a Redis of some form. */
export type Topology = 'disk' | 'redis' | 'replica' | 'sentinel' | 'cluster';

/** A row of the catalogue: its number there, and what happens in a few words. */
export interface Row {
  readonly id: string;
  readonly title: string;
}

export interface Setting extends Row {
  /** What is injected, and where. */
  readonly injects: string;
  readonly topology: Topology;
  /** Nodes that serve. Default 1 over a folder, 2 over Redis. */
  readonly nodes?: number;
  /** Which invariants it is about; all are checked. */
  readonly about: readonly Invariant[];
  /** For how long faults happen. */
  readonly seconds: number;
  /** Clients besides the control client. Default 8. */
  readonly clients?: number;
  /** By which ways they connect, in turns. Default: WebSocket. */
  readonly transports?: readonly NonNullable<GuestPlan['transport']>[];
  /** Publishes a second, over all clients and channels. Default 40. */
  readonly perSecond?: number;
  /** Bytes that each message has besides. Default 0. */
  readonly fillingBytes?: number;
  /**
   * Whether somebody sends everything twice. Default yes, but where logs may be lost: their producers are lost with them, and what is
   * repeated is new.
   */
  readonly repeats?: boolean;
  /** Options of the nodes, where they differ from those of the harness. */
  readonly numbers?: Readonly<Record<string, number>>;
  /** What an acknowledgement says, over Redis. Default: that it is stored. */
  readonly ack?: 'stored' | 'replicated';
  /** Whether it is in the selection of `npm test`; a number: for so many seconds there. */
  readonly quick?: true | number;
  readonly terms?: Partial<Omit<Terms, 'floor'>>;
  readonly floor?: Partial<Floor>;
}

export const termsOf = ({ terms, floor }: Setting): Terms => ({
  gaps: ['trimmed'],
  loses: false,
  healMs: 60_000,
  visibleMs: null,
  control: 'control',
  rssBytesMax: 400 * 1024 * 1024,
  ...terms,
  floor: { acknowledged: 50, reconnects: 1, faults: 1, ...floor },
});
