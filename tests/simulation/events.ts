/**
 * An answer that never ends, between a simulated node and a client: bytes in order, late, held back, cut anywhere and broken in two. To the
 * node it is the response that it writes to, to the client the body that it reads. It knows neither frames nor sessions.
 */
import type { ServerResponse } from 'node:http';
import type { Faults, Injected } from './faults.ts';
import type { World } from './world.ts';

/** A cut falls within this many bytes of a stream's life. */
const cutBytesMax = 6_000;
/** Bytes under way beyond which the node is to wait. */
const roomBytes = 16_384;

type Next = { readonly value: Uint8Array | undefined };

export class EventStream {
  /** What the node writes to. */
  readonly response: ServerResponse;
  readonly #world: World;
  readonly #faults: Faults;
  readonly #injected: Injected;
  readonly #listeners = { drain: new Set<() => void>(), close: new Set<() => void>() };
  #cutAfter = Number.POSITIVE_INFINITY;
  #last = 0;
  #underWay = 0;
  #full = false;
  #ended = false;
  /** Nothing is carried any more. */
  #broken = false;
  readonly #arrived: Uint8Array[] = [];
  #over: Error | 'ended' | undefined;
  #wake = (): void => {};

  constructor(world: World, faults: Faults, injected: Injected) {
    this.#world = world;
    this.#faults = faults;
    this.#injected = injected;
    if (world.chance(faults.cut)) this.#cutAfter = world.whole(1, cutBytesMax);
    if (world.chance(faults.stall)) {
      injected.stalled++;
      this.#last = world.now + (world.chance(0.3) ? 3_600_000 : world.between(500, 40_000));
    }
    this.response = this.#asResponse();
  }

  /** What the client reads. */
  readonly body = { getReader: () => ({ read: () => this.#read() }) };

  /** The client reads no more; the node notices. */
  left(): void {
    this.#close();
  }

  /** Both ends go: the client notices soon, the node is no more. */
  break(): void {
    this.#broken = true;
    for (const listeners of Object.values(this.#listeners)) listeners.clear();
    this.#failSoon(500);
  }

  #asResponse(): ServerResponse {
    const world = this.#world;
    const isEnded = () => this.#ended;
    const length = () => this.#underWay;
    const isFull = () => this.#full;
    const response = {
      writableHighWaterMark: roomBytes,
      get writableEnded() {
        return isEnded();
      },
      get writableLength() {
        return length();
      },
      get writableNeedDrain() {
        return isFull();
      },
      on: (event: 'drain' | 'close', run: () => void) => this.#listeners[event].add(run),
      write: (data: Uint8Array | string) => this.#write(Buffer.from(data)),
      end: (data: Uint8Array | string) => {
        this.#write(Buffer.from(data));
        this.#ended = true;
        this.#plan(0, () => {
          this.#finish('ended');
          this.#close();
        });
      },
      destroy: () => {
        this.#failSoon(2_000);
        world.after(0, () => this.#close());
      },
    };
    // The part of a response that links use.
    return response as unknown as ServerResponse;
  }

  #write(data: Buffer): void {
    if (this.#broken || this.#ended) return;
    this.#cutAfter -= data.length;
    if (this.#cutAfter < 0) {
      this.#carry(data.subarray(0, data.length + this.#cutAfter));
      return this.#cut();
    }
    const middle = this.#world.chance(0.2) ? this.#world.whole(0, data.length) : data.length;
    this.#carry(data.subarray(0, middle));
    this.#carry(data.subarray(middle));
  }

  #carry(data: Buffer): void {
    if (data.length === 0) return;
    this.#underWay += data.length;
    this.#full ||= this.#underWay >= roomBytes;
    const copy = Uint8Array.from(data);
    this.#plan(copy.length, () => {
      this.#arrived.push(copy);
      this.#wake();
    });
  }

  /** In order, after the time that the way takes. */
  #plan(bytes: number, arrive: () => void): void {
    const { now } = this.#world;
    this.#last = Math.max(this.#last, now + this.#world.between(0.1, this.#faults.latencyMsMax));
    this.#world.after(this.#last - now, () => {
      this.#underWay -= bytes;
      arrive();
      if (!this.#full || this.#underWay > 0) return;
      this.#full = false;
      for (const run of [...this.#listeners.drain]) run();
    });
  }

  /** It breaks in the midst of something. Each end notices soon, late, or not at all. */
  #cut(): void {
    const world = this.#world;
    this.#injected.cut++;
    this.#broken = true;
    if (world.chance(0.8)) this.#failSoon(2_000);
    world.after(world.chance(0.8) ? world.between(1, 2_000) : 120_000, () => this.#close());
  }

  #close(): void {
    this.#broken = true;
    const told = [...this.#listeners.close];
    this.#listeners.close.clear();
    for (const run of told) run();
  }

  #failSoon(msMax: number): void {
    this.#world.after(this.#world.between(1, msMax), () =>
      this.#finish(new TypeError('The network failed.')),
    );
  }

  #finish(how: Error | 'ended'): void {
    this.#over ??= how;
    this.#wake();
  }

  async #read(): Promise<Next> {
    while (this.#arrived.length === 0) {
      if (this.#over === 'ended') return { value: undefined };
      if (this.#over) throw this.#over;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return { value: this.#arrived.shift() };
  }
}
