/**
 * A client without any rules of its own: it speaks frames by hand, answers pings as every WebSocket does, and never gives a
 * connection up. The tests of what the server notices use it where the SDK would have left earlier.
 */
import {
  type ClientFrame,
  decodeServer,
  encodeClient,
  type FrameOf,
  type ServerFrame,
} from '@syncline/protocol/wire';
import { expect, onTestFinished } from 'vitest';

export class Bare {
  /** Frames that came, those of one type apart by `of`. */
  readonly frames: ServerFrame[] = [];
  /** The close code, once the connection is over. */
  closedWith: number | undefined;
  readonly #socket: WebSocket;
  #ref = 0;

  private constructor(port: number) {
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/sync`, ['syncline.v1']);
    this.#socket.onmessage = ({ data }) => {
      const frame = decodeServer(String(data));
      if (frame) this.frames.push(frame);
    };
    this.#socket.onclose = ({ code }) => {
      this.closedWith = code;
    };
    onTestFinished(() => this.#socket.close());
  }

  /** Connects and reads new entries of the channel. */
  static async join(port: number, channel = 'chat/lobby'): Promise<Bare> {
    const client = new Bare(port);
    await expect.poll(() => client.of('welcome').length, { interval: 5 }).toBe(1);
    client.send({ type: 'subscribe', ref: ++client.#ref, channel, start: 0 });
    await expect.poll(() => client.of('subscribed').length, { interval: 5 }).toBe(1);
    return client;
  }

  of<T extends ServerFrame['type']>(type: T): FrameOf<ServerFrame, T>[] {
    return this.frames.filter((frame): frame is FrameOf<ServerFrame, T> => frame.type === type);
  }

  /** The offsets of all entries that came, in the order in which they came. */
  get offsets(): number[] {
    return this.of('entries').flatMap(({ first, entries }) => entries.map((_, i) => first + i));
  }

  get over(): boolean {
    return this.#socket.readyState > WebSocket.OPEN;
  }

  send(frame: ClientFrame): void {
    this.#socket.send(encodeClient(frame));
  }

  publish(data: unknown, sequence: number, channel = 'chat/lobby'): void {
    const text = JSON.stringify(data);
    this.send({ type: 'publish', ref: ++this.#ref, channel, producer: 'bare', sequence, data: text });
  }
}
