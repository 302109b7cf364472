/**
 * A reader of the feed for each way to read it. Each behaves as a page in a browser would: the same header fields, one connection that
 * is kept while it can be, the next request from where the last one ended. crowd.ts starts them; they report to the traffic.
 */
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { polled, streamed } from '@syncline/client/internal';
import { decodeServer, encodeClient, subprotocol } from '@syncline/protocol/wire';
import { WebSocket } from 'ws';
import { browserFields, socketFields } from './fields.ts';
import { LinkReader } from './links.ts';
import { channel, pollMs, type Way } from './plan.ts';
import { type Reader, type Traffic, tell } from './traffic.ts';

export function readerOf(way: Way, port: number, traffic: Traffic): Reader {
  const every = pollMs[way];
  if (every !== undefined) return new Polling(port, traffic, every);
  if (way === 'long polling') return new LongPolling(port, traffic);
  if (way === 'SSE') return new EventStream(port, traffic);
  if (way === 'SDK, long polling') return new LinkReader(port, traffic, 'long-poll', polled);
  if (way === 'SDK, SSE') return new LinkReader(port, traffic, 'sse', streamed);
  return new Socket(port, traffic);
}

/** Ways that ask by HTTP, over one connection. */
abstract class Asking implements Reader {
  protected readonly traffic: Traffic;
  protected stopped = false;
  protected at = 'now';
  protected cursor = '';
  readonly #port: number;
  readonly #agent: Agent;

  constructor(port: number, traffic: Traffic) {
    this.#port = port;
    this.traffic = traffic;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.#agent.createConnection = () => traffic.track(connect(port, '127.0.0.1'));
  }

  abstract start(): Promise<void>;

  stop(): void {
    this.stopped = true;
    this.#agent.destroy();
  }

  protected ask(query: string, fields: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> {
    this.traffic.requested();
    const options = {
      host: '127.0.0.1',
      port: this.#port,
      path: `/sync/streams/${channel}?${query}`,
      agent: this.#agent,
      headers: { ...browserFields, ...fields, Referer: `http://127.0.0.1:${this.#port}/` },
    };
    return new Promise((resolve, reject) => request(options, resolve).on('error', reject).end());
  }

  /** Takes an answer that ends: what is in it, and where the next one begins. */
  protected async take(answer: IncomingMessage): Promise<void> {
    answer.setEncoding('utf8');
    let text = '';
    for await (const part of answer) text += part;
    const { statusCode = 0, headers } = answer;
    if (statusCode >= 300) throw new Error(`The server answered ${statusCode}: ${text}`);
    this.at = String(headers['stream-next-offset'] ?? this.at);
    this.cursor = String(headers['stream-cursor'] ?? '');
    if (text) tell(this.traffic, JSON.parse(text));
  }

  /** Runs until it is stopped, whose broken connection is no fault. */
  protected run(loop: () => Promise<void>): void {
    loop().catch((thrown) => {
      if (!this.stopped) throw thrown;
    });
  }
}

/** Asks again and again, at its own time. */
class Polling extends Asking {
  readonly #everyMs: number;

  constructor(port: number, traffic: Traffic, everyMs: number) {
    super(port, traffic);
    this.#everyMs = everyMs;
  }

  async start(): Promise<void> {
    await this.take(await this.ask('offset=now'));
    this.run(async () => {
      await sleep(Math.random() * this.#everyMs);
      while (!this.stopped) {
        const next = sleep(this.#everyMs);
        await this.take(await this.ask(`offset=${this.at}`));
        await next;
      }
    });
  }
}

/** Asks, and is answered once there is something. */
class LongPolling extends Asking {
  async start(): Promise<void> {
    await this.take(await this.ask('offset=now'));
    this.run(async () => {
      while (!this.stopped) {
        const cursor = this.cursor ? `cursor=${this.cursor}&` : '';
        await this.take(await this.ask(`${cursor}live=long-poll&offset=${this.at}`));
      }
    });
  }
}

/** One answer that goes on; asked for anew when the server ends it. */
class EventStream extends Asking {
  async start(): Promise<void> {
    let begun = (): void => {};
    const beginning = new Promise<void>((resolve) => {
      begun = resolve;
    });
    this.run(async () => {
      while (!this.stopped) {
        const answer = await this.ask(`live=sse&offset=${this.at}`, { Accept: 'text/event-stream' });
        begun();
        await this.#read(answer);
      }
    });
    await beginning;
  }

  async #read(answer: IncomingMessage): Promise<void> {
    answer.setEncoding('utf8');
    let rest = '';
    for await (const part of answer) {
      const blocks = (rest + part).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) this.#event(block);
    }
  }

  #event(block: string): void {
    const lines = block.split('\n');
    const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5));
    if (data.length === 0) return;
    const value: unknown = JSON.parse(data.join('\n'));
    if (lines.includes('event: data') || lines.includes('event:data')) tell(this.traffic, value);
    else if (isControl(value)) this.at = value.streamNextOffset;
  }
}

function isControl(value: unknown): value is { streamNextOffset: string } {
  return typeof value === 'object' && value !== null && 'streamNextOffset' in value;
}

/** The product's own frames. */
class Socket implements Reader {
  readonly #port: number;
  readonly #traffic: Traffic;
  #socket: WebSocket | undefined;

  constructor(port: number, traffic: Traffic) {
    this.#port = port;
    this.#traffic = traffic;
  }

  start(): Promise<void> {
    this.#traffic.requested();
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/sync`, subprotocol, {
      headers: socketFields,
      origin: `http://127.0.0.1:${this.#port}`,
      perMessageDeflate: false,
      createConnection: () => this.#traffic.track(connect(this.#port, '127.0.0.1')),
    });
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.on('message', (data) => {
        const frame = decodeServer(String(data));
        if (frame?.type === 'welcome')
          socket.send(encodeClient({ type: 'subscribe', ref: 1, channel, start: 0 }));
        if (frame?.type === 'subscribed') resolve();
        if (frame?.type === 'error') reject(new Error(frame.message));
        if (frame?.type === 'entries') tell(this.#traffic, JSON.parse(`[${frame.entries.join()}]`));
      });
    });
  }

  stop(): void {
    this.#socket?.terminate();
  }
}
