/**
 * What a node tells about itself: counters, as one table, and a logger that is silent unless given. Every room may count
 * and log; nobody reads a counter to decide anything. Payloads, tokens and addresses don't go here.
 */

import type { Clock } from '@syncline/protocol/wire';

/** One row of the table. A `counter` only rises; a `gauge` goes both ways. */
export interface MetricRow {
  readonly type: 'counter' | 'gauge';
  readonly unit: string;
  readonly doc: string;
}

export const metricsTable = {
  sessionsOpen: { type: 'gauge', unit: 'sessions', doc: 'connected clients' },
  sessionsOpened: { type: 'counter', unit: 'sessions', doc: 'clients that connected' },
  sessionsRefused: { type: 'counter', unit: 'handshakes', doc: 'handshakes answered with an error' },
  sessionsSilent: {
    type: 'counter',
    unit: 'sessions',
    doc: 'sessions ended because the client stayed silent',
  },
  channelsOpen: { type: 'gauge', unit: 'channels', doc: 'channels this node holds open' },
  cursorsOpen: { type: 'gauge', unit: 'cursors', doc: 'subscriptions' },
  viewsOpen: { type: 'gauge', unit: 'views', doc: 'views of state channels' },
  rowsSent: {
    type: 'counter',
    unit: 'rows',
    doc: 'values that views told of, and keys gone from them, counted once per view',
  },
  entriesAppended: { type: 'counter', unit: 'entries', doc: 'publishes acknowledged, retries included' },
  entriesReceived: {
    type: 'counter',
    unit: 'entries',
    doc: 'entries that came from the broker by announcement',
  },
  entriesSent: {
    type: 'counter',
    unit: 'entries',
    doc: 'entries handed to sockets, counted once per subscriber',
  },
  batchesBuilt: {
    type: 'counter',
    unit: 'batches',
    doc: 'batches encoded; each is shared by all subscribers that need it',
  },
  streamReads: {
    type: 'counter',
    unit: 'requests',
    doc: 'reads of streams by plain HTTP; each is a session for as long as it takes',
  },
  bytesSent: { type: 'counter', unit: 'bytes', doc: 'bytes handed to sockets' },
  framesReceived: { type: 'counter', unit: 'frames', doc: 'frames that clients sent' },
  framesRefused: { type: 'counter', unit: 'frames', doc: 'frames answered with an error' },
  requestsLimited: {
    type: 'counter',
    unit: 'requests',
    doc: 'requests refused because their session asked for more than it may',
  },
  dueAppended: {
    type: 'counter',
    unit: 'entries',
    doc: 'entries that this node appended because their time had come: values that expired',
  },
  snapshotsStored: {
    type: 'counter',
    unit: 'snapshots',
    doc: 'snapshots that this node made and the log took',
  },
  docsQuarantined: {
    type: 'counter',
    unit: 'documents',
    doc: 'documents that could not be folded and take no more edits on this node',
  },
  membersEntered: {
    type: 'counter',
    unit: 'members',
    doc: 'members that entered a channel; a reconnect within the time of grace is no entering',
  },
  membersOpen: {
    type: 'gauge',
    unit: 'members',
    doc: 'members of channels that this node holds, those included that are waited for',
  },
  membersReaped: {
    type: 'counter',
    unit: 'members',
    doc: 'members of nodes that were gone, which this node removed',
  },
  signalsSent: {
    type: 'counter',
    unit: 'signals',
    doc: 'signals handed to sockets, counted once per subscriber',
  },
  gapsTold: { type: 'counter', unit: 'gaps', doc: 'subscriptions told that their place is gone' },
  readsBehind: {
    type: 'counter',
    unit: 'reads',
    doc: 'reads from the broker for cursors that were behind the tail',
  },
  repairs: {
    type: 'counter',
    unit: 'repairs',
    doc: 'times an announcement did not follow, and the log was read',
  },
  logsBroken: {
    type: 'counter',
    unit: 'logs',
    doc: 'logs in Redis whose parts did not fit each other, which this node moved aside: something else writes there',
  },
  messagesDropped: {
    type: 'counter',
    unit: 'messages',
    doc: 'messages that came through Redis, and that no node can have published',
  },
  webhooksSent: { type: 'counter', unit: 'events', doc: 'events that a webhook was told, and took' },
  webhooksFailed: {
    type: 'counter',
    unit: 'attempts',
    doc: 'attempts to tell a webhook that failed; each is repeated, or given up',
  },
  webhooksDropped: {
    type: 'counter',
    unit: 'events',
    doc: 'events that a webhook was never told: too many waited, it failed for too long, or the node left',
  },
  webhooksWaiting: { type: 'gauge', unit: 'events', doc: 'events that webhooks are still to be told' },
} as const satisfies Record<string, MetricRow>;

export type Metrics = Record<keyof typeof metricsTable, number>;

/** All metrics at zero, but for those that `counted` has: they are what it says, whenever they are read. */
export function newMetrics(counted: Partial<Readonly<Metrics>> = {}): Metrics {
  const metrics = Object.fromEntries(Object.keys(metricsTable).map((name) => [name, 0])) as Metrics;
  for (const name of Object.keys(counted) as (keyof Metrics)[])
    Object.defineProperty(metrics, name, { get: () => counted[name], enumerable: true });
  return metrics;
}

/** Where a node writes what an operator should know. pino and console fit. */
export interface Logger {
  error(facts: Readonly<Record<string, unknown>>, message: string): void;
}

export const silentLogger: Logger = { error: () => {} };

/** How often one message is written within how long; whoever makes a node say it more often fills no disk with it. */
const sayingsMax = 20;
const sayingsMs = 60_000;

/**
 * The same logger, for a node: when it throws, what it was told of is lost, and nothing else; and what it is told again and
 * again is written some times a minute, and then how often it was left out.
 */
export function calm(logger: Logger, clock: Pick<Clock, 'now'>): Logger {
  const said = new Map<string, { since: number; times: number }>();
  const write = (facts: Readonly<Record<string, unknown>>, message: string): void => {
    try {
      logger.error(facts, message);
    } catch {
      // A log that can't be written is no reason to leave anyone without an answer.
    }
  };
  return {
    error: (facts, message) => {
      const now = clock.now();
      const saying = `${message} ${String(facts['code'])}`;
      const before = said.get(saying);
      const fresh = !before || now - before.since >= sayingsMs;
      if (before && fresh && before.times > sayingsMax)
        write({ times: before.times - sayingsMax }, `Left out: ${message}`);
      const next = fresh ? { since: now, times: 1 } : { since: before.since, times: before.times + 1 };
      said.set(saying, next);
      if (next.times <= sayingsMax) write(facts, message);
    },
  };
}

const reasonCharsMax = 500;

/** A thrown value as a log may show it. It never throws, whatever was thrown. */
export function reason(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown).slice(0, reasonCharsMax);
  } catch {
    return "It threw something that can't be shown.";
  }
}
