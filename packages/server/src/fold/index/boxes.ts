/**
 * Which boxes hold a point, without asking each: a hierarchy of grids over the globe, in which every box stands in the cells
 * it touches at the level where those are few. Watchers put in the boxes of views, and are asked at each change of a place.
 */
import type { Box } from './filter.ts';

/** The finest level: its cells are some 300 m wide at the equator. */
const levelMax = 17;
/** A box stands in so many cells at most. */
const cellsMax = 16;
/** Above any row of cells, so that two numbers make one. */
const rowsMax = 2 ** (levelMax + 1);

/** The cells of one level, and how many boxes stand in them. */
interface Level<Owner> {
  readonly cells: Map<number, Owner[]>;
  boxes: number;
}

export class BoxGrid<Owner> {
  readonly #levels: Level<Owner>[] = Array.from({ length: levelMax + 1 }, () => ({
    cells: new Map(),
    boxes: 0,
  }));

  add(box: Box, owner: Owner): void {
    const { level, cells } = coverOf(box);
    const grid = this.#levels[level];
    if (!grid) return;
    grid.boxes++;
    for (const cell of cells) {
      const owners = grid.cells.get(cell);
      if (owners) owners.push(owner);
      else grid.cells.set(cell, [owner]);
    }
  }

  /** Takes out what was added with the same box. */
  remove(box: Box, owner: Owner): void {
    const { level, cells } = coverOf(box);
    const grid = this.#levels[level];
    if (!grid) return;
    grid.boxes--;
    for (const cell of cells) {
      const owners = grid.cells.get(cell);
      const at = owners?.indexOf(owner) ?? -1;
      if (!owners || at < 0) continue;
      owners[at] = owners.at(-1) as Owner;
      owners.pop();
      if (owners.length === 0) grid.cells.delete(cell);
    }
  }

  /** Adds to `found` the owners of all boxes that hold a point, and of some near it. */
  at(lat: number, lng: number, found: Owner[]): void {
    if (Number.isNaN(lat) || Number.isNaN(lng)) return;
    for (let level = 0; level <= levelMax; level++) {
      const grid = this.#levels[level];
      if (!grid?.boxes) continue;
      const owners = grid.cells.get(cellAt(column(lng, level), row(lat, level)));
      if (owners) for (const owner of owners) found.push(owner);
    }
  }
}

/** The finest level at which a box touches few cells, and those. */
function coverOf({ west, south, east, north }: Box): {
  readonly level: number;
  readonly cells: readonly number[];
} {
  for (let level = levelMax; ; level--) {
    const [left, right] = [column(west, level), column(east, level)];
    const [bottom, top] = [row(south, level), row(north, level)];
    if (level > 0 && (right - left + 1) * (top - bottom + 1) > cellsMax) continue;
    const cells: number[] = [];
    for (let x = left; x <= right; x++) for (let y = bottom; y <= top; y++) cells.push(cellAt(x, y));
    return { level, cells };
  }
}

/** At level n the globe is 2ⁿ cells wide. What lies beyond its edges counts to the cells there. */
function column(lng: number, level: number): number {
  return Math.floor(((clamp(lng, 180) + 180) / 360) * 2 ** level);
}

function row(lat: number, level: number): number {
  return Math.floor(((clamp(lat, 90) + 90) / 360) * 2 ** level);
}

function clamp(degrees: number, max: number): number {
  return Math.max(-max, Math.min(max, degrees));
}

function cellAt(x: number, y: number): number {
  return x * rowsMax + y;
}
