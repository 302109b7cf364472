/**
 * Who someone is and what they may do, as plain data, and the one place where such data is believed. Hooks, webhooks and
 * tokens hand in whatever they have; `readIdentity` holds it to the shape. It knows no request and no channel.
 */
import { SyncError } from '@syncline/protocol';
import { type Action, actions, nameFault, parsePattern } from '@syncline/protocol/wire';

export type { Action };

/**
 * What someone may do: patterns of channel names, and actions. A segment is literal, or `:any` for any one segment; `'*'` alone
 * as a pattern means every channel, `'*'` in a list every action.
 *
 * @example
 * { 'chat/:room': ['subscribe', 'publish'], 'news': ['subscribe'] }
 */
export type Capabilities = Readonly<Record<string, readonly (Action | '*')[]>>;

/** Who someone is, as `authenticate` found out. */
export interface Identity {
  /** Stamped on what they append; null for nobody in particular. */
  readonly user: string | null;
  /** Left out: they may do only what is open to everyone, or what `authorize` allows. */
  readonly capabilities?: Capabilities;
  /** In ms since 1970; afterwards the rights end. Left out: they don't end by themselves. */
  readonly expiresAt?: number;
  /** Names the token that this came from, so that it can be revoked. */
  readonly tokenId?: string;
  /** The name of the API key that they came with: `user` is null then. It is the server's to say; hooks are told. */
  readonly apiKey?: string;
}

const charsMax = 255;
const capabilitiesMax = 100;
/** Room for each action and the star, some of them twice. */
const actionsMax = 16;

/**
 * Reads an identity from what can't be trusted to be one. What it doesn't know is left out; nothing that was given is
 * repeated in a message.
 *
 * @throws SyncError `unauthenticated`, which names the field.
 */
export function readIdentity(value: unknown): Identity {
  if (!isObject(value)) throw misfit('An identity', 'an object such as { user: "ada" }', value);
  const { user, capabilities, expiresAt, tokenId } = value;
  if (user !== null && !isName(user)) throw misfit('`user`', `${nameShape}, or null`, user);
  if (tokenId !== undefined && !isName(tokenId)) throw misfit('`tokenId`', nameShape, tokenId);
  if (expiresAt !== undefined && !(typeof expiresAt === 'number' && Number.isFinite(expiresAt)))
    throw misfit('`expiresAt`', 'a number of milliseconds since 1970', expiresAt);
  return Object.freeze({
    user,
    ...(capabilities === undefined ? {} : { capabilities: readCapabilities(capabilities) }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(tokenId === undefined ? {} : { tokenId }),
  });
}

function readCapabilities(value: unknown): Capabilities {
  if (!isObject(value))
    throw misfit('`capabilities`', 'an object such as { "chat/:room": ["subscribe"] }', value);
  const entries = Object.entries(value);
  if (entries.length > capabilitiesMax)
    throw new SyncError(
      'unauthenticated',
      `\`capabilities\` has ${entries.length} patterns, and may have ${capabilitiesMax}. Use patterns such as "chat/:room".`,
    );
  // Made from entries, so that a pattern named `__proto__` is a pattern.
  return Object.freeze(Object.fromEntries(entries.map(([text, list], i) => readRule(text, list, i + 1))));
}

function readRule(text: string, list: unknown, number: number): [string, readonly (Action | '*')[]] {
  const fault = patternFault(text);
  if (fault)
    throw new SyncError('unauthenticated', `Pattern ${number} of \`capabilities\` can't be used: ${fault}.`);
  if (Array.isArray(list) && list.length <= actionsMax && list.every(isActionOrStar))
    return [text, Object.freeze([...list])];
  throw misfit(
    `What pattern ${number} of \`capabilities\` allows`,
    `a list of ${[...actions, '*'].map((a) => `"${a}"`).join(', ')}`,
    list,
  );
}

function patternFault(text: string): string | undefined {
  if (text === '*') return undefined;
  const fault = nameFault(text);
  if (fault) return fault;
  try {
    parsePattern(text);
    return undefined;
  } catch {
    return 'it has a parameter without a name';
  }
}

function isActionOrStar(value: unknown): value is Action | '*' {
  return value === '*' || actions.some((action) => action === value);
}

const nameShape = `a text of 1 to ${charsMax} characters, none of them a control character`;

/** Compared and stored as it is, never folded; half a surrogate pair can't be stored, so it is no name. */
function isName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= charsMax &&
    !/[\p{Cc}\p{Cs}]/u.test(value)
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function misfit(what: string, expected: string, value: unknown): SyncError {
  return new SyncError('unauthenticated', `${what} must be ${expected}, and is ${typeOf(value)}.`);
}

function typeOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `another ${typeof value}`;
}
