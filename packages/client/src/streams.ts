/**
 * The door for applications whose channels are all streams: the same client without the other kinds, so that nobody loads what
 * they don't use. It is imported as `@syncline/client/stream`.
 */
import type { Contract } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import { type ClientOptions, createClientWith, type StreamClient } from './client.ts';
import { pageLifecycle } from './lifecycle.ts';
import { Stream } from './stream.ts';
import { websocket } from './transports/websocket.ts';

/**
 * A client of one server that has streams only; otherwise as `createClient` of `@syncline/client`.
 *
 * @throws SyncError `bad_option`
 */
export function createClient<const C extends Contract = Contract>(
  options: ClientOptions<C> = {},
): StreamClient<C> {
  const page = { clock: systemClock, transport: websocket, lifecycle: pageLifecycle };
  return createClientWith(page, { stream: (core, name, terms) => new Stream(core, name, terms) }, options);
}

export type { ErrorCode, GapReason, Position } from '@syncline/protocol';
export { SyncError } from '@syncline/protocol';
export type { ClientOptions, StreamClient } from './client.ts';
export type { Status } from './connection.ts';
export type { Freshness } from './freshness.ts';
export type { Store } from './store.ts';
export type { StreamChannel } from './stream.ts';
export type { Recovery } from './subscription.ts';
export type { Message, Timeline, TimelineItem } from './timeline.ts';
// As in index.ts.
export type {} from './types.ts';
