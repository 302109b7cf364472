/**
 * Whether a handshake came over TLS, and from whom. The doors ask before anyone is authenticated; what a proxy says is
 * believed only where `trustProxy` names it. It knows requests and addresses, no session and no certificate.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { isLoopback, wasForwarded } from './caller.ts';
import { Refusal } from './refusal.ts';

/** What must be known of the way to the server. */
export interface SecureRules {
  /** Whether a proxy of ours stands before the server, or how many of them in a row; false: none, or none that is ours. */
  readonly trustProxy: boolean | number;
}

/** RFC 9110 section 15.5.22: a 426 names what would do; the tokens are those of RFC 2817. */
const upgradeToTls = { Upgrade: 'TLS/1.2, HTTP/1.1', Connection: 'Upgrade, close' };

/**
 * Lets a handshake pass that came over TLS, or that never left this machine. Behind a trusted proxy it is the proxy that
 * says so, with one `X-Forwarded-Proto: https` (or `wss`) on each request, those from this machine included.
 *
 * @throws Refusal 426 `insecure`, whose message is one sentence with the mend.
 * @example
 * checkSecure(request, { trustProxy: 1 })
 */
export function checkSecure(request: IncomingMessage, { trustProxy }: SecureRules): void {
  if (trustProxy !== false) {
    const [proto, ...more] = values(request, 'x-forwarded-proto');
    if (more.length === 0 && /^(https|wss)$/i.test(proto ?? '')) return;
    throw insecure(
      'This server takes TLS connections only, through a proxy that sends "X-Forwarded-Proto: https" exactly once: connect with wss://, or mend the proxy.',
    );
  }
  if (encrypted(request)) return;
  if (!fromThisMachine(request))
    throw insecure(
      'This connection is not encrypted, and this server takes connections from other machines over TLS only: use wss://.',
    );
  if (wasForwarded(request))
    throw insecure(
      'A proxy passed this request on, and the server knows of none: set `trustProxy` where it serves wss://.',
    );
}

/**
 * The address a client comes from, for `authenticate` and for limits per address: use this, not `request.socket`. Behind
 * trusted proxies it is what the outermost of them saw: the nth entry of `X-Forwarded-For` from the right (`true` is 1), or
 * the first where there are fewer. What can't be an address is passed over for the peer's own. An IPv4 address is always
 * written as such; empty where the connection is gone or has none (a Unix socket).
 *
 * @example
 * clientAddress(request, 1) // '203.0.113.7' for `X-Forwarded-For: forged, 203.0.113.7`
 */
export function clientAddress(request: IncomingMessage, trustProxy: boolean | number): string {
  const peer = plainAddress(request.socket.remoteAddress ?? '');
  const hops = Number(trustProxy);
  if (hops === 0) return peer;
  const seen = values(request, 'x-forwarded-for').flatMap((line) => line.split(','));
  const entry = seen[Math.max(0, seen.length - hops)]?.trim() ?? '';
  const address = plainAddress(entry);
  return isIP(address) > 0 ? address : peer;
}

/** All values of a header field, as they were sent: Node joins or drops what comes twice. */
function values({ rawHeaders }: IncomingMessage, name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name);
}

function encrypted({ socket }: IncomingMessage): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true;
}

/** A Unix socket has no addresses, and is of this machine. */
function fromThisMachine({ socket }: IncomingMessage): boolean {
  const { remoteAddress = '127.0.0.1', localAddress = '127.0.0.1' } = socket;
  return isLoopback(remoteAddress) && isLoopback(localAddress);
}

/** Without the port, the brackets and the IPv6 dress of an IPv4 address, all of which proxies may write. */
function plainAddress(text: string): string {
  const bare = /^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+(?:\.\d+){3}):\d+$/.exec(text)?.[1] ?? text;
  return bare.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** The answer to whoever came without TLS. */
export function insecure(message: string): Refusal {
  return new Refusal(426, 'insecure', message, upgradeToTls);
}
