/**
 * Who may have to be told of a change of one key: each watcher stands in one index, the one that tells it best from others, and
 * a change finds those concerned without asking all. It says who may be; whether it is so, the watcher's filter says.
 */
import { BoxGrid } from './boxes.ts';
import type { Filter } from './filter.ts';

export class Watchers<Owner> {
  readonly #byKey = new Map<string, Set<Owner>>();
  readonly #byPrefix = new Map<string, Set<Owner>>();
  /** How many of the prefixes have a length. */
  readonly #lengths = new Map<number, number>();
  readonly #boxes = new BoxGrid<Owner>();
  readonly #ofAll = new Set<Owner>();

  add({ keys, prefix, boxes }: Filter, owner: Owner): void {
    if (keys) for (const key of keys) addTo(this.#byKey, key, owner);
    else if (boxes) for (const box of boxes) this.#boxes.add(box, owner);
    else if (prefix === undefined) this.#ofAll.add(owner);
    else if (addTo(this.#byPrefix, prefix, owner))
      this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
  }

  /** Takes out what was added with the same filter. */
  remove({ keys, prefix, boxes }: Filter, owner: Owner): void {
    if (keys) for (const key of keys) removeFrom(this.#byKey, key, owner);
    else if (boxes) for (const box of boxes) this.#boxes.remove(box, owner);
    else if (prefix === undefined) this.#ofAll.delete(owner);
    else if (removeFrom(this.#byPrefix, prefix, owner)) {
      const left = (this.#lengths.get(prefix.length) ?? 0) - 1;
      if (left > 0) this.#lengths.set(prefix.length, left);
      else this.#lengths.delete(prefix.length);
    }
  }

  /** Adds to `found` those who watch a key, wherever it is. */
  ofKey(key: string, found: Owner[]): void {
    for (const owner of this.#ofAll) found.push(owner);
    const named = this.#byKey.size > 0 ? this.#byKey.get(key) : undefined;
    if (named) for (const owner of named) found.push(owner);
    for (const length of this.#lengths.keys()) {
      const begun = length <= key.length ? this.#byPrefix.get(key.slice(0, length)) : undefined;
      if (begun) for (const owner of begun) found.push(owner);
    }
  }

  /** Adds to `found` those who watch a place, and some who watch near it. */
  ofPlace(lat: number, lng: number, found: Owner[]): void {
    this.#boxes.at(lat, lng, found);
  }
}

/** True when it is the first there. */
function addTo<Owner>(sets: Map<string, Set<Owner>>, name: string, owner: Owner): boolean {
  const set = sets.get(name);
  if (!set) sets.set(name, new Set([owner]));
  else set.add(owner);
  return set === undefined;
}

/** True when it was the last there. */
function removeFrom<Owner>(sets: Map<string, Set<Owner>>, name: string, owner: Owner): boolean {
  const set = sets.get(name);
  set?.delete(owner);
  return set?.size === 0 && sets.delete(name);
}
