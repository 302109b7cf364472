/**
 * Who a session is, and what it may do. The handshake asks for an identity before a connection takes a slot; sessions ask
 * `may` at each use. It knows requests and identities, no channel and no transport.
 */
import { SyncError } from '@syncline/protocol';

/** Who someone is, as `authenticate` found out. `user` is stamped on what they append; null for nobody in particular. */
export interface Identity {
  readonly user: string | null;
}

/** What a session does with a channel. */
export type Action = 'subscribe' | 'publish' | 'history';

/** What `authenticate` gets of a handshake: its headers, its address, and the token, if the client sent one. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly url: string;
  readonly remoteAddress: string;
  /** From `Authorization: Bearer …`, or from the subprotocol `bearer.…` that the client SDK sends. */
  readonly token: string | null;
}

/**
 * Finds out who is asking. Throw to refuse: a SyncError as it is, anything else as `unauthenticated`.
 */
export type Authenticate = (credentials: Credentials) => Identity | Promise<Identity>;

const userCharsMax = 255;

const anonymous: Identity = { user: null };

/** Runs `authenticate`, and holds its answer to what an identity is. @throws SyncError `unauthenticated`, or what it threw. */
export async function identify(
  authenticate: Authenticate | null,
  credentials: Credentials,
): Promise<Identity> {
  if (!authenticate) return anonymous;
  let identity: unknown;
  try {
    identity = await authenticate(credentials);
  } catch (thrown) {
    throw thrown instanceof SyncError ? thrown : new SyncError('unauthenticated');
  }
  const user =
    typeof identity === 'object' && identity !== null && 'user' in identity ? identity.user : undefined;
  if (user === null) return anonymous;
  if (typeof user === 'string' && user.length > 0 && user.length <= userCharsMax) return { user };
  throw new SyncError('unauthenticated', '`authenticate` must return { user: string | null }.');
}

/** Whether this identity may do that. Whoever got past the handshake may, until capabilities narrow it. */
export function may(_identity: Identity, _action: Action, _channel: string): boolean {
  return true;
}
