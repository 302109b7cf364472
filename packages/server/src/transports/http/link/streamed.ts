/**
 * A link whose client reads one answer that never ends (an event stream). It is written to while there is room in its socket, as a
 * WebSocket is, and ends with its connection. It knows the response it writes to, and nothing of who asked for it.
 */
import type { ServerResponse } from 'node:http';
import type { ErrorCode } from '@syncline/protocol';
import type { Place } from '../../../session/sessions.ts';
import { closeEvent, linkEvent } from './events.ts';
import { astray, HttpLink, type LinkTools, nobody, type OnReply } from './link.ts';

/** How long a client may take to read what is said last, in ms. */
const lastMs = 2000;

export class StreamedLink extends HttpLink {
  readonly #response: ServerResponse;
  #resting = false;

  /** @param response whose head was written */
  constructor(
    id: string,
    tools: LinkTools,
    place: Place,
    onGone: (link: HttpLink) => void,
    response: ServerResponse,
  ) {
    super(id, tools, place, onGone);
    this.#response = response;
    response.write(linkEvent(id));
    response.on('drain', () => {
      // Whoever reads is alive.
      this.session.alive();
      this.pump();
    });
    response.on('close', () => this.gone());
  }

  poll(_after: number, onReply: OnReply): () => void {
    onReply(astray);
    return nobody;
  }

  pump(): void {
    if (!this.over && !this.#resting) this.#write(false);
  }

  end(code: ErrorCode, reason: string): void {
    if (this.over) return;
    this.#write(true);
    this.over = true;
    this.#response.end(closeEvent(code, reason));
    const cancel = this.tools.clock.timer(lastMs, () => this.#response.destroy());
    this.#response.on('close', cancel);
  }

  override gone(): void {
    super.gone();
    // Harmless for one that has ended; one whose client said that it goes has not.
    if (!this.#response.writableEnded) this.#response.destroy();
  }

  /**
   * Takes and writes while there is room, but no more in one turn than may wait in a socket: where the kernel takes all that it is
   * given, someone who reads a large snapshot would else hold everyone up. What is said last has no other time.
   */
  #write(last: boolean): void {
    const response = this.#response;
    const bytesMax = Math.max(this.tools.socketBytesMax, response.writableHighWaterMark);
    let written = 0;
    while (response.writableLength < bytesMax && (last || !response.writableNeedDrain)) {
      if (written >= bytesMax) {
        if (!last) this.#rest();
        return;
      }
      const bytes = this.session.take();
      if (!bytes) return;
      written += bytes.length;
      this.tools.metrics.bytesSent += bytes.length;
      response.write(bytes);
    }
  }

  /** Goes on in the next turn. */
  #rest(): void {
    this.#resting = true;
    this.tools.clock.endOfTurn(() => {
      this.#resting = false;
      this.pump();
    });
  }
}
