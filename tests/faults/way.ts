/**
 * One direction of a connection through the fault proxy, and what can be done to its bytes. Whatever that is, they keep
 * their order. It takes them from one socket and gives them to another, and knows neither who sends nor what they say.
 */
import type { Socket } from 'node:net';
import type { Cancel, Clock } from '@syncline/protocol/wire';

/** Bytes that one direction keeps for later; beyond it nothing is read, and the sender's own buffers fill. */
const keptBytesMax = 65_536;
/** A throttled direction hands on so much at once, in ms of its rate. */
const throttleStepMs = 100;

/** Bytes, or how the sender's side ended. */
type What = Buffer | 'end' | 'reset';

export class Way {
  /** Bytes that came in, those swallowed included. */
  bytes = 0;
  /** Whether the sender has said that nothing more comes, or is gone. */
  ended = false;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #reset: () => void;
  readonly #clock: Clock;
  readonly #random: () => number;
  #mode: 'pass' | 'hold' | 'swallow' = 'pass';
  #delayMs = 0;
  #jitterMs = 0;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #bytesLeft = Number.POSITIVE_INFINITY;
  /** What is done when so many bytes have been handed on. */
  #atLimit: () => void;
  #sliceBytes = Number.POSITIVE_INFINITY;
  /** Whether a slice was handed on in this turn. */
  #handed = false;
  /** When all that came has left the throttle, and when it has arrived, in ms since 1970. */
  #sentAt = 0;
  #arrivedAt = 0;
  #kept: { readonly what: What; readonly due: number }[] = [];
  #keptBytes = 0;
  #timer: Cancel | undefined;

  /** @param reset ends the connection, both directions of it */
  constructor(from: Socket, to: Socket, reset: () => void, clock: Clock, random: () => number) {
    this.#from = from;
    this.#to = to;
    this.#reset = reset;
    this.#atLimit = reset;
    this.#clock = clock;
    this.#random = random;
    from.on('data', (chunk) => this.#take(chunk));
    from.on('end', () => this.#keep('end'));
    from.on('close', (failed) => (failed || !from.readableEnded) && this.#keep('reset'));
    to.on('drain', () => this.#run());
    to.on('close', () => this.swallow());
  }

  /** Whether it loses what comes: no TCP stream goes on after that. */
  get loses(): boolean {
    return this.#mode === 'swallow';
  }

  /** Hands on what was held, and from now on all that comes, as it comes. */
  pass(): void {
    this.#mode = 'pass';
    this.delay(0);
    this.throttle(Number.POSITIVE_INFINITY);
    this.slice(Number.POSITIVE_INFINITY);
    this.#run();
  }

  /** Hands nothing on until `pass`. The link stalls, and nothing is lost. */
  hold(): void {
    this.#mode = 'hold';
  }

  /** Loses all that comes, the end of the connection too. No TCP stream goes on after that: whoever heals it must reset it. */
  swallow(): void {
    this.#mode = 'swallow';
    this.#kept = [];
    this.#keptBytes = 0;
    this.#run();
  }

  /** What comes from now on arrives so many ms later, and at random up to `jitterMs` later still. */
  delay(ms: number, jitterMs = 0): void {
    this.#delayMs = ms;
    this.#jitterMs = jitterMs;
  }

  /** What comes from now on leaves at this rate. */
  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** What comes from now on is handed on in pieces of so many bytes at most, one in each turn of the event loop. */
  slice(bytes: number): void {
    this.#sliceBytes = bytes;
  }

  /** Hands on so many more bytes, and resets the connection. */
  cut(bytes: number): void {
    this.#limit(bytes, this.#reset);
  }

  /** Hands on so many more bytes, and loses what comes after them. */
  swallowAfter(bytes: number): void {
    this.#limit(bytes, () => this.swallow());
  }

  /** Tells the receiver that nothing more comes, and loses what comes nevertheless. */
  halfClose(): void {
    this.swallow();
    this.#to.end();
  }

  #limit(bytes: number, atLimit: () => void): void {
    this.#bytesLeft = bytes;
    this.#atLimit = atLimit;
    if (bytes === 0) atLimit();
  }

  #take(chunk: Buffer): void {
    this.bytes += chunk.length;
    const atOnce = Math.ceil((this.#bytesPerSecond * throttleStepMs) / 1000);
    const step = Math.max(1, Math.min(atOnce, this.#sliceBytes));
    for (let at = 0; at < chunk.length; at += step) this.#keep(chunk.subarray(at, at + step));
  }

  #keep(what: What): void {
    const bytes = typeof what === 'string' ? 0 : what.length;
    this.ended ||= bytes === 0;
    if (this.#mode === 'swallow') return;
    this.#sentAt = Math.max(this.#sentAt, this.#clock.now()) + (bytes * 1000) / this.#bytesPerSecond;
    this.#arrivedAt = Math.max(
      this.#arrivedAt,
      this.#sentAt + this.#delayMs + this.#random() * this.#jitterMs,
    );
    this.#kept.push({ what, due: this.#arrivedAt });
    this.#keptBytes += bytes;
    this.#run();
  }

  /** Hands on what is due, and reads on while there is room. */
  #run(): void {
    this.#timer?.();
    for (let [first] = this.#kept; first && this.#mode === 'pass'; [first] = this.#kept) {
      const waitMs = first.due - this.#clock.now();
      if (waitMs > 0) {
        this.#timer = this.#clock.timer(waitMs, () => this.#run());
        break;
      }
      if (this.#handed) break;
      this.#kept.shift();
      this.#hand(first.what);
      if (this.#sliceBytes < Number.POSITIVE_INFINITY) this.#rest();
    }
    if (this.#keptBytes > keptBytesMax || this.#to.writableNeedDrain) this.#from.pause();
    else this.#from.resume();
  }

  /** Nothing more in this turn of the event loop: what is written in one travels together. */
  #rest(): void {
    this.#handed = true;
    this.#clock.endOfTurn(() => {
      this.#handed = false;
      this.#run();
    });
  }

  #hand(what: What): void {
    if (what === 'reset') return this.#reset();
    if (what === 'end') return void this.#to.end();
    this.#keptBytes -= what.length;
    const bytes = what.subarray(0, this.#bytesLeft);
    if (bytes.length === 0) return;
    this.#bytesLeft -= bytes.length;
    const last = this.#bytesLeft === 0;
    this.#to.write(bytes, () => last && this.#atLimit());
  }
}
