/**
 * Tokens from the side of whoever hands them out: your web server, or a developer who tries things out. `jwt` takes what is
 * made here; it knows nothing of how.
 */
import { SyncError } from '@syncline/protocol';
import { type Clock, systemClock } from '@syncline/protocol/wire';
import { SignJWT } from 'jose';
import { numberOption, secretOption } from './checks.ts';
import { type Capabilities, readIdentity } from './identity.ts';

/** What a token says, and what it is signed with. */
interface MintOptions {
  /** At least 32 bytes; the server has it as `jwt({ keys: [{ alg: 'HS256', secret }], … })`. */
  readonly secret: string | Uint8Array;
  readonly user: string;
  readonly capabilities: Capabilities;
  /** How long it is good, in ms, cut to whole seconds. A server takes 24 hours at most unless told otherwise. */
  readonly lifetimeMs: number;
  /** The name by which it can be revoked. Default: a random one. */
  readonly tokenId?: string;
  /** The claims `iss` and `aud`, for a server that asks for them. Default: none. */
  readonly issuer?: string;
  readonly audience?: string;
  /** Time and chance, for tests. */
  readonly clock?: Clock;
}

const lifetimeMsMax = 3660 * 86_400_000;

/**
 * A JSON Web Token signed with a secret (HS256).
 *
 * @throws SyncError `bad_option`, which never repeats the secret.
 * @example
 * await mintToken({ secret, user: 'ada', capabilities: { 'chat/:room': ['*'] }, lifetimeMs: 3_600_000 })
 */
export async function mintToken(options: MintOptions): Promise<string> {
  const { user, issuer, audience, clock = systemClock } = options;
  const { tokenId = Buffer.from(clock.randomBytes(16)).toString('base64url') } = options;
  const secret = secretOption('secret', options.secret);
  const seconds = Math.floor(numberOption('lifetimeMs', options.lifetimeMs, 1000, lifetimeMsMax) / 1000);
  const { capabilities } = checkIdentity({ user, capabilities: options.capabilities, tokenId });
  if (typeof user !== 'string') throw new SyncError('bad_option', 'A token needs a `user`; null has none.');
  const now = Math.floor(clock.now() / 1000);
  const token = new SignJWT({ capabilities })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(user)
    .setJti(tokenId)
    .setIssuedAt(now)
    .setExpirationTime(now + seconds);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return token.sign(secret);
}

/** An identity from options: the same rules, but whoever breaks them wrote the options. */
function checkIdentity(value: unknown): ReturnType<typeof readIdentity> {
  try {
    return readIdentity(value);
  } catch (thrown) {
    throw new SyncError('bad_option', thrown instanceof Error ? thrown.message : undefined);
  }
}
