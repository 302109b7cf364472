/**
 * The options of a server as one table: default, bounds, meaning. The type, the check and the reference page
 * follow from it. `createServer` resolves them once; afterwards they are frozen.
 */
import { limits, SyncError } from '@syncline/protocol';
import { type Clock, systemClock } from '@syncline/protocol/wire';
import { isOrigins, isPath, isTls } from './options/fits.ts';

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
  hookMs: number(
    10_000,
    10,
    600_000,
    'ms',
    'time that `authenticate`, `authorize` and `beforePublish` may take; then the answer is no',
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
    'edits after which it is; one for each 1024 bytes of the snapshot, where those are more',
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
    'memory that it may take, likewise',
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
    'entries after which it is; as many as the channel has keys, where those are more',
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
    'requests that a user’s sessions may send at once, after they were quiet for a while (who is nobody in particular has a bucket for each session); a subscribe counts as 2, a page of history as 5, a view that is opened or moved as 5, a new token as 20, and a publish as one more for each 4096 characters',
  ),
  requestsPerSecondMax: number(
    500,
    1,
    100_000_000,
    'requests',
    'requests per second that a user’s sessions may send for long, counted in the same way',
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
} as const satisfies Record<string, OptionRow>;

export type Numbers = { readonly [K in keyof typeof optionsTable]: number };

/** The options that are no numbers: name, what is expected, how that is seen, and what the reference page says. */
const others = {
  channels: {
    type: 'contract',
    default: undefined,
    doc: 'which channels there are and what they carry, made by `defineChannels`; the only option that must be given',
    expected: 'a contract made by defineChannels()',
    fits: (v: unknown) => typeof v === 'object' && v !== null && Object.keys(v).length > 0,
  },
  authenticate: {
    type: 'function',
    default: undefined,
    doc: 'called with `{ token, headers, url, remoteAddress }` for each connection; returns `{ user, capabilities }`, or throws to refuse; without it only this machine is served',
    expected: 'a function',
    fits: (v: unknown) => typeof v === 'function',
  },
  authorize: {
    type: 'function',
    default: undefined,
    doc: 'called with `(identity, action, channel)` at each use of what neither capabilities nor the contract allow; anything but `true` refuses',
    expected: 'a function',
    fits: (v: unknown) => typeof v === 'function',
  },
  beforePublish: {
    type: 'function',
    default: undefined,
    doc: 'called with `{ identity, channel, key, data }` before what a client publishes is stored; throws to refuse it, returns `{ data }` to store something else; `key` is undefined on streams, `data` when a key is removed; edits of documents are not looked into',
    expected: 'a function',
    fits: (v: unknown) => typeof v === 'function',
  },
  broker: {
    type: 'broker',
    default: "disk({ dir: 'syncline-data' })",
    doc: 'where logs are stored: `disk({ dir })` or `memory()`',
    expected: 'a broker, such as memory() or disk({ dir })',
    fits: (v: unknown) => typeof v === 'object' && v !== null && 'append' in v,
  },
  path: {
    type: 'path',
    default: '/sync',
    doc: 'where the SDK connects',
    expected: 'a path such as "/sync"',
    fits: isPath,
  },
  plain: {
    type: 'object of paths and channel names',
    default: '{}',
    doc: 'paths for WebSocket clients without the SDK, and the channel that each stands for',
    expected: 'an object of paths and channel names, such as { "/chat": "chat/lobby" }',
    fits: (v: unknown) =>
      typeof v === 'object' &&
      v !== null &&
      Object.entries(v).every(([p, c]) => isPath(p) && typeof c === 'string'),
  },
  originsAllowed: {
    type: 'list of origins',
    default: '[]',
    doc: "origins, besides the server's own, whose pages may connect",
    expected: 'a list of origins such as "https://app.example"',
    fits: isOrigins,
  },
  seed: {
    type: 'function',
    default: undefined,
    doc: 'called with `(channel, doc)` for a document that nobody has edited; what it writes into the empty Y.Doc is what the log begins with; the same content must come of the same name',
    expected: 'a function',
    fits: (v: unknown) => typeof v === 'function',
  },
  tls: {
    type: '{ cert, key }',
    default: undefined,
    doc: 'makes `listen()` serve https and wss, TLS 1.2 or newer: the paths of two PEM files, which are read again when they change, or the PEM texts themselves; a server you `attach()` to has its own',
    expected: 'an object { cert, key } of paths of PEM files, or of PEM texts',
    fits: isTls,
  },
  tokenParameter: {
    type: 'name of a query parameter',
    default: undefined,
    doc: 'the query parameter in which a token may come; none, since addresses end up in logs: use a one-time ticket there',
    expected: 'a name such as "token"',
    fits: (v: unknown) => typeof v === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(v) && v !== 'ticket',
  },
  trustProxy: {
    type: 'boolean or number',
    default: 'false',
    doc: 'set it where a proxy of yours serves TLS: each request must then carry one `X-Forwarded-Proto: https`, and the client is the last entry of `X-Forwarded-For`; with a number n the nth from the right, for n proxies in a row; otherwise both are ignored',
    expected: 'true, false, or a number of proxies from 1 to 16',
    fits: (v: unknown) =>
      typeof v === 'boolean' || (Number.isInteger(v) && Number(v) >= 1 && Number(v) <= 16),
  },
  hostsAllowed: {
    type: 'list of host names',
    default: '[]',
    doc: 'the names, with or without a port, by which clients may call the server; none: by any, which lets a page whose own name leads here (DNS rebinding) reach a server that trusts its network',
    expected: 'a list of host names such as "app.example"',
    fits: (v: unknown) =>
      Array.isArray(v) && v.every((host) => typeof host === 'string' && /^[\w.:[\]-]+$/.test(host)),
  },
  logger: {
    type: 'object',
    default: undefined,
    doc: 'where the node writes what an operator should know: anything with `info`, `warn` and `error`, such as `console` or pino',
    expected: 'an object with a function error, such as console or pino()',
    fits: (v: unknown) => typeof v === 'object' && v !== null && 'error' in v,
  },
  clock: {
    type: 'clock',
    default: undefined,
    doc: "time and chance, for tests; otherwise the machine's",
    expected: 'a clock',
    fits: (v: unknown) => typeof v === 'object' && v !== null && 'timer' in v,
  },
} as const;

/** Every option, for the reference page; options.types.test.ts holds it to `ServerOptions`. */
export const serverOptions = { ...others, ...optionsTable };

/** Checks options against the table, fills in the numbers' defaults, and freezes the result. @throws SyncError `bad_option` */
export function resolveNumbers(given: Readonly<Record<string, unknown>>): Numbers {
  const resolved = Object.fromEntries(
    Object.entries(optionsTable).map(([name, row]) => [name, resolveNumber(name, row, given[name])]),
  ) as Numbers;
  for (const [name, value] of Object.entries(given)) {
    if (Object.hasOwn(optionsTable, name)) continue;
    if (!isOther(name)) throw new SyncError('bad_option', `There is no option \`${name}\`${nearest(name)}`);
    checkOption(name, value);
  }
  const { payloadBytesMax, frameBytesMax } = resolved;
  if (payloadBytesMax <= frameBytesMax) return Object.freeze(resolved);
  throw new SyncError(
    'bad_option',
    `Expected \`payloadBytesMax\` to be at most \`frameBytesMax\`, which is ${frameBytesMax}, got ${show(payloadBytesMax)}. A payload travels in a frame; leave some 1000 bytes for the rest of it.`,
  );
}

/** Checks an option that is no number; what is left out is fine. @throws SyncError `bad_option` */
export function checkOption(name: keyof typeof others, value: unknown): void {
  const { expected, fits } = others[name];
  if (value !== undefined && !fits(value)) throw misfit(name, expected, value);
}

function resolveNumber(name: string, row: OptionRow, value: unknown = row.default): number {
  const { min, max } = row;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const upTo = typeof value === 'number' && value > max ? ` to ${max}` : '';
  throw misfit(name, `a number from ${min} up${upTo}`, value);
}

function misfit(name: string, expected: string, value: unknown): SyncError {
  return new SyncError('bad_option', `Expected \`${name}\` to be ${expected}, got ${show(value)}.`);
}

function isOther(name: string): name is keyof typeof others {
  return Object.hasOwn(others, name);
}

/** The clock given, or the machine's. */
export function resolveClock(clock: Clock | undefined): Clock {
  return clock ?? systemClock;
}

/** A value as a message shows it: `"5" (string)`. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `${JSON.stringify(value.slice(0, 60))} (string)`;
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value !== 'object') return `${String(value).slice(0, 60)} (${typeof value})`;
  return Array.isArray(value) ? 'a list' : 'an object';
}

function nearest(name: string): string {
  const near = [...Object.keys(optionsTable), ...Object.keys(others)].find((known) =>
    known.toLowerCase().startsWith(name.slice(0, 4).toLowerCase()),
  );
  return near ? `; did you mean \`${near}\`?` : '. See the options in docs/reference/options.md.';
}
