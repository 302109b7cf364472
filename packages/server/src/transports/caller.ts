/**
 * Who calls, as far as a request tells: whom they ask for, on behalf of which page, from where, and what they show for themselves. It
 * is checked of every request, a handshake or not, before anyone is authenticated. It knows requests, no session.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { bearerPrefix } from '@syncline/protocol/wire';
import type { Credentials } from '../access.ts';
import { Refusal } from './refusal.ts';

/** More than any client offers; each costs a comparison or two. */
const subprotocolsMax = 32;
/** A name, an IPv4 address, or an IPv6 address in brackets; then perhaps a port. */
const hostPattern = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;
/** RFC 9110 section 5.6.2. */
const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const forwarders = new Set(['forwarded', 'x-real-ip', 'via', 'cf-connecting-ip', 'true-client-ip']);

/** What must be known of the server to judge who may call it. */
export interface CallerRules {
  readonly originsAllowed: readonly string[];
  /** The names, with or without a port, by which the server may be called; all, where there are none. */
  readonly hostsAllowed: readonly string[];
  /** Whether a proxy of ours stands before the server: then everyone comes over TLS, whatever this socket is. */
  readonly trustProxy: boolean | number;
  /** Whether people are asked who they are; if not, only this machine may come in. */
  readonly authenticates: boolean;
}

/** The path of a request, as it was sent; nothing is decoded or normalised. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

/** What is checked of any request, handshake or not. @throws Refusal */
export function checkCaller(request: IncomingMessage, rules: CallerRules): void {
  checkHost(request, rules);
  checkVisitor(request, rules);
}

/** On whose behalf somebody asks, and from where. @throws Refusal */
export function checkVisitor(request: IncomingMessage, rules: CallerRules): void {
  checkOrigin(request, rules);
  if (!rules.authenticates) checkLocal(request);
}

/** The token a client sent, and the facts that `authenticate` may look at. */
export function credentials(request: IncomingMessage): Credentials {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  const offered = subprotocols(request).find((name) => name.startsWith(bearerPrefix));
  return {
    headers: request.headers,
    url: request.url ?? '',
    remoteAddress: request.socket.remoteAddress ?? '',
    token: bearer ?? (offered?.slice(bearerPrefix.length) || null),
  };
}

/** The subprotocols that the client offers. @throws Refusal for what is no list of different tokens (RFC 6455 section 4.1) */
export function subprotocols(request: IncomingMessage): string[] {
  const field = request.headers['sec-websocket-protocol'];
  if (field === undefined) return [];
  const names = field.split(',').map((name) => name.trim());
  const sound = names.length <= subprotocolsMax && names.every((name) => tokenPattern.test(name));
  if (sound && new Set(names).size === names.length) return names;
  throw new Refusal(
    400,
    'bad_frame',
    `Sec-WebSocket-Protocol must be a list of up to ${subprotocolsMax} different names.`,
  );
}

/** The name the server is called by. A foreign name that resolves to this machine opens pages a way to it (DNS rebinding). @throws Refusal */
export function checkHost(request: IncomingMessage, { hostsAllowed }: CallerRules): void {
  const host = request.headers.host?.toLowerCase() ?? '';
  if (count(request, 'host') !== 1 || !hostPattern.test(host))
    throw new Refusal(400, 'bad_frame', 'Exactly one Host header with a host and perhaps a port is needed.');
  if (hostsAllowed.length === 0) return;
  const names = [host, host.replace(/:\d+$/, '')];
  if (hostsAllowed.some((allowed) => names.includes(allowed.toLowerCase()))) return;
  throw new Refusal(
    421,
    'forbidden',
    `This server is not called ${JSON.stringify(host.slice(0, 100))}. Add it to \`hostsAllowed\` if it is.`,
  );
}

/** CORS doesn't cover WebSockets: a page of another origin could otherwise act with the visitor's cookies. */
function checkOrigin(request: IncomingMessage, rules: CallerRules): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  const listed = rules.originsAllowed.includes(origin);
  if (count(request, 'origin') === 1 && (listed || isOwn(origin, request, rules))) return;
  throw new Refusal(
    403,
    'forbidden',
    `The origin ${JSON.stringify(origin.slice(0, 100))} is not this server's own. Add it to \`originsAllowed\` if its pages may connect.`,
  );
}

/**
 * Whether an origin, as browsers write it, is the server's own: host, port, and the scheme too where it is known. Without
 * TLS here and without a trusted proxy nobody knows whether the page came over TLS, so either scheme is good.
 */
function isOwn(origin: string, { headers, socket }: IncomingMessage, { trustProxy }: CallerRules): boolean {
  const { protocol } = URL.parse(origin) ?? {};
  const overTls = trustProxy !== false || (socket as Partial<TLSSocket>).encrypted === true;
  if (protocol !== 'https:' && (protocol !== 'http:' || overTls)) return false;
  return URL.parse(`${protocol}//${headers.host}`)?.origin === origin;
}

/** Without `authenticate` only this machine may come in, by a name of its own: a foreign name that resolves here may not. */
function checkLocal(request: IncomingMessage): void {
  const socket: Socket = request.socket;
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
  const local =
    isLoopback(socket.remoteAddress ?? '127.0.0.1') &&
    isLoopback(socket.localAddress ?? '127.0.0.1') &&
    (isLoopback(host) || host === 'localhost');
  if (local && !wasForwarded(request)) return;
  throw new Refusal(
    403,
    'forbidden',
    'This server knows no way to tell who you are, so it serves its own machine only. Give createServer() an `authenticate` function to let others in.',
  );
}

/** Whether a proxy passed the request on: then the address it comes from is the proxy's, not the visitor's. */
export function wasForwarded({ headers }: IncomingMessage): boolean {
  return Object.keys(headers).some((name) => name.startsWith('x-forwarded-') || forwarders.has(name));
}

/** Whether an address or host name means this machine only. */
export function isLoopback(host: string): boolean {
  return /^(::ffff:)?127(\.\d{1,3}){3}$/.test(host) || host === '::1' || host === '[::1]';
}

function count(request: IncomingMessage, name: string): number {
  return request.rawHeaders.filter((field, i) => i % 2 === 0 && field.toLowerCase() === name).length;
}
