/**
 * What the programs of an outage are told and asked: one serves, as one of the contenders, the other carries the clients. Who runs
 * them, and what is done to the ways between them, is the fault harness's business.
 */

/** Syncline; Socket.IO by its defaults; Socket.IO with connection-state recovery, which its documentation offers against losses. */
export const outageContenders = ['syncline', 'socketio', 'socketio-recovery'] as const;
export type OutageContender = (typeof outageContenders)[number];

export interface ServerPlan {
  readonly contender: OutageContender;
  /** Several nodes share it; null: one node, which keeps what it keeps in memory. */
  readonly redisUrl: string | null;
}

export type ServerCommand =
  | { readonly do: 'publish'; readonly perSecond: number }
  /** Answers how many were published in all. */
  | { readonly do: 'stop' };

export interface CrowdPlan {
  readonly contender: OutageContender;
  readonly port: number;
  readonly clients: number;
}

export type CrowdCommand =
  /** Answers how many are connected and subscribed. */
  | { readonly do: 'there' }
  /** From now on is counted: who is cut off, who is back, when what came. */
  | { readonly do: 'watch' }
  /** Answers with `Noticed`; `published` as the server said. */
  | { readonly do: 'tell'; readonly published: number };

/** What the clients noticed since `watch`; those who were cut off and those who never were apart, where it matters. */
export interface Noticed {
  readonly expected: number;
  readonly delivered: number;
  readonly lost: number;
  readonly doubled: number;
  /** Clients that lost their connection. */
  readonly cut: number;
  /** Clients that are connected and subscribed now. */
  readonly there: number;
  /** Until the last one that was cut off was back, in ms since `watch`; and half of them. */
  readonly allBackMs: number;
  readonly halfBackMs: number;
  /** The longest time in which nothing came, of all, and of those who never were cut off. */
  readonly longestGapMs: number;
  readonly othersLongestGapMs: number;
  /** From publishing to delivery, of those who never were cut off: 99 in a hundred are faster. */
  readonly othersP99Ms: number;
}
