/**
 * A link whose client asks again and again for what comes next (long polling). What was given is kept until the next poll says that it
 * arrived, so that an answer that is lost is given again; nothing more is taken from the session meanwhile. It sees no request.
 */
import type { ErrorCode } from '@syncline/protocol';
import type { Cancel } from '@syncline/protocol/wire';
import type { Place } from '../../../session/sessions.ts';
import { closeEvent } from './events.ts';
import { astray, done, HttpLink, type LinkTools, nobody, type OnReply, type Reply, unknown } from './link.ts';

/** How long a session that is over waits for the poll that is told so, in ms. */
const lastMs = 2000;

export class PolledLink extends HttpLink {
  /** How many pieces were given; the last one may not have arrived. */
  #given = 0;
  #piece: Uint8Array | undefined;
  /** What is said last, once that is known. */
  #last: Uint8Array | undefined;
  #waiting: OnReply | undefined;
  #cancel: Cancel = nobody;
  readonly #onFreed: (link: HttpLink, bytes: number) => void;

  /** @param onFreed hears of so many bytes that are kept from now on only for whoever lost them */
  constructor(
    id: string,
    tools: LinkTools,
    place: Place,
    onGone: (link: HttpLink) => void,
    onFreed: (link: HttpLink, bytes: number) => void,
  ) {
    super(id, tools, place, onGone);
    this.#onFreed = onFreed;
  }

  /** Waits for the first poll, or the next. */
  await(): void {
    this.#cancel();
    const { clock, linkGraceMs } = this.tools;
    const ms = this.#last && !this.#saidAll ? lastMs : linkGraceMs;
    this.#cancel = clock.timer(ms, () => this.gone());
  }

  poll(after: number, onReply: OnReply): () => void {
    const again = this.#piece !== undefined && after === this.#given - 1;
    if (after !== this.#given && !again) {
      onReply(astray);
      return nobody;
    }
    if (this.#saidAll && !again) {
      this.gone();
      onReply(unknown);
      return nobody;
    }
    // The connection of an older poll broke, as far as the client knows.
    this.#reply(done);
    if (!again) this.#piece = undefined;
    this.#cancel();
    this.#waiting = onReply;
    this.#cancel = this.tools.clock.timer(this.tools.longPollMs, () => this.#reply(done));
    if (this.#piece) this.#give(this.#piece);
    else this.pump();
    return () => {
      if (this.#waiting !== onReply) return;
      this.#waiting = undefined;
      this.await();
    };
  }

  pump(): void {
    if (!this.#waiting || this.#piece) return;
    const piece = this.#last ?? this.#take();
    if (!piece) return;
    this.#given++;
    this.#piece = piece;
    this.#give(piece);
  }

  end(code: ErrorCode, reason: string): void {
    if (this.over) return;
    this.over = true;
    const rest = this.#take();
    this.#last = Buffer.concat([rest ?? Buffer.alloc(0), Buffer.from(closeEvent(code, reason))]);
    if (this.#waiting) this.pump();
    else this.await();
  }

  override gone(): void {
    this.#cancel();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    super.gone();
    waiting?.(done);
  }

  /** What the session has to tell now, up to what may wait in a socket; and all of it, where nothing comes after. */
  #take(): Uint8Array | undefined {
    const { socketBytesMax } = this.tools;
    const taken: Uint8Array[] = [];
    let bytes = 0;
    while (bytes < socketBytesMax / 2) {
      const next = this.session.take();
      if (!next) break;
      taken.push(next);
      bytes += next.length;
    }
    return taken.length > 1 ? Buffer.concat(taken, bytes) : taken[0];
  }

  #give(piece: Uint8Array): void {
    this.tools.metrics.bytesSent += piece.length;
    // Whoever loses what is said last may ask for it again, as for any other piece.
    if (this.#saidAll) {
      this.free();
      this.#onFreed(this, piece.length);
    }
    this.#reply({ status: 200, body: piece });
  }

  /** Whether what is said last was given. */
  get #saidAll(): boolean {
    return this.#last !== undefined && this.#piece === this.#last;
  }

  #reply(reply: Reply): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = undefined;
    this.await();
    waiting(reply);
  }
}
