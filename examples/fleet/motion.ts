/**
 * Smooth motion between fixes: each time a fix comes, a marker sets out from where it is drawn just then and arrives when the next
 * fix is due. There it stays: where nothing is known, nothing moves. It knows places and times; no map and no channel.
 */

/** A place on the map's plane, from 0 to 1 both ways, and a direction in degrees clockwise from north. */
export interface Spot {
  readonly x: number;
  readonly y: number;
  readonly heading: number;
}

/** A farther way than this between two fixes was not ridden: the marker is put there. About 400 metres in the city. */
const leapMax = 1.8e-5;
/** Late fixes are common, and a marker that waits for them looks as if it hesitated: it takes a little longer than they do. */
const slack = 1.15;

export class Motion {
  #from: Spot;
  #to: Spot;
  #startedAt = 0;
  #lastsMs = 0;

  constructor(spot: Spot) {
    this.#from = spot;
    this.#to = spot;
  }

  /** Where it will be, or is. */
  get goal(): Spot {
    return this.#to;
  }

  /** Whether it is still under way then. */
  moves(now: number): boolean {
    return now < this.#startedAt + this.#lastsMs;
  }

  /** A fix came, and the next one is due so many ms later. */
  heard(spot: Spot, now: number, dueMs: number): void {
    const drawn = this.at(now);
    const leaps = Math.hypot(spot.x - drawn.x, spot.y - drawn.y) > leapMax;
    this.#from = leaps ? spot : drawn;
    this.#to = spot;
    this.#startedAt = now;
    this.#lastsMs = leaps ? 0 : dueMs * slack;
  }

  /** Where it is drawn then. */
  at(now: number): Spot {
    if (!this.moves(now)) return this.#to;
    const share = Math.max(0, (now - this.#startedAt) / this.#lastsMs);
    const [from, to] = [this.#from, this.#to];
    // It turns in the first part of the way, the shorter way around.
    const turn = ((to.heading - from.heading + 540) % 360) - 180;
    return {
      x: from.x + (to.x - from.x) * share,
      y: from.y + (to.y - from.y) * share,
      heading: from.heading + turn * Math.min(1, share * 2.5),
    };
  }
}
