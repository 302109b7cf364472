/**
 * The door: everything that is checked about an upgrade request before it becomes a WebSocket. `ws` accepts old versions,
 * doubled hosts, bodies and any origin; those checks are here. It knows requests and answers, no session.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errors, SyncError } from '@syncline/protocol';
import type { Credentials } from '../access.ts';

export const subprotocol = 'syncline.v1';
const bearerPrefix = 'bearer.';
const headersMax = 100;
const forwarders = new Set(['forwarded', 'x-real-ip', 'via', 'cf-connecting-ip', 'true-client-ip']);

/** What the door must know of the server. */
export interface DoorRules {
  readonly originsAllowed: readonly string[];
  /** Whether nobody is asked who they are, and so only this machine may come in. */
  readonly anonymous: boolean;
}

/** An answer to a request that doesn't become a WebSocket. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }

  /** A SyncError as the HTTP answer that the errors table gives it. */
  static from(thrown: unknown): Refusal {
    if (thrown instanceof Refusal) return thrown;
    const error = thrown instanceof SyncError ? thrown : new SyncError('internal');
    return new Refusal(errors[error.code].http || 500, error.code, error.message);
  }
}

/** The path of a request, as it was sent; nothing is decoded or normalised. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

/** Checks the request itself. @throws Refusal */
export function checkRequest(request: IncomingMessage, rules: DoorRules): void {
  if (request.method !== 'GET')
    throw new Refusal(405, 'bad_frame', 'A WebSocket handshake is a GET request.', { Allow: 'GET' });
  if (request.httpVersion !== '1.1')
    throw new Refusal(505, 'bad_frame', 'A WebSocket handshake needs HTTP/1.1.');
  if (request.rawHeaders.length / 2 > headersMax)
    throw new Refusal(431, 'frame_too_large', `More than ${headersMax} header fields.`);
  if (count(request, 'host') !== 1) throw new Refusal(400, 'bad_frame', 'Exactly one Host header is needed.');
  if (request.headers['sec-websocket-version'] !== '13') {
    throw new Refusal(400, 'bad_frame', 'The WebSocket version must be 13.', {
      'Sec-WebSocket-Version': '13',
    });
  }
  if (
    request.headers['transfer-encoding'] !== undefined ||
    Number(request.headers['content-length'] ?? 0) !== 0
  ) {
    throw new Refusal(400, 'bad_frame', 'A WebSocket handshake has no body.');
  }
  checkOrigin(request, rules);
  if (rules.anonymous) checkLocal(request);
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

/** The subprotocols that the client offers. */
export function subprotocols(request: IncomingMessage): string[] {
  return (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** Answers a request with a status and a JSON body, and closes. */
export function refuse(socket: Duplex, refusal: Refusal, statusText: string): void {
  if (socket.destroyed || !socket.writable) return;
  const body = JSON.stringify({ error: { code: refusal.code, message: refusal.message } });
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...refusal.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${refusal.status} ${statusText}\r\n${lines.join('\r\n')}\r\n\r\n${body}`, () =>
    socket.destroy(),
  );
}

/** CORS doesn't cover WebSockets: a page of another origin could otherwise act with the visitor's cookies. */
function checkOrigin(request: IncomingMessage, { originsAllowed }: DoorRules): void {
  const { origin, host } = request.headers;
  if (origin === undefined) return;
  if (count(request, 'origin') === 1 && originsAllowed.includes(origin)) return;
  const own =
    URL.canParse(origin) && new URL(origin).origin === origin && new URL(origin).host === host?.toLowerCase();
  if (own && count(request, 'origin') === 1) return;
  throw new Refusal(
    403,
    'forbidden',
    `The origin ${JSON.stringify(origin.slice(0, 100))} is not this server's own. Add it to \`originsAllowed\` if its pages may connect.`,
  );
}

/** Without \`authenticate\` only this machine may come in, by a name of its own: a foreign name that resolves here may not. */
function checkLocal(request: IncomingMessage): void {
  const socket: Socket = request.socket;
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
  const local =
    isLoopback(socket.remoteAddress ?? '127.0.0.1') &&
    isLoopback(socket.localAddress ?? '127.0.0.1') &&
    (isLoopback(host) || host === 'localhost');
  if (local && !forwarded(request)) return;
  throw new Refusal(
    403,
    'forbidden',
    'This server knows no way to tell who you are, so it serves its own machine only. Give createServer() an `authenticate` function to let others in.',
  );
}

/** Whether a proxy passed the request on: then the address it comes from is the proxy's, not the visitor's. */
function forwarded({ headers }: IncomingMessage): boolean {
  return Object.keys(headers).some((name) => name.startsWith('x-forwarded-') || forwarders.has(name));
}

/** Whether an address or host name means this machine only. */
export function isLoopback(host: string): boolean {
  return /^(::ffff:)?127(\.\d{1,3}){3}$/.test(host) || host === '::1' || host === '[::1]';
}

function count(request: IncomingMessage, name: string): number {
  return request.rawHeaders.filter((field, i) => i % 2 === 0 && field.toLowerCase() === name).length;
}
