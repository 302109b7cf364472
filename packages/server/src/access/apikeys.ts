/**
 * API keys: how a backend of yours shows who it is, in any language, for as long as you let it. `createServer` gets the hashes of keys,
 * never a key; access asks here whose a credential is. It knows no request but its headers, and repeats nothing of what it was shown.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { SyncError } from '@syncline/protocol';
import { type Capabilities, type Identity, readIdentity } from './identity.ts';

/** What a key may do besides what its capabilities allow on channels. */
export type Power = 'disconnect' | 'revoke';

/** One key, known by its hash. */
export interface ApiKey {
  /** The SHA-256 of the key, in hex; while a key is being changed for another, those of both. */
  readonly hash: string | readonly string[];
  /** What it may do on which channels. Default nothing. */
  readonly capabilities?: Capabilities;
  /** Whether it may send users away (`disconnect`) and end tokens (`revoke`). Default neither. */
  readonly may?: readonly Power[];
}

/** Keys by name: the name is what your hooks are told as `identity.apiKey`. */
export type ApiKeys = Readonly<Record<string, ApiKey>>;

/** What of credentials is looked at. */
interface Shown {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly token: string | null;
}

interface Known {
  readonly identity: Identity;
  readonly hashes: readonly Buffer[];
  readonly powers: readonly Power[];
}

const powers: readonly Power[] = ['disconnect', 'revoke'];
const nameShape = /^[\w.-]{1,64}$/;
const hashShape = /^[0-9a-f]{64}$/i;
/** A hash of less can be guessed by whoever sees it. */
const charsMin = 32;
const hashesMax = 8;
const advice = 'Make a key with: openssl rand -base64 32';

export class KeyRing {
  readonly #keys: ReadonlyMap<string, Known>;

  /** @throws SyncError `bad_option`, which names the key and repeats no hash */
  constructor(keys: ApiKeys) {
    this.#keys = new Map(Object.entries(keys).map(([name, key]) => [name, readKey(name, key)]));
    const hashes = [...this.#keys.values()].flatMap((key) => key.hashes.map((hash) => hash.toString('hex')));
    if (new Set(hashes).size < hashes.length)
      throw new SyncError(
        'bad_option',
        'Expected each hash in `apiKeys` to be there once. Give each its own key.',
      );
  }

  /**
   * Whose key it is; undefined when it is none of these, and perhaps a token. Each hash is compared, in constant time.
   *
   * @throws SyncError `forbidden` for a key that came from a page, or by a way that ends up in logs; `unauthenticated` for a short one
   */
  identify({ headers, token }: Shown): Identity | undefined {
    if (token === null) return undefined;
    const shown = createHash('sha256').update(token).digest();
    let found: Identity | undefined;
    for (const { identity, hashes } of this.#keys.values())
      for (const hash of hashes) if (timingSafeEqual(hash, shown)) found = identity;
    if (!found) return undefined;
    if (token.length < charsMin)
      throw new SyncError('unauthenticated', `An API key has ${charsMin} characters at least. ${advice}`);
    if (headers['origin'] !== undefined || headers['authorization'] === undefined)
      throw new SyncError(
        'forbidden',
        'This API key came from a page, or not in the header `Authorization`: others may have seen it. Replace it, and keep it on your servers.',
      );
    return found;
  }

  /** Whether this came with a key that may do that. */
  may({ apiKey }: Identity, power: Power): boolean {
    return apiKey !== undefined && (this.#keys.get(apiKey)?.powers.includes(power) ?? false);
  }
}

/**
 * The keys of a server; undefined where there are none.
 *
 * @param authenticates whether anybody is asked who they are
 * @throws SyncError `bad_option`
 */
export function keyRing(keys: ApiKeys | undefined, authenticates: boolean): KeyRing | undefined {
  if (!keys || authenticates) return keys && new KeyRing(keys);
  throw new SyncError(
    'bad_option',
    'Expected `authenticate` beside `apiKeys`: without it everybody on this machine may do everything, with a key or without.',
  );
}

function readKey(name: string, key: ApiKey): Known {
  const what = `\`apiKeys\` has a key ${nameShape.test(name) ? `"${name}"` : 'with a name'} that can't be used`;
  const refuse = (why: string): never => {
    throw new SyncError('bad_option', `${what}: ${why}`);
  };
  if (!nameShape.test(name)) refuse('a name is 1 to 64 letters, digits, dots, dashes and underscores.');
  if (typeof key !== 'object' || key === null)
    refuse('expected an object such as { hash, capabilities: { "chat/:room": ["publish"] } }.');
  const { hash, capabilities = {}, may = [], ...more } = key;
  const [unknown] = Object.keys(more);
  if (unknown !== undefined) refuse('there are `hash`, `capabilities` and `may`, and nothing else.');
  const hashes: readonly unknown[] = Array.isArray(hash) ? hash : [hash];
  if (hashes.length === 0 || hashes.length > hashesMax || !hashes.every(isHash))
    refuse(
      '`hash` must be the SHA-256 of the key, 64 hex digits. It is made with: printf %s "$KEY" | openssl dgst -sha256 -r',
    );
  if (!Array.isArray(may) || !may.every((one) => powers.includes(one)))
    refuse(`\`may\` must be a list of ${powers.join(', ')}.`);
  const identity = readCapable(name, capabilities, refuse);
  return { identity, hashes: hashes.map((one) => Buffer.from(String(one), 'hex')), powers: [...may] };
}

function readCapable(name: string, capabilities: unknown, refuse: (why: string) => never): Identity {
  try {
    return Object.freeze({ ...readIdentity({ user: null, capabilities }), apiKey: name });
  } catch (thrown) {
    return refuse(thrown instanceof Error ? thrown.message : 'its capabilities are none.');
  }
}

function isHash(value: unknown): boolean {
  return typeof value === 'string' && hashShape.test(value);
}
