/**
 * Who is told of entries by a webhook: it keeps which ones of each log it was told of, and holds each signature against the body. How it
 * does is its server's mood.
 */
import { createHmac } from 'node:crypto';
import type { Beside } from './beside.ts';
import { LocalServer } from './local.ts';
import type { Quirks } from './quirks.ts';

const key = Buffer.alloc(32, 7);

export class Receiver implements Beside {
  readonly server: LocalServer;
  readonly quirks: Quirks;
  /** Bodies whose signature was not that of the secret. */
  forged = 0;
  readonly #told: Map<string, Set<number>>;

  constructor(server: LocalServer, told: Map<string, Set<number>>) {
    this.server = server;
    this.#told = told;
    this.quirks = { webhook: { url: server.url, secret: `whsec_${key.toString('base64')}` } };
  }

  static async open(): Promise<Receiver> {
    const told = new Map<string, Set<number>>();
    const server = await LocalServer.open(({ headers }, body, response) => {
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
      const mac = createHmac('sha256', key).update(signed).digest('base64');
      if (headers['webhook-signature'] !== `v1,${mac}`) receiver.forged++;
      const event = JSON.parse(body) as Told;
      const { channel, offset } = event.data;
      if (event.type === 'appended') {
        const offsets = told.get(channel) ?? new Set();
        told.set(channel, offsets.add(offset));
      }
      response.end();
    });
    const receiver = new Receiver(server, told);
    return receiver;
  }

  /** The highest offset of a log that it was told of. */
  top(channel: string): number {
    return Math.max(0, ...(this.#told.get(channel) ?? []));
  }

  /** Offsets up to that one that it was not told of. */
  missing(channel: string, upTo: number): number {
    const offsets = this.#told.get(channel);
    let missing = 0;
    for (let offset = 1; offset <= upTo; offset++) if (!offsets?.has(offset)) missing++;
    return missing;
  }

  close(): Promise<void> {
    return this.server.close();
  }
}

interface Told {
  readonly type: string;
  readonly data: { readonly channel: string; readonly offset: number };
}
