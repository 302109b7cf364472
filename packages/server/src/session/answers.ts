/**
 * What a session has said and its transport has not yet taken: answers, gaps, a heartbeat. It is bounded, for a client that
 * asks on and on and reads nothing. The session fills it; what the frames mean is nothing to it.
 */
import type { FrameOf, ServerFrame } from '@syncline/protocol/wire';
import type { Control } from './port.ts';

export class Answers {
  readonly #max: number;
  #frames: Control[] = [];
  #heartbeat = false;
  #onTaken: (() => void) | undefined;

  /** @param max frames that may wait */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether there is something to take. */
  get waiting(): boolean {
    return this.#heartbeat || this.#frames.length > 0;
  }

  /** Adds one; false once more wait than may. */
  add(frame: Control): boolean {
    return this.#frames.push(frame) <= this.#max;
  }

  /** One heartbeat waits at the most: it tells the heads as they are when it is taken, so one answers for all. */
  addHeartbeat(): void {
    this.#heartbeat = true;
  }

  /** All that waits, in order; what a heartbeat tells is asked when there is one. */
  take(heartbeat: () => FrameOf<ServerFrame, 'heartbeat'>): readonly Control[] {
    const frames = this.#frames;
    if (this.#heartbeat) frames.push(heartbeat());
    this.clear();
    return frames;
  }

  /** Resolves when what waits has been taken, or nobody will. */
  taken(): Promise<void> {
    return new Promise((resolve) => {
      this.#onTaken = resolve;
    });
  }

  clear(): void {
    this.#frames = [];
    this.#heartbeat = false;
    this.#onTaken?.();
    this.#onTaken = undefined;
  }
}
