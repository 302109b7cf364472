/**
 * A TCP client that sends exactly the bytes a test says, and parses what comes back itself: handshakes that `ws` would
 * never send, frames as they stand on the wire, sockets that stop reading. It is no part of what the package exports.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { within } from './wire.ts';

/** An HTTP answer. */
export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A WebSocket frame, and how many bytes it took with its header. */
export interface RawFrame {
  readonly opcode: number;
  readonly payload: Buffer;
  readonly wireBytes: number;
}

const headerEnd = '\r\n\r\n';

/** The lines of a handshake that would be accepted; a value of null leaves one out, a list repeats it. */
export function handshake(
  port: number,
  changes: Readonly<Record<string, string | readonly string[] | null>> = {},
  requestLine = 'GET /sync HTTP/1.1',
): string {
  const fields = {
    Host: `localhost:${port}`,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'syncline.v1',
    ...changes,
  };
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((one) => `${name}: ${one}`),
  );
  return `${[requestLine, ...lines].join('\r\n')}${headerEnd}`;
}

/** A client's frame as bytes. Its mask is zero, which leaves the payload readable. */
export function clientFrame(payload: string | Uint8Array, opcode = 1): Buffer {
  const bytes = Buffer.from(payload);
  const { length } = bytes;
  const header =
    length < 126 ? Buffer.from([0x80 | opcode, 0x80 | length]) : Buffer.alloc(length < 65_536 ? 4 : 10);
  if (length >= 126) {
    header[0] = 0x80 | opcode;
    header[1] = 0x80 | (length < 65_536 ? 126 : 127);
    if (length < 65_536) header.writeUInt16BE(length, 2);
    else header.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([header, Buffer.alloc(4), bytes]);
}

export class RawClient {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
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
    this.socket.write(clientFrame(text));
  }

  /** The HTTP answer at the front of what was received; the body is whole when its length is told or the socket ends. */
  async answer(): Promise<Answer> {
    const head = await this.#take((bytes) => {
      const end = bytes.indexOf(headerEnd);
      return end < 0 ? undefined : end + headerEnd.length;
    });
    const [statusLine = '', ...lines] = head.toString().trimEnd().split('\r\n');
    const headers = new Map(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    );
    const length = Number(headers.get('content-length') ?? 0);
    const body = await this.#take((bytes) => (bytes.length < length ? undefined : length));
    return { status: Number(statusLine.split(' ')[1]), headers, body: body.toString() };
  }

  /** The next WebSocket frame. */
  async frame(): Promise<RawFrame> {
    const bytes = await this.#take(frameBytes);
    const start = bytes.length < 2 ? 0 : headerBytes(bytes);
    return { opcode: (bytes[0] ?? 0) & 15, payload: bytes.subarray(start), wireBytes: bytes.length };
  }

  /** Resolves once the connection is over. */
  async closed(): Promise<void> {
    if (!this.socket.closed) await within(once(this.socket, 'close'), 'the end of the connection');
  }

  async #take(measure: (bytes: Buffer) => number | undefined): Promise<Buffer> {
    for (;;) {
      const length = measure(this.received);
      if (length !== undefined) {
        const taken = this.#received.subarray(0, length);
        this.#received = this.#received.subarray(length);
        return taken;
      }
      if (this.socket.closed) throw new Error('The connection ended too early.');
      const arrived = new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
      await within(arrived, 'bytes');
    }
  }
}

function headerBytes(bytes: Buffer): number {
  const short = (bytes[1] ?? 0) & 127;
  return short < 126 ? 2 : short === 126 ? 4 : 10;
}

/** How long the frame at the front is with its header; undefined when it isn't here yet. */
function frameBytes(bytes: Buffer): number | undefined {
  if (bytes.length < 2 || bytes.length < headerBytes(bytes)) return undefined;
  const header = headerBytes(bytes);
  const short = (bytes[1] ?? 0) & 127;
  const length =
    header === 2 ? short : header === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  return bytes.length < header + length ? undefined : header + length;
}
