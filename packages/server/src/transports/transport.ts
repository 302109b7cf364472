/**
 * What the native and the plain WebSocket transport share: a client that is served by a session, from the first frame until the
 * connection is gone. It hands on what the socket tells, bounds pings, and writes while there is room. Each transport says how
 * bytes are read and made; neither sees a channel.
 */
import type { Duplex } from 'node:stream';
import { type ErrorCode, errors } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import type { Batch, Seen, Signals, SnapshotPart } from '../cursor.ts';
import type { Control, Port } from '../session/port.ts';
import type { Place } from '../session/sessions.ts';
import type { Session } from '../session.ts';
import { layLane } from './lane.ts';
import { type Guest, type Serving, SocketWriter, type WriterTools } from './socket.ts';

const secondMs = 1000;

/** What all connections of a node share. */
export interface TransportTools extends WriterTools {
  /** Whether there are channels whose data are bytes, which travel in binary frames. */
  readonly takesBinary: boolean;
  readonly frameBytesMax: number;
  readonly pingsPerSecondMax: number;
}

/** One object for all that a connection needs, its methods on the prototype: an idle one costs little else. */
export abstract class Transport implements Port, Serving {
  readonly session: Session;
  protected readonly tools: TransportTools;
  protected readonly writer: SocketWriter;
  readonly #ws: Guest;
  readonly #place: Place;
  #pings: Pings | undefined;

  /** Opens the session. @throws what opening it threw */
  constructor(ws: Guest, socket: Duplex, tools: TransportTools, place: Place) {
    this.tools = tools;
    this.writer = new SocketWriter(ws, socket, tools, this);
    this.#ws = ws;
    this.#place = place;
    this.session = place.open(this);
    ws.serving = this;
    layLane(socket, this, tools.frameBytesMax);
  }

  abstract controls(frames: readonly Control[]): Uint8Array | undefined;
  abstract batch(batch: Batch): Uint8Array | undefined;
  abstract snapshot(part: SnapshotPart): Uint8Array | undefined;
  abstract signals(signals: Signals): Uint8Array | undefined;
  abstract seen(seen: Seen): Uint8Array | undefined;
  abstract message(data: Buffer, isBinary: boolean): void;

  pump(): void {
    this.writer.pump(this.session);
  }

  end(code: ErrorCode, reason: string): void {
    this.writer.pump(this.session, true);
    this.writer.end(code, reason);
  }

  ping(): void {
    const { clock, pingsPerSecondMax } = this.tools;
    this.#pings ??= new Pings(clock, pingsPerSecondMax);
    if (this.#pings.allow()) return;
    this.#ws.close(errors.too_many.close, `More than ${pingsPerSecondMax} pings within a second.`);
  }

  pong(): void {
    this.session.alive();
  }

  broke(): void {
    this.writer.cutLater();
  }

  closed(): void {
    this.writer.closed();
    this.session.release();
    this.#place.gone();
  }

  /** The socket has room again. */
  drained(): void {
    // Whoever reads is alive: the answer to a ping may lie behind much that is still to be read.
    this.session.alive();
    this.pump();
  }
}

/** How often a client may ping: `ws` answers each ping at once, so one that reads the answers could keep the node busy. */
class Pings {
  readonly #clock: Clock;
  readonly #perSecondMax: number;
  #since: number;
  #count = 0;

  constructor(clock: Clock, perSecondMax: number) {
    this.#clock = clock;
    this.#perSecondMax = perSecondMax;
    this.#since = clock.now();
  }

  /** Counts one more; whether there were no more than may be within a second. */
  allow(): boolean {
    const elapsed = this.#clock.now() - this.#since;
    // A clock that was set back begins a new second too.
    if (elapsed < 0 || elapsed >= secondMs) {
      this.#since += elapsed;
      this.#count = 0;
    }
    return ++this.#count <= this.#perSecondMax;
  }
}
