/**
 * One connection of a run: comes in, reads its channels, and when it is cut comes back and goes on from its positions. It counts what
 * it sees on the wire, so unlike the SDK it passes over nothing. What it publishes is a publisher's matter, which it calls.
 */
import { SyncError } from '@syncline/protocol';
import {
  type Cancel,
  encodeClient,
  isErrorCode,
  refMax,
  type ServerFrame,
  steps,
  subprotocol,
  systemClock,
} from '@syncline/protocol/wire';
import { type ClientOptions, WebSocket } from 'ws';
import { readRefusal } from '../link.ts';
import { stopwatch } from './clock.ts';
import type { Tally } from './tally.ts';
import type { Reader } from './track.ts';

type Answer = Exclude<ServerFrame, { type: 'entries' }> | undefined;
type Request = Parameters<typeof encodeClient>[0];
/** A request without its number, which the seat gives. */
type Asked<T extends Request['type']> = Omit<Extract<Request, { type: T }>, 'ref'>;

/** Waits between attempts at a connection: a random one up to so much, doubled each time, in ms. */
const backoffMs = 200;
const backoffMsMax = 5000;

/** What a seat tells whoever publishes by it. */
export interface Publishes {
  opened(): void;
}

export class Seat {
  readonly #url: string;
  readonly #options: () => Promise<ClientOptions>;
  readonly #tally: Tally;
  readonly readers: readonly Reader[];
  publishers: Publishes[] = [];
  #socket: WebSocket | undefined;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #byId = new Map<number, Reader>();
  #ref = 0;
  #failures = 0;
  #over = false;
  #again: Cancel | undefined;
  #dialled = 0;
  /** Whether it has its welcome. */
  open = false;
  /** Why it will never come in, if that is so. */
  failed: SyncError | undefined;
  /** Told of each change of the above. */
  onChange: () => void = () => {};

  constructor(url: string, options: () => Promise<ClientOptions>, readers: readonly Reader[], tally: Tally) {
    this.#url = url;
    this.#options = options;
    this.readers = readers;
    this.#tally = tally;
  }

  /** Whether it reads all that it is to read, or never will. */
  get settled(): boolean {
    return this.failed !== undefined || (this.open && this.readers.every(({ id }) => id !== undefined));
  }

  dial(): void {
    this.#dialled = stopwatch();
    this.#options().then(
      (options) => {
        if (!this.#over) this.#connect(new WebSocket(this.#url, subprotocol, options));
      },
      (thrown: Error) => this.#fail(new SyncError('bad_option', thrown.message)),
    );
  }

  close(): void {
    this.#over = true;
    this.#again?.();
    this.#socket?.close(1000);
    this.#socket?.terminate();
  }

  /** Asks; `answer` is called once, with undefined when the connection breaks first. Only while open. */
  ask<T extends 'publish' | 'subscribe'>(request: Asked<T>, answer: (answer: Answer) => void): void {
    this.#ref = (this.#ref % refMax) + 1;
    this.#waiting.set(this.#ref, answer);
    this.#socket?.send(encodeClient({ ...request, ref: this.#ref } as Request));
  }

  #connect(socket: WebSocket): void {
    this.#socket = socket;
    let why = new SyncError('unavailable', 'The connection broke.');
    socket.on('error', (thrown) => (why = new SyncError('unavailable', thrown.message)));
    socket.on('unexpected-response', (request, response) => {
      void readRefusal(response).then(({ status, code, message }) => {
        request.destroy();
        const known = code !== undefined && isErrorCode(code);
        this.#lost(
          known
            ? new SyncError(code, message)
            : new SyncError('unavailable', `It answered ${status} instead of 101${message}.`),
        );
      });
    });
    socket.on('message', (data: Buffer, isBinary) => {
      try {
        if (!isBinary) why = this.#receive(data) ?? why;
      } catch (thrown) {
        this.#fail(thrown instanceof SyncError ? thrown : new SyncError('bad_frame', String(thrown)));
      }
    });
    socket.on('close', (code) => {
      if (why.code === 'unavailable' && code !== 1006) why = closed(code);
      this.#lost(why);
    });
  }

  /** @returns an error that the server names before it closes */
  #receive(data: Buffer): SyncError | undefined {
    const now = stopwatch();
    this.#tally.bytes += data.length;
    // Frames of entries begin with the number of their channel.
    const reader = data[1] !== 0x22 ? this.#byId.get(idIn(data)) : undefined;
    const frame = (reader ?? this.readers[0])?.track.read(data);
    if (!frame) return undefined;
    if (frame.type === 'entries') reader?.entries(frame.first, frame.entries, now);
    else if (frame.type === 'error' && frame.ref === null) return new SyncError(frame.code, frame.message);
    else if (frame.type === 'welcome') this.#welcomed(now);
    else if ('ref' in frame && frame.ref !== null) this.#answer(frame.ref, frame);
    else this.#told(frame, now);
    return undefined;
  }

  #told(frame: ServerFrame, now: number): void {
    const reader = 'id' in frame ? this.#byId.get(frame.id) : undefined;
    if (frame.type === 'changes') {
      const offsets = frame.entries.map(({ offset }) => offset);
      reader?.folded(offsets.at(-1) ?? 0, offsets, now);
    } else if (frame.type === 'snapshot' && !frame.more) reader?.folded(frame.offset, [], now);
    else if (frame.type === 'gap') reader?.stand(frame.position, reader.track.stamped, true);
    else if (frame.type === 'revoked') this.#fail(new SyncError(frame.code, frame.message));
  }

  #welcomed(now: number): void {
    this.#tally.opening.add(now - this.#dialled);
    this.#failures = 0;
    this.open = true;
    for (const reader of this.readers) this.#subscribe(reader);
    for (const publisher of this.publishers) publisher.opened();
    this.onChange();
  }

  #subscribe(reader: Reader): void {
    const { track, start } = reader;
    this.ask<'subscribe'>({ type: 'subscribe', channel: track.name, start }, (answer) => {
      if (answer?.type === 'error')
        return this.#refused(new SyncError(answer.code, answer.message, answer.detail ?? undefined));
      if (answer?.type !== 'subscribed') return;
      reader.id = answer.id;
      this.#byId.set(answer.id, reader);
      reader.stand(answer.position, answer.stamped, answer.gap !== null);
      this.onChange();
    });
  }

  /** A subscription that is refused for now is asked for again on another connection. */
  #refused(error: SyncError): void {
    if (error.next === 'stop') return this.#fail(error);
    this.#tally.refuse(error.code, error.message);
    this.#socket?.terminate();
  }

  #answer(ref: number, answer: Answer): void {
    const waiting = this.#waiting.get(ref);
    this.#waiting.delete(ref);
    waiting?.(answer);
  }

  #lost(why: SyncError): void {
    if (this.#socket === undefined || this.#over) return;
    this.#socket = undefined;
    const { then } = steps[why.code];
    // Rights that ended are had again with the token that there is by then; a token that was refused is not asked for again.
    const hopeless = then === 'stop' || (then === 'reauth' && !this.open);
    if (this.open) this.#tally.cutOff(why.code, why.message);
    else if (!hopeless) this.#tally.refuse(why.code, why.message);
    this.open = false;
    this.#byId.clear();
    for (const reader of this.readers) reader.id = undefined;
    for (const ref of [...this.#waiting.keys()]) this.#answer(ref, undefined);
    if (hopeless) return this.#fail(why);
    const most = Math.min(backoffMsMax, backoffMs * 2 ** this.#failures++);
    const least = Number(why.detail?.['retryMs']) || 0;
    this.#again = systemClock.timer(Math.max(least, systemClock.random() * most), () => this.dial());
    this.onChange();
  }

  #fail(error: SyncError): void {
    if (this.failed || this.#over) return;
    this.failed = error;
    this.open = false;
    this.#tally.refuse(error.code, error.message);
    this.close();
    this.onChange();
  }
}

/** What a close code says, where nothing else was said. */
function closed(close: number): SyncError {
  const known = Object.keys(steps).find((one) => isErrorCode(one) && steps[one].close === close);
  const code = known !== undefined && isErrorCode(known) ? known : 'unavailable';
  return new SyncError(code, `The server ended the connection (${close}).`);
}

/** The number at the front of a frame of entries. */
function idIn(data: Buffer): number {
  let id = 0;
  for (let i = 1; i < data.length; i++) {
    const digit = (data[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    id = id * 10 + digit;
  }
  return id;
}
