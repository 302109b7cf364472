/**
 * Somebody who is told by webhooks, for tests: an HTTP server that verifies each signature as a library of another's would, keeps what it
 * was told, and answers as the test says. It is no part of what the package exports.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** What was told once. */
export interface Told {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Whether the signature is of one of the receiver's secrets. */
  readonly signed: boolean;
}

export interface Receiver {
  readonly url: string;
  readonly secret: string;
  /** All attempts, in the order in which they came. */
  readonly told: readonly Told[];
  /** Requests that aren't answered yet. */
  readonly open: ReadonlySet<ServerResponse>;
  /** Connections that were made. */
  readonly connections: number;
  /** How it answers from now on; `wait` doesn't. */
  answer: number | 'wait' | ((response: ServerResponse, told: Told) => void);
}

export function makeSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/** One that listens on this machine, and answers 204. */
export async function receiver(): Promise<Receiver> {
  const secret = makeSecret();
  const told: Told[] = [];
  const open = new Set<ServerResponse>();
  const self = { secret, told, open, url: '', connections: 0, answer: 204 as Receiver['answer'] };
  const http = createServer((request, response) => {
    open.add(response);
    response.on('close', () => open.delete(response));
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one = read(request.headers, Buffer.concat(chunks).toString(), secret);
      told.push(one);
      if (typeof self.answer === 'function') self.answer(response, one);
      else if (self.answer !== 'wait') response.writeHead(self.answer).end();
    });
  });
  http.on('connection', () => self.connections++);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  self.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/hook?key=canary`;
  return self;
}

function read(headers: IncomingHttpHeaders, text: string, secret: string): Told {
  const id = String(headers['webhook-id']);
  const { type, data } = JSON.parse(text) as Pick<Told, 'type' | 'data'>;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const mac = createHmac('sha256', key)
    .update(`${id}.${headers['webhook-timestamp']}.${text}`)
    .digest('base64');
  const signed = String(headers['webhook-signature']).split(' ').includes(`v1,${mac}`);
  return { id, headers, text, type, data, signed };
}
