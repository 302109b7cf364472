/**
 * Links between simulated clients and the node: bytes with delay, drops, duplicates, reordering, stalls, and cuts at any
 * byte. On the client's side it is a Transport like the WebSocket one; on the node's side a Port of a session.
 */
import type { Link, LinkHandlers, Transport } from '@syncline/client/internal';
import { errors } from '@syncline/protocol';
import { type Clock, decodeClient, decodeClientBinary } from '@syncline/protocol/wire';
import {
  nativeBatch,
  nativeControls,
  nativeSeen,
  nativeSignals,
  nativeSnapshot,
  type Port,
  type Session,
} from '@syncline/server/internal';
import { opcodes, takeFrame } from '@syncline/server/testing';
import { type Faults, type Injected, noFaults } from './faults.ts';
import { type HttpDoor, Requests } from './requests.ts';
import type { World } from './world.ts';

/** What a node offers to a link: a session for a port, or nothing while the node is down. */
export type Door = (port: Port) => Session | undefined;

/** A cut falls within this many bytes of a connection's life. */
const cutBytesMax = 6_000;
/** Bytes under way to a client beyond which its port has no room. */
const roomBytes = 16_384;

export class Network {
  readonly injected: Injected = {
    dropped: 0,
    duplicated: 0,
    reordered: 0,
    cut: 0,
    stalled: 0,
    connections: 0,
  };
  faults: Faults = noFaults;
  door: Door = () => undefined;
  httpDoor: HttpDoor = () => undefined;
  readonly #world: World;
  readonly #wires = new Set<Wire>();
  readonly #requests: Requests;

  constructor(world: World) {
    this.#world = world;
    this.#requests = new Requests(world, this);
  }

  /** A client's way to the node over plain HTTP. */
  overHttp(as: 'sse' | 'long-poll', clock: Clock): Transport {
    return this.#requests.transport(as, clock);
  }

  /** A client's way to the node. */
  transport(): Transport {
    const transport: Transport = {
      open: (_url, _token, handlers) => {
        const wire = new Wire(this.#world, this, handlers, transport);
        this.#wires.add(wire);
        this.injected.connections++;
        return wire.client;
      },
    };
    return transport;
  }

  /** One client's machine goes: nobody is told, and what was under way from it may still arrive. */
  forget(transport: Transport): void {
    for (const wire of this.#wires) if (wire.from === transport) wire.vanish();
  }

  /** All connections break now, as when the node's machine goes. */
  breakAll(): void {
    for (const wire of this.#wires) wire.break();
    this.#wires.clear();
    this.#requests.breakAll();
  }
}

/** One direction of a connection: messages in order, unless a fault says otherwise. */
class Way {
  readonly #world: World;
  readonly #network: Network;
  #last = 0;
  #stalledUntil = 0;
  #cutAfter: number;
  #underWay = 0;

  constructor(world: World, network: Network) {
    this.#world = world;
    this.#network = network;
    const { cut, stall } = network.faults;
    this.#cutAfter = world.chance(cut) ? world.whole(1, cutBytesMax) : Number.POSITIVE_INFINITY;
    if (world.chance(stall)) {
      network.injected.stalled++;
      this.#stalledUntil = world.now + (world.chance(0.3) ? 3_600_000 : world.between(500, 40_000));
    }
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** Carries a message of so many bytes; false when the connection is cut within it. */
  carry(bytes: number, arrive: () => void): boolean {
    this.#cutAfter -= bytes;
    if (this.#cutAfter < 0) {
      this.#network.injected.cut++;
      return false;
    }
    const { drop, duplicate, reorder } = this.#network.faults;
    if (this.#world.chance(drop)) this.#network.injected.dropped++;
    else this.#plan(bytes, arrive, this.#world.chance(reorder));
    if (this.#world.chance(duplicate)) {
      this.#network.injected.duplicated++;
      this.#plan(bytes, arrive, false);
    }
    return true;
  }

  #plan(bytes: number, arrive: () => void, early: boolean): void {
    const { now } = this.#world;
    let at = Math.max(now + this.#world.between(0.1, this.#network.faults.latencyMsMax), this.#stalledUntil);
    if (early) this.#network.injected.reordered++;
    else at = Math.max(at, this.#last);
    this.#last = Math.max(at, this.#last);
    this.#underWay += bytes;
    this.#world.after(at - now, () => {
      this.#underWay -= bytes;
      arrive();
    });
  }
}

/** One connection. Its two ends learn of its end each in its own time, or, when it is half open, never. */
class Wire {
  readonly client: Link;
  /** Whose it is. */
  readonly from: Transport;
  readonly #world: World;
  readonly #network: Network;
  readonly #handlers: LinkHandlers;
  readonly #up: Way;
  readonly #down: Way;
  #session: Session | undefined;
  #clientOpen = true;
  #carrying = true;

  constructor(world: World, network: Network, handlers: LinkHandlers, from: Transport) {
    this.from = from;
    this.#world = world;
    this.#network = network;
    this.#handlers = handlers;
    this.#up = new Way(world, network);
    this.#down = new Way(world, network);
    this.client = {
      send: (data) => this.#send(data),
      close: () => this.#clientLeaves(),
      bufferedAmount: 0,
    };
    world.after(world.between(0.2, 2 * network.faults.latencyMsMax), () => this.#arriveAtDoor());
  }

  /** The client is no more; the node notices late. */
  vanish(): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#world.after(this.#world.between(1, 30_000), () => this.#endSession());
  }

  /** Both ends are told, soon. */
  break(): void {
    this.#carrying = false;
    this.#endSession();
    this.#world.after(this.#world.between(1, 500), () => this.#tellClient(1006));
  }

  #arriveAtDoor(): void {
    if (!this.#clientOpen || !this.#carrying) return;
    const port: Port = {
      controls: nativeControls,
      batch: nativeBatch,
      snapshot: nativeSnapshot,
      seen: nativeSeen,
      signals: nativeSignals,
      pump: () => this.#pump(),
      end: (code) => {
        this.#pump();
        this.#down.carry(4, () => this.#tellClient(errors[code].close));
        this.#endSession();
      },
    };
    this.#session = this.#network.door(port);
    if (!this.#session) this.#world.after(this.#world.between(1, 50), () => this.#tellClient(1006));
  }

  #send(data: string | Uint8Array): void {
    if (!this.#clientOpen || !this.#carrying) return;
    const whole = this.#up.carry(Buffer.byteLength(data) + 8, () =>
      this.#session?.receive(typeof data === 'string' ? decodeClient(data) : decodeClientBinary(data)),
    );
    if (!whole) this.#cut();
  }

  #pump(): void {
    while (this.#session && this.#carrying && this.#down.underWay < roomBytes) {
      const bytes = this.#session.take();
      if (!bytes) return;
      for (const frame of framesOf(bytes)) {
        if (this.#carrying && !this.#down.carry(frame.bytes, () => this.#deliver(frame.data))) this.#cut();
      }
    }
  }

  #deliver(data: Payload): void {
    // A ping is answered by the client's platform, which here is the link itself.
    if (data === undefined) this.#up.carry(6, () => this.#session?.alive());
    else if (this.#clientOpen) this.#handlers.message(data);
    this.#pump();
  }

  /** The connection breaks in mid-message. Each end notices soon, late, or not at all. */
  #cut(): void {
    this.#carrying = false;
    if (this.#world.chance(0.8))
      this.#world.after(this.#world.between(1, 2_000), () => this.#tellClient(1006));
    const serverNotices = this.#world.chance(0.8) ? this.#world.between(1, 2_000) : 120_000;
    this.#world.after(serverNotices, () => this.#endSession());
  }

  #clientLeaves(): void {
    this.#clientOpen = false;
    this.#world.after(this.#world.between(0.1, 50), () => this.#endSession());
  }

  #tellClient(code: number): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#handlers.close(code, '');
  }

  #endSession(): void {
    this.#session?.release();
    this.#session = undefined;
  }
}

/** What a frame holds: text, bytes, or of a ping nothing. */
type Payload = string | Uint8Array | undefined;

/** The frames in a chunk that a session gave. */
function* framesOf(chunk: Uint8Array): Generator<{ readonly data: Payload; readonly bytes: number }> {
  let left = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  for (let taken = takeFrame(left); taken; taken = takeFrame(left)) {
    const { opcode, payload } = taken.value;
    const bytes = left.length - taken.rest.length;
    left = taken.rest;
    if (opcode === opcodes.ping) yield { data: undefined, bytes };
    else if (opcode === opcodes.binary) yield { data: Uint8Array.from(payload), bytes };
    else yield { data: payload.toString('utf8'), bytes };
  }
}
