/**
 * The deployment that is examined, and the two ways to knock at it: a plain request and a handshake by hand, whose answers are told
 * as they came, whatever they are. Checks use them; they judge nothing.
 */
import { randomBytes } from 'node:crypto';
import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Duplex } from 'node:stream';
import { rootCertificates } from 'node:tls';
import { type Clock, subprotocol } from '@syncline/protocol/wire';
import { readRefusal } from '../link.ts';

export interface Target {
  /** With `ws:` or `wss:`, and the path where the SDK connects. */
  readonly url: URL;
  readonly secure: boolean;
  readonly port: number;
  /** A certificate to trust besides those that everybody trusts, PEM. */
  readonly ca: string | undefined;
  /** Sent to nobody whose certificate is no good. */
  readonly token: string | undefined;
  /** The origin of the pages. */
  readonly origin: string;
  /** Whether the certificate is one that browsers take; set by the check of it. */
  trusted: boolean;
  readonly clock: Clock;
  /** How long any one step may take, in ms. */
  readonly patienceMs: number;
  /** How long to listen for a heartbeat at most, in ms. */
  readonly watchMs: number;
}

/** An answer, and its body if it was read. */
export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The code of the errors table, where our own server answered. */
  readonly code: string | undefined;
  readonly message: string;
}

/** What a request failed with, in words. */
export class NoAnswer extends Error {}

/** What came of a request, or that nothing did. */
export async function tried<T>(request: Promise<T>): Promise<T | NoAnswer> {
  try {
    return await request;
  } catch (thrown) {
    if (thrown instanceof NoAnswer) return thrown;
    throw thrown;
  }
}

/** Options of any connection to the target. */
export function tlsOptions({ ca, url }: Target): { readonly [option: string]: unknown } {
  const host = hostOf(url);
  return {
    rejectUnauthorized: false,
    ...(ca !== undefined && { ca: [...rootCertificates, ca] }),
    // An address is no name that a server could be asked for by.
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
  };
}

/** The name or the address, without the brackets of an IPv6 address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

/** Headers by which the target knows who asks. */
export function credentialsOf({ token, trusted }: Target): Record<string, string> {
  return token !== undefined && trusted ? { Authorization: `Bearer ${token}` } : {};
}

/** Begins a request. */
export function begin(
  target: Target,
  path: string,
  {
    method = 'GET',
    headers = {},
  }: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> },
): ClientRequest {
  const options = {
    ...tlsOptions(target),
    host: hostOf(target.url),
    port: target.port,
    path,
    method,
    // Exactly as browsers write it.
    headers: { Host: target.url.host, ...headers },
    agent: false as const,
  };
  return (target.secure ? requestHttps : requestHttp)(options);
}

/** What comes first of an answer: the answer, a changed protocol with its socket, or nothing within the time. @throws NoAnswer */
export function answerTo(
  request: ClientRequest,
  { clock, patienceMs }: Target,
): Promise<{ readonly response: IncomingMessage; readonly socket: Duplex | undefined }> {
  return new Promise((resolve, reject) => {
    const cancel = clock.timer(patienceMs, () =>
      request.destroy(new Error(`nothing came within ${patienceMs / 1000} s`)),
    );
    const done = (response: IncomingMessage, socket?: Duplex): void => {
      cancel();
      resolve({ response, socket });
    };
    request.on('response', (response) => done(response));
    request.on('upgrade', (response, socket) => {
      socket.on('error', () => {});
      done(response, socket);
    });
    request.on('error', (thrown: NodeJS.ErrnoException) => {
      cancel();
      reject(new NoAnswer(thrown.message || thrown.code));
    });
  });
}

/** Asks, and reads the answer. @throws NoAnswer */
export async function ask(
  target: Target,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const request = begin(target, path, { headers });
  request.end();
  const { response } = await answerTo(request, target);
  const { code, message } = await readRefusal(response);
  request.destroy();
  return { status: response.statusCode ?? 0, headers: response.headers, code, message };
}

/** A handshake, and how it was answered; the connection is given up at once. @throws NoAnswer */
export async function shake(
  target: Target,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answered & { readonly key: string }> {
  const key = randomBytes(16).toString('base64');
  const request = begin(target, target.url.pathname + target.url.search, {
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Protocol': subprotocol,
      ...credentialsOf(target),
      ...headers,
    },
  });
  request.end();
  const { response, socket } = await answerTo(request, target);
  const refused = socket ? { code: undefined, message: '' } : await readRefusal(response);
  request.destroy();
  socket?.destroy();
  return { status: response.statusCode ?? 0, headers: response.headers, key, ...refused };
}
