/**
 * The contract: one object, imported by both ends, that says which channels there are, of what kind, and what they carry.
 * Server and client infer their types from it; the server also reads how long a log is kept. It must not know who uses it.
 */

import { SyncError } from './codes.ts';
import { type Duration, milliseconds } from './duration.ts';
import { nameCharsMax } from './limits.ts';
import { byLiteralness, channelFault, matches, type Pattern, parsePattern, splitName } from './name.ts';
import { type Schema, validate } from './schema.ts';

/** How much of a log is kept; whichever bound is met first trims it. */
export interface Keep {
  /** Entries kept. */
  readonly entriesMax: number;
  /** Bytes of payload kept. */
  readonly bytesMax: number;
  /** Age in ms up to which an entry is kept; Infinity for no bound. */
  readonly ageMs: number;
}

/** What someone does with a channel. */
export type Action = 'subscribe' | 'publish' | 'history' | 'presence' | 'manage';

/** What every channel has, so that a node needn't know its kind: what it carries, what its log keeps, who may use it. */
interface Common<Value, Presence, Signal> {
  readonly schema: Schema<Value> | undefined;
  /**
   * A value as the schema gives it back; undefined where any value is taken. It comes with the definition, so that a browser
   * which knows the contract by its types alone needn't load it. Throws `bad_payload`.
   */
  readonly validate: ((value: unknown) => Value | Promise<Value>) | undefined;
  readonly carries: 'json' | 'bytes';
  /** Null where entries are only dropped once a snapshot covers them. */
  readonly keep: Keep | null;
  readonly stamped: boolean;
  /** What anybody may do, whoever they are. */
  readonly anonymous: readonly Action[];
  /** Whether its keys belong to sessions, which enter and leave: nobody publishes there (rule N1). */
  readonly leased: boolean;
  /** Whether its log needn't outlive the nodes. */
  readonly volatile: boolean;
  /** As what any action on it is judged, on the channel that it is a companion of (rule C4); null: as what it is. */
  readonly governedBy: Action | null;
  /** The companion that says who is there; null for a companion. */
  readonly presence: StateDefinition<Presence> | null;
  /** What a signal's data must fit; undefined where any JSON is taken. */
  readonly signal: Schema<Signal> | undefined;
}

export interface StreamDefinition<Message, Presence = unknown, Signal = unknown>
  extends Common<Message, Presence, Signal> {
  readonly kind: 'stream';
  readonly keep: Keep;
}

/** Which members of a value, finite numbers in degrees, say where it is. */
export interface Geo {
  readonly lat: string;
  readonly lng: string;
}

export interface StateDefinition<Value, Presence = unknown, Signal = unknown>
  extends Common<Value, Presence, Signal> {
  readonly kind: 'state';
  readonly ttlMs: number;
  /** Whether clients may write only keys that are their own (rule K7). */
  readonly own: boolean;
  /** Keys that the channel may hold at once. */
  readonly keysMax: number;
  /** Where a value says where it is; null: views can't ask for places (rule V2). */
  readonly geo: Geo | null;
}

export interface DocDefinition<Presence = unknown, Signal = unknown> extends Common<never, Presence, Signal> {
  readonly kind: 'doc';
  /** Size up to which a document takes edits: of the folded, garbage-collected one, in bytes. */
  readonly bytesMax: number;
  readonly schema: undefined;
  readonly stamped: false;
}

export interface DurableDefinition<Presence = unknown, Signal = unknown>
  extends Common<never, Presence, Signal> {
  readonly kind: 'durable';
  readonly schema: undefined;
  readonly stamped: false;
}

export type Definition =
  | StreamDefinition<unknown>
  | StateDefinition<unknown>
  | DocDefinition
  | DurableDefinition;
export type Contract = Readonly<Record<string, Definition>>;

interface CommonOptions<Presence, Signal> {
  /** What anybody may do without being known, such as `['subscribe', 'history']`. Default: nothing. */
  readonly anonymous?: readonly Action[];
  /** Any Standard Schema of what members say of themselves, such as a name. Left out, any JSON value is taken. */
  readonly presence?: Schema<Presence>;
  /** Any Standard Schema of what is signalled, such as that someone types. Left out, any JSON value is taken. */
  readonly signal?: Schema<Signal>;
}

export interface StreamOptions<Message, Presence = unknown, Signal = unknown>
  extends CommonOptions<Presence, Signal> {
  /** Any Standard Schema; payloads are validated with it. Left out, any JSON value is taken. */
  readonly message?: Schema<Message>;
  /** What is kept: `entries` (default 1000), `bytes` of payload (default 16 MiB), `age` (default without end). */
  readonly keep?: { readonly entries?: number; readonly bytes?: number; readonly age?: Duration };
  /** Whether readers are told when each entry was stored and by whom. Default false: it costs some 20 bytes an entry. */
  readonly stamp?: boolean;
}

/**
 * A channel of messages: chat, notifications, events.
 *
 * @example
 * stream({ message: v.object({ text: v.string() }), keep: { entries: 1000, age: '7d' } })
 */
export function stream<Message = unknown, Presence = unknown, Signal = unknown>(
  options: StreamOptions<Message, Presence, Signal> = {},
): StreamDefinition<Message, Presence, Signal> {
  const { entries = 1000, bytes = 16 * 1024 * 1024, age } = options.keep ?? {};
  for (const [name, value] of Object.entries({ entries, bytes })) {
    checkCount(`keep.${name}`, value);
  }
  const ageMs = age === undefined ? Number.POSITIVE_INFINITY : milliseconds(age, '`keep.age`');
  return {
    kind: 'stream',
    schema: options.message,
    validate: validation(options.message),
    carries: 'json',
    keep: { entriesMax: entries, bytesMax: bytes, ageMs },
    stamped: options.stamp ?? false,
    ...shared(options),
  };
}

export interface StateOptions<Value, Presence = unknown, Signal = unknown>
  extends CommonOptions<Presence, Signal> {
  /** Any Standard Schema; values are validated with it. Left out, any JSON value is taken. */
  readonly value?: Schema<Value>;
  /** How long a value stays without being set again, such as `'60s'`. Default without end. */
  readonly ttl?: Duration;
  /** Whether a client may write only the key that is its user's name, or that begins with it and a `/`. Default false. */
  readonly own?: boolean;
  /** Keys that the channel may hold at once. Default 100,000. */
  readonly keys?: number;
  /** The members of a value that hold its latitude and longitude, in degrees, so that views can ask for a part of the map. */
  readonly geo?: Geo;
}

/**
 * A channel of keyed values: positions, cursors, presence.
 *
 * @throws SyncError `bad_option`
 * @example
 * state({ value: Position, ttl: '60s', own: true, geo: { lat: 'lat', lng: 'lng' } })
 */
export function state<Value = unknown, Presence = unknown, Signal = unknown>(
  options: StateOptions<Value, Presence, Signal> = {},
): StateDefinition<Value, Presence, Signal> {
  const { keys: keysMax = 100_000, geo } = options;
  const ttlMs = options.ttl === undefined ? Number.POSITIVE_INFINITY : milliseconds(options.ttl, '`ttl`');
  checkCount('keys', keysMax);
  if (geo && ![geo.lat, geo.lng].every((name) => typeof name === 'string'))
    throw new SyncError(
      'bad_option',
      'Expected `geo` to name two members of a value, such as { lat: "lat", lng: "lng" }.',
    );
  return {
    ...keyed(options.value),
    ttlMs,
    own: options.own ?? false,
    keysMax,
    geo: geo ? { lat: geo.lat, lng: geo.lng } : null,
    ...shared(options),
  };
}

export interface DocOptions<Presence = unknown, Signal = unknown> extends CommonOptions<Presence, Signal> {
  /** Size up to which the document takes edits, once garbage is collected. Default 20 MiB. */
  readonly bytes?: number;
}

/**
 * A channel that is one Yjs document: a whiteboard, a text, a form.
 *
 * @throws SyncError `bad_option`
 * @example
 * doc({ presence: v.object({ name: v.string() }) })
 */
export function doc<Presence = unknown, Signal = unknown>(
  options: DocOptions<Presence, Signal> = {},
): DocDefinition<Presence, Signal> {
  const { bytes: bytesMax = 20 * 1024 * 1024 } = options;
  checkCount('bytes', bytesMax);
  return {
    kind: 'doc',
    schema: undefined,
    validate: undefined,
    carries: 'bytes',
    keep: null,
    stamped: false,
    bytesMax,
    ...shared(options),
  };
}

export interface DurableOptions<Presence = unknown, Signal = unknown>
  extends CommonOptions<Presence, Signal> {
  /** What is kept: `entries`, one for each request that was stored, and `bytes`. Default: all, until it is deleted or has expired. */
  readonly keep?: { readonly entries?: number; readonly bytes?: number };
}

/**
 * A log that HTTP clients create, append to, close and delete, with any media type: what a model writes, a job's output, a file. It is
 * written over HTTP alone (Durable Streams); who creates, closes and deletes needs the action `manage`.
 *
 * @throws SyncError `bad_option`
 * @example
 * durable({ anonymous: ['subscribe', 'history'] })
 */
export function durable<Presence = unknown, Signal = unknown>(
  options: DurableOptions<Presence, Signal> = {},
): DurableDefinition<Presence, Signal> {
  const { entries, bytes } = options.keep ?? {};
  for (const [name, value] of Object.entries({ entries, bytes }))
    if (value !== undefined) checkCount(`keep.${name}`, value);
  const unbounded = Number.MAX_SAFE_INTEGER;
  // What it is known by is written into its newest entries: age alone may drop those, so nothing is kept by age.
  const keep = { entriesMax: entries ?? unbounded, bytesMax: bytes ?? unbounded };
  return {
    kind: 'durable',
    schema: undefined,
    validate: undefined,
    carries: 'bytes',
    keep: entries === undefined && bytes === undefined ? null : { ...keep, ageMs: Number.POSITIVE_INFINITY },
    stamped: false,
    ...shared(options),
  };
}

/** What every state channel has, a companion too. */
function keyed<Value>(schema: Schema<Value> | undefined) {
  const common = { carries: 'json', keep: null, stamped: true } as const;
  return { kind: 'state', schema, validate: validation(schema), ...common } as const;
}

/** What the options that all kinds share come to. */
function shared<Presence, Signal>(options: CommonOptions<Presence, Signal>) {
  const anonymous = openTo(options);
  const presence: StateDefinition<Presence> = {
    ...keyed(options.presence),
    ttlMs: Number.POSITIVE_INFINITY,
    own: false,
    keysMax: membersMax,
    geo: null,
    anonymous,
    leased: true,
    volatile: true,
    governedBy: 'presence',
    presence: null,
    signal: undefined,
  };
  const plain = { leased: false, volatile: false, governedBy: null } as const;
  return { anonymous, ...plain, presence, signal: options.signal };
}

function checkCount(option: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new SyncError('bad_option', `Expected \`${option}\` to be an integer from 1 up, got ${value}.`);
}

function validation<V>(schema: Schema<V> | undefined): ((value: unknown) => V | Promise<V>) | undefined {
  return schema && ((value) => validate(schema, value));
}

/** Members that a channel may have at once. */
const membersMax = 10_000;

/** Every action there is. */
export const actions: readonly Action[] = ['subscribe', 'publish', 'history', 'presence', 'manage'];

function openTo({ anonymous = [] }: CommonOptions<unknown, unknown>): readonly Action[] {
  const unknown = anonymous.find((action) => !actions.includes(action));
  if (unknown === undefined) return Object.freeze([...anonymous]);
  throw new SyncError(
    'bad_option',
    `Expected \`anonymous\` to be a list of ${actions.join(', ')}, got "${String(unknown).slice(0, 60)}" in it.`,
  );
}

/** Under this a contract carries its own search, as it carries what validates: a client that has it as a value needs no other. */
export const search: unique symbol = Symbol.for('syncline.search');

/**
 * A contract: channel patterns and what stands behind each.
 *
 * @throws SyncError `bad_option` when a pattern can't be one, or two patterns match the same names.
 * @example
 * export const channels = defineChannels({ 'chat/:room': stream({ message: Message }) })
 */
export function defineChannels<const C extends Contract>(contract: C): Readonly<C> {
  const shapes = new Map<string, string>();
  for (const text of Object.keys(contract)) {
    const shape = parsePattern(text)
      .segments.map((s) => s ?? ':')
      .join('/');
    const twin = shapes.get(shape);
    if (twin !== undefined)
      throw new SyncError(
        'bad_option',
        `The channel patterns "${twin}" and "${text}" match the same names. Keep one of them.`,
      );
    shapes.set(shape, text);
  }
  const found = { ...contract };
  return Object.freeze(Object.defineProperty(found, search, { value: lookup(found) }));
}

/** Finds what stands behind the name of a channel or of a companion (rule C4). Throws `unknown_channel` for a name that is none or that no pattern matches. */
export type Lookup = (name: string) => Definition;

/** A contract made ready for looking names up. */
export function lookup(contract: Contract): Lookup {
  const bySegments = new Map<number, [Pattern, Definition][]>();
  for (const [text, definition] of Object.entries(contract)) {
    const pattern = parsePattern(text);
    const group = bySegments.get(pattern.segments.length) ?? [];
    bySegments.set(
      pattern.segments.length,
      [...group, [pattern, definition] as [Pattern, Definition]].sort(([a], [b]) => byLiteralness(a, b)),
    );
  }
  return (name) => {
    const fault = channelFault(name);
    if (fault)
      throw new SyncError(
        'unknown_channel',
        `"${String(name).slice(0, nameCharsMax)}" is no channel name: ${fault}.`,
      );
    const [base, companion] = splitName(name);
    const found = bySegments.get(base.split('/').length)?.find(([pattern]) => matches(pattern, base))?.[1];
    if (found && companion === undefined) return found;
    if (found && companion === 'presence' && found.presence) return found.presence;
    if (found)
      throw new SyncError(
        'unknown_channel',
        `The channel "${base}" has no companion called "${companion}". It has: presence.`,
      );
    throw new SyncError(
      'unknown_channel',
      `No pattern of the contract matches "${base}". It has: ${Object.keys(contract).join(', ')}.`,
    );
  };
}
