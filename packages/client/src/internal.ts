/**
 * The second door of this package, for the simulator and tests: a client whose clock, transport and browser hints are
 * handed in. Applications need index.ts only.
 */

export type { Surroundings } from './client.ts';
export { createDocClient as createClientWith } from './doc/kinds.ts';
export type { Hint, Lifecycle } from './lifecycle.ts';
export { pageLifecycle } from './lifecycle.ts';
export { Shelf } from './testing/shelf.ts';
export { type Down, httpTransport } from './transports/http.ts';
export { polled } from './transports/long-poll.ts';
export { inOrder } from './transports/order.ts';
export { streamed } from './transports/sse.ts';
export type { Link, LinkHandlers, Transport } from './transports/transport.ts';
export { websocket } from './transports/websocket.ts';
