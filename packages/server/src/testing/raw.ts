/**
 * A TCP client that sends exactly the bytes a test says, and takes apart what comes back itself: handshakes that `ws` would
 * never send, frames as they stand on the wire, sockets that stop reading. It is no part of what the package exports.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import {
  type Changes,
  frame,
  type HttpAnswer,
  request,
  type ServerFrame,
  type Taken,
  takeAnswer,
  takeFrame,
} from './bytes.ts';
import { within } from './wire.ts';

export { frame as clientFrame } from './bytes.ts';

/** A WebSocket frame, and how many bytes it took with its header. */
export interface RawFrame extends ServerFrame {
  readonly wireBytes: number;
}

/** The lines of a handshake that would be accepted; a value of null leaves one out, a list repeats it. */
export function handshake(port: number, changes: Changes = {}, requestLine = 'GET /sync HTTP/1.1'): string {
  return request(requestLine, {
    Host: `localhost:${port}`,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'syncline.v1',
    ...changes,
  });
}

export class RawClient {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #arrived: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#arrived?.();
    });
    socket.on('close', () => this.#arrived?.());
    socket.on('error', () => {});
  }

  /** Connects and sends nothing yet. */
  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: 'localhost' });
    onTestFinished(() => void socket.destroy());
    const client = new RawClient(socket);
    await once(socket, 'connect');
    return client;
  }

  /** Connects and goes through the handshake; what is `sent` with it travels in the same segment. */
  static async open(port: number, sent: Uint8Array = Buffer.alloc(0)): Promise<RawClient> {
    const client = await RawClient.connect(port);
    client.socket.write(Buffer.concat([Buffer.from(handshake(port)), sent]));
    const { status } = await client.answer();
    if (status !== 101) throw new Error(`The handshake was answered with ${status}.`);
    return client;
  }

  /** Everything received and not taken yet. */
  get received(): Buffer {
    if (this.#chunks.length > 0) this.#received = Buffer.concat([this.#received, ...this.#chunks.splice(0)]);
    return this.#received;
  }

  send(text: string): void {
    this.socket.write(frame(text));
  }

  /** The HTTP answer at the front of what was received; the body is as long as it says. */
  async answer(): Promise<HttpAnswer> {
    return await this.#take(takeAnswer);
  }

  /** The next WebSocket frame. */
  async frame(): Promise<RawFrame> {
    return await this.#take((bytes) => {
      const taken = takeFrame(bytes);
      return taken && { ...taken, value: { ...taken.value, wireBytes: bytes.length - taken.rest.length } };
    });
  }

  /** Resolves once the connection is over. */
  async closed(): Promise<void> {
    if (!this.socket.closed) await within(once(this.socket, 'close'), 'the end of the connection');
  }

  async #take<T>(read: (bytes: Buffer) => Taken<T>): Promise<T> {
    for (;;) {
      const taken = read(this.received);
      if (taken) {
        this.#received = taken.rest;
        return taken.value;
      }
      if (this.socket.closed) throw new Error('The connection ended too early.');
      const arrived = new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
      await within(arrived, 'bytes');
    }
  }
}
