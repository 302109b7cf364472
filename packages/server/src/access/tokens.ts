/**
 * Tokens from the side of whoever hands them out: making one, for your web server or for trying things out, and remembering
 * which were withdrawn. `jwt` takes what `mintToken` makes; whoever lets people in asks whether a token is revoked.
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

/**
 * The ids of tokens that were withdrawn, each until it would have ended by itself.
 *
 * @throws SyncError `bad_option`
 * @example
 * revoked.add('token-1', clock.now() + 86_400_000)
 * revoked.has('token-1') // true, for a day
 */
export class Revoked {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #until = new Map<string, number>();

  /** `revokedMax`: ids kept at once, 100,000 by default. */
  constructor({ revokedMax = 100_000, clock = systemClock }: { revokedMax?: number; clock?: Clock } = {}) {
    this.#clock = clock;
    this.#max = numberOption('revokedMax', revokedMax, 1, 10_000_000);
  }

  /**
   * Withdraws a token until a time in ms since 1970: when it ends by itself. Said twice, the later time holds.
   *
   * @throws SyncError `too_many` when there is no room: to forget another would let that one in again.
   */
  add(tokenId: string, untilMs: number): void {
    const before = this.#until.get(tokenId);
    if (before === undefined && !this.#hasRoom())
      throw new SyncError(
        'too_many',
        `${this.#max} tokens are revoked already. Change the key they are signed with instead.`,
      );
    this.#until.set(tokenId, Math.max(untilMs, before ?? untilMs));
  }

  /** Whether a token is withdrawn. */
  has(tokenId: string): boolean {
    const until = this.#until.get(tokenId);
    if (until === undefined) return false;
    if (until > this.#clock.now()) return true;
    this.#until.delete(tokenId);
    return false;
  }

  /** Whether another fits, when those whose time is over are gone. */
  #hasRoom(): boolean {
    if (this.#until.size < this.#max) return true;
    const now = this.#clock.now();
    for (const [tokenId, until] of this.#until) if (until <= now) this.#until.delete(tokenId);
    return this.#until.size < this.#max;
  }
}
