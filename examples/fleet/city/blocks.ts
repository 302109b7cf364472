/**
 * How land is built on: it is halved by streets until what is left is a block, finer in the centre than at the edge. Some of it
 * stays green. It knows land and streets, not what comes of them on a map.
 */
import {
  along,
  area,
  between,
  centre,
  crossing,
  distance,
  edge,
  offLine,
  type Point,
  type Polygon,
  pointAt,
  rectangleAround,
} from './geometry.ts';
import type { Random } from './random.ts';
import { rings, type StreetClass } from './skeleton.ts';

export interface Street {
  readonly class: StreetClass;
  readonly points: readonly Point[];
}

export interface Built {
  readonly streets: readonly Street[];
  readonly blocks: readonly Polygon[];
  readonly parks: readonly Polygon[];
}

/** How finely land is cut. */
interface Grain {
  /** Corners nearer than this to each other become one. */
  readonly snapMetres: number;
  /** What is narrower is not cut off. */
  readonly narrowMetres: number;
}

const hectare = 10_000;
const forBlocks: Grain = { snapMetres: 26, narrowMetres: 34 };
const forLots: Grain = { snapMetres: 3, narrowMetres: 9 };
const triesMax = 8;

/** A cut through a piece of land: the street, and the two halves. */
interface Cut {
  readonly street: readonly Point[];
  readonly halves: readonly [Polygon, Polygon];
}

/** Corners where streets from one side met an edge, so that those from the other side may meet it there too. */
class Corners {
  readonly grain: Grain;
  readonly #cells = new Map<string, Point[]>();

  constructor(grain: Grain) {
    this.grain = grain;
  }

  add(point: Point): void {
    const key = this.#cellOf(point);
    this.#cells.set(key, [...(this.#cells.get(key) ?? []), point]);
  }

  /** The nearest one on that edge. */
  near(point: Point, on: readonly [Point, Point]): Point | undefined {
    const [x, y] = point;
    const { snapMetres } = this.grain;
    let best: Point | undefined;
    for (const dx of [-snapMetres, 0, snapMetres]) {
      for (const dy of [-snapMetres, 0, snapMetres]) {
        for (const corner of this.#cells.get(this.#cellOf([x + dx, y + dy])) ?? []) {
          const near = distance(corner, point) < (best ? distance(best, point) : snapMetres);
          if (near && offLine(corner, on)[0] < 0.2) best = corner;
        }
      }
    }
    return best;
  }

  #cellOf([x, y]: Point): string {
    const { snapMetres } = this.grain;
    return `${Math.floor(x / snapMetres)},${Math.floor(y / snapMetres)}`;
  }
}

export function buildOn(land: readonly Polygon[], random: Random): Built {
  const corners = new Corners(forBlocks);
  const streets: Street[] = [];
  const blocks: Polygon[] = [];
  const parks: Polygon[] = [];
  const waiting = [...land];
  for (let piece = waiting.pop(); piece; piece = waiting.pop()) {
    const metres = area(piece);
    const far = Math.hypot(...centre(piece)) / (rings.at(-1)?.radius ?? 1);
    if (isPark(metres, far, random)) {
      parks.push(piece);
      continue;
    }
    // From half a hectare at the market to three at the motorway.
    const enough = (0.55 + 2.4 * far ** 1.4) * hectare * random.from(0.75, 1.5);
    const halved = metres < enough ? undefined : halve(piece, corners, random, far);
    if (!halved) {
      blocks.push(piece);
      continue;
    }
    corners.add(pointAt(halved.street, 0));
    corners.add(pointAt(halved.street, -1));
    streets.push({ class: classOf(metres), points: halved.street });
    waiting.push(...halved.halves);
  }
  return { streets, blocks, parks };
}

/** A plot cut into lots of some hundred square metres each. */
export function lotsOf(plot: Polygon, random: Random): Polygon[] {
  const corners = new Corners(forLots);
  const lots: Polygon[] = [];
  const waiting = [plot];
  for (let piece = waiting.pop(); piece; piece = waiting.pop()) {
    const halved = area(piece) < random.from(500, 1300) ? undefined : halve(piece, corners, random, 1);
    if (halved) waiting.push(...halved.halves);
    else lots.push(piece);
  }
  return lots;
}

function isPark(metres: number, far: number, random: Random): boolean {
  if (metres > 26 * hectare || metres < 0.7 * hectare) return false;
  if (metres > 4 * hectare) return random.chance(0.035 + 0.035 * far);
  return random.chance(0.012);
}

function classOf(metres: number): StreetClass {
  if (metres > 70 * hectare) return 'secondary';
  return metres > 16 * hectare ? 'tertiary' : 'residential';
}

function halve(piece: Polygon, corners: Corners, random: Random, far: number): Cut | undefined {
  const { middle, angle, long } = rectangleAround(piece);
  // Old streets are less straight.
  const loose = 0.05 + 0.2 * Math.max(0, 0.5 - far);
  for (let tries = 0; tries < triesMax; tries++) {
    const through = along(middle, angle, long * random.from(-0.09 - 0.02 * tries, 0.09 + 0.02 * tries));
    const across = angle + Math.PI / 2 + random.from(-loose, loose);
    const ends = endsOf(piece, through, across, corners);
    const cut = ends && cutAlong(piece, bendOf(ends, area(piece), random), ends, corners.grain);
    if (cut) return cut;
  }
  return undefined;
}

/** Where a line through a point leaves the land on both sides, and through which of its edges. */
interface End {
  readonly point: Point;
  readonly edge: number;
}

function endsOf(piece: Polygon, through: Point, angle: number, corners: Corners): [End, End] | undefined {
  const line = [along(through, angle, -9000), along(through, angle, 9000)] as const;
  let [before, after]: (readonly [End, number] | undefined)[] = [];
  for (let i = 0; i < piece.length; i++) {
    const found = crossing(line, edge(piece, i));
    if (!found) continue;
    const end: End = { point: between(...line, found[0]), edge: i };
    if (found[0] < 0.5 && (!before || found[0] > before[1])) before = [end, found[0]];
    if (found[0] >= 0.5 && (!after || found[0] < after[1])) after = [end, found[0]];
  }
  return before && after && [snapped(before[0], piece, corners), snapped(after[0], piece, corners)];
}

/** An end at the nearest corner there is, if there is one near. */
function snapped({ point, edge: i }: End, piece: Polygon, corners: Corners): End {
  const [from, to] = edge(piece, i);
  const { snapMetres } = corners.grain;
  if (distance(point, from) < snapMetres) return { point: from, edge: i };
  if (distance(point, to) < snapMetres) return { point: to, edge: (i + 1) % piece.length };
  return { point: corners.near(point, [from, to]) ?? point, edge: i };
}

/** A long street swings a little. */
function bendOf([a, b]: readonly [End, End], metres: number, random: Random): Point[] {
  if (metres < 5 * hectare) return [a.point, b.point];
  const [from, to] = [a.point, b.point];
  const side = Math.atan2(to[1] - from[1], to[0] - from[0]) + Math.PI / 2;
  const swing = distance(from, to) * random.from(-0.07, 0.07);
  const parts = [0, 0.2, 0.4, 0.6, 0.8, 1];
  return parts.map((share) =>
    share % 1 === 0
      ? share
        ? to
        : from
      : along(between(from, to, share), side, swing * 4 * share * (1 - share)),
  );
}

/** Both halves, if they are sound. */
function cutAlong(
  piece: Polygon,
  street: readonly Point[],
  [a, b]: readonly [End, End],
  { narrowMetres }: Grain,
): Cut | undefined {
  if (a.edge === b.edge) return undefined;
  for (let i = 0; i < piece.length; i++) {
    for (let j = 1; j < street.length; j++) {
      const found = crossing([pointAt(street, j - 1), pointAt(street, j)], edge(piece, i));
      if (!found) continue;
      const at = between(pointAt(street, j - 1), pointAt(street, j), found[0]);
      if (distance(at, a.point) > 0.5 && distance(at, b.point) > 0.5) return undefined;
    }
  }
  const forth = ring(piece, b, a, street);
  const back = ring(piece, a, b, street.toReversed());
  const [least, most] = [Math.min(area(forth), area(back)), Math.max(area(forth), area(back))];
  const halves = [forth, back] as const;
  const roomy = halves.every((half) => half.length > 2 && rectangleAround(half).short > narrowMetres);
  return least > 0.3 * most && roomy ? { street, halves } : undefined;
}

/** From one end along the border to the other, and back along the street. */
function ring(piece: Polygon, from: End, to: End, street: readonly Point[]): Polygon {
  const border: Point[] = [];
  for (let i = (from.edge + 1) % piece.length; ; i = (i + 1) % piece.length) {
    const point = pointAt(piece, i);
    if (distance(point, from.point) > 0.01 && distance(point, to.point) > 0.01) border.push(point);
    if (i === to.edge) break;
  }
  return [...street, ...border];
}
