/**
 * The keys of a channel as views look for them: by name, by beginning, by place. Views keep it while there are any, and go
 * through what a filter may let through without going through all. It holds values, and reads of them only where they are.
 */
import { type Geo, type StateValue, stateRow } from '@syncline/protocol/wire';
import type { Filter, Place } from './filter.ts';
import { KeyOrder } from './order.ts';
import { type Point, PointGrid } from './points.ts';

/** A row as it travels (rule K8), and its size. */
export interface Row {
  readonly text: string;
  readonly bytes: number;
}

/** A key with its value. It stays the same object for as long as the key has one. */
export class Item implements Point, Place {
  readonly key: string;
  lat = Number.NaN;
  lng = Number.NaN;
  cell = -1;
  slot = -1;
  /** Whether the key still has a value, or has it again since it was removed: then there is another item. */
  there = true;
  #value: StateValue;
  #row: Row | undefined;

  constructor(key: string, value: StateValue) {
    this.key = key;
    this.#value = value;
  }

  get version(): number {
    return this.#value.version;
  }

  set value(value: StateValue) {
    this.#value = value;
    this.#row = undefined;
  }

  /** What tells of it, built once for all views. */
  get row(): Row {
    if (!this.#row) {
      const text = stateRow(this.key, this.#value);
      this.#row = { text, bytes: Buffer.byteLength(text) };
    }
    return this.#row;
  }
}

export class Items {
  readonly #geo: Geo | null;
  readonly #byKey = new Map<string, Item>();
  readonly #grid = new PointGrid<Item>();
  #order: KeyOrder | undefined;
  /** Whether all keys are in it, not only those that came since it is kept. */
  #ordered = false;

  /** @param geo which members of a value say where it is */
  constructor(geo: Geo | null) {
    this.#geo = geo;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Item | undefined {
    return this.#byKey.get(key);
  }

  put(key: string, value: StateValue): Item {
    let item = this.#byKey.get(key);
    if (item) item.value = value;
    else {
      item = new Item(key, value);
      this.#byKey.set(key, item);
      this.#order?.add(key);
    }
    if (this.#geo) {
      locate(item, value.text, this.#geo);
      this.#grid.put(item);
    }
    return item;
  }

  remove(item: Item): void {
    item.there = false;
    this.#byKey.delete(item.key);
    this.#order?.remove(item.key);
    this.#grid.remove(item);
  }

  /**
   * All items that a filter may let through, and some others. Undefined comes between where much was gone through for nothing.
   * An item that stays as it is comes, whatever happens to others meanwhile; one that changes may come, twice too.
   */
  *candidates({ keys, prefix, boxes }: Filter): Generator<Item | undefined, void, undefined> {
    if (keys) for (const key of keys) yield this.#byKey.get(key);
    else if (boxes) for (const box of boxes) yield* this.#grid.within(box);
    else if (prefix === undefined) yield* this.#byKey.values();
    else {
      this.#order ??= new KeyOrder();
      if (!this.#ordered) yield* this.#putInOrder(this.#order);
      for (const key of this.#order.startingWith(prefix)) yield this.#byKey.get(key);
    }
  }

  /** One who is left before its end leaves the rest to the next. */
  *#putInOrder(order: KeyOrder): Generator<undefined, void, undefined> {
    for (const key of this.#byKey.keys()) {
      order.add(key);
      yield undefined;
    }
    this.#ordered = true;
  }
}

/** Reads where a value says that it is; whatever it says instead of two numbers is no place. */
function locate(item: Item, text: string, { lat, lng }: Geo): void {
  const value: unknown = JSON.parse(text);
  const members = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  item.lat = degrees(members, lat);
  item.lng = degrees(members, lng);
}

/** A member that only its prototype has is none. */
function degrees(members: Record<string, unknown>, name: string): number {
  const value = Object.hasOwn(members, name) ? members[name] : undefined;
  return typeof value === 'number' && Number.isFinite(value) ? value : Number.NaN;
}
