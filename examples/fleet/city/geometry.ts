/**
 * Points, lines and polygons on a plane, in metres: what the rest of the city is built with. Polygons go counter-clockwise and
 * don't repeat their first point. It must not know what a street is.
 */

export type Point = readonly [x: number, y: number];
export type Polygon = readonly Point[];

export function distance([ax, ay]: Point, [bx, by]: Point): number {
  return Math.hypot(bx - ax, by - ay);
}

/** Whether two points are so near, or nearer: a fraction of what `distance` takes, for what is asked a million times. */
export function within([ax, ay]: Point, [bx, by]: Point, metres: number): boolean {
  const [dx, dy] = [bx - ax, by - ay];
  return dx * dx + dy * dy <= metres * metres;
}

/** The point so far (0 to 1) from one to the other. */
export function between([ax, ay]: Point, [bx, by]: Point, share: number): Point {
  return [ax + (bx - ax) * share, ay + (by - ay) * share];
}

/** The point so many metres from there, at an angle in radians, counter-clockwise from east. */
export function along([x, y]: Point, angle: number, metres: number): Point {
  return [x + Math.cos(angle) * metres, y + Math.sin(angle) * metres];
}

/** In square metres; negative where the points go clockwise. */
export function area(polygon: Polygon): number {
  let sum = 0;
  for (let i = 0; i < polygon.length; i++) {
    const [[ax, ay], [bx, by]] = edge(polygon, i);
    sum += ax * by - bx * ay;
  }
  return sum / 2;
}

/** The edge that begins at the point of that number. */
export function edge(polygon: Polygon, i: number): readonly [Point, Point] {
  return [pointAt(polygon, i), pointAt(polygon, (i + 1) % polygon.length)];
}

/** The point of that number. @throws RangeError where there is none */
export function pointAt(points: readonly Point[], i: number): Point {
  const point = points[i < 0 ? points.length + i : i];
  if (!point) throw new RangeError(`There is no point ${i} among ${points.length}.`);
  return point;
}

export function centre(polygon: Polygon): Point {
  const whole = area(polygon);
  let [x, y] = [0, 0];
  for (let i = 0; i < polygon.length; i++) {
    const [[ax, ay], [bx, by]] = edge(polygon, i);
    const weight = ax * by - bx * ay;
    x += (ax + bx) * weight;
    y += (ay + by) * weight;
  }
  return [x / (6 * whole), y / (6 * whole)];
}

export function contains(polygon: Polygon, [x, y]: Point): boolean {
  let inside = false;
  for (let i = 0; i < polygon.length; i++) {
    const [[ax, ay], [bx, by]] = edge(polygon, i);
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/** Where two segments cross, as shares of both; undefined where they don't. */
export function crossing(
  [[ax, ay], [bx, by]]: readonly [Point, Point],
  [[cx, cy], [dx, dy]]: readonly [Point, Point],
): readonly [number, number] | undefined {
  const [rx, ry, sx, sy] = [bx - ax, by - ay, dx - cx, dy - cy];
  const turn = rx * sy - ry * sx;
  if (Math.abs(turn) < 1e-9) return undefined;
  const first = ((cx - ax) * sy - (cy - ay) * sx) / turn;
  const second = ((cx - ax) * ry - (cy - ay) * rx) / turn;
  return first >= 0 && first <= 1 && second >= 0 && second <= 1 ? [first, second] : undefined;
}

/** How far a point lies from a segment, and at which share of it. */
export function offLine(
  [px, py]: Point,
  [[ax, ay], [bx, by]]: readonly [Point, Point],
): [metres: number, share: number] {
  const [dx, dy] = [bx - ax, by - ay];
  const square = dx * dx + dy * dy;
  const share = square === 0 ? 0 : Math.min(1, Math.max(0, ((px - ax) * dx + (py - ay) * dy) / square));
  return [Math.hypot(ax + dx * share - px, ay + dy * share - py), share];
}

/** The rectangle of the least area around a polygon that lies along one of its edges: its middle, the angle of its long side, its sides. */
export function rectangleAround(polygon: Polygon): {
  middle: Point;
  angle: number;
  long: number;
  short: number;
} {
  let best = { middle: pointAt(polygon, 0), angle: 0, long: 0, short: 0 };
  const far = Number.POSITIVE_INFINITY;
  let least = far;
  for (let i = 0; i < polygon.length; i++) {
    const [[ax, ay], [bx, by]] = edge(polygon, i);
    if (Math.hypot(bx - ax, by - ay) < 1) continue;
    const angle = Math.atan2(by - ay, bx - ax);
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    let [uMin, uMax, vMin, vMax] = [far, -far, far, -far];
    for (const [x, y] of polygon) {
      const u = x * cos + y * sin;
      const v = y * cos - x * sin;
      uMin = Math.min(uMin, u);
      uMax = Math.max(uMax, u);
      vMin = Math.min(vMin, v);
      vMax = Math.max(vMax, v);
    }
    const [width, height] = [uMax - uMin, vMax - vMin];
    if (width * height >= least) continue;
    least = width * height;
    const [u, v] = [(uMin + uMax) / 2, (vMin + vMax) / 2];
    const middle: Point = [u * cos - v * sin, u * sin + v * cos];
    best =
      width >= height
        ? { middle, angle, long: width, short: height }
        : { middle, angle: angle + Math.PI / 2, long: height, short: width };
  }
  return best;
}

/** A polygon whose edges all lie so much further inside; undefined where nothing sound is left. */
export function inset(polygon: Polygon, metres: number): Polygon | undefined {
  const points = polygon.filter(
    (point, i) => distance(point, pointAt(polygon, (i + 1) % polygon.length)) > 2,
  );
  if (points.length < 3) return undefined;
  const moved = points.map((point, i): Point => {
    const [before, after] = [pointAt(points, i - 1), pointAt(points, (i + 1) % points.length)];
    const first = Math.atan2(point[1] - before[1], point[0] - before[0]);
    const second = Math.atan2(after[1] - point[1], after[0] - point[0]);
    // A sharp corner would move too far: it's cut.
    const half = (second - first) / 2;
    const reach = metres / Math.max(0.35, Math.abs(Math.cos(half)));
    return along(point, first + half + Math.PI / 2, Math.cos(half) < 0 ? -reach : reach);
  });
  const left = area(moved);
  const turned = moved.some((_, i) => {
    const [[ax, ay], [bx, by]] = edge(moved, i);
    const [[cx, cy], [dx, dy]] = edge(points, i);
    return (bx - ax) * (dx - cx) + (by - ay) * (dy - cy) < 0;
  });
  return left > 0 && left < area(points) && !turned ? moved : undefined;
}
