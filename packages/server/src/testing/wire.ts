/**
 * A WebSocket client for the server's tests that speaks frames by hand: what it sends is what the test says, what it got
 * is waited for, never slept for. It is no part of what the package exports.
 */
import { once } from 'node:events';
import {
  type ClientFrame,
  decodeServer,
  encodeClient,
  type FrameOf,
  type ServerFrame,
} from '@syncline/protocol/wire';
import { type ClientOptions, WebSocket } from 'ws';

/** How long a test waits for something that should come at once. */
const patienceMs = 10_000;

/** Messages of a socket as a queue: `next` resolves with the next one, or rejects when none comes. */
export class Inbox {
  readonly socket: WebSocket;
  readonly #messages: string[] = [];
  #arrived: (() => void) | undefined;
  #code: number | undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => {
      this.#messages.push(String(data));
      this.#arrived?.();
    });
    socket.on('close', (code) => {
      this.#code = code;
      this.#arrived?.();
    });
    socket.on('error', () => {});
  }

  /** The next text message. */
  async next(): Promise<string> {
    const signal = AbortSignal.timeout(patienceMs);
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (this.socket.readyState === WebSocket.CLOSED)
        throw new Error('The connection closed while a message was waited for.');
      await new Promise<void>((resolve, reject) => {
        this.#arrived = resolve;
        signal.addEventListener('abort', () => reject(new Error(`No message came in ${patienceMs} ms.`)), {
          once: true,
        });
      });
    }
  }

  /** What arrived and wasn't read yet. */
  get unread(): readonly string[] {
    return this.#messages;
  }

  /** The close code, once the connection is closed. */
  async closed(): Promise<number> {
    if (this.socket.readyState === WebSocket.CLOSED) return this.#code ?? 0;
    const [code] = (await once(this.socket, 'close')) as [number];
    return code;
  }
}

/** Opens a socket and waits until it is open. */
export async function dial(
  url: string,
  protocols: string[] = [],
  options: ClientOptions = {},
): Promise<Inbox> {
  const socket = new WebSocket(url, protocols, options);
  const inbox = new Inbox(socket);
  await once(socket, 'open');
  return inbox;
}

/** A client that speaks `syncline.v1`. */
export class WireClient {
  readonly inbox: Inbox;
  #ref = 0;

  private constructor(inbox: Inbox) {
    this.inbox = inbox;
  }

  static async connect(port: number, options: ClientOptions = {}): Promise<WireClient> {
    const client = new WireClient(await dial(`ws://localhost:${port}/sync`, ['syncline.v1'], options));
    await client.expect('welcome');
    return client;
  }

  send(frame: ClientFrame): void {
    this.inbox.socket.send(encodeClient(frame));
  }

  sendText(text: string): void {
    this.inbox.socket.send(text);
  }

  nextRef(): number {
    return ++this.#ref;
  }

  async frame(): Promise<ServerFrame> {
    const text = await this.inbox.next();
    const frame = decodeServer(text);
    if (!frame) throw new Error(`The server sent a frame nobody knows: ${text}`);
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
  ): Promise<FrameOf<ServerFrame, 'subscribed'>> {
    this.send({ type: 'subscribe', ref: this.nextRef(), channel, start });
    return this.expect('subscribed');
  }

  /** Sends a publish and doesn't wait. */
  publish(channel: string, data: unknown, producer: string, sequence: number): number {
    const ref = this.nextRef();
    this.send({ type: 'publish', ref, channel, producer, sequence, data: JSON.stringify(data) });
    return ref;
  }

  /** A round trip: everything the server had for this client before it has arrived. Frames that came by are returned. */
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
