/**
 * Sessions of your web application as identities: the cookies of a handshake are shown to your function, or to your web
 * server. `createServer` takes it as `authenticate`. Cookies come along with requests that a foreign page makes, so they count only
 * with an `Origin`, which the door has checked by then, or where the browser says that the page is the server's own.
 */
import { SyncError } from '@syncline/protocol';
import { type Clock, systemClock } from '@syncline/protocol/wire';
import type { Credentials } from '../access.ts';
import { refused } from './checks.ts';
import { type Identity, readIdentity } from './identity.ts';
import { Webhook, type WebhookOptions } from './webhook.ts';

/** Finds out who has these cookies; null for nobody. Throw a SyncError to say why not. */
type CookieVerify = (
  cookies: ReadonlyMap<string, string>,
  credentials: Credentials,
) => Identity | null | Promise<Identity | null>;

/** Your function, or the address of your web server. */
export type CookieSessionOptions = ({ readonly verify: CookieVerify } | WebhookOptions) & {
  /** Lets in who isn't signed in as nobody, `{ user: null }`, for what the contract opens to everyone. Default false. */
  readonly anonymous?: boolean;
  /** Time, for tests. */
  readonly clock?: Clock;
};

const headerCharsMax = 16_384;
/** RFC 6265: a name is a token (RFC 9110). */
const nameShape = /^[\w!#$%&'*+\-.^`|~]+$/;

/**
 * With `verify`, your function tells who has the cookies. With `url`, they are posted there as JSON, `{"cookies":{…}}`; answer 200
 * and an identity such as `{"user":"ada","expiresAt":1795392000000}`, or 401 for nobody. Answers are kept for `cacheMs`.
 *
 * Give identities an `expiresAt`, after which the cookies are looked at again, or a `tokenId` that can be revoked at log-out.
 *
 * @throws SyncError `bad_option` for an option that can't be used. What it returns throws `unauthenticated` for
 * cookies that are nobody's, `forbidden` without an `Origin`, and `unavailable` when your server can't be asked.
 * @example
 * createServer({ channels, authenticate: cookieSession({ verify: (cookies) => sessions.get(cookies.get('sid') ?? '') ?? null }) })
 * createServer({ channels, authenticate: cookieSession({ url: 'https://app.example/whoami', secret }) })
 */
export function cookieSession(
  options: CookieSessionOptions,
): (credentials: Credentials) => Promise<Identity> {
  const { anonymous = false, clock = systemClock } = options;
  const look = 'verify' in options ? verifier(options.verify) : asker(options, clock);
  return async (credentials) => {
    const { cookie = '', origin, 'sec-fetch-site': site } = credentials.headers;
    const header = Array.isArray(cookie) ? cookie.join('; ') : cookie;
    if (header.length > headerCharsMax)
      throw refused(`The cookies are longer than ${headerCharsMax} characters.`);
    const cookies = parseCookies(header);
    // A page that reads from its own server sends no Origin; then its browser says that it is its own, which no page can.
    const isOwn = site === 'same-origin' || (typeof origin === 'string' && origin !== '');
    if (cookies.size > 0 && !isOwn)
      throw new SyncError(
        'forbidden',
        'Cookies count only with an `Origin` header, which every browser sends. Use a token elsewhere.',
      );
    const identity = cookies.size > 0 ? await look(cookies, header, credentials) : null;
    if (identity) return identity;
    if (anonymous) return { user: null };
    throw refused("There is no cookie, or it is nobody's. Sign in first.");
  };
}

type Look = (
  cookies: ReadonlyMap<string, string>,
  header: string,
  credentials: Credentials,
) => Promise<Identity | null>;

function verifier(verify: unknown): Look {
  if (typeof verify !== 'function')
    throw new SyncError('bad_option', 'Expected `verify` of cookieSession() to be a function.');
  return async (cookies, _header, credentials) => {
    let answer: unknown;
    try {
      answer = await verify(cookies, credentials);
    } catch (thrown) {
      // An error of somebody else's may say what it choked on, and that is a secret.
      throw thrown instanceof SyncError ? thrown : new SyncError('unauthenticated');
    }
    return answer === null ? null : readIdentity(answer);
  };
}

function asker(options: WebhookOptions, clock: Clock): Look {
  const webhook = new Webhook(options, clock);
  return (cookies, header) =>
    webhook.identify(header, JSON.stringify({ cookies: Object.fromEntries(cookies) }));
}

/**
 * The cookies of a header. Of several with one name the first counts, which is the one with the longest path; what has no
 * name, or control characters, is left out. %-codes are decoded; a value in which one is broken stays as it is.
 */
export function parseCookies(header: string): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>();
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, Math.max(at, 0)).trim();
    const value = unquote(pair.slice(at + 1).trim());
    if (nameShape.test(name) && !/\p{Cc}/u.test(value) && !cookies.has(name))
      cookies.set(name, decode(value));
  }
  return cookies;
}

function unquote(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
