/**
 * What applications import: `createClient` and the types of what it gives. Every public name is listed here by hand; who has
 * streams only finds less to load in streams.ts, who wraps the client further types in types.ts, and the simulator and tests take
 * the rest through internal.ts.
 */
import type { Contract } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import { type Client, type ClientOptions, createClientWith } from './client.ts';
import { kinds } from './kinds.ts';
import { language } from './language.ts';
import { pageLeave } from './lease.ts';
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
  const page = {
    clock: systemClock,
    transport: websocket,
    lifecycle: pageLifecycle,
    language,
    onLeave: pageLeave,
  };
  return createClientWith(page, kinds, options);
}

export type { ErrorCode, GapReason, Position } from '@syncline/protocol';
export { SyncError } from '@syncline/protocol';
export type { Client, ClientOptions } from './client.ts';
export type { WithPresence } from './company.ts';
export type { Status } from './connection.ts';
export type { StateChange, StateEntry } from './entries.ts';
export type { Freshness } from './freshness.ts';
export type { Member, MemberChange, Presence } from './presence.ts';
export type { Signal } from './signals.ts';
export type { StateChannel } from './state.ts';
export type { Store } from './store.ts';
export type { StreamChannel } from './stream.ts';
export type { Recovery } from './subscription.ts';
export type { Message, Timeline, TimelineItem } from './timeline.ts';
// Exports nothing, but compilers that write declarations find their way to the names there by it.
export type {} from './types.ts';
export type { StateView } from './view.ts';
export type { Written } from './writes.ts';
