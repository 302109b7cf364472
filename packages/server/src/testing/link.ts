/**
 * A client of links over HTTP for the server's tests, which speaks by hand: each request is one of Node's own, so its socket can be
 * paused and broken, and goes to the next of several ports, as behind a load balancer. It is no part of what the package exports.
 */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import {
  type ClientFrame,
  decodeServer,
  encodeClient,
  type FrameOf,
  type ServerFrame,
} from '@syncline/protocol/wire';
import { onTestFinished } from 'vitest';
import { within } from './wire.ts';

export interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface LinkClientOptions {
  /** Header fields of the request that opens the link. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Polls nothing by itself. */
  readonly idle?: boolean;
}

export class LinkClient {
  /** The link's name, once it is known. */
  id = '';
  /** How many posts were answered, and how many pieces arrived. */
  posted = 0;
  arrived = 0;
  readonly #ports: readonly number[];
  readonly #agent = new Agent({ keepAlive: true });
  readonly #frames: string[] = [];
  readonly #posts: string[] = [];
  #asked = 0;
  #pings = 0;
  #code: number | undefined;
  #tell: () => void = () => {};
  #rest = '';
  #data: string[] = [];
  #stream: IncomingMessage | undefined;
  #paused = false;
  #cut = false;
  #posting: Promise<void> | undefined;
  #ref = 0;

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
    onTestFinished(() => this.#leave());
  }

  /** Opens a link, and reads on until it is cut. */
  static async open(
    ports: number | readonly number[],
    as: 'sse' | 'long-poll',
    options: LinkClientOptions = {},
  ): Promise<LinkClient> {
    const client = new LinkClient(typeof ports === 'number' ? [ports] : ports);
    const headers = { 'Content-Type': 'application/json', ...options.headers };
    const opening = { method: 'POST', headers, body: JSON.stringify({ as }) };
    if (as === 'sse') client.#follow(await client.begin('/sync/link', opening));
    else {
      const { text } = await client.ask('/sync/link', opening);
      client.id = JSON.parse(text).link;
      if (!options.idle) void client.#poll();
    }
    await client.#until(() => client.id !== '' || undefined, 'the link’s name');
    return client;
  }

  /** How many pings came. */
  get pings(): number {
    return this.#pings;
  }

  get unread(): readonly string[] {
    return this.#frames;
  }

  send(frame: ClientFrame): void {
    this.sendLine(String(encodeClient(frame)));
  }

  /** Posts a line with what else waits, once what was posted before is answered. */
  sendLine(line: string): void {
    this.#posts.push(line);
    this.#posting ??= this.#postAll();
  }

  nextRef(): number {
    return ++this.#ref;
  }

  /** The next frame. */
  async frame(): Promise<ServerFrame> {
    const text = await this.#until(() => this.#frames.shift(), 'a frame');
    const frame = decodeServer(text);
    if (!frame) throw new Error(`The server sent a frame nobody knows: ${text}`);
    return frame;
  }

  async expect<T extends ServerFrame['type']>(type: T): Promise<FrameOf<ServerFrame, T>> {
    const frame = await this.frame();
    if (frame.type !== type) throw new Error(`Expected a frame "${type}", got ${JSON.stringify(frame)}`);
    return frame as FrameOf<ServerFrame, T>;
  }

  /** With which WebSocket close code the server ended it. */
  closed(): Promise<number> {
    return this.#until(() => this.#code, 'the end');
  }

  pause(): void {
    this.#paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#stream?.resume();
    this.#tell();
  }

  /** Breaks all its connections. */
  cut(): void {
    this.#cut = true;
    this.#agent.destroy();
    this.#stream?.destroy();
    this.#tell();
  }

  /** A request for this link, to the next port. */
  frames(query: string, asking: Asking = {}): Promise<Answered> {
    const headers = { 'Syncline-Link': this.id, ...asking.headers };
    return this.ask(`/sync/link/frames?${query}`, { ...asking, headers });
  }

  async ask(path: string, asking: Asking = {}): Promise<Answered> {
    const response = await this.begin(path, asking);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const { statusCode: status = 0, headers } = response;
    return { status, headers, text: Buffer.concat(chunks).toString() };
  }

  /** A request, and its response as it begins. */
  async begin(path: string, { method = 'GET', headers = {}, body }: Asking = {}): Promise<IncomingMessage> {
    const port = this.#ports[this.#asked++ % this.#ports.length];
    const asked = request({ host: 'localhost', port, path, method, headers, agent: this.#agent });
    // Who waits for the answer hears of it.
    asked.on('error', () => {});
    asked.end(body);
    const [response] = (await within(once(asked, 'response'), `an answer to ${method} ${path}`)) as [
      IncomingMessage,
    ];
    return response;
  }

  /** The time of some tests stands still, so nobody would find out that it is gone. */
  async #leave(): Promise<void> {
    this.cut();
    const { id } = this;
    const agent = new Agent();
    for (const port of id ? this.#ports : []) {
      const headers = { 'Syncline-Link': id };
      const path = '/sync/link/frames?n=1&end';
      await new Promise<void>((resolve) => {
        const asked = request({ host: 'localhost', port, path, method: 'POST', headers, agent });
        asked
          .on('response', (response) => response.resume())
          .on('close', resolve)
          .on('error', () => {});
        asked.end();
      });
    }
  }

  #follow(response: IncomingMessage): void {
    this.#stream = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#read(text));
    response.on('error', () => {});
  }

  async #poll(): Promise<void> {
    while (!this.#cut && this.#code === undefined) {
      if (this.#paused) {
        await new Promise<void>((resolve) => {
          this.#tell = resolve;
        });
        continue;
      }
      const { status, text } = await this.frames(`after=${this.arrived}`).catch(() => ({
        status: 0,
        text: '',
      }));
      if (status === 200) this.arrived++;
      else if (status !== 204 && status !== 503) return;
      this.#read(text);
    }
  }

  async #postAll(): Promise<void> {
    while (this.#posts.length > 0 && !this.#cut) {
      const body = this.#posts.splice(0).join('\n');
      for (let status = 503; status === 503 && !this.#cut; )
        ({ status } = await this.frames(`n=${this.posted + 1}`, { method: 'POST', body }).catch(() => ({
          status: 0,
        })));
      this.posted++;
    }
    this.#posting = undefined;
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data:')) this.#data.push(line.slice(5));
      else if (line.startsWith('link:')) this.id = line.slice(5);
      else if (line.startsWith('close:')) this.#code = Number.parseInt(line.slice(6), 10);
      else if (line === ':') this.#pings++;
      else if (line === '' && this.#data.length > 0) this.#frames.push(this.#data.splice(0).join('\n'));
    }
    this.#tell();
  }

  async #until<T>(look: () => T | undefined, what: string): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      const told = new Promise<void>((resolve) => {
        this.#tell = resolve;
      });
      await within(told, what);
    }
  }
}
