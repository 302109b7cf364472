/**
 * The options of `redis()` as one table: default, bounds, meaning. What an application gives is checked against it and becomes what
 * the link and the logs are made of. It connects to nothing.
 */
import { readFileSync } from 'node:fs';
import { SyncError } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import { show } from '../../options/show.ts';
import type { Address, Tls } from './connection.ts';
import type { LinkSetting, Target } from './link.ts';
import type { AddressMap } from './topology.ts';

/** Certificates to connect with: each the path of a PEM file, which is read again for each connection, or its text. */
export interface RedisTls {
  /** Authorities to trust instead of the machine's. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name that the certificate of the Redis must have, where that isn't the host. */
  readonly servername?: string;
}

type Password = string | (() => string | Promise<string>);

/** Where the Redis is (one of `url`, `sentinel`, `cluster`), how to log in, and what is asked of it. */
export interface RedisOptions {
  readonly url?: string;
  readonly sentinel?: {
    readonly name: string;
    readonly nodes: readonly string[];
    readonly username?: string;
    readonly password?: Password;
    readonly tls?: boolean | RedisTls;
  };
  readonly cluster?: readonly string[];
  readonly username?: string;
  readonly password?: Password;
  readonly tls?: boolean | RedisTls;
  readonly addressMap?: Readonly<Record<string, string>>;
  readonly prefix?: string;
  readonly ack?: 'stored' | 'replicated';
  readonly replicasMin?: number;
  readonly replicatedMs?: number;
  readonly commandMs?: number;
  readonly startMs?: number;
  readonly opsQueuedMax?: number;
  readonly bytesQueuedMax?: number;
  readonly clock?: Clock;
}

/** The same, complete. */
export interface ResolvedRedis {
  readonly link: LinkSetting;
  readonly prefix: string;
  readonly sharded: boolean;
  /** How many replicas must have what is acknowledged, and within how many ms; undefined: none. */
  readonly replicas: { readonly replicasMin: number; readonly ms: number } | undefined;
  readonly commandMs: number;
  readonly opsQueuedMax: number;
  readonly bytesQueuedMax: number;
  readonly clock: Clock | undefined;
}

const isText = (v: unknown): v is string => typeof v === 'string' && v !== '';
const isPassword = (v: unknown): boolean => isText(v) || typeof v === 'function';
const isAddresses = (v: unknown): boolean =>
  Array.isArray(v) && v.length > 0 && v.every((one) => addressOf(one) !== undefined);

function isRedisTls(value: unknown): boolean {
  if (typeof value === 'boolean') return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(
    ([name, part]) => ['ca', 'cert', 'key', 'servername'].includes(name) && isText(part),
  );
}

function isSentinel(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('name' in value && 'nodes' in value)) return false;
  const { name, nodes, ...more } = value;
  const fits: Readonly<Record<string, (v: unknown) => boolean>> = {
    username: isText,
    password: isPassword,
    tls: isRedisTls,
  };
  const rest = Object.entries(more).every(([key, part]) => Object.hasOwn(fits, key) && fits[key]?.(part));
  return isText(name) && isAddresses(nodes) && rest;
}

/** Every option: what it is, its default and bounds, what the reference page says, and how it is checked. */
export const redisOptions = {
  url: {
    type: 'address',
    default: undefined,
    doc: 'one Redis: `redis://user:password@host:6379`, `rediss://…` for TLS, or `unix:///path`; one of `url`, `sentinel` and `cluster` must be given',
    expected: 'an address such as "redis://host:6379", without a database',
    fits: (v: unknown) => isText(v) && partsOf(v) !== undefined,
    secret: true,
  },
  sentinel: {
    type: '{ name, nodes }',
    default: undefined,
    doc: 'the master that Sentinels name: what they call it, and their addresses as `host:port`; `username`, `password` and `tls` beside them are for the Sentinels themselves',
    expected: 'an object { name, nodes }, the nodes as "host:port"',
    fits: isSentinel,
    secret: true,
  },
  cluster: {
    type: 'list of addresses',
    default: undefined,
    doc: 'a Redis Cluster: some of its nodes as `host:port`; the others are learnt from them',
    expected: 'a list of addresses such as "host:6379"',
    fits: isAddresses,
  },
  username: {
    type: 'text',
    default: undefined,
    doc: 'the ACL user to log in as; none: the default user',
    expected: 'a name',
    fits: isText,
  },
  password: {
    type: 'text or function',
    default: undefined,
    doc: 'the password, or a function that returns it (a promise of it), which is called for each connection: so it can change while the node runs',
    expected: 'a text that is not empty, or a function',
    fits: isPassword,
    secret: true,
  },
  tls: {
    type: 'boolean or { ca, cert, key, servername }',
    default: 'false',
    doc: 'whether connections are TLS, and by which certificates: each the path of a PEM file, which is read for each connection, or its text',
    expected: 'true, false, or an object of ca, cert, key and servername',
    fits: isRedisTls,
    secret: true,
  },
  addressMap: {
    type: 'object of addresses',
    default: '{}',
    doc: 'other addresses for those that Sentinels or a Cluster name, where they are reached by other ones from here: `{ "10.0.0.1:6379": "localhost:7001" }`',
    expected: 'an object of addresses such as { "10.0.0.1:6379": "localhost:7001" }',
    fits: (v: unknown) => typeof v === 'object' && v !== null && Object.values(v).every(addressOf),
  },
  prefix: {
    type: 'text',
    default: 'syncline',
    doc: 'what every key and every topic begins with, so that several applications may share a Redis; all nodes of one must have the same',
    expected: 'a text of letters, digits, and . _ -, 64 of them at most',
    fits: (v: unknown) => typeof v === 'string' && /^[\w.-]{1,64}$/.test(v),
  },
  ack: {
    type: '`stored` or `replicated`',
    default: 'stored',
    doc: 'what an acknowledgement says: that the Redis has the entry, or that `replicasMin` of its replicas have it too',
    expected: '"stored" or "replicated"',
    fits: (v: unknown) => v === 'stored' || v === 'replicated',
  },
  clock: {
    type: 'clock',
    default: undefined,
    doc: "time and chance, for tests; otherwise the machine's",
    expected: 'a clock',
    fits: (v: unknown) => typeof v === 'object' && v !== null && 'timer' in v,
  },
  replicasMin: number(1, 1, 100, 'replicas', 'replicas that must have an entry where `ack` is `replicated`'),
  replicatedMs: number(1000, 10, 60_000, 'ms', 'time that they may take; then the outcome is unknown'),
  commandMs: number(
    2000,
    100,
    60_000,
    'ms',
    'time that the Redis may take to connect, or to answer anything: while it answers others, a call waits five times as long',
  ),
  startMs: number(
    10_000,
    0,
    600_000,
    'ms',
    'time for which a node that starts waits for the Redis to be there',
  ),
  opsQueuedMax: number(
    100_000,
    1,
    10_000_000,
    'calls',
    'calls that may wait for the Redis; more are refused',
  ),
  bytesQueuedMax: number(
    64 * 1024 * 1024,
    1024,
    16 * 1024 ** 3,
    'bytes',
    'payload bytes that may wait for it; more are refused',
  ),
} as const satisfies Record<string, Row>;

interface Row {
  readonly type: string;
  readonly default: string | number | undefined;
  readonly min?: number;
  readonly max?: number;
  readonly unit?: string;
  readonly doc: string;
  readonly expected: string;
  readonly fits: (value: unknown) => boolean;
  /** Whether its value may hold a password, so that no message shows it. */
  readonly secret?: boolean;
}

function number(value: number, min: number, max: number, unit: string, doc: string) {
  const fits = (v: unknown): boolean => Number.isSafeInteger(v) && Number(v) >= min && Number(v) <= max;
  const expected = `a number from ${min} to ${max}`;
  return { type: 'number', default: value, min, max, unit, doc, expected, fits } as const;
}

/** Checks what an application gave, and completes it. @throws SyncError `bad_option` */
export function resolveRedis(options: RedisOptions): ResolvedRedis {
  for (const [name, value] of Object.entries(options)) check(name, value);
  const { prefix = 'syncline', ack = 'stored', clock, sentinel, cluster, addressMap = {} } = options;
  const commandMs = options.commandMs ?? redisOptions.commandMs.default;
  const given = (['url', 'sentinel', 'cluster'] as const).filter((name) => options[name] !== undefined);
  if (given.length !== 1)
    throw bad(`Expected one of \`url\`, \`sentinel\` and \`cluster\`, got ${given.join(' and ') || 'none'}.`);
  const parts = partsOf(options.url ?? '');
  const username = options.username ?? parts?.username;
  return {
    prefix,
    sharded: cluster !== undefined,
    replicas:
      ack === 'stored'
        ? undefined
        : { replicasMin: options.replicasMin ?? 1, ms: options.replicatedMs ?? 1000 },
    commandMs,
    opsQueuedMax: options.opsQueuedMax ?? redisOptions.opsQueuedMax.default,
    bytesQueuedMax: options.bytesQueuedMax ?? redisOptions.bytesQueuedMax.default,
    clock,
    link: {
      target: targetOf(parts?.address, sentinel, cluster),
      addressMap: mapOf(addressMap),
      prefix,
      username,
      password: passwordOf(options.password ?? parts?.password),
      tls: tlsOf(options.tls ?? parts?.tls),
      commandMs,
      startMs: options.startMs ?? redisOptions.startMs.default,
      replicated: ack === 'replicated',
      ...(clock ? { clock } : {}),
    },
  };
}

function check(name: string, value: unknown): void {
  if (!Object.hasOwn(redisOptions, name)) {
    const near = Object.keys(redisOptions).find(
      (known) => known.slice(0, 4) === name.toLowerCase().slice(0, 4),
    );
    throw bad(`redis() has no option \`${name}\`${near ? `; did you mean \`${near}\`?` : '.'}`);
  }
  const row: Row = redisOptions[name as keyof typeof redisOptions];
  if (value === undefined || row.fits(value)) return;
  const got = row.secret && value !== null ? `${typeof value} that is none` : show(value);
  throw bad(`Expected \`${name}\` to be ${row.expected}, got ${got}.`);
}

function bad(message: string): SyncError {
  return new SyncError('bad_option', message);
}

function targetOf(
  address: Address | undefined,
  sentinel: RedisOptions['sentinel'],
  cluster: readonly string[] | undefined,
): Target {
  if (cluster) return { cluster: cluster.flatMap((node) => addressOf(node) ?? []) };
  if (!sentinel) return { address: address ?? { host: 'localhost', port: 6379 } };
  const { name, nodes, username, password, tls } = sentinel;
  return {
    sentinel: {
      name,
      nodes: nodes.flatMap((node) => addressOf(node) ?? []),
      username,
      password: passwordOf(password),
      tls: tlsOf(tls),
    },
  };
}

function passwordOf(password: Password | undefined): (() => string | Promise<string>) | undefined {
  return typeof password === 'string' ? () => password : password;
}

/** The certificates as they are when a connection is made. */
function tlsOf(tls: boolean | RedisTls | undefined): (() => Tls) | undefined {
  if (!tls) return undefined;
  if (tls === true) return () => ({});
  const pem = (part: string): string => (part.includes('-----BEGIN') ? part : readFileSync(part, 'utf8'));
  return () => ({
    ...(tls.ca ? { ca: pem(tls.ca) } : {}),
    ...(tls.cert ? { cert: pem(tls.cert) } : {}),
    ...(tls.key ? { key: pem(tls.key) } : {}),
    ...(tls.servername ? { servername: tls.servername } : {}),
  });
}

function mapOf(given: Readonly<Record<string, string>>): AddressMap {
  return Object.fromEntries(
    Object.entries(given).flatMap(([from, to]) => {
      const address = addressOf(to);
      return address ? [[from, address]] : [];
    }),
  );
}

/** `host:port`, or `host` alone; an IPv6 address stands in brackets. */
function addressOf(text: unknown): { readonly host: string; readonly port: number } | undefined {
  const [, six, host = six, digits = '6379'] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(typeof text === 'string' ? text : '') ?? [];
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

interface UrlParts {
  readonly address: Address;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean | undefined;
}

function partsOf(url: string): UrlParts | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, host, pathname, search, hash, username: user, password: secret } = new URL(url);
  const [username, password, path] = [user, secret, pathname].map(decoded);
  if (search !== '' || hash !== '' || username === undefined || password === undefined || path === undefined)
    return undefined;
  const parts = { username: username || undefined, password: password || undefined };
  if (protocol === 'unix:')
    return path.length < 2 ? undefined : { address: { path }, ...parts, tls: undefined };
  const address = addressOf(host);
  if (!address || !['redis:', 'rediss:'].includes(protocol) || !['', '/', '/0'].includes(pathname))
    return undefined;
  return { address, ...parts, tls: protocol === 'rediss:' ? true : undefined };
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
