/**
 * What all sessions of a node share: the rooms they use, and their bounds; and what a transport hands them. The server puts it
 * together once; it holds nothing of any one session.
 */
import type { Clock, Data } from '@syncline/protocol/wire';
import type { Access, Caller, Identity } from '../access.ts';
import type { Health } from '../broker/broker.ts';
import type { Hub } from '../hub.ts';
import type { Logger, Metrics } from '../observe.ts';
import type { Turn } from '../turn.ts';
import type { Bucket } from './bucket.ts';

export interface SessionTools {
  readonly access: Access;
  readonly hub: Hub;
  readonly turn: Turn;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** How the way to the logs is. Left out where it can't break. */
  readonly health?: Health | undefined;
  /** The time by which entries are stamped, in ms since 1970. Left out: the clock's. */
  readonly now?: () => number;
  readonly heartbeatMs: number;
  readonly payloadBytesMax: number;
  readonly channelsPerSessionMax: number;
  readonly requestsPerSessionMax: number;
  readonly viewsPerSessionMax: number;
  readonly viewRowsPerSessionMax: number;
}

/** Whose session it is. */
export interface Who {
  readonly identity: Identity;
  readonly caller: Caller;
  /** What is charged for what they ask: shared by all sessions of one user. */
  readonly bucket: Bucket;
  /** Called when the session has other rights of the same user: by another token, say. `before` is who it was until then. */
  readonly onRenewed?: (before: Identity) => void;
}

/** What a publish needs; a plain client has no producer, so its publishes can't be told apart when repeated. */
export interface Publish {
  readonly ref: number;
  readonly channel: string;
  readonly data: Data;
  readonly producer?: string;
  /** The producer's number for it; given with `producer`. */
  readonly sequence?: number;
}
