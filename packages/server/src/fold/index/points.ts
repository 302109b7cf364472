/**
 * Which points lie in a box, without asking each: one grid over the globe with the points of each cell. Items put themselves in;
 * views go through what lies in the cells that their box touches, a little at a time, while points come, move and go.
 */
import type { Box } from './filter.ts';

/** Something with a place. The grid keeps `cell` and `slot`, its place in it; -1 while it stands in none. */
export interface Point {
  lat: number;
  lng: number;
  cell: number;
  slot: number;
}

/** Cells are as wide: some 900 m from south to north. */
const cellsPerDegree = 128;
const rows = 180 * cellsPerDegree + 1;
/** Cells that are looked into in one go, points or none. */
const cellsPerStep = 64;

export class PointGrid<P extends Point> {
  readonly #cells = new Map<number, P[]>();

  /** Puts a point where its `lat` and `lng` say, wherever it stood; one that says nothing stands nowhere. */
  put(point: P): void {
    const known = !Number.isNaN(point.lat) && !Number.isNaN(point.lng);
    const cell = known ? column(point.lng) * rows + row(point.lat) : -1;
    if (cell === point.cell) return;
    this.remove(point);
    if (cell < 0) return;
    const points = this.#cells.get(cell);
    point.cell = cell;
    point.slot = points?.length ?? 0;
    if (points) points.push(point);
    else this.#cells.set(cell, [point]);
  }

  remove(point: P): void {
    const points = this.#cells.get(point.cell);
    const last = points?.pop();
    if (points?.length === 0) this.#cells.delete(point.cell);
    if (points && last && last !== point) {
      points[point.slot] = last;
      last.slot = point.slot;
    }
    point.cell = -1;
    point.slot = -1;
  }

  /**
   * All points in the cells that a box touches, those beside the box in these too. Undefined comes between them where much was
   * empty, so that whoever counts can pause. A point that stays where it is comes, whatever happens to others meanwhile; one
   * that moves may come, twice too.
   */
  *within({ west, south, east, north }: Box): Generator<P | undefined, void, undefined> {
    const [left, right] = [column(west), column(east)];
    const [bottom, top] = [row(south), row(north)];
    let steps = 0;
    if ((right - left + 1) * (top - bottom + 1) > this.#cells.size) {
      // Fewer cells are occupied than the box touches.
      for (const [cell, points] of this.#cells) {
        const [x, y] = [Math.floor(cell / rows), cell % rows];
        if (x >= left && x <= right && y >= bottom && y <= top) yield* backwards(points);
        if (++steps % cellsPerStep === 0) yield undefined;
      }
      return;
    }
    for (let x = left; x <= right; x++) {
      for (let y = bottom; y <= top; y++) {
        const points = this.#cells.get(x * rows + y);
        if (points) yield* backwards(points);
        if (++steps % cellsPerStep === 0) yield undefined;
      }
    }
  }
}

/** From the last to the first: one that leaves is replaced by the last, which has come by already. */
function* backwards<P>(points: readonly P[]): Generator<P, void, undefined> {
  for (let i = points.length - 1; i >= 0; i--) {
    const point = points[i];
    if (point) yield point;
  }
}

/** What lies beyond the edges of the globe counts to the cells there. */
function column(lng: number): number {
  return Math.floor((Math.max(-180, Math.min(180, lng)) + 180) * cellsPerDegree);
}

function row(lat: number): number {
  return Math.floor((Math.max(-90, Math.min(90, lat)) + 90) * cellsPerDegree);
}
