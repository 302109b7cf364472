/**
 * What tests of credentials need: tokens forged in any way, which no library would sign, and web servers on this machine
 * that answer as told. It is no part of what the package exports.
 */
import {
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  type KeyPairKeyObjectResult,
  sign,
} from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { SyncError } from '@syncline/protocol';
import { onTestFinished } from 'vitest';
import type { Credentials } from '../access.ts';

export const secret = 'a secret of more than thirty-two bytes';

/** A pair of keys of each family that signatures come in. */
export const pairs = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  otherRsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  p521: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed25519: generateKeyPairSync('ed25519'),
};

export function pemOf({ publicKey }: KeyPairKeyObjectResult): string {
  return publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

/** A public key as a set shows it. */
export function jwkOf({ publicKey }: KeyPairKeyObjectResult, more: object = {}): Record<string, unknown> {
  return { ...publicKey.export({ format: 'jwk' }), ...more };
}

export function base64url(value: unknown): string {
  const bytes = typeof value === 'string' || value instanceof Uint8Array ? value : JSON.stringify(value);
  return Buffer.from(bytes).toString('base64url');
}

/** Signs bytes as `alg` says, with whatever key there is; a text is taken for a secret. */
export function signature(alg: string, data: string, key: KeyObject | string | Buffer): Buffer {
  const hash = `sha${alg.slice(-3)}`;
  if (typeof key === 'string' || Buffer.isBuffer(key)) return createHmac(hash, key).update(data).digest();
  if (alg.startsWith('Ed')) return sign(null, Buffer.from(data), key);
  if (alg.startsWith('ES')) return sign(hash, Buffer.from(data), { key, dsaEncoding: 'ieee-p1363' });
  // 6 is RSA_PKCS1_PSS_PADDING.
  const padding = alg.startsWith('PS') ? { padding: 6, saltLength: Number(alg.slice(-3)) / 8 } : {};
  return sign(hash, Buffer.from(data), { key, ...padding });
}

/** A token with this header and these claims, signed as `alg` says, whatever the header says. */
export function forge(
  header: object,
  claims: unknown,
  key: KeyObject | string | Buffer = secret,
  alg = String((header as { alg?: unknown }).alg),
): string {
  const data = `${base64url(header)}.${base64url(claims)}`;
  return `${data}.${base64url(signature(alg, data, key))}`;
}

/** An ECDSA signature as certificates hold it, made of the form that tokens hold. */
export function derOf(raw: Buffer): Buffer {
  const number = (bytes: Buffer) => Buffer.from([2, bytes.length + 1, 0, ...bytes]);
  const both = Buffer.concat([number(raw.subarray(0, 32)), number(raw.subarray(32))]);
  return Buffer.concat([Buffer.from([0x30, both.length]), both]);
}

/** What a handshake brings, but for what a test says. */
export function credentials(changes: Partial<Credentials> = {}): Credentials {
  return { headers: {}, url: '/sync', remoteAddress: '127.0.0.1', token: null, ...changes };
}

/** The SyncError that something ends with. */
export async function errorOf(run: () => unknown): Promise<SyncError> {
  try {
    await run();
  } catch (thrown) {
    if (thrown instanceof SyncError) return thrown;
    throw thrown;
  }
  throw new Error('It was not refused.');
}

/** All that could be read off a value by whoever logs it, stack, hidden properties and causes included. */
export function everythingIn(value: unknown): string {
  return inspect(value, { depth: null, showHidden: true, maxArrayLength: null, maxStringLength: null });
}

export interface WebServer {
  readonly url: string;
  readonly requests: IncomingMessage[];
  /** What it answers with; a test may change it at any time. */
  answer: (response: ServerResponse, body: string, request: IncomingMessage) => void;
  /** Resolves when so many requests have come, bodies included. */
  asked(count: number): Promise<void>;
  close(): Promise<void>;
}

/** A web server on a free port. It is closed when the test is over. */
export async function webServer(answer: WebServer['answer']): Promise<WebServer> {
  const waiting = new Set<() => void>();
  const http = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    server.requests.push(request);
    server.answer(response, body, request);
    for (const look of waiting) look();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server: WebServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    requests: [],
    answer,
    asked: (count) =>
      new Promise((resolve) => {
        const look = () => server.requests.length >= count && resolve();
        waiting.add(look);
        look();
      }),
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  onTestFinished(() => server.close());
  return server;
}

/** Answers with JSON. */
export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
