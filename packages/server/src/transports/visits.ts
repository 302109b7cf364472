/**
 * Who stands at the doors and who is inside: for each connection what was taken for it, and that it is given back when it is
 * over. One listener and one record a connection do for all of it. The doors ask; it knows sockets, counts and places.
 */
import type { Duplex } from 'node:stream';
import type { Port } from '../session/port.ts';
import type { Place } from '../session/sessions.ts';
import type { Session } from '../session.ts';

/** One connection, from when it is first counted until it is closed. */
export class Visit implements Place {
  readonly socket: Duplex;
  /** Whether it asked to be let in. */
  asked = false;
  /** Whether `ws` has the socket: nothing else may be written to it any more. */
  upgraded = false;
  readonly #visits: Visits;
  /** As what it is counted among those who wait, and among those who are in. */
  #waiting: string | undefined;
  #present: string | undefined;
  #place: Place | undefined;

  constructor(socket: Duplex, visits: Visits) {
    this.socket = socket;
    this.#visits = visits;
  }

  /** Counts it among those who wait to be let in, if it isn't yet. False: there are too many from there. */
  wait(network: string): boolean {
    if (this.#waiting !== undefined) return true;
    if (!this.#visits.waiting.admit(network)) return false;
    this.#waiting = network;
    return true;
  }

  /** It waits no longer. */
  waited(): void {
    if (this.#waiting !== undefined) this.#visits.waiting.leave(this.#waiting);
    this.#waiting = undefined;
  }

  /** Gives it a place, and counts it among those who are in. False: there are too many from there, and the place is given back. */
  take(place: Place, network: string): boolean {
    if (!this.#visits.present.admit(network)) {
      place.gone();
      return false;
    }
    this.#present = network;
    this.#place = place;
    return true;
  }

  /** Opens the session of its place, for whoever serves it. */
  open(port: Port): Session {
    if (!this.#place) throw new TypeError('It has no place.');
    return this.#place.open(port);
  }

  /** Whoever serves it hears of its socket from now on, and gives the place back once the WebSocket is over. */
  served(): void {
    this.#visits.leave(this.socket);
  }

  /** Gives its place back. */
  gone(): void {
    this.#visits.forget(this.socket);
    this.#place?.gone();
    this.#place = undefined;
    if (this.#present !== undefined) this.#visits.present.leave(this.#present);
    this.#present = undefined;
  }
}

/** How many there are, by where they come from. */
interface Count {
  /** Counts one more; false when there is no room. */
  admit(network: string): boolean;
  leave(network: string): void;
}

export class Visits {
  readonly waiting: Count;
  readonly present: Count;
  readonly #bySocket = new Map<Duplex, Visit>();
  readonly #onClose: (this: Duplex) => void;

  /** @param waiting those who wait to be let in; @param present those who are in */
  constructor(waiting: Count, present: Count) {
    this.waiting = waiting;
    this.present = present;
    const over = (socket: Duplex): void => this.#over(socket);
    // One function for all sockets, which tells them apart by who calls it.
    this.#onClose = function (this: Duplex): void {
      over(this);
    };
  }

  /** The visit of a connection; it begins here, unless it has. */
  of(socket: Duplex): Visit {
    const known = this.#bySocket.get(socket);
    if (known) return known;
    const visit = new Visit(socket, this);
    this.#bySocket.set(socket, visit);
    socket.on('close', this.#onClose);
    return visit;
  }

  /** The visit of a connection, if it is counted. */
  known(socket: Duplex): Visit | undefined {
    return this.#bySocket.get(socket);
  }

  /** What becomes of the socket is somebody else's to hear. */
  leave(socket: Duplex): void {
    socket.off('close', this.#onClose);
  }

  forget(socket: Duplex): void {
    this.#bySocket.delete(socket);
  }

  /** Cuts off whoever asked to be let in. */
  cut(): void {
    for (const { asked, socket } of this.#bySocket.values()) if (asked) socket.destroy();
  }

  #over(socket: Duplex): void {
    const visit = this.#bySocket.get(socket);
    // Somebody may still be finding out who it was: until then it counts.
    if (!visit?.asked) visit?.waited();
    visit?.gone();
  }
}
