/**
 * Who may have to be told of a change of one key: each watcher stands in one index, the one that tells it best from others, and
 * a change finds those concerned without asking all. It says who may be; whether it is so, the watcher's filter says.
 */
import { BoxGrid } from './boxes.ts';
import type { Filter } from './filter.ts';

/** Those of one name. Most keys that are named are named by one, and a set for each would weigh more than all the rest. */
type Owners<Owner> = Owner | Set<Owner>;

export class Watchers<Owner> {
  readonly #byKey = new Map<string, Owners<Owner>>();
  readonly #byPrefix = new Map<string, Owners<Owner>>();
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
    if (this.#byKey.size > 0) find(this.#byKey, key, found);
    for (const length of this.#lengths.keys())
      if (length <= key.length) find(this.#byPrefix, key.slice(0, length), found);
  }

  /** Adds to `found` those who watch a place, and some who watch near it. */
  ofPlace(lat: number, lng: number, found: Owner[]): void {
    this.#boxes.at(lat, lng, found);
  }
}

function find<Owner>(names: ReadonlyMap<string, Owners<Owner>>, name: string, found: Owner[]): void {
  const owners = names.get(name);
  if (owners instanceof Set) for (const owner of owners) found.push(owner);
  else if (owners !== undefined) found.push(owners);
}

/** True when it is the first there. */
function addTo<Owner>(names: Map<string, Owners<Owner>>, name: string, owner: Owner): boolean {
  const owners = names.get(name);
  if (owners instanceof Set) owners.add(owner);
  else names.set(name, owners === undefined ? owner : new Set([owners, owner]));
  return owners === undefined;
}

/** True when it was the last there. */
function removeFrom<Owner>(names: Map<string, Owners<Owner>>, name: string, owner: Owner): boolean {
  const owners = names.get(name);
  if (owners instanceof Set) owners.delete(owner);
  return (owners instanceof Set ? owners.size === 0 : owners === owner) && names.delete(name);
}
