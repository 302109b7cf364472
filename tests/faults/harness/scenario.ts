/**
 * What a scenario is: what is done to whom, what is allowed, and for how long. The table of them is scenarios.ts; whoever writes
 * one needs this file and the rig.
 */
import type { Floor, Invariant, Terms } from './checker/terms.ts';
import type { Rig } from './rig.ts';

/** What stands between clients and logs: one node with a folder, or several nodes over a Redis of some form. */
export type Topology = 'disk' | 'redis' | 'replica' | 'sentinel' | 'cluster';

interface Common {
  /** Its number in the catalogue of faults. */
  readonly id: string;
  /** What happens, in a few words. */
  readonly title: string;
}

/** A scenario that is built. */
export interface Scenario extends Common {
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
  /** Publishes a second, over all clients and channels. Default 40. */
  readonly perSecond?: number;
  /** Bytes that each message has besides. Default 0. */
  readonly fillingBytes?: number;
  /** Options of the nodes, where they differ from those of the harness. */
  readonly numbers?: Readonly<Record<string, number>>;
  /** Whether it is in the selection of `npm test`. */
  readonly quick?: boolean;
  readonly terms?: Partial<Omit<Terms, 'floor'>>;
  readonly floor?: Partial<Floor>;
  /** Does the harm. Clients publish from before it until after it; what it leaves broken is healed for it. */
  run(rig: Rig, seconds: number): Promise<void>;
}

/** A scenario of the catalogue that isn't built, and why. */
export interface Missing extends Common {
  readonly missing: string;
}

export const termsOf = ({ terms, floor }: Scenario): Terms => ({
  gaps: ['trimmed'],
  healMs: 60_000,
  visibleMs: null,
  control: 'control',
  rssBytesMax: 400 * 1024 * 1024,
  ...terms,
  floor: { acknowledged: 50, reconnects: 1, faults: 1, ...floor },
});
