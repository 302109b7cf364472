/**
 * The second door of this package, for the simulator and tests: a client whose clock, transport and browser hints are
 * handed in. Applications need index.ts only.
 */
import type { Contract } from '@syncline/protocol';
import { type ClientOptions, createClientWith as create, type Surroundings } from './client.ts';
import { type DocClient, docKinds, language } from './doc/kinds.ts';

/** A client with channels of all kinds, in surroundings of one's own. */
export function createClientWith<const C extends Contract = Contract>(
  surroundings: Surroundings,
  options?: ClientOptions<C>,
): DocClient<C> {
  return create({ language, ...surroundings }, docKinds, options) as DocClient<C>;
}

export type { Surroundings } from './client.ts';
export type { Hint, Lifecycle } from './lifecycle.ts';
export { pageLifecycle } from './lifecycle.ts';
export { Shelf } from './testing/shelf.ts';
export type { Link, LinkHandlers, Transport } from './transports/transport.ts';
export { websocket } from './transports/websocket.ts';
