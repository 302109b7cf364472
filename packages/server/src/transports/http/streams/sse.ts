/**
 * Reads on and on, as server-sent events: the way to read that doesn't end with an answer. The routes of streams open one for each request.
 * It writes while there is room: a reader whose socket is full takes nothing, and costs a number.
 */
import type { ServerResponse } from 'node:http';
import { type ErrorCode, SyncError } from '@syncline/protocol';
import type { Cancel, Data } from '@syncline/protocol/wire';
import type { Batch, SnapshotPart } from '../../../cursor.ts';
import type { Refusal } from '../../refusal.ts';
import { refused } from '../answer.ts';
import { controlEvent, eventsOf, heartbeat, partOf, retryIn, type Standing } from './events.ts';
import { always } from './headers.ts';
import { cursorAt } from './query.ts';
import { LogReader } from './reader.ts';

/** Nothing on the way may hold back or change what is written. */
const unbuffered = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
};
/** After how long browsers come back: a while, so that they don't all come at once. */
const retryMsMin = 200;
const retryMsMax = 1000;
/** How much sooner or later than it should a stream is ended, so that not all end at once. */
const spread = 0.1;
/** How long the end of a response may wait for whoever reads it. */
const endMs = 2000;

export class SseReader extends LogReader {
  /** What is to be written once the head of the response is. */
  readonly #early: Uint8Array[] = [];
  #least: number | undefined;
  #answered = false;
  /** Whether a snapshot is in the midst of being written. */
  #within = false;
  #resting = false;
  #done = false;
  #cancelEnd: Cancel = () => {};

  pump(): void {
    if (this.#done || this.waiting || this.#resting) return;
    this.progress();
    let written = 0;
    while (!this.#done && this.#hasRoom) {
      const bytes = this.take();
      if (!bytes) return;
      if (this.waiting) return;
      this.made(bytes);
      written += bytes.length;
      if (written >= this.tools.socketBytesMax) return this.#rest();
    }
  }

  end(code: ErrorCode, reason: string): void {
    if (!this.#answered) return this.lost(new SyncError(code, reason));
    if (code === 'silent') this.response?.destroy();
    else this.#finish();
  }

  override release(): void {
    this.#done = true;
    this.#cancelEnd();
    super.release();
  }

  protected begun(): void {
    const { found } = this.reading;
    const { sseMs, clock } = this.tools;
    if (found.closed && this.at.offset >= found.top.offset) this.over = 'closed';
    const isBytes = found.face.form === 'bytes';
    this.#answered = true;
    this.answered({
      status: 200,
      headers: { ...always, ...unbuffered, ...(isBytes && { 'Stream-SSE-Data-Encoding': 'base64' }) },
      write: (response) => this.#begin(response),
    });
    this.#write(retryIn(this.#between(retryMsMin, retryMsMax)));
    // Whoever is behind is told with what comes next.
    if (this.upToDate) this.#write(Buffer.from(controlEvent(this.#standing, true)));
    if (this.over) return this.#finish();
    this.#cancelEnd = clock.timer(this.#between(sseMs * (1 - spread), sseMs * (1 + spread)), () =>
      this.#finish(),
    );
  }

  protected entries(batch: Batch): Uint8Array {
    const { form, name, messages } = this.reading.found.face;
    const build = (): Uint8Array => eventsOf(form, messages(batch), this.#standing);
    // Where everybody is told the same, they get the same bytes.
    return this.#cursor === this.#interval ? batch.encoded(`sse ${name}`, build) : build();
  }

  protected part(part: SnapshotPart, name: string, messages: readonly Data[]): Uint8Array {
    const { face } = this.reading.found;
    const ends = { isFirst: !this.#within, isLast: !part.more };
    const at = { epoch: this.at.epoch, offset: part.offset, check: part.check };
    this.#within = part.more;
    const bytes = part.encoded(`sse ${face.name} ${name}`, () => partOf(face.form, messages, ends, at));
    return part.more ? bytes : Buffer.concat([bytes, Buffer.from(controlEvent(this.#standing, false))]);
  }

  protected made(bytes: Uint8Array): void {
    if (this.#done) return;
    if (bytes.length > 0) this.#write(bytes);
    if (this.over && !this.#within) this.#finish();
  }

  protected beat(): void {
    if (this.response && this.#hasRoom) this.#write(heartbeat);
  }

  protected leave(afterMs: number): void {
    this.#cancelEnd();
    if (!this.#done) this.#cancelEnd = this.tools.clock.timer(afterMs, () => this.#finish());
  }

  protected lost(refusal: Refusal | SyncError): void {
    if (this.#done) return;
    // Whoever comes back is told why.
    if (this.#answered) return this.#finish();
    this.#done = true;
    const answer = refused(refusal);
    this.answered({ ...answer, headers: { ...always, ...answer.headers } });
  }

  #begin(response: ServerResponse): void {
    this.response = response;
    response.on('drain', () => {
      this.session.alive();
      this.pump();
    });
    response.flushHeaders();
    for (const bytes of this.#early.splice(0)) response.write(bytes);
    if (this.#done) return this.#end(response);
    this.pump();
  }

  #write(bytes: Uint8Array): void {
    this.tools.metrics.bytesSent += bytes.length;
    if (this.response) this.response.write(bytes);
    else this.#early.push(bytes);
  }

  /** Ends the response; what was written before arrives, if somebody reads it. */
  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.#cancelEnd();
    if (this.response) this.#end(this.response);
  }

  #end(response: ServerResponse): void {
    response.end();
    this.#cancelEnd = this.tools.clock.timer(endMs, () => response.destroy());
  }

  /** Goes on in the next turn: where the kernel takes all that it is given, one reader would else hold everyone up. */
  #rest(): void {
    this.#resting = true;
    this.tools.clock.endOfTurn(() => {
      this.#resting = false;
      this.pump();
    });
  }

  get #hasRoom(): boolean {
    return this.response ? !this.response.writableNeedDrain : this.#early.length === 0;
  }

  get #standing(): Standing {
    const { at, upToDate } = this;
    return { at, upToDate, closed: this.over === 'closed', cursor: this.#cursor };
  }

  /** It never falls, whatever the client brought. */
  get #cursor(): number {
    const { clock } = this.tools;
    this.#least ??= cursorAt(clock.now(), this.reading.query.cursor, () => clock.random());
    return Math.max(this.#least, this.#interval);
  }

  /** What nearly everybody is told. */
  get #interval(): number {
    return cursorAt(this.tools.clock.now(), undefined, () => 0);
  }

  #between(least: number, most: number): number {
    return Math.round(least + this.tools.clock.random() * (most - least));
  }
}
