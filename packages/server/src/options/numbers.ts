/**
 * The options that are numbers, as a table: default, bounds, unit, meaning. options.ts resolves them and shows them with the others;
 * rooms take the resolved ones. It must not know who keeps to a number.
 */
import { limits } from '@syncline/protocol';

/** One number in the table. */
export interface OptionRow {
  readonly type: 'number';
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  readonly doc: string;
}

function number(value: number, min: number, max: number, unit: string, doc: string): OptionRow {
  return { type: 'number', default: value, min, max, unit, doc };
}

const mebibyte = 1024 * 1024;

export const optionsTable = {
  channelIdleMs: number(
    60_000,
    1000,
    86_400_000,
    'ms',
    'time after which a channel that nobody reads or appends to is closed on this node; its log stays',
  ),
  channelsOpenMax: number(100_000, 1, 10_000_000, 'channels', 'channels this node holds open at once'),
  channelsPerSessionMax: number(
    128,
    1,
    100_000,
    'channels',
    'subscriptions of one session; it may enter as many channels',
  ),
  cutOffMs: number(
    10_000,
    0,
    86_400_000,
    'ms',
    'time that a node may be cut off from logs that it shares with others; then it answers whoever comes with 503 until it is over, so that a load balancer takes them to another node',
  ),
  hookMs: number(
    10_000,
    10,
    600_000,
    'ms',
    'time that `authenticate`, `authorize` and `beforePublish` may take; then the answer is no',
  ),
  docEditMs: number(
    500,
    10,
    600_000,
    'ms',
    'time of a processor that loading a document may take when the server edits it (`withDoc`): nothing else is done meanwhile, so one that takes longer is refused',
  ),
  docFoldBytesMax: number(
    512 * 1024,
    1024,
    1024 * mebibyte,
    'bytes',
    'bytes of edits after which a document is folded into a snapshot anew; as many as the snapshot has, where those are more',
  ),
  docFoldEntriesMax: number(
    500,
    1,
    10_000_000,
    'entries',
    'edits after which a document is folded into a snapshot anew; one for each 1024 bytes of the snapshot, where those are more',
  ),
  docFoldMs: number(
    5000,
    50,
    600_000,
    'ms',
    'time that folding a document may take; one that takes longer takes no more edits',
  ),
  docHeapBytesMax: number(
    256 * mebibyte,
    64 * mebibyte,
    16_384 * mebibyte,
    'bytes',
    'memory that folding a document may take; one that takes more takes no more edits',
  ),
  drainMs: number(
    5000,
    0,
    3_600_000,
    'ms',
    'time that `close()` gives sessions to leave before it ends them',
  ),
  foldBytesMax: number(
    8 * mebibyte,
    1024,
    1024 * mebibyte,
    'bytes',
    'payload bytes after which the log of a channel that folds is folded into a snapshot anew; as many as the snapshot has, where those are more',
  ),
  foldEntriesMax: number(
    1000,
    1,
    10_000_000,
    'entries',
    'entries after which the log of a channel that folds is folded into a snapshot anew; as many as the channel has keys, where those are more',
  ),
  frameBytesMax: number(
    limits.frameBytesMax.default,
    1024,
    16 * mebibyte,
    'bytes',
    'size of one frame, or of the body of one post, that a client may send; 1,049,600 by default where the contract has documents',
  ),
  handshakeBytesMax: number(
    8192,
    0,
    65_536,
    'bytes',
    'bytes that a client may send after its handshake before it is let in',
  ),
  handshakesPerIpMax: number(
    128,
    1,
    1_000_000,
    'handshakes',
    'connections from one address that wait to be let in, and posts whose body isn’t there yet; an IPv6 network of 64 bits counts as one address',
  ),
  heartbeatMs: number(
    25_000,
    1000,
    600_000,
    'ms',
    'time between heartbeats; a session that answers none for two of them is ended',
  ),
  linkGraceMs: number(
    10_000,
    100,
    300_000,
    'ms',
    'time that a link by long polling is kept for its client’s next poll; then it counts as gone',
  ),
  longPollMs: number(
    25_000,
    1000,
    300_000,
    'ms',
    'time that a poll by plain HTTP waits for something to tell; less than what proxies on the way allow',
  ),
  payloadBytesMax: number(
    limits.payloadBytesMax.default,
    1,
    16 * mebibyte,
    'bytes',
    'size of one payload; 1,048,576 by default where the contract has documents, since one edit may hold all that somebody pasted',
  ),
  pingsPerSecondMax: number(10, 1, 10_000, 'pings', 'WebSocket pings of one client within a second'),
  presenceBytesMax: number(
    8192,
    1,
    mebibyte,
    'bytes',
    'size of what a member of a channel says of itself, and of a signal',
  ),
  presenceGraceMs: number(
    10_000,
    0,
    3_600_000,
    'ms',
    'time for which a member whose connection is gone is waited for; one who is back within it has never left',
  ),
  requestsBurstMax: number(
    5000,
    1,
    100_000_000,
    'requests',
    'requests that a user’s sessions may send at once, after they were quiet for a while (who is nobody in particular has a bucket for each session); a subscribe counts as 2, a page of history as 5, a read by plain HTTP as 4 and, where it gives a snapshot, or ends and gives more than a page of some 64 KiB, as one more for each 16 KiB (an event stream’s entries count no more than a socket’s), a view that is opened or moved as 5 and one more for each 500 keys that are looked at for it, a new token as 20, and a publish as one more for each 4096 characters',
  ),
  requestsPerSecondMax: number(
    500,
    1,
    100_000_000,
    'requests',
    'requests per second that a user’s sessions may send for long, counted as those of `requestsBurstMax`',
  ),
  requestsPerSessionMax: number(1024, 1, 100_000, 'requests', 'unanswered requests of one session'),
  sessionsMax: number(100_000, 1, 10_000_000, 'sessions', 'sessions on this node'),
  sessionsPerIpMax: number(
    10_000,
    1,
    10_000_000,
    'sessions',
    'sessions from one address; an IPv6 network of 64 bits counts as one address, and behind a proxy set `trustProxy`, or all clients count as one',
  ),
  sessionsPerUserMax: number(100, 1, 1_000_000, 'sessions', 'sessions of one user on this node'),
  socketBytesMax: number(
    131_072,
    65_536,
    1024 * mebibyte,
    'bytes',
    'bytes that wait in one socket before a session is no longer written to; what comes later is read from the log when there is room',
  ),
  sseMs: number(
    60_000,
    1000,
    86_400_000,
    'ms',
    'time after which a stream of server-sent events is ended, a tenth sooner or later; its reader comes back to where it was',
  ),
  tailBytesMax: number(
    mebibyte,
    1024,
    1024 * mebibyte,
    'bytes',
    'payload bytes that a channel holds in memory for readers who are a little behind',
  ),
  tailEntriesMax: number(
    1024,
    1,
    1_000_000,
    'entries',
    'entries that a channel holds in memory for readers who are a little behind',
  ),
  tlsHandshakeMs: number(
    10_000,
    1000,
    120_000,
    'ms',
    'time that a TLS handshake may take before it is given up, where `listen()` serves TLS',
  ),
  viewRowsPerSessionMax: number(
    200_000,
    1000,
    100_000_000,
    'rows',
    'keys with their values that all views of one session may show at once; one that comes to show more is ended',
  ),
  viewsPerSessionMax: number(32, 1, 10_000, 'views', 'views of one session'),
  webhookBytesMax: number(
    16 * mebibyte,
    65_536,
    4096 * mebibyte,
    'bytes',
    'bytes of events that wait to be told to one webhook; what doesn’t fit is dropped, counted and logged',
  ),
  webhookEventsMax: number(
    10_000,
    1,
    10_000_000,
    'events',
    'events that wait to be told to one webhook; what comes beyond is dropped, counted and logged',
  ),
  webhookRetryMs: number(
    3_600_000,
    1000,
    86_400_000,
    'ms',
    'time for which an event is told again when a webhook doesn’t take it; then it is dropped',
  ),
} as const satisfies Record<string, OptionRow>;

export type Numbers = { readonly [K in keyof typeof optionsTable]: number };
