/**
 * What a run is set up as: who serves, over what, to how many, and what is allowed. The rig is built by it, the checker judges by it,
 * and each scenario is one with something done to it.
 */

import type { Beside } from './beside.ts';
import type { Floor, Invariant, Terms } from './checker/terms.ts';
import type { GuestPlan } from './guest.ts';
import type { Start } from './program.ts';
import type { Quirks } from './quirks.ts';

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
  /** What nodes have besides. */
  readonly quirks?: Quirks;
  /** How processes of nodes are started, where that differs. */
  readonly start?: Pick<Start, 'execArgv' | 'deafOutput'>;
  /** Whether clients find the server by a name, which can be led elsewhere. Default: by its address. */
  readonly byName?: boolean;
  /** Starts what runs beside nodes and clients; it may use that folder. */
  readonly beside?: (dir: string) => Promise<Beside>;
  /** Why it can't be played on this machine; undefined when it can. */
  readonly needs?: () => string | undefined;
  /** What an acknowledgement says, over Redis. Default: that it is stored. */
  readonly ack?: 'stored' | 'replicated';
  /** Whether it is in the selection of `npm test`; a number: for so many seconds there. */
  readonly quick?: true | number;
  readonly terms?: Partial<Omit<Terms, 'floor' | 'standing'>>;
  readonly floor?: Partial<Floor>;
}

/** So long a node may not be there, or stand still: meanwhile it tells nobody that their rights have ended, nor anything else. */
export const awayMsMax = 4000;

/** Whether nodes are as most are: by plain TCP on this machine, open to who has no token, with no hooks. Then clients by hand come too. */
export function isStanding({ beside, quirks = {} }: Setting): boolean {
  const { host, hooks, keysUrl, tls } = quirks;
  return !beside && !hooks && !tls && host === undefined && keysUrl === undefined;
}

export const termsOf = (setting: Setting): Terms => ({
  gaps: ['trimmed'],
  loses: false,
  healMs: 60_000,
  visibleMs: null,
  stalls: false,
  // Over Redis a node has to reach it again, and then to tell the others.
  revokedMs: setting.topology === 'disk' ? 1000 : 6000,
  revokedLate: setting.topology !== 'disk',
  unnoticed: false,
  control: 'control',
  rssBytesMax: 400 * 1024 * 1024,
  standing: isStanding(setting),
  ...setting.terms,
  floor: { acknowledged: 50, reconnects: 1, faults: 1, ...setting.floor },
});
