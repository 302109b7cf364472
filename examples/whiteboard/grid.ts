/**
 * Finds what is in a part of the plane without looking at the rest: boxes by the cells of a grid that they cover. The
 * board fills it; it must not know what the boxes stand for.
 */
import { type Box, meets } from './shapes.ts';

const cell = 256;
/** A box over more cells than this is looked at each time instead. */
const cellsMax = 64;

export class Grid {
  readonly #boxes = new Map<string, Box>();
  readonly #cells = new Map<string, Set<string>>();
  readonly #large = new Set<string>();

  /** Puts a box in, in place of the one it had under this id. */
  set(id: string, box: Box): void {
    this.delete(id);
    this.#boxes.set(id, box);
    if (spanOf(box) > cellsMax) return void this.#large.add(id);
    for (const key of keysOf(box)) this.#cells.set(key, (this.#cells.get(key) ?? new Set()).add(id));
  }

  delete(id: string): void {
    const box = this.#boxes.get(id);
    if (!box || !this.#boxes.delete(id)) return;
    if (this.#large.delete(id)) return;
    for (const key of keysOf(box)) {
      const ids = this.#cells.get(key);
      if (ids?.delete(id) && ids.size === 0) this.#cells.delete(key);
    }
  }

  /** The ids of all boxes that meet this one, in no order. */
  query(box: Box): string[] {
    if (spanOf(box) > this.#cells.size + cellsMax)
      return [...this.#boxes].flatMap(([id, each]) => (meets(each, box) ? [id] : []));
    const found = new Set(this.#large);
    for (const key of keysOf(box)) for (const id of this.#cells.get(key) ?? []) found.add(id);
    return [...found].filter((id) => meets(this.#boxes.get(id) ?? box, box));
  }
}

const at = (value: number): number => Math.floor(value / cell);

const spanOf = ({ x, y, w, h }: Box): number => (at(x + w) - at(x) + 1) * (at(y + h) - at(y) + 1);

function* keysOf({ x, y, w, h }: Box): Generator<string> {
  for (let row = at(y); row <= at(y + h); row++)
    for (let column = at(x); column <= at(x + w); column++) yield `${column},${row}`;
}
