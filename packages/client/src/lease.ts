/**
 * What makes this client one member of whatever it enters: a secret that it keeps for its life, and the keys by which the server
 * calls it. The first channel with presence makes the client's one lease; the client gives it back. It must not know channels.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';
import { token } from './token.ts';

/** Calls `run` when the page goes for good; what is returned ends that. */
export type OnLeave = (run: () => void) => Cancel;

/** Where there is a page: one that the browser keeps, to come back to, may be there again in a moment, so it doesn't count. */
export const pageLeave: OnLeave = (run) => {
  const page: Partial<EventTarget> = globalThis;
  const hidden = (event: Event) => {
    if (!('persisted' in event && event.persisted)) run();
  };
  page.addEventListener?.('pagehide', hidden);
  return () => page.removeEventListener?.('pagehide', hidden);
};

export class Lease {
  /** Who knows it can say that it is us (rule N1). */
  readonly secret: string;
  /** The keys that the server made of it and of whoever we were to it. */
  readonly keys = new Set<string>();
  /** What takes us out of each channel. */
  readonly leaving = new Set<() => void>();
  readonly #off: Cancel | undefined;

  constructor({ clock, onLeave }: { readonly clock: Clock; readonly onLeave?: OnLeave | undefined }) {
    this.secret = token(clock);
    this.#off = onLeave?.(() => this.#leave());
  }

  /** The client ends: leaves everything, as long as there is a link to say so on. */
  end(): void {
    this.#off?.();
    this.#leave();
  }

  #leave(): void {
    for (const leave of this.leaving) leave();
  }
}
