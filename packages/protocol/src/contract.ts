/**
 * The contract: one object, imported by both ends, that says which channels there are, of what kind, and what they carry.
 * Server and client infer their types from it; the server also reads how long a log is kept. It must not know who uses it.
 */

import { SyncError } from './codes.ts';
import { type Duration, milliseconds } from './duration.ts';
import { nameCharsMax } from './limits.ts';
import { byLiteralness, matches, nameFault, type Pattern, parsePattern } from './name.ts';
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
export type Action = 'subscribe' | 'publish' | 'history' | 'presence';

/** What every channel has, so that a node needn't know its kind: what it carries, what its log keeps, who may use it. */
interface Common<Value> {
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
}

export interface StreamDefinition<Message> extends Common<Message> {
  readonly kind: 'stream';
  readonly keep: Keep;
}

export interface StateDefinition<Value> extends Common<Value> {
  readonly kind: 'state';
  readonly ttlMs: number;
  /** Whether clients may write only keys that are their own (rule K7). */
  readonly own: boolean;
  /** Keys that the channel may hold at once. */
  readonly keysMax: number;
}

export interface DocDefinition extends Common<never> {
  readonly kind: 'doc';
  readonly schema: undefined;
  readonly stamped: false;
}

export type Definition = StreamDefinition<unknown> | StateDefinition<unknown> | DocDefinition;
export type Contract = Readonly<Record<string, Definition>>;

interface CommonOptions {
  /** What anybody may do without being known, such as `['subscribe', 'history']`. Default: nothing. */
  readonly anonymous?: readonly Action[];
}

export interface StreamOptions<Message> extends CommonOptions {
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
export function stream<Message = unknown>(options: StreamOptions<Message> = {}): StreamDefinition<Message> {
  const { entries = 1000, bytes = 16 * 1024 * 1024, age } = options.keep ?? {};
  for (const [name, value] of Object.entries({ entries, bytes })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new SyncError(
        'bad_option',
        `Expected \`keep.${name}\` to be an integer from 1 up, got ${value}.`,
      );
  }
  const ageMs = age === undefined ? Number.POSITIVE_INFINITY : milliseconds(age, '`keep.age`');
  return {
    kind: 'stream',
    schema: options.message,
    validate: validation(options.message),
    carries: 'json',
    keep: { entriesMax: entries, bytesMax: bytes, ageMs },
    stamped: options.stamp ?? false,
    anonymous: openTo(options),
  };
}

export interface StateOptions<Value> extends CommonOptions {
  /** Any Standard Schema; values are validated with it. Left out, any JSON value is taken. */
  readonly value?: Schema<Value>;
  /** How long a value stays without being set again, such as `'60s'`. Default without end. */
  readonly ttl?: Duration;
  /** Whether a client may write only the key that is its user's name, or that begins with it and a `/`. Default false. */
  readonly own?: boolean;
  /** Keys that the channel may hold at once. Default 100,000. */
  readonly keys?: number;
}

/**
 * A channel of keyed values: positions, cursors, presence.
 *
 * @throws SyncError `bad_option`
 * @example
 * state({ value: Position, ttl: '60s', own: true })
 */
export function state<Value = unknown>(options: StateOptions<Value> = {}): StateDefinition<Value> {
  const { keys: keysMax = 100_000 } = options;
  const ttlMs = options.ttl === undefined ? Number.POSITIVE_INFINITY : milliseconds(options.ttl, '`ttl`');
  if (!Number.isSafeInteger(keysMax) || keysMax < 1)
    throw new SyncError('bad_option', `Expected \`keys\` to be an integer from 1 up, got ${keysMax}.`);
  return {
    kind: 'state',
    schema: options.value,
    validate: validation(options.value),
    carries: 'json',
    keep: null,
    ttlMs,
    own: options.own ?? false,
    keysMax,
    stamped: true,
    anonymous: openTo(options),
  };
}

/** A channel that is one Yjs document. */
export function doc(options: CommonOptions = {}): DocDefinition {
  return {
    kind: 'doc',
    schema: undefined,
    validate: undefined,
    carries: 'bytes',
    keep: null,
    stamped: false,
    anonymous: openTo(options),
  };
}

function validation<V>(schema: Schema<V> | undefined): ((value: unknown) => V | Promise<V>) | undefined {
  return schema && ((value) => validate(schema, value));
}

/** Every action there is. */
export const actions: readonly Action[] = ['subscribe', 'publish', 'history', 'presence'];

function openTo({ anonymous = [] }: CommonOptions): readonly Action[] {
  const unknown = anonymous.find((action) => !actions.includes(action));
  if (unknown === undefined) return Object.freeze([...anonymous]);
  throw new SyncError(
    'bad_option',
    `Expected \`anonymous\` to be a list of ${actions.join(', ')}, got "${String(unknown).slice(0, 60)}" in it.`,
  );
}

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
  return Object.freeze({ ...contract });
}

/** Finds what stands behind a channel name. Throws `unknown_channel` for a name that is none or that no pattern matches. */
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
    const fault = nameFault(name);
    if (fault)
      throw new SyncError(
        'unknown_channel',
        `"${String(name).slice(0, nameCharsMax)}" is no channel name: ${fault}.`,
      );
    const found = bySegments.get(name.split('/').length)?.find(([pattern]) => matches(pattern, name));
    if (found) return found[1];
    throw new SyncError(
      'unknown_channel',
      `No pattern of the contract matches "${name}". It has: ${Object.keys(contract).join(', ')}.`,
    );
  };
}
