/**
 * What applications import: `createClient` and the types of what it gives. Every public name is listed here by hand; the
 * simulator and tests take the rest through internal.ts.
 */
import type { Contract } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import { type Client, type ClientOptions, createClientWith } from './client.ts';
import { pageLifecycle } from './lifecycle.ts';
import { websocket } from './transports/websocket.ts';

/**
 * A client of one server. It connects when something first needs it, and comes back by itself for as long as it isn't closed.
 *
 * @example
 * const client = createClient<typeof channels>({ url: 'wss://example.com/sync' })
 * const room = client.stream('chat/lobby')
 * room.onMessage(({ data }) => console.log(data.text))
 * await room.publish({ text: 'hello' })
 * @throws SyncError `bad_option`
 */
export function createClient<const C extends Contract = Contract>(options: ClientOptions<C> = {}): Client<C> {
  return createClientWith({ clock: systemClock, transport: websocket, lifecycle: pageLifecycle }, options);
}

export type { ErrorCode, GapReason, Position } from '@syncline/protocol';
export { SyncError } from '@syncline/protocol';
export type { Client, ClientOptions, MessageOf, StreamName } from './client.ts';
export type { Status } from './connection.ts';
export type { GetToken } from './rights.ts';
export type { Store } from './store.ts';
export type { HistoryOptions, HistoryPage, StreamChannel } from './stream.ts';
export type { Freshness, Recovery } from './subscription.ts';
export type { Message, Timeline, TimelineItem, TimelineOptions, TimelineView } from './timeline.ts';
