/**
 * The couriers in view, as they are to be drawn: where each is now, how old that is, and who was lost. It reads a view of the
 * channel, and is asked by the map once a frame; it must not know pixels.
 */
import type { StateView } from '@syncline/client';
import type { Fix } from './channels.ts';
import { Motion, type Spot } from './motion.ts';

/** `stale`: nothing was heard for a while. `offline`: so long that the server has given it up. */
export type Condition = 'riding' | 'waiting' | 'stale' | 'offline';

export interface Courier {
  readonly name: string;
  readonly motion: Motion;
  fix: Fix;
  /** When it was there, by its own clock, in ms since 1970. */
  at: number;
  /** Since when it has stood still, as far as this page saw. */
  stillSince: number | undefined;
  offline: boolean;
}

/** Couriers send a fix each second: after so long without one something is wrong. */
const staleMs = 10_000;
/** Whoever is lost for longer is no longer shown. */
const lostMs = 10 * 60_000;

/** Where a place lies on the map's plane: the Mercator projection, as web maps have it. */
export function spotOf({ lat, lng, heading }: { lat: number; lng: number; heading: number }): Spot {
  const y = Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360));
  return { x: lng / 360 + 0.5, y: 0.5 - y / (2 * Math.PI), heading };
}

export class Couriers {
  readonly all = new Map<string, Courier>();
  /** How far apart fixes come, in ms: as often as couriers send them, or as the view lets them through. */
  dueMs = 1000;
  /** When something last changed, on the page's clock. */
  changedAt = 0;
  /** What is followed: the window of the map, and whoever is looked at beside it. */
  readonly #views = new Set<StateView<Fix>>();
  readonly #serverNow: () => number;

  constructor(serverNow: () => number) {
    this.#serverNow = serverNow;
  }

  /** Follows a view until the returned function is called. */
  follow(view: StateView<Fix>): () => void {
    this.#views.add(view);
    const stop = view.on('change', ({ type, key, value }) => {
      this.changedAt = performance.now();
      const known = this.all.get(key);
      if (value) this.#heard(view, key, value, known);
      else if (known && type === 'expire') known.offline = true;
      else this.#left(key);
    });
    return () => {
      this.#views.delete(view);
      stop();
      for (const [name, { offline }] of this.all) if (!offline) this.#left(name);
    };
  }

  conditionOf({ offline, at, fix }: Courier): Condition {
    if (offline) return 'offline';
    if (this.#serverNow() - at > staleMs) return 'stale';
    return fix.speed > 0 ? 'riding' : 'waiting';
  }

  /** How old its fix is, in ms. */
  ageOf({ at }: Courier): number {
    return Math.max(0, this.#serverNow() - at);
  }

  /** Forgets those who were lost long ago. */
  sweep(): void {
    for (const [name, courier] of this.all) {
      if (courier.offline && this.ageOf(courier) > lostMs) this.all.delete(name);
    }
  }

  /** Somebody is in a view no more, though perhaps in another one. */
  #left(name: string): void {
    for (const view of this.#views) if (view.get(name).get()) return;
    this.all.delete(name);
  }

  #heard(view: StateView<Fix>, name: string, fix: Fix, known: Courier | undefined): void {
    const now = performance.now();
    const entry = view.get(name).get();
    const at = entry?.at ?? entry?.since ?? this.#serverNow();
    const stillSince = fix.speed > 0 ? undefined : (known?.stillSince ?? at);
    if (!known) {
      this.all.set(name, { name, motion: new Motion(spotOf(fix)), fix, at, stillSince, offline: false });
      return;
    }
    // Two views tell the same.
    if (known.at === at && !known.offline) return;
    known.motion.heard(spotOf(fix), now, this.dueMs);
    Object.assign(known, { fix, at, stillSince, offline: false });
  }
}
