/**
 * What one update costs on the wire, byte by byte: the requests and answers of each way as a socket carries them, taken from a running
 * server. run.ts asks for it once; page.ts shows it. It knows bytes, not what they are good for.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeClient, subprotocol } from '@syncline/protocol/wire';
import { browserFields, socketFields } from './fields.ts';
import { channel } from './plan.ts';

/** Bytes that went one way, and what they are. */
export interface Piece {
  readonly title: string;
  readonly sent: boolean;
  readonly bytes: Buffer;
  /** How many of them are the header of a WebSocket frame; 0 for HTTP. */
  readonly header: number;
}

export interface Exchange {
  readonly webSocket: readonly Piece[];
  readonly polling: readonly Piece[];
  readonly sse: readonly Piece[];
}

/** @param publish has one update published */
export async function exchange(port: number, publish: () => Promise<unknown>): Promise<Exchange> {
  return {
    webSocket: await overWebSocket(port, publish),
    polling: await overPolling(port, publish),
    sse: await overSse(port, publish),
  };
}

/** A socket whose bytes are taken as they come. */
class Wire {
  readonly #socket: Socket;
  readonly #host: string;
  #got = Buffer.alloc(0);

  constructor(port: number) {
    this.#host = `127.0.0.1:${port}`;
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (bytes: Buffer) => {
      this.#got = Buffer.concat([this.#got, bytes]);
      this.#socket.emit('more');
    });
  }

  send(title: string, bytes: Buffer, header = 0): Piece {
    this.#socket.write(bytes);
    return { title, sent: true, bytes, header };
  }

  get(title: string, path: string, fields: Readonly<Record<string, string>>): Piece {
    const all = { Host: this.#host, Connection: 'keep-alive', ...fields };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    return this.send(title, Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`));
  }

  /** The next bytes, up to where `end` finds that they end. */
  async take(title: string, end: (got: Buffer) => number | undefined, header = 0): Promise<Piece> {
    for (;;) {
      const length = end(this.#got);
      if (length !== undefined) {
        const bytes = this.#got.subarray(0, length);
        this.#got = this.#got.subarray(length);
        return { title, sent: false, bytes, header };
      }
      await once(this.#socket, 'more', { signal: AbortSignal.timeout(10_000) });
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

const blank = '\r\n\r\n';

function afterBlank(got: Buffer): number | undefined {
  const at = got.indexOf(blank);
  return at < 0 ? undefined : at + blank.length;
}

/** The end of an answer whose head says how long its body is. */
function afterBody(got: Buffer): number | undefined {
  const head = afterBlank(got);
  const length = /^content-length: *(\d+)/im.exec(got.subarray(0, head).toString('latin1'))?.[1];
  const end = (head ?? 0) + Number(length);
  return head === undefined || got.length < end ? undefined : end;
}

/** The end of a frame that a server sends: none of these is longer than 65,535 bytes (RFC 6455, section 5.2). */
function afterFrame(got: Buffer): number | undefined {
  const short = got[1];
  if (short === undefined || got.length < 4) return undefined;
  const end = short < 126 ? 2 + short : 4 + got.readUInt16BE(2);
  return got.length < end ? undefined : end;
}

/** A client's frame: masked, as RFC 6455 wants (section 5.3). */
function masked(text: string): Buffer {
  const bytes = Buffer.from(text);
  const mask = randomBytes(4);
  const body = bytes.map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return Buffer.concat([Buffer.from([0x81, 0x80 | bytes.length]), mask, body]);
}

async function overWebSocket(port: number, publish: () => Promise<unknown>): Promise<Piece[]> {
  const wire = new Wire(port);
  const asked = wire.get('The handshake, once', '/sync', {
    Upgrade: 'websocket',
    ...socketFields,
    Connection: 'Upgrade',
    Origin: `http://127.0.0.1:${port}`,
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Protocol': subprotocol,
  });
  const pieces = [asked, await wire.take('Its answer', afterBlank)];
  pieces.push(await wire.take('The server says what it is', afterFrame, 2));
  const subscribe = masked(encodeClient({ type: 'subscribe', ref: 1, channel, start: 0 }));
  pieces.push(wire.send('The client subscribes', subscribe, 6));
  pieces.push(await wire.take('It is told where it is', afterFrame, 2));
  await publish();
  pieces.push(await wire.take('**Each update**', afterFrame, 2));
  wire.close();
  return pieces;
}

async function overPolling(port: number, publish: () => Promise<unknown>): Promise<Piece[]> {
  const wire = new Wire(port);
  const fields = { ...browserFields, Referer: `http://127.0.0.1:${port}/` };
  wire.get('', `/sync/streams/${channel}?offset=now`, fields);
  const first = (await wire.take('', afterBody)).bytes.toString('latin1');
  const offset = /^stream-next-offset: *(\S+)/im.exec(first)?.[1] ?? '';
  const path = `/sync/streams/${channel}?offset=${offset}`;
  const nothing = wire.get('**Each time it asks**', path, fields);
  const pieces = [nothing, await wire.take('The answer when there is nothing', afterBody)];
  await publish();
  wire.get('', path, fields);
  pieces.push(await wire.take('The answer with one update', afterBody));
  wire.close();
  return pieces;
}

async function overSse(port: number, publish: () => Promise<unknown>): Promise<Piece[]> {
  const wire = new Wire(port);
  const fields = { ...browserFields, Accept: 'text/event-stream', Referer: `http://127.0.0.1:${port}/` };
  const asked = wire.get(
    'The request, once a minute',
    `/sync/streams/${channel}?live=sse&offset=now`,
    fields,
  );
  const pieces = [asked, await wire.take('The head of its answer', afterBlank)];
  const control = (got: Buffer): number | undefined => {
    const at = got.indexOf('event: control');
    const end = at < 0 ? -1 : got.indexOf('\n\n', at);
    return end < 0 ? undefined : Math.min(got.length, end + 4);
  };
  pieces.push(await wire.take('What it begins with', control));
  await publish();
  pieces.push(await wire.take('**Each update**', control));
  wire.close();
  return pieces;
}
