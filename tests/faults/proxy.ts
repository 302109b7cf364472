/**
 * A TCP proxy that does to connections what bad networks do; what is done to bytes is way.ts. Tests put one between any two
 * ends, a client and its server or a node and its Redis. It knows no protocol, and no time or chance but the clock and the
 * seed that it is given.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { seeded } from '@syncline/protocol/testing';
import type { Clock } from '@syncline/protocol/wire';
import { Way } from './way.ts';

/** A number, so that nothing need be asked of any resolver. */
const host = '127.0.0.1';

/** One connection through the proxy. */
export class Link {
  /** From who dialled to who was dialled, and back. */
  readonly up: Way;
  readonly down: Way;
  readonly #far: Socket;
  readonly #ends: readonly Socket[];

  constructor(near: Socket, far: Socket, clock: Clock, random: () => number) {
    const reset = (): void => this.reset();
    this.#far = far;
    this.#ends = [near, far];
    for (const end of this.#ends) end.on('error', () => {});
    this.up = new Way(near, far, reset, clock, random);
    this.down = new Way(far, near, reset, clock, random);
  }

  /** Whether the proxy still holds a socket of it. */
  get open(): boolean {
    return this.#ends.some((end) => !end.destroyed);
  }

  /** The port from which the proxy dialled on: by that the other end knows this connection. */
  get port(): number {
    return this.#far.localPort ?? 0;
  }

  /** The port that the proxy dialled. */
  get to(): number {
    return this.#far.remotePort ?? 0;
  }

  /** Lets it go on as if nothing had been done to it; where bytes were lost it can't, and is reset. */
  heal(): void {
    if (this.up.loses || this.down.loses) return this.reset();
    this.up.pass();
    this.down.pass();
  }

  /** Ends it with a reset towards both. */
  reset(): void {
    for (const end of this.#ends) end.resetAndDestroy();
  }
}

/** Listens on a free port of this machine, and joins each connection with one to the target. */
export class FaultProxy {
  /** All there were, in the order in which they came. */
  readonly links: Link[] = [];
  /** Called with each new link before a byte of it has passed. */
  onLink: (link: Link) => void = () => {};
  readonly #server: Server;
  #target: number;
  #targetHost: string;
  #refuses = false;

  private constructor(server: Server, target: number, clock: Clock, random: () => number) {
    this.#server = server;
    this.#target = target;
    this.#targetHost = host;
    server.on('connection', (near) => {
      if (this.#refuses) return void near.resetAndDestroy();
      const far = connect({ port: this.#target, host: this.#targetHost, allowHalfOpen: true, noDelay: true });
      const link = new Link(near, far, clock, random);
      this.links.push(link);
      this.onLink(link);
    });
  }

  /**
   * A proxy to that port.
   *
   * @param seed decides what is random here: how late each part of a jittered direction arrives
   * @param at where it listens: by default on a free port of this machine's usual address
   */
  static async open(
    target: number,
    clock: Clock,
    seed = 1,
    at: { readonly port: number; readonly host: string } = { port: 0, host },
  ): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(at.port, at.host);
    await once(server, 'listening');
    return new FaultProxy(server, target, clock, seeded(seed));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes that came in so far, over all links and both directions. */
  get bytes(): number {
    return this.links.reduce((sum, { up, down }) => sum + up.bytes + down.bytes, 0);
  }

  /** New connections lead to another port from now on, of this machine or of one at another address. */
  retarget(port: number, to = host): void {
    this.#target = port;
    this.#targetHost = to;
  }

  /** Resets whoever dials, or takes them again. */
  refuse(refuses = true): void {
    this.#refuses = refuses;
  }

  /** Takes whoever dials, and lets all that is there go on. */
  heal(): void {
    this.refuse(false);
    for (const link of this.links) if (link.open) link.heal();
  }

  /** Ends everything. */
  async close(): Promise<void> {
    for (const link of this.links) link.reset();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
