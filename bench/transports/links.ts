/**
 * Readers by the SDK's links over HTTP: its own transports, with the requests that a page's `fetch` would make, over connections that are
 * counted. readers.ts hands them out; what frames say to a page is no matter here but for the updates.
 */
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { type Down, httpTransport, type Link } from '@syncline/client/internal';
import { decodeServer, encodeClient, systemClock } from '@syncline/protocol/wire';
import { browserFields } from './fields.ts';
import { channel } from './plan.ts';
import { type Reader, type Traffic, tell } from './traffic.ts';

/** Connections that a browser keeps to one place. */
const connectionsMax = 6;

export class LinkReader implements Reader {
  readonly #port: number;
  readonly #traffic: Traffic;
  readonly #as: string;
  readonly #down: Down;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: connectionsMax });
  #link: Link | undefined;

  /** @param as what the server is asked for; @param down how the SDK reads that */
  constructor(port: number, traffic: Traffic, as: string, down: Down) {
    this.#port = port;
    this.#traffic = traffic;
    this.#as = as;
    this.#down = down;
    this.#agent.createConnection = () => traffic.track(connect(port, '127.0.0.1'));
  }

  start(): Promise<void> {
    const transport = httpTransport(this.#as, this.#down, systemClock, this.#fetch);
    return new Promise((resolve, reject) => {
      const message = (data: unknown): void => {
        const frame = decodeServer(String(data));
        if (frame?.type === 'welcome')
          this.#link?.send(encodeClient({ type: 'subscribe', ref: 1, channel, start: 0 }));
        if (frame?.type === 'subscribed') resolve();
        if (frame?.type === 'error') reject(new Error(frame.message));
        if (frame?.type === 'entries') tell(this.#traffic, JSON.parse(`[${frame.entries.join()}]`));
      };
      const close = (code: number, reason: string): void => reject(new Error(`It ended: ${code} ${reason}`));
      this.#link = transport.open(`ws://127.0.0.1:${this.#port}/sync`, undefined, { message, close });
    });
  }

  stop(): void {
    this.#link?.close();
    this.#agent.destroy();
  }

  /** What a page of the same origin would send. */
  readonly #fetch: typeof fetch = (address, { method = 'GET', headers, body, signal } = {}) => {
    this.#traffic.requested();
    const { host, origin, pathname, search } = new URL(String(address));
    const type = typeof body === 'string' ? { 'content-type': 'text/plain;charset=UTF-8' } : {};
    const options = {
      host: '127.0.0.1',
      port: this.#port,
      path: pathname + search,
      method,
      agent: this.#agent,
      headers: {
        ...browserFields,
        ...(method === 'GET' ? {} : { Origin: origin }),
        Referer: `http://${host}/`,
        ...type,
        ...Object.fromEntries(new Headers(headers)),
      },
      ...(signal && { signal }),
    };
    return new Promise((resolve, reject) => {
      const asked = request(options, (answer) => resolve(answered(answer)));
      asked.on('error', reject).end(body ?? undefined);
    });
  };
}

function answered(answer: IncomingMessage): Response {
  const { statusCode: status = 0 } = answer;
  if (status !== 204) return new Response(Readable.toWeb(answer) as ReadableStream<Uint8Array>, { status });
  answer.resume();
  return new Response(null, { status });
}
