/**
 * The options of a server as one table: default, bounds, meaning. The type, the check and the reference page
 * follow from it. `createServer` resolves them once; afterwards they are frozen.
 */
import { SyncError } from '@syncline/protocol';
import { isLogger, isOrigins, isPath, isTls } from './options/fits.ts';
import { type Numbers, type OptionRow, optionsTable } from './options/numbers.ts';
import { show } from './options/show.ts';

export type { Numbers } from './options/numbers.ts';

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
  apiKeys: {
    type: 'object of names and keys',
    default: '{}',
    doc: 'keys by which backends show who they are, by name: `{ hash, capabilities, may }`, where `hash` is the SHA-256 of the key in hex (or a list of some, while it is being changed), and `may` a list of `disconnect` and `revoke`; a key is sent as `Authorization: Bearer …`',
    expected:
      'an object of names and keys, such as { backend: { hash, capabilities: { "chat/:room": ["publish"] } } }',
    fits: (v: unknown) => typeof v === 'object' && v !== null && !Array.isArray(v),
  },
  broker: {
    type: 'broker',
    default: "disk({ dir: 'syncline-data' })",
    doc: 'where logs are stored: `disk({ dir })`, `memory()`, or `redis({ url })` of `@syncline/server/redis`, which several nodes share',
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
    fits: (v: unknown) => typeof v === 'object' && v !== null,
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
  webhooks: {
    type: 'list of webhooks',
    default: '[]',
    doc: 'addresses of yours that are told what happens: `{ url, secret, events, channels }`, where `secret` is `whsec_` and random bytes in base64, `events` are of `joined`, `left` and `appended` (all, where left out), and `channels` are patterns as in capabilities',
    expected: 'a list of { url, secret, events, channels }',
    fits: Array.isArray,
  },
  logger: {
    type: 'object',
    default: undefined,
    doc: 'where the node writes what an operator should know: anything with a function `error`, such as `console` or pino',
    expected: 'an object with a function error, such as console or pino()',
    fits: isLogger,
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

function nearest(name: string): string {
  // The same words in another order are the same to whoever remembers them.
  const words = (text: string) =>
    text
      .split(/(?=[A-Z])/)
      .map((word) => word.toLowerCase())
      .sort()
      .join(' ');
  const near = [...Object.keys(optionsTable), ...Object.keys(others)].find(
    (known) => known.toLowerCase().startsWith(name.slice(0, 4).toLowerCase()) || words(known) === words(name),
  );
  return near ? `; did you mean \`${near}\`?` : '. See the options in docs/reference/options.md.';
}
