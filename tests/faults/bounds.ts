/**
 * How long who takes to notice what, in ms, with the default options: rules H1 to H4 of the protocol in numbers. The tests of
 * faults hold client and server to them, and docs/guide/liveness.md tells them to people.
 */
import { resolveNumbers } from '@syncline/server/internal';

export const { heartbeatMs, channelIdleMs, socketBytesMax } = resolveNumbers({});
/** Silence after which the client gives a connection up, and the server, at the latest (rule H4). */
export const clientMs = 1.5 * heartbeatMs;
export const serverMs = 3 * heartbeatMs;
/** What a closing handshake may take on the server, before it cuts the socket off. */
export const cutMs = 2000;
/** What a client waits for any byte when a browser has woken it. */
export const probeMs = 4000;
/** What it waits for an answer, for a connection, and at the longest before its first attempt. */
export const requestMs = 10_000;
export const connectMs = 10_000;
export const backoffMs = 250;
