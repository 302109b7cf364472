/**
 * How many calls may be on their way to one Redis at a time. It works one off after the other, so what is sent beyond that only waits
 * there instead of here, where appends that wait are carried out together; and it waits by a deadline there, which a busy Redis
 * would break for all of them. A place owns one; what a call does it doesn't know.
 */

/** Gives the place in the window back. To be called once. */
export type Leave = () => void;

export class Window {
  readonly #callsMax: number;
  readonly #leave: Leave = () => this.#left();
  #calls = 0;
  /** Who waits, and the first of them that isn't let in. */
  #waiting: ((leave: Leave) => void)[] = [];
  #next = 0;

  constructor(callsMax: number) {
    this.#callsMax = callsMax;
  }

  /** Lets the caller in, at once where there is room, otherwise when its turn comes. It never rejects. */
  enter(): Leave | Promise<Leave> {
    if (this.#calls < this.#callsMax) {
      this.#calls++;
      return this.#leave;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #left(): void {
    const next = this.#waiting[this.#next];
    if (!next) {
      this.#calls--;
      return;
    }
    this.#next++;
    // Each is moved once at most.
    if (this.#next * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    next(this.#leave);
  }
}
