/**
 * Keys that tokens are verified with, each for one algorithm. What a token says of its algorithm picks no key and changes
 * none: a key of another family can't even be made. It knows where no key comes from.
 */
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { SyncError } from '@syncline/protocol';
import type { JWK } from 'jose';
import { secretOption } from './checks.ts';

/** The one family of keys that each algorithm takes. */
const families = {
  HS256: 'secret',
  HS384: 'secret',
  HS512: 'secret',
  RS256: 'rsa',
  RS384: 'rsa',
  RS512: 'rsa',
  PS256: 'rsa',
  PS384: 'rsa',
  PS512: 'rsa',
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
  EdDSA: 'ed25519',
  Ed25519: 'ed25519',
} as const;

/** How a token is signed with a secret that both sides know. */
export type SecretAlgorithm = 'HS256' | 'HS384' | 'HS512';
/** How a token is signed with a private key, and verified with the public one. */
export type PublicAlgorithm = Exclude<keyof typeof families, SecretAlgorithm>;

/** A key, ready to verify with. */
export interface Key {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly key: KeyObject;
}

/** A key as it stands among options: a secret, or a public key as PEM or JWK. */
export type KeyOption =
  | { readonly alg: SecretAlgorithm; readonly secret: string | Uint8Array; readonly kid?: string }
  | { readonly alg: PublicAlgorithm; readonly pem: string; readonly kid?: string }
  | { readonly alg: PublicAlgorithm; readonly jwk: JWK; readonly kid?: string };

const rsaBitsMin = 2048;

/** Whether tokens signed like this are verified with a public key. */
export function isPublicAlgorithm(alg: unknown): alg is PublicAlgorithm {
  return (
    typeof alg === 'string' &&
    Object.hasOwn(families, alg) &&
    families[alg as keyof typeof families] !== 'secret'
  );
}

/** Makes a key of an option. @throws SyncError `bad_option`, which never repeats the key. */
export function readKey(option: KeyOption): Key {
  const { alg, kid } = option;
  if (kid !== undefined && typeof kid !== 'string')
    throw new SyncError('bad_option', 'Expected `kid` of a key to be a text.');
  if (typeof alg !== 'string' || !Object.hasOwn(families, alg))
    throw new SyncError(
      'bad_option',
      `Expected \`alg\` of a key to be one of ${Object.keys(families).join(', ')}.`,
    );
  if ('secret' in option) {
    if (families[alg] !== 'secret') throw misfit(alg);
    return { alg, kid, key: createSecretKey(secretOption('secret', option.secret)) };
  }
  const key = 'pem' in option ? readPem(option.pem) : readPublicJwk(option.jwk, alg);
  if (!key || !isPublicAlgorithm(alg) || !fits(key, alg)) throw misfit(alg);
  return { alg, kid, key };
}

/** The keys of a set (RFC 7517) that verify tokens signed in one of these ways; what can't is left out. */
export function readKeySet(set: readonly unknown[], algs: readonly PublicAlgorithm[]): Key[] {
  return set.flatMap((jwk) => {
    if (!isJwk(jwk)) return [];
    const kid: unknown = jwk['kid'];
    if (kid !== undefined && typeof kid !== 'string') return [];
    // Without `alg` a key may be for several; it is taken only where there is no choice.
    const [only, ...others] = algs.flatMap((alg) => {
      const key = readPublicJwk(jwk, alg);
      return key && fits(key, alg) ? { alg, kid, key } : [];
    });
    return only && others.length === 0 ? only : [];
  });
}

function isJwk(value: unknown): value is JWK {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A public key for verifying, or undefined for whatever else this may be: a secret, a private key, one for encryption. */
function readPublicJwk(jwk: unknown, alg: string): KeyObject | undefined {
  if (!isJwk(jwk)) return undefined;
  const { use, key_ops: operations } = jwk;
  if (jwk.kty === 'oct' || jwk.d !== undefined) return undefined;
  if ((jwk['alg'] ?? alg) !== alg || (use ?? 'sig') !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return undefined;
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function readPem(pem: unknown): KeyObject | undefined {
  // Node would make a public key of a private one, which has no business on a server that only verifies.
  if (typeof pem !== 'string' || pem.includes('PRIVATE KEY')) return undefined;
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

function fits({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, alg: PublicAlgorithm): boolean {
  const { namedCurve, modulusLength = rsaBitsMin } = asymmetricKeyDetails ?? {};
  return (namedCurve ?? asymmetricKeyType) === families[alg] && modulusLength >= rsaBitsMin;
}

function misfit(alg: keyof typeof families): SyncError {
  const expected = {
    secret: '`secret`',
    rsa: `\`pem\` or \`jwk\` with a public RSA key of ${rsaBitsMin} bits or more`,
    prime256v1: '`pem` or `jwk` with a public key on the curve P-256',
    secp384r1: '`pem` or `jwk` with a public key on the curve P-384',
    secp521r1: '`pem` or `jwk` with a public key on the curve P-521',
    ed25519: '`pem` or `jwk` with a public Ed25519 key',
  }[families[alg]];
  return new SyncError('bad_option', `A key for ${alg} needs ${expected}. What was given is none.`);
}
