/**
 * Reads what is there after a place, as one answer, or waits for what comes next: the ways to read that end with an answer. The routes of
 * streams open one for each request. It takes what fits into one answer; a snapshot it writes as it comes.
 */
import type { ServerResponse } from 'node:http';
import { type ErrorCode, type Position, SyncError } from '@syncline/protocol';
import type { Cancel } from '@syncline/protocol/wire';
import type { Batch, SnapshotPart } from '../../../cursor.ts';
import type { Place } from '../../../session/sessions.ts';
import type { Refusal } from '../../refusal.ts';
import { type Answer, refused } from '../answer.ts';
import { always, cacheFields, etagOf, isKnown, type Reached, reachedFields, typeFields } from './headers.ts';
import { cursorAt } from './query.ts';
import { LogReader, type Reading, type ReadTools } from './reader.ts';

/** With as many bytes an answer is large enough; what is left comes with the next. */
const chunkBytesMax = 65_536;

const open = Buffer.from('[');
const comma = Buffer.from(',');
const close = Buffer.from(']');
const nothing = new Uint8Array();

/**
 * How far an answer is: each leads to one of those below it. Until its reader stands somewhere there is nothing to say; while it `waits`
 * nothing is no answer yet, while it `gathers` it is; a snapshot `streams`, and is `whole` once all of it is made.
 */
type Phase = 'opening' | 'waiting' | 'gathering' | 'streaming' | 'whole' | 'done';

export class ChunkReader extends LogReader {
  readonly #ifNoneMatch: string | undefined;
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;
  #phase: Phase = 'opening';
  /** How long nothing is no answer, in ms. */
  #waitMs: number;
  #cancelWait: Cancel = () => {};

  constructor(place: Place, tools: ReadTools, reading: Reading, ifNoneMatch: string | undefined) {
    super(place, tools, reading);
    this.#ifNoneMatch = ifNoneMatch;
    this.#waitMs = reading.query.live === 'long-poll' ? tools.longPollMs : 0;
  }

  pump(): void {
    this.progress();
    while (!this.waiting && this.#hasRoom) {
      const bytes = this.take();
      if (!bytes) break;
      if (!this.waiting) this.made(bytes);
    }
    // What lies between here and the head is being read, and comes by another call of this.
    if (!this.waiting && this.#mayAnswer && this.upToDate) this.#answer();
  }

  end(code: ErrorCode, reason: string): void {
    if (this.#phase === 'whole' || this.#phase === 'done') {
      // What was answered is on its way, unless nobody takes it.
      if (code === 'silent' || code === 'restart') this.response?.destroy();
    } else if (code === 'restart' && (this.#phase === 'waiting' || this.#phase === 'gathering'))
      this.#answer();
    else this.lost(new SyncError(code, reason));
  }

  override release(): void {
    this.#phase = 'done';
    this.#cancelWait();
    super.release();
  }

  protected begun(): void {
    const { found } = this.reading;
    if (found.closed && this.at.offset >= found.top.offset) this.over = 'closed';
    this.#phase = this.#waitMs > 0 ? 'waiting' : 'gathering';
    this.#wait();
  }

  protected entries(batch: Batch): Uint8Array {
    const { face } = this.reading.found;
    return batch.encoded(`body ${face.name}`, () => joined(face.form === 'json', face.messages(batch)));
  }

  protected part(part: SnapshotPart, name: string, messages: readonly (string | Uint8Array)[]): Uint8Array {
    const { face } = this.reading.found;
    const isFirst = this.#phase !== 'streaming';
    if (isFirst) this.#stream({ epoch: this.at.epoch, offset: part.offset, check: part.check });
    // Its reader has it already.
    if (this.#phase !== 'streaming') return nothing;
    if (!part.more) this.#phase = 'whole';
    const isJson = face.form === 'json';
    const bytes = part.encoded(`body ${face.name} ${name}`, () => joined(isJson, messages));
    if (!isJson) return bytes;
    const before = isFirst ? open : bytes.length > 0 ? comma : nothing;
    return Buffer.concat([before, bytes, part.more ? nothing : close]);
  }

  protected made(bytes: Uint8Array): void {
    if (this.#phase === 'done') return;
    if (bytes.length > 0) this.#pieces.push(bytes);
    this.#bytes += bytes.length;
    if (this.#phase === 'streaming' || this.#phase === 'whole') this.#write();
    else if (this.#bytes >= chunkBytesMax || this.over) this.#answer();
  }

  /** Who waits for an answer reads nothing that a sign of life could be written to, and needn't show any. */
  protected beat(): void {
    this.progress();
  }

  protected leave(afterMs: number): void {
    this.#waitMs = Math.min(this.#waitMs, afterMs);
    this.#wait();
  }

  protected lost(refusal: Refusal | SyncError): void {
    if (this.#phase === 'whole' || this.#phase === 'done') return;
    // What has begun can't be taken back: that it breaks off says that it isn't whole.
    if (this.#phase === 'streaming') this.response?.destroy();
    else if (this.#pieces.length > 0) this.#answer();
    else this.#settle(refused(refusal));
    this.#phase = 'done';
  }

  /** After so long nothing is an answer too. */
  #wait(): void {
    if (this.#phase !== 'waiting') return;
    this.#cancelWait();
    this.#cancelWait = this.tools.clock.timer(this.#waitMs, () => {
      if (this.#phase === 'waiting') this.#phase = 'gathering';
      this.pump();
    });
  }

  /** Whether what is taken can be held, or written. */
  get #hasRoom(): boolean {
    if (this.#phase === 'streaming') return this.response?.writableNeedDrain === false;
    return this.#phase !== 'whole' && this.#phase !== 'done';
  }

  /** Whether there is something to answer with. */
  get #mayAnswer(): boolean {
    if (this.#phase === 'waiting') return this.#pieces.length > 0 || this.over !== undefined;
    return this.#phase === 'gathering';
  }

  #settle(answer: Answer): void {
    this.#phase = 'done';
    this.#cancelWait();
    this.answered({ ...answer, headers: { ...always, ...answer.headers } });
  }

  get #reached(): Reached {
    return { at: this.at, upToDate: this.upToDate, closed: this.over === 'closed' };
  }

  #answer(): void {
    const { found, query, from } = this.reading;
    const reached = this.#reached;
    const headers = { ...reachedFields(reached), ...this.#liveFields(reached) };
    if (query.live === 'long-poll' && this.#pieces.length === 0)
      return this.#settle({ status: 204, headers });
    const isNow = query.from === 'now';
    const etag = etagOf(from, reached);
    const isFixed = !reached.upToDate && query.from !== 'start';
    const cached = isNow ? {} : { ETag: etag, ...cacheFields(found, isFixed) };
    const pieces = found.face.form === 'json' ? [open, ...between(this.#pieces), close] : [...this.#pieces];
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    // So much more than others are given was read, also for who has it already: anybody may say so.
    if (bytes > chunkBytesMax) found.charge(bytes - chunkBytesMax);
    if (!isNow && isKnown(etag, this.#ifNoneMatch))
      return this.#settle({ status: 304, headers: { ...headers, ...cached } });
    this.#settle({
      status: 200,
      headers: { ...headers, ...cached, ...typeFields(found.face), 'Content-Length': String(bytes) },
      write: (response) => {
        this.response = response;
        this.tools.metrics.bytesSent += bytes;
        // They leave together, and those that others are sent too aren't copied.
        response.cork();
        for (const piece of pieces) response.write(piece);
        response.end();
        response.uncork();
      },
    });
  }

  /** Answers with a snapshot: its parts are written as they come. @param at where it leads */
  #stream(at: Position): void {
    const { found, from } = this.reading;
    const upToDate = at.offset >= found.head().offset;
    const reached = { at, upToDate, closed: upToDate && found.closed };
    const etag = etagOf(from, reached);
    const headers = {
      ...reachedFields(reached),
      ...this.#liveFields(reached),
      ETag: etag,
      ...cacheFields(found, false),
    };
    if (isKnown(etag, this.#ifNoneMatch)) return this.#settle({ status: 304, headers });
    this.#phase = 'streaming';
    this.#cancelWait();
    this.answered({
      status: 200,
      headers: { ...always, ...headers, ...typeFields(found.face) },
      write: (response) => this.#begin(response),
    });
  }

  #begin(response: ServerResponse): void {
    // It was lost before anything of it could be written.
    if (this.#phase === 'done') return void response.destroy();
    this.response = response;
    response.on('drain', () => {
      this.session.alive();
      this.pump();
    });
    this.#write();
    this.pump();
  }

  /** Writes what was made of a snapshot, and ends with its last part. */
  #write(): void {
    const { response } = this;
    if (!response) return;
    for (const piece of this.#pieces.splice(0)) {
      this.tools.metrics.bytesSent += piece.length;
      response.write(piece);
    }
    if (this.#phase !== 'whole') return;
    this.#phase = 'done';
    response.end();
  }

  #liveFields({ closed }: Reached): Record<string, string> {
    const { clock } = this.tools;
    const { live, cursor } = this.reading.query;
    if (live === 'no' || closed) return {};
    return { 'Stream-Cursor': String(cursorAt(clock.now(), cursor, () => clock.random())) };
  }
}

/** Messages one after another; of a list, with commas between them. */
function joined(isJson: boolean, messages: readonly (string | Uint8Array)[]): Uint8Array {
  if (messages.every((message) => typeof message === 'string'))
    return Buffer.from(messages.join(isJson ? ',' : ''));
  const bytes = messages.map((message) => Buffer.from(message));
  return Buffer.concat(isJson ? between(bytes) : bytes);
}

/** The pieces of a list, with commas between them. */
function between(pieces: readonly Uint8Array[]): Uint8Array[] {
  return pieces.flatMap((piece, i) => (i === 0 ? [piece] : [comma, piece]));
}
