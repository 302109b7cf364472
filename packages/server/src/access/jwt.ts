/**
 * Tokens as identities: verifies JSON Web Tokens (RFC 7519) that somebody else, or `mintToken`, has signed. `createServer`
 * takes it as `authenticate`. Nothing a token says is believed, or leads to a request, before its signature is proved,
 * but the name of its key, which is looked up and no more.
 */
import { SyncError } from '@syncline/protocol';
import { type Clock, limits, systemClock } from '@syncline/protocol/wire';
import { decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import type { Credentials } from '../access.ts';
import { numberOption, refused } from './checks.ts';
import { type Identity, readIdentity } from './identity.ts';
import { KeySet } from './jwks.ts';
import { isPublicAlgorithm, type Key, type KeyOption, type PublicAlgorithm, readKey } from './keys.ts';
import { addressOption } from './outbound.ts';

/** A set of public keys at an address, and how their owner signs. */
interface KeySetOption {
  /** Where the issuer publishes its keys: https, or http on this machine. Fetched when first needed. */
  readonly jwksUrl: string;
  /** The algorithms that the issuer signs with. */
  readonly algs: readonly PublicAlgorithm[];
}

export interface JwtOptions {
  /**
   * What tokens may be signed with: the keys of one issuer. Each is for one algorithm, which no token can change; a key
   * with `kid` is for tokens that name it, one without for all. For another issuer call `jwt` again.
   */
  readonly keys: readonly (KeyOption | KeySetOption)[];
  /** The claim `iss` that tokens must have. null takes any: fine with a secret that nobody else signs with. */
  readonly issuer: string | null;
  /**
   * The claim `aud` that tokens must have. null takes tokens made for anyone: fine only when whoever signs makes
   * them for this server alone. It has no default, since one left out by oversight lets in tokens that are meant for other
   * services, such as one to reset a password.
   */
  readonly audience: string | null;
  /** The type in the header that tokens must have, such as "at+jwt". Default: any. */
  readonly typ?: string;
  /** How far clocks may be apart. Default 5,000 ms; rights end so much later than `exp`. */
  readonly clockToleranceMs?: number;
  /** The longest life of a token, from `iat` (or now) to `exp`. Default 24 hours. */
  readonly lifetimeMsMax?: number;
  /** Lets in who brings no token as nobody, `{ user: null }`, for what the contract opens to everyone. Default false. */
  readonly anonymous?: boolean;
  /** Time, for tests. */
  readonly clock?: Clock;
}

interface Keys {
  readonly own: readonly Key[];
  readonly set: KeySet | undefined;
}

const dayMs = 86_400_000;
const keysMax = 16;
const threeParts = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Takes the user from the claim `sub`, capabilities from `capabilities`, the end of the rights from `exp`, and the id by
 * which a token can be revoked from `jti`. Tokens must have `sub` and `exp`.
 *
 * @throws SyncError `bad_option` for an option that can't be used. What it returns throws `unauthenticated` for a token
 * that doesn't hold, and `unavailable` when a set of keys can't be fetched.
 * @example
 * createServer({ channels, authenticate: jwt({
 *   keys: [{ jwksUrl: 'https://login.example/keys', algs: ['RS256'] }],
 *   issuer: 'https://login.example',
 *   audience: 'sync',
 * }) })
 */
export function jwt(options: JwtOptions): (credentials: Pick<Credentials, 'token'>) => Promise<Identity> {
  const { issuer, audience, typ, anonymous = false, clock = systemClock } = options;
  const toleranceMs = numberOption('clockToleranceMs', options.clockToleranceMs ?? 5000, 0, 300_000);
  const lifetimeMs = numberOption('lifetimeMsMax', options.lifetimeMsMax ?? dayMs, 1000, 3660 * dayMs);
  if (typ !== undefined && (typeof typ !== 'string' || typ === '')) throw misfit('typ', 'a text');
  if (issuer !== null && (typeof issuer !== 'string' || issuer === ''))
    throw misfit('issuer', 'a text, such as "https://login.example", or null for any');
  if (audience !== null && (typeof audience !== 'string' || audience === ''))
    throw misfit(
      'audience',
      'a text, such as "sync", or null for any, if whoever signs makes tokens for this server alone',
    );
  const { own, set } = readKeys(options.keys, clock);
  return async ({ token }) => {
    if (token === null && anonymous) return { user: null };
    if (token === null) throw refused('There is no token. Give `getToken` to the client.');
    const { alg, kid } = readHeader(token);
    const checks: JWTVerifyOptions = {
      ...(issuer === null ? {} : { issuer }),
      ...(audience === null ? {} : { audience }),
      ...(typ === undefined ? {} : { typ }),
      requiredClaims: ['exp', 'sub'],
      clockTolerance: toleranceMs / 1000,
      currentDate: new Date(clock.now()),
    };
    const given = own.filter((key) => key.alg === alg && (key.kid === undefined || key.kid === kid));
    const claims =
      (await verify(token, given, checks)) ??
      (await verify(token, (await set?.find(alg, kid)) ?? [], checks));
    if (!claims) throw refused('No key of this server has signed the token.');
    const { exp = 0, iat = Number.POSITIVE_INFINITY } = claims;
    if (exp * 1000 - Math.min(iat * 1000, clock.now()) > lifetimeMs + toleranceMs)
      throw refused('The token lives longer than this server allows. Its `exp` is in seconds since 1970.');
    return toIdentity(claims, exp * 1000 + toleranceMs);
  };
}

/** The keys among options: those given, and the one set. @throws SyncError `bad_option` */
function readKeys(options: JwtOptions['keys'], clock: Clock): Keys {
  if (!Array.isArray(options) || options.length === 0 || options.length > keysMax)
    throw misfit('keys', `a list of 1 to ${keysMax} keys, such as [{ alg: "HS256", secret }]`);
  const own: Key[] = [];
  const sets: KeySet[] = [];
  for (const option of options as readonly (KeyOption | KeySetOption)[]) {
    if (typeof option !== 'object' || option === null)
      throw misfit('keys', 'a list of objects such as { alg: "HS256", secret }');
    if (!('jwksUrl' in option)) own.push(readKey(option));
    else {
      const { jwksUrl, algs } = option;
      if (!Array.isArray(algs) || algs.length === 0 || !algs.every(isPublicAlgorithm))
        throw misfit('algs', 'a list of algorithms with public keys, such as ["RS256"]');
      sets.push(new KeySet(addressOption('jwksUrl', jwksUrl), algs, clock));
    }
  }
  const [set, ...others] = sets;
  if (others.length > 0)
    throw misfit('keys', 'those of one issuer, with one `jwksUrl`; for another issuer call jwt() again');
  return { own, set };
}

/** What is looked at of a header before anything is verified. @throws SyncError `unauthenticated` */
function readHeader(token: string): { readonly alg: string; readonly kid: string | undefined } {
  if (token.length > limits.tokenCharsMax.default)
    throw refused(`The token is longer than ${limits.tokenCharsMax.default} characters.`);
  if (!threeParts.test(token) || !token.split('.').every(isCanonical))
    throw refused('The token is no signed JSON Web Token. Encrypted and unsigned ones are not taken.');
  let header: Record<string, unknown>;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    throw refused("The token's header can't be read.");
  }
  const { alg, kid, crit } = header;
  if (typeof alg !== 'string' || (kid !== undefined && typeof kid !== 'string') || crit !== undefined)
    throw refused("The token's header asks for what this server doesn't do.");
  return { alg, kid };
}

/** Whether there is no other way to spell the same bytes. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}

/** The claims of a token if one of these keys has signed it. @throws SyncError `unauthenticated` when they don't hold */
async function verify(
  token: string,
  keys: readonly Key[],
  checks: JWTVerifyOptions,
): Promise<JWTPayload | undefined> {
  for (const { alg, key } of keys) {
    try {
      return (await jwtVerify(token, key, { ...checks, algorithms: [alg] })).payload;
    } catch (thrown) {
      // The library's errors carry the claims, so none of them goes any further.
      if (!(thrown instanceof errors.JWSSignatureVerificationFailed)) throw refused(reasonOf(thrown));
    }
  }
  return undefined;
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof errors.JWTExpired) return 'The token has expired.';
  if (thrown instanceof errors.JWTClaimValidationFailed)
    return `The token's \`${thrown.claim}\` is missing, or not what this server expects.`;
  return "The token's claims can't be read.";
}

/** @throws SyncError `unauthenticated` */
function toIdentity({ sub, jti, capabilities }: JWTPayload, expiresAt: number): Identity {
  if (typeof sub !== 'string') throw refused("The token's `sub` must be a text.");
  return readIdentity({ user: sub, tokenId: jti, capabilities, expiresAt });
}

function misfit(name: string, expected: string): SyncError {
  return new SyncError('bad_option', `Expected \`${name}\` of jwt() to be ${expected}.`);
}
