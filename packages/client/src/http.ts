/**
 * The door for applications whose users sit where WebSocket can't pass: the transports to try instead. It is imported as
 * `@syncline/client/http`, beside any of the doors that have `createClient`; nobody else loads what is behind it.
 */
export { longPoll } from './transports/long-poll.ts';
export { sse } from './transports/sse.ts';
export type { Fallback, Link, LinkHandlers, Transport } from './transports/transport.ts';
export { websocket } from './transports/websocket.ts';
