/**
 * The land between curves: cuts them where they cross, takes away what ends nowhere or would drown, and walks around what is left.
 * city.ts gives it the skeleton and gets the pieces of its roads and the land between; it must not know how land is built on.
 */
import { area, between, crossing, distance, type Point, type Polygon, within } from './geometry.ts';
import type { Curve, River } from './skeleton.ts';

/** A part of a curve between two crossings or bends. */
interface Piece {
  readonly from: Point;
  readonly to: Point;
  readonly curve: Curve;
}

type Segment = readonly [Point, Point];

/** Segments are short: those that begin farther from each other than this do not cross. */
const nearMetres = 300;
/** A longer way over water than this is no bridge. */
const bridgeMetresMax = 330;
/** What ends nowhere inside of this is no road; what ends outside leads on to other cities. */
const cityRadius = 4300;

/** The roads that stand, as lines of their curves, and the land between them. */
export function layOut(curves: readonly Curve[], river: River): { roads: Curve[]; land: Polygon[] } {
  const near = new Near(curves);
  const pieces = curves.flatMap((curve) => dry(cut(curve, near), river));
  const standing = prune(pieces, (point) => Math.hypot(...point) > cityRadius);
  const closed = prune(standing, () => false);
  return { roads: joined(standing), land: walkAround(closed).filter((face) => !river.holds(insideOf(face))) };
}

/** The points where two segments cross: the same object for whoever of the two asks first or second. */
const crossings = new WeakMap<Point, WeakMap<Point, Point>>();

function crossingPoint(a: Segment, b: Segment, share: number): Point {
  const [first, second] = [crossings.get(a[0])?.get(b[0]), crossings.get(b[0])?.get(a[0])];
  if (first ?? second) return (first ?? second) as Point;
  const point = between(...a, share);
  const of = crossings.get(a[0]) ?? new WeakMap<Point, Point>();
  crossings.set(a[0], of.set(b[0], point));
  return point;
}

/** All segments by the square in which they begin, as only those that begin near each other may cross. */
class Near {
  readonly #squares = new Map<number, { readonly curve: Curve; readonly segment: Segment }[]>();

  constructor(curves: readonly Curve[]) {
    for (const curve of curves) {
      for (const segment of segmentsOf(curve.points)) {
        const key = squareOf(segment[0], 0, 0);
        const all = this.#squares.get(key) ?? [];
        this.#squares.set(key, all);
        all.push({ curve, segment });
      }
    }
  }

  /** Segments of other curves that begin near a point. */
  *of(own: Curve, point: Point): Iterable<Segment> {
    for (const right of [-1, 0, 1]) {
      for (const up of [-1, 0, 1]) {
        for (const { curve, segment } of this.#squares.get(squareOf(point, right, up)) ?? [])
          if (curve !== own && within(point, segment[0], nearMetres)) yield segment;
      }
    }
  }
}

/** One number for the square of a point, or for one so many squares away. */
function squareOf([x, y]: Point, right: number, up: number): number {
  return (Math.floor(x / nearMetres) + right) * 4096 + Math.floor(y / nearMetres) + up;
}

function cut(curve: Curve, near: Near): Piece[] {
  const pieces: Piece[] = [];
  for (const segment of segmentsOf(curve.points)) {
    const cuts: { share: number; point: Point }[] = [];
    for (const against of near.of(curve, segment[0])) {
      const found = crossing(segment, against);
      if (found) cuts.push({ share: found[0], point: crossingPoint(segment, against, found[0]) });
    }
    cuts.sort((a, b) => a.share - b.share);
    let [from, to] = segment;
    for (const { point } of cuts) {
      pieces.push({ from, to: point, curve });
      from = point;
    }
    pieces.push({ from, to, curve });
  }
  return pieces;
}

function segmentsOf(points: readonly Point[]): Segment[] {
  return points.slice(1).map((to, i) => [points[i] ?? to, to] as const);
}

/** Leaves out the ways over water that are too long, and those of curves that have no bridges. */
function dry(pieces: readonly Piece[], river: River): Piece[] {
  const kept: Piece[] = [];
  let wet: Piece[] = [];
  const land = (): void => {
    const metres = wet.reduce((sum, { from, to }) => sum + distance(from, to), 0);
    if (wet[0]?.curve.bridges && metres <= bridgeMetresMax) kept.push(...wet);
    wet = [];
  };
  for (const piece of pieces) {
    const over = river.holds(between(piece.from, piece.to, 0.5));
    if (over && piece.curve.name.endsWith('Quay')) kept.push(piece);
    else if (over) wet.push(piece);
    else {
      land();
      kept.push(piece);
    }
  }
  land();
  return kept;
}

/** Takes pieces away that end nowhere, and what then ends nowhere, but where that is allowed. */
function prune(pieces: readonly Piece[], allowed: (point: Point) => boolean): Piece[] {
  let left = [...pieces];
  for (;;) {
    const ends = new Map<Point, number>();
    for (const point of left.flatMap(({ from, to }) => [from, to]))
      ends.set(point, (ends.get(point) ?? 0) + 1);
    const loose = (point: Point): boolean => ends.get(point) === 1 && !allowed(point);
    const kept = left.filter(({ from, to }) => !loose(from) && !loose(to));
    if (kept.length === left.length) return left;
    left = kept;
  }
}

/** Pieces of one curve in a row as one line again. */
function joined(pieces: readonly Piece[]): Curve[] {
  const roads: { curve: Curve; points: Point[] }[] = [];
  for (const { from, to, curve } of pieces) {
    const last = roads.at(-1);
    if (last?.curve === curve && last.points.at(-1) === from) last.points.push(to);
    else roads.push({ curve, points: [from, to] });
  }
  return roads.map(({ curve, points }) => ({ ...curve, points }));
}

/** Every area that pieces enclose, counter-clockwise. */
function walkAround(pieces: readonly Piece[]): Polygon[] {
  const ways = new Map<Point, { to: Point; angle: number }[]>();
  const add = (from: Point, to: Point): void => {
    const all = ways.get(from) ?? [];
    ways.set(from, all);
    all.push({ to, angle: Math.atan2(to[1] - from[1], to[0] - from[0]) });
  };
  for (const { from, to } of pieces) {
    add(from, to);
    add(to, from);
  }
  for (const all of ways.values()) all.sort((a, b) => a.angle - b.angle);
  const walked = new Map<Point, Set<Point>>();
  const walk = (from: Point, to: Point): Point[] => {
    const face: Point[] = [];
    let [at, next] = [from, to];
    while (!walked.get(at)?.has(next)) {
      walked.set(at, (walked.get(at) ?? new Set()).add(next));
      face.push(at);
      const all = ways.get(next) ?? [];
      const back = all.findIndex((way) => way.to === at);
      const turn = all.at(back - 1);
      [at, next] = [next, turn?.to ?? at];
    }
    return face;
  };
  const faces = [...ways].flatMap(([from, all]) => all.map(({ to }) => walk(from, to)));
  return faces.filter((face) => face.length > 2 && area(face) > 0);
}

/** A point just inside the longest edge of a polygon. */
function insideOf(polygon: Polygon): Point {
  let best: Segment | undefined;
  for (const segment of segmentsOf([...polygon, ...polygon.slice(0, 1)])) {
    if (!best || distance(...segment) > distance(...best)) best = segment;
  }
  const [[ax, ay], [bx, by]] = best ?? [
    [0, 0],
    [0, 0],
  ];
  const metres = Math.hypot(bx - ax, by - ay) || 1;
  return [(ax + bx) / 2 - (by - ay) / metres, (ay + by) / 2 + (bx - ax) / metres];
}
