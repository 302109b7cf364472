/**
 * A WebSocket client for the server's tests that speaks frames by hand: what it sends is what the test says, what it got
 * is waited for, never slept for. It is no part of what the package exports.
 */
import { once } from 'node:events';
import {
  type ClientFrame,
  type Data,
  decodeServer,
  decodeServerBinary,
  encodeClient,
  encodeClientBinary,
  type FrameOf,
  type ServerFrame,
} from '@syncline/protocol/wire';
import { expect, onTestFinished, vi } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';

/** How long a test waits for something that should come at once. */
const patienceMs = 10_000;

/** What a promise resolves with, unless it takes too long. */
export function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const signal = AbortSignal.timeout(patienceMs);
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new Error(`Waited ${patienceMs} ms for ${what}.`));
    signal.addEventListener('abort', giveUp, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/** What something comes to be, looked at again and again for as long as a machine with much else to do may take. */
export function eventually<T>(look: () => T) {
  return expect.poll(look, { timeout: patienceMs, interval: 5 });
}

/** What a check returns once it no longer throws; it is made again and again for as long. */
export function passes<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: patienceMs, interval: 5 });
}

/** Messages of a socket as a queue: `next` resolves with the next one, or rejects when none comes. */
export class Inbox {
  readonly socket: WebSocket;
  readonly #messages: Data[] = [];
  #arrived: (() => void) | undefined;
  #code: number | undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data, isBinary) => {
      this.#messages.push(isBinary ? new Uint8Array(data as Buffer) : String(data));
      this.#arrived?.();
    });
    socket.on('close', (code) => {
      this.#code = code;
      this.#arrived?.();
    });
    socket.on('error', () => {});
  }

  /** The next message, which must be a text. */
  async next(): Promise<string> {
    const message = await this.message();
    if (typeof message === 'string') return message;
    throw new Error(`Expected a text, got ${message.length} bytes.`);
  }

  /** The next message: a text, or bytes. */
  async message(): Promise<Data> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (this.#code !== undefined) throw new Error('The connection closed while a message was waited for.');
      const arrived = new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
      await within(arrived, 'a message');
    }
  }

  /** What arrived and wasn't read yet. */
  get unread(): readonly string[] {
    return this.#messages.map(String);
  }

  /** The close code, once the connection is closed. */
  async closed(): Promise<number> {
    if (this.#code === undefined) await within(once(this.socket, 'close'), 'the connection to close');
    return this.#code ?? 0;
  }
}

/** Opens a socket and waits until it is open. */
export async function dial(
  url: string,
  protocols: string[] = [],
  options: ClientOptions = {},
): Promise<Inbox> {
  const socket = new WebSocket(url, protocols, options);
  onTestFinished(() => socket.terminate());
  const inbox = new Inbox(socket);
  await within(once(socket, 'open'), 'the connection to open');
  return inbox;
}

type Subscribed = FrameOf<ServerFrame, 'subscribed'>;
type History = FrameOf<ServerFrame, 'history'>;

/** A client that speaks `syncline.v1`. */
export class WireClient {
  readonly inbox: Inbox;
  #ref = 0;

  private constructor(inbox: Inbox) {
    this.inbox = inbox;
  }

  /** Connects without waiting for a frame. */
  static async dial(port: number, path = '/sync', options: ClientOptions = {}): Promise<WireClient> {
    return new WireClient(await dial(`ws://localhost:${port}${path}`, ['syncline.v1'], options));
  }

  /** Connects and reads the welcome. */
  static async connect(port: number, path?: string): Promise<WireClient> {
    const client = await WireClient.dial(port, path);
    await client.expect('welcome');
    return client;
  }

  send(frame: ClientFrame): void {
    if (frame.type !== 'publish' || typeof frame.data === 'string')
      return this.inbox.socket.send(encodeClient(frame));
    this.inbox.socket.send(encodeClientBinary({ ...frame, data: frame.data }));
  }

  sendText(text: string): void {
    this.inbox.socket.send(text);
  }

  nextRef(): number {
    return ++this.#ref;
  }

  async frame(): Promise<ServerFrame> {
    const message = await this.inbox.message();
    const frame = typeof message === 'string' ? decodeServer(message) : decodeServerBinary(message);
    if (!frame) throw new Error(`The server sent a frame nobody knows: ${String(message)}`);
    return frame;
  }

  /** The next frame, which must be of this type. */
  async expect<T extends ServerFrame['type']>(type: T): Promise<FrameOf<ServerFrame, T>> {
    const frame = await this.frame();
    if (frame.type !== type) throw new Error(`Expected a frame "${type}", got ${JSON.stringify(frame)}`);
    return frame as FrameOf<ServerFrame, T>;
  }

  async subscribe(
    channel: string,
    start: FrameOf<ClientFrame, 'subscribe'>['start'] = 0,
  ): Promise<Subscribed> {
    this.send({ type: 'subscribe', ref: this.nextRef(), channel, start });
    return this.expect('subscribed');
  }

  async unsubscribe(channel: string): Promise<void> {
    this.send({ type: 'unsubscribe', ref: this.nextRef(), channel });
    await this.expect('unsubscribed');
  }

  async history(
    channel: string,
    direction: 'before' | 'after',
    offset: number,
    limit: number,
  ): Promise<History> {
    this.send({ type: 'history', ref: this.nextRef(), channel, direction, offset, limit });
    return this.expect('history');
  }

  /** Sends a publish and doesn't wait. */
  publish(channel: string, data: unknown, producer: string, sequence: number): number {
    const ref = this.nextRef();
    this.send({ type: 'publish', ref, channel, producer, sequence, data: JSON.stringify(data) });
    return ref;
  }

  /** The entries after offset `after` up to `to`, which must come next, each once and in order. */
  async entries(after: number, to: number): Promise<Data[]> {
    const all: Data[] = [];
    while (after + all.length < to) {
      const { first, entries } = await this.expect('entries');
      if (first !== after + all.length + 1)
        throw new Error(`Expected offset ${after + all.length + 1}, got ${first}.`);
      all.push(...entries);
    }
    if (after + all.length > to) throw new Error(`Expected entries up to ${to}, got ${after + all.length}.`);
    return all;
  }

  /** A round trip: what the server had for this client before it has arrived. Frames that came by are returned. */
  async flush(): Promise<ServerFrame[]> {
    this.send({ type: 'heartbeat' });
    const frames: ServerFrame[] = [];
    for (;;) {
      const frame = await this.frame();
      if (frame.type === 'heartbeat') return frames;
      frames.push(frame);
    }
  }

  close(): void {
    this.inbox.socket.close();
  }
}
