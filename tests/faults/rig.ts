/**
 * A real server, real clients behind a fault proxy each, and time that passes only when a test says so. Every client keeps
 * what its handler got; the log as it was acknowledged tells what that should be. Sockets are real.
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type FakeClock, fakeClock } from '@syncline/protocol/testing';
import { createServer, memory, type Server, type ServerOptions } from '@syncline/server';
import { expect, onTestFinished } from 'vitest';
import { channelIdleMs, cutMs, serverMs } from './bounds.ts';
import { FaultProxy } from './proxy.ts';
import { type Channels, channels, Seat, type SeatOptions } from './seat.ts';

/** Time passes in steps of so many ms; what is written in one is read before the next. */
export const stepMs = 250;
/** Turns of the event loop without a byte after which nothing is under way; dialling has pauses. */
const stillTurns = 12;
const stillTurnsDialling = 60;

export class Rig {
  readonly server: Server<Channels>;
  readonly clock: FakeClock;
  readonly port: number;
  /** The server's ends of all connections, in the order in which they came. */
  readonly sockets: readonly Socket[];
  readonly seats: Seat[] = [];
  /** How much time has passed, in ms. */
  elapsedMs = 0;
  readonly #linkClock: FakeClock = fakeClock();
  readonly #proxies: FaultProxy[] = [];
  readonly #log = new Map<number, number>();
  readonly #timers: number;
  #numbers = 0;

  private constructor(server: Server<Channels>, clock: FakeClock, port: number, sockets: readonly Socket[]) {
    this.server = server;
    this.clock = clock;
    this.port = port;
    this.sockets = sockets;
    this.#timers = clock.timers;
  }

  /** A server in memory, with its defaults but for these options. */
  static async start(options: Partial<ServerOptions<Channels>> = {}): Promise<Rig> {
    const clock = fakeClock();
    const server = createServer({ broker: memory({ clock }), clock, ...options, channels });
    const sockets: Socket[] = [];
    const http = createHttpServer().on('connection', (socket) => sockets.push(socket));
    server.attach(http);
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    onTestFinished(async () => {
      for (const socket of sockets) socket.destroy();
      http.close();
      await server.close({ drainMs: 0 });
    });
    return new Rig(server, clock, (http.address() as AddressInfo).port, sockets);
  }

  /** A way to the server on which faults can happen. */
  async proxy(): Promise<FaultProxy> {
    const proxy = await FaultProxy.open(this.port, this.#linkClock);
    this.#proxies.push(proxy);
    onTestFinished(() => proxy.close());
    return proxy;
  }

  /** A client that has subscribed and is live; its story begins after that. */
  async join(options: SeatOptions = {}): Promise<Seat> {
    const seat = new Seat(await this.proxy(), this.seats.length + 1, options);
    this.seats.push(seat);
    await expect.poll(() => seat.room.freshness.get().state, { interval: 5 }).toBe('live');
    await this.quiet();
    seat.story.length = 0;
    return seat;
  }

  /** Appends one message on the server. */
  async publish(filling?: string): Promise<void> {
    const n = ++this.#numbers;
    const { offset } = await this.server.publish('chat/lobby', { n, ...(filling && { filling }) });
    this.#log.set(offset, n);
  }

  /** A client publishes one message; resolves when that is acknowledged. Nobody need wait. */
  send(seat: Seat): Promise<void> {
    const n = ++this.#numbers;
    const stored = seat.room.publish({ n }).then(({ offset }) => void this.#log.set(offset, n));
    stored.catch(() => {});
    return stored;
  }

  /** Lets time pass, for the server, the links and all clients but those that are frozen. */
  async pass(ms: number, frozen: readonly Seat[] = []): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      const step = Math.min(stepMs, left);
      this.elapsedMs += step;
      await this.clock.advance(step);
      await this.#linkClock.advance(step);
      for (const seat of this.seats) if (!frozen.includes(seat)) await seat.clock.advance(step);
      await this.quiet();
    }
  }

  /** Lets time pass until it is so, and returns how long that took. Fails when it is more than `withinMs`. */
  async until(what: string, withinMs: number, so: () => boolean): Promise<number> {
    const began = this.elapsedMs;
    while (!so()) {
      if (this.elapsedMs - began >= withinMs) throw new Error(`Not so within ${withinMs} ms: ${what}.`);
      await this.pass(stepMs);
    }
    return this.elapsedMs - began;
  }

  /** Resolves when all that was written has been read and answered. */
  async quiet(): Promise<void> {
    let before = -1;
    for (let still = 0; ; still++) {
      const bytes = this.#proxies.reduce((sum, proxy) => sum + proxy.bytes, 0);
      if (bytes !== before) still = 0;
      before = bytes;
      const dialling = this.seats.some(({ client }) => client.status.get().state === 'connecting');
      if (still >= (dialling ? stillTurnsDialling : stillTurns)) return;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Within that time everyone is live and got all that was acknowledged: in order, each once. They joined before the first. */
  async agree(withinMs = 2000): Promise<void> {
    await this.quiet();
    const wanted = [...this.#log].sort(([a], [b]) => a - b).map(([offset, n]) => `${offset}:${n}`);
    const has = ({ got, freshness }: Seat) => got.length >= wanted.length && freshness === 'live';
    await this.until('everyone has everything', withinMs, () => this.seats.every(has));
    for (const { got } of this.seats) expect(got).toEqual(wanted);
  }

  /** Once all clients have gone, the server holds nothing of them, nor they of it. */
  async empties(): Promise<void> {
    for (const { client } of this.seats) client.close();
    const { metrics } = this.server;
    await this.until('nobody is there', serverMs + cutMs, () => metrics.sessionsOpen === 0);
    expect(metrics.cursorsOpen).toBe(0);
    await this.until('channels are closed', 2 * channelIdleMs, () => metrics.channelsOpen === 0);
    expect(this.clock.timers).toBe(this.#timers);
    expect(this.sockets.filter((socket) => !socket.destroyed).length).toBe(0);
    for (const { clock } of this.seats) expect(clock.timers).toBe(0);
  }
}
