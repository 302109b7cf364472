/**
 * The door for applications whose channels are all streams: the same client without the other kinds, so that nobody loads what
 * they don't use. It is imported as `@syncline/client/stream`; the types of what it gives come from index.ts.
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

export { SyncError } from '@syncline/protocol';
