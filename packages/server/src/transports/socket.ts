/**
 * What the native and the plain WebSocket transport share: a socket that is written to while it has room. A session that
 * can't be written to falls behind in its channels, which costs a number; nothing queues here beyond `socketBytesMax`.
 */
import type { Duplex } from 'node:stream';
import { type ErrorCode, errors } from '@syncline/protocol';
import type { Cancel, Clock } from '@syncline/protocol/wire';
import type { WebSocket } from 'ws';
import type { Metrics } from '../observe.ts';

/** What a connection is made of, once the handshake is done. */
export interface Connection {
  readonly ws: WebSocket;
  readonly socket: Duplex;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Whether there are channels whose data are bytes, which travel in binary frames. */
  readonly takesBinary: boolean;
  readonly frameBytesMax: number;
  readonly socketBytesMax: number;
}

/** Up to this many bytes what is taken together is joined to one buffer; a large batch is written as it is, shared. */
const joinedBytesMax = 16_384;
/** How long a closing handshake may take before the socket is destroyed. */
const closeMs = 2000;

/** Where a writer gets its bytes: a session. */
export interface Taker {
  take(): Uint8Array | undefined;
}

export class SocketWriter {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #bytesMax: number;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  #cancelCut: Cancel | undefined;
  #resting = false;

  constructor({ ws, socket, socketBytesMax, metrics, clock }: Connection) {
    this.#ws = ws;
    this.#socket = socket;
    // Below the stream's own mark a write that finds no room is not followed by 'drain', and nobody would write on.
    this.#bytesMax = Math.max(socketBytesMax, socket.writableHighWaterMark);
    this.#metrics = metrics;
    this.#clock = clock;
    // A frame that breaks RFC 6455: `ws` has sent the close code that says why, and it should arrive.
    ws.on('error', () => this.#cutLater());
    ws.once('close', () => this.#cancelCut?.());
  }

  /**
   * Takes and writes while there is room, but no more at once than may wait in a socket: where the kernel takes all that it is
   * given, someone who reads a large snapshot would else hold everyone up. What is taken in one go leaves in one system call.
   *
   * @param last nothing is written after this
   */
  pump(from: Taker, last = false): void {
    if (this.#resting && !last) return;
    let written = 0;
    while (this.#room(last) && this.#ws.readyState === 1) {
      if (written >= this.#bytesMax) return this.#rest(from);
      const first = from.take();
      if (!first) return;
      const small: Uint8Array[] = [];
      let bytes = 0;
      let next: Uint8Array | undefined = first;
      for (; next && bytes + next.length < joinedBytesMax; next = from.take()) {
        small.push(next);
        bytes += next.length;
      }
      // Copying a few kilobytes costs less than handing several buffers to the kernel; a large batch stays shared.
      if (small.length > 0) this.#write(small.length === 1 ? first : Buffer.concat(small, bytes));
      if (next) this.#write(next);
      written += bytes + (next?.length ?? 0);
    }
  }

  /** Goes on in the next turn. */
  #rest(from: Taker): void {
    this.#resting = true;
    this.#clock.endOfTurn(() => {
      this.#resting = false;
      this.pump(from);
    });
  }

  /** Closes politely, and for certain: a peer that reads nothing would otherwise keep the socket for long. */
  end(code: ErrorCode, reason: string): void {
    this.#ws.close(errors[code].close, closeReason(reason));
    this.#cutLater();
  }

  #cutLater(): void {
    this.#cancelCut ??= this.#clock.timer(closeMs, () => this.#ws.terminate());
  }

  /**
   * Once the kernel takes no more, what comes next isn't taken before all that waits here has left: the longer it can wait in its
   * channel, the newer it is when it is read, and the less is held. What is said last has no other time.
   */
  #room(last: boolean): boolean {
    const { writableLength, writableNeedDrain } = this.#socket;
    return writableLength < this.#bytesMax && (last || !writableNeedDrain);
  }

  #write(bytes: Uint8Array): void {
    this.#metrics.bytesSent += bytes.length;
    this.#socket.write(bytes);
  }
}

/** A close reason may have 123 bytes of UTF-8 (RFC 6455 section 5.5). */
export function closeReason(reason: string): string {
  let text = reason.slice(0, 123);
  while (Buffer.byteLength(text) > 123) text = text.slice(0, -1);
  return text;
}
