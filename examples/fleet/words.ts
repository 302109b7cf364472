/**
 * What is said of a courier in words: how it is, how old that is, how far it came. The panels say it; it knows no component.
 */
import type { Place } from './channels.ts';
import type { Condition, Courier } from './couriers.ts';

export const timeOf = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' }).format;

/** A length of time as people say it: `0.8 s`, `14 s`, `3 min`. */
export function spanOf(ms: number): string {
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 99_500) return `${Math.round(ms / 1000)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

export function lengthOf(metres: number): string {
  return metres < 950 ? `${Math.round(metres / 10) * 10} m` : `${(metres / 1000).toFixed(1)} km`;
}

const winds = ['north', 'north-east', 'east', 'south-east', 'south', 'south-west', 'west', 'north-west'];

/** What is known, in one or two words and then a sentence: it never says more than that. */
export function statusOf(
  courier: Courier,
  condition: Condition,
  ageMs: number,
  street: string | undefined,
): readonly [title: string, sentence: string] {
  const where = street ? ` on ${street}` : '';
  const { fix, at, stillSince } = courier;
  if (condition === 'offline')
    return ['Offline', `Nothing was heard since ${timeOf(at)}. It was last seen here.`];
  if (condition === 'stale')
    return [`No position for ${spanOf(ageMs)}`, `It was last seen here${where}. It may have moved since.`];
  if (condition === 'waiting') {
    const since = stillSince === undefined ? '' : ` since ${timeOf(stillSince)}`;
    return ['Standing still', `At a stop${where}${since}.`];
  }
  const kmh = Math.round(fix.speed * 3.6);
  return ['On the way', `Heading ${winds[Math.round(fix.heading / 45) % 8]}${where} at ${kmh} km/h.`];
}

/** How long a row of places is, in metres. */
export function metresOf(places: readonly Place[]): number {
  let metres = 0;
  for (let i = 1; i < places.length; i++) {
    const [a, b] = [places[i - 1], places[i]];
    if (!a || !b) continue;
    const wide = (b.lng - a.lng) * Math.cos((a.lat * Math.PI) / 180);
    metres += Math.hypot(wide, b.lat - a.lat) * 111_320;
  }
  return metres;
}
