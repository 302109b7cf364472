/**
 * The short way for what clients send most: whole, unfragmented messages, taken from the bytes of a socket as they came. Whatever
 * else there is goes to `ws`, in order, and from the first unusual frame on all of it does: nothing is judged here that `ws` wouldn't
 * judge alike. Transports lay one for each connection; it knows the header of RFC 6455 section 5.2 and no message.
 */
import { isUtf8 } from 'node:buffer';
import type { Duplex } from 'node:stream';

/** Who gets the messages. The bytes are theirs until they return. */
export interface Hearing {
  message(data: Buffer, isBinary: boolean): void;
}

/** First bytes of a frame that is whole and uncompressed. */
const wholeText = 0x81;
const wholeBinary = 0x82;
const ping = 0x89;
const pong = 0x8a;
/** Second byte: all that clients send is masked. */
const masked = 0x80;
const maskBytes = 4;
/** What stands in the place of a length that follows in two bytes. */
const twoBytes = 126;

/**
 * Takes over from `ws`, which must have begun to listen to the socket.
 *
 * @param bytesMax size of the largest message
 */
export function layLane(socket: Duplex, hearing: Hearing, bytesMax: number): void {
  const [toWs, ...others] = socket.listeners('data');
  // Somebody else listens too: then it is not for us to decide who hears what.
  if (!toWs || others.length > 0) return;
  const lane = new Lane(socket, toWs, hearing, bytesMax);
  socket.on('data', lane.listener);
  socket.off('data', toWs as Listener);
}

type Listener = (this: Duplex, chunk: Buffer) => void;

class Lane {
  readonly listener: Listener;
  readonly #socket: Duplex;
  readonly #toWs: Listener;
  readonly #hearing: Hearing;
  readonly #bytesMax: number;
  /** Bytes of a frame that `ws` has begun and still has to be given. */
  #owed = 0;
  /** What came of a header. */
  #begun: Buffer | undefined;

  constructor(socket: Duplex, toWs: unknown, hearing: Hearing, bytesMax: number) {
    this.listener = this.#read.bind(this);
    this.#socket = socket;
    this.#toWs = toWs as Listener;
    this.#hearing = hearing;
    this.#bytesMax = bytesMax;
  }

  #read(came: Buffer): void {
    const chunk = this.#begun ? Buffer.concat([this.#begun, came]) : came;
    this.#begun = undefined;
    try {
      let at = this.#owed === 0 ? 0 : this.#pass(chunk, 0, this.#owed);
      while (at >= 0 && at < chunk.length) at = this.#frame(chunk, at);
    } catch (thrown) {
      // What came after it was heard by nobody: who goes on reading takes the middle of a frame for its beginning.
      this.#socket.destroy();
      throw thrown;
    }
  }

  /** One frame; returns where the next begins, or -1 when nothing is left to do with this chunk. */
  #frame(chunk: Buffer, at: number): number {
    const first = chunk[at] ?? 0;
    const short = (chunk[at + 1] ?? masked) - masked;
    const known = first === wholeText || first === wholeBinary || isControl(first);
    if (!known || short < 0 || short > twoBytes) return this.#giveBack(chunk, at);
    const lengthEnd = at + (short === twoBytes && !isControl(first) ? 4 : 2);
    if (lengthEnd > chunk.length) {
      // A copy, so that a few bytes don't hold on to all that they came with.
      this.#begun = Buffer.from(chunk.subarray(at));
      return -1;
    }
    if (isControl(first)) return this.#pass(chunk, at, controlsEnd(chunk, at) - at);
    const length = short === twoBytes ? chunk.readUInt16BE(at + 2) : short;
    const start = lengthEnd + maskBytes;
    const end = start + length;
    if (length > this.#bytesMax) return this.#giveBack(chunk, at);
    if (end > chunk.length) return this.#pass(chunk, at, end - at);
    unmask(chunk, start, end);
    const data = chunk.subarray(start, end);
    if (first === wholeText && !isUtf8(data)) {
      // Masked again, for `ws` to see what is wrong.
      unmask(chunk, start, end);
      return this.#giveBack(chunk, at);
    }
    this.#hearing.message(data, first === wholeBinary);
    return end;
  }

  /** Gives `ws` so many bytes, as far as they are there; returns where what follows begins, or -1 when that is for `ws` too. */
  #pass(chunk: Buffer, at: number, count: number): number {
    const piece = chunk.subarray(at, at + count);
    const next = at + piece.length;
    this.#owed = count - piece.length;
    this.#toWs.call(this.#socket, piece);
    // So it does when it found something wrong. Then nothing that follows may be heard, and it alone knows how to let go.
    return this.#socket.isPaused() ? this.#giveBack(chunk, next) : next;
  }

  /** From here on `ws` reads this connection by itself, as it would without us. */
  #giveBack(chunk: Buffer, at: number): number {
    this.#socket.on('data', this.#toWs);
    this.#socket.off('data', this.listener);
    if (at < chunk.length) this.#toWs.call(this.#socket, chunk.subarray(at));
    return -1;
  }
}

/** Where the pings and pongs end that stand one after another from here on: it may be beyond the chunk. */
function controlsEnd(chunk: Buffer, from: number): number {
  let at = from;
  // One that is too long is not the last, but `ws` won't hear what follows it.
  while (isControl(chunk[at]) && (chunk[at + 1] ?? 0) >= masked)
    at += 2 + maskBytes + (chunk[at + 1] ?? 0) - masked;
  return at;
}

function isControl(first: number | undefined): boolean {
  return first === ping || first === pong;
}

/** Takes the mask, which stands before them, off some bytes in their place; a second time puts it on again. */
function unmask(bytes: Buffer, from: number, to: number): void {
  const a = bytes[from - 4] ?? 0;
  const b = bytes[from - 3] ?? 0;
  const c = bytes[from - 2] ?? 0;
  const d = bytes[from - 1] ?? 0;
  let i = from;
  for (; i + 3 < to; i += maskBytes) {
    bytes[i] = (bytes[i] ?? 0) ^ a;
    bytes[i + 1] = (bytes[i + 1] ?? 0) ^ b;
    bytes[i + 2] = (bytes[i + 2] ?? 0) ^ c;
    bytes[i + 3] = (bytes[i + 3] ?? 0) ^ d;
  }
  if (i < to) bytes[i] = (bytes[i] ?? 0) ^ a;
  if (i + 1 < to) bytes[i + 1] = (bytes[i + 1] ?? 0) ^ b;
  if (i + 2 < to) bytes[i + 2] = (bytes[i + 2] ?? 0) ^ c;
}
