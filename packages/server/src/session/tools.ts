/**
 * What all sessions of a node share: the rooms they use, and their bounds. The server puts it together once; it holds nothing
 * of any one session.
 */
import type { Clock } from '@syncline/protocol/wire';
import type { Access } from '../access.ts';
import type { Hub } from '../hub.ts';
import type { Logger, Metrics } from '../observe.ts';
import type { Turn } from '../turn.ts';

export interface SessionTools {
  readonly access: Access;
  readonly hub: Hub;
  readonly turn: Turn;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly heartbeatMs: number;
  readonly payloadBytesMax: number;
  readonly channelsPerSessionMax: number;
  readonly requestsBurstMax: number;
  readonly requestsPerSecondMax: number;
  readonly requestsPerSessionMax: number;
}
