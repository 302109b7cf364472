/**
 * A server's own HTTP server: makes it, with TLS or without, opens its port and says why that can't be. It also judges
 * which addresses others can reach, of its own servers and of those it is attached to. It knows no upgrade and no session.
 */
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { SyncError } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import type { Logger } from '../observe.ts';
import { show } from '../options/show.ts';
import { isLoopback } from './caller.ts';
import { refuse } from './refusal.ts';
import { insecure } from './secure.ts';
import { CertificateFiles, readCertificate, type Tls } from './tls.ts';

/** What must be known of a server before others may reach it. */
export interface Reach {
  /** Whether people are asked who they are. */
  readonly authenticates: boolean;
  readonly trustProxy: boolean | number;
}

/** An HTTP server of our own. */
export interface OwnServer {
  readonly http: HttpServer;
  /** Ends what is no WebSocket, or none yet, and leaves the files of the certificate alone. */
  readonly cut: () => void;
}

/** How long a request may take to arrive, and how often that is looked at. */
const requests = { headersTimeout: 10_000, requestTimeout: 10_000, connectionsCheckingInterval: 2000 };

/** What every HTTP server has; an app of a framework, which is often taken for one, lacks some of it. */
const traits = ['on', 'off', 'once', 'listen', 'address', 'listenerCount'] as const;

/**
 * Makes sure that something is an HTTP server, of `node:http` or what behaves like it.
 *
 * @throws SyncError `bad_option`
 */
export function checkHttpServer(server: unknown): void {
  const has: Partial<Record<string, unknown>> = Object(server);
  if (traits.every((trait) => typeof has[trait] === 'function')) return;
  const got = typeof server === 'function' ? 'a function' : show(server);
  throw new SyncError(
    'bad_option',
    `Expected an HTTP server to attach to, such as http.createServer(app), what app.listen() returns in Express, or fastify.server; got ${got}.`,
  );
}

/**
 * Checks where a server is to listen. A host that others can reach is refused while there is no way to tell them apart,
 * or no encryption.
 *
 * @throws SyncError `bad_option`, with the mends.
 */
export function checkPlace(port: number, host: string, reach: Reach, tls: Tls | undefined): void {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new SyncError('bad_option', `Expected the port to be a number from 0 to 65535, got ${show(port)}.`);
  const why = exposure(host, reach, tls !== undefined, 'give createServer() `tls: { cert, key }`');
  if (why) throw new SyncError('bad_option', why);
}

/**
 * The same for an HTTP server that isn't ours, as soon as it is known where it listens. One that listens already, for
 * people who can't be told apart, is refused; otherwise the log says once who will be turned away.
 *
 * @returns what stops the waiting.
 * @throws SyncError `bad_option`
 */
export function watchExposed(http: HttpServer, reach: Reach, logger: Logger): () => void {
  const why = (): string | undefined => {
    const address = http.address();
    if (address === null || typeof address === 'string') return undefined;
    return exposure(address.address, reach, http instanceof TlsServer, 'attach to an https server');
  };
  const tell = (): void => {
    const found = why();
    if (found) logger.error({}, `WebSockets from other machines will be refused: ${found}`);
  };
  if (!http.listening) http.once('listening', tell);
  else if (reach.authenticates) tell();
  else {
    const found = why();
    if (found) throw new SyncError('bad_option', found);
  }
  return () => void http.off('listening', tell);
}

function exposure(host: string, reach: Reach, tls: boolean, mend: string): string | undefined {
  if (host === 'localhost' || isLoopback(host)) return undefined;
  if (!reach.authenticates)
    return `Others can reach ${host}, and this server knows no way to tell who they are. Give createServer() an \`authenticate\` function, or listen on localhost.`;
  if (tls || reach.trustProxy !== false) return undefined;
  return `Others can reach ${host}, and nothing would be encrypted on the way: ${mend}, or set \`trustProxy\` if a proxy of yours serves TLS, or listen on localhost.`;
}

/**
 * Makes an HTTP server, with TLS or without. By itself it only tells whoever asks that it is there for WebSockets.
 *
 * @throws SyncError `bad_option` for a certificate that can't be used.
 */
export async function makeServer(
  tls: Tls | undefined,
  tools: { readonly clock: Clock; readonly logger: Logger; readonly tlsHandshakeMs: number },
): Promise<OwnServer> {
  if (!tls) {
    const http = answering(createHttpServer(requests));
    return { http, cut: () => http.closeAllConnections() };
  }
  const certificate = await readCertificate(tls, tools.clock.now());
  const { context } = certificate;
  const https = createHttpsServer({ ...requests, ...context, handshakeTimeout: tools.tlsHandshakeMs });
  const files = new CertificateFiles(tls, certificate, tools, (next) => https.setSecureContext(next));
  const shakingHands = answerPlain(https);
  const cut = (): void => {
    files.stop();
    for (const bare of shakingHands.values()) bare.destroy();
    https.closeAllConnections();
  };
  return { http: answering(https), cut };
}

/** Opens the port. @throws SyncError `unavailable`, or `closed` when the server is closed meanwhile */
export function listening(http: HttpServer, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    http.once('close', () =>
      reject(new SyncError('closed', 'The server was closed before it could listen.')),
    );
    http.once('error', (error: NodeJS.ErrnoException) => {
      const taken = 'another program listens there. Stop it, or choose another port';
      const why = error.code === 'EADDRINUSE' ? taken : error.message;
      reject(new SyncError('unavailable', `The server can't listen on port ${port} of ${host}: ${why}.`));
    });
    http.listen(port, host, () => {
      const address = http.address();
      if (address === null || typeof address === 'string') reject(new SyncError('internal'));
      else resolve(address);
    });
  });
}

function answering(http: HttpServer): HttpServer {
  return http.on('request', (_request, response) => {
    response
      .writeHead(426, { Upgrade: 'websocket', 'Content-Type': 'text/plain' })
      .end('This is a WebSocket server.\n');
  });
}

/**
 * Tells those who speak HTTP to a TLS port what it is. OpenSSL notices, but then has only the TLS side of the connection to
 * show; the bare one is found by the peer's address and port.
 *
 * @returns the bare connections that are no TLS yet.
 */
function answerPlain(https: HttpsServer): ReadonlyMap<string, Socket> {
  const shakingHands = new Map<string, Socket>();
  const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  const forget = function (this: Socket): void {
    shakingHands.delete(peerOf(this));
  };
  https.prependListener('connection', (bare: Socket) => {
    bare.on('error', ignore).once('close', forget);
    shakingHands.set(peerOf(bare), bare);
  });
  https.on('secureConnection', (socket: Socket) => forget.call(socket));
  https.on('tlsClientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const bare = shakingHands.get(peerOf(socket));
    if (!bare || error.code !== 'ERR_SSL_HTTP_REQUEST') return;
    refuse(bare, insecure('This port speaks TLS only: use wss:// or https://.'), 'Upgrade Required');
  });
  return shakingHands;
}

function ignore(): void {}
