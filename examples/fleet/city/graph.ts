/**
 * The streets as junctions and ways between them, and the shortest way from one to another. Couriers ride on it. It knows lines
 * that meet; not what they look like.
 */
import { distance, offLine, type Point, pointAt } from './geometry.ts';
import type { StreetClass } from './skeleton.ts';

export interface Way {
  readonly to: number;
  readonly metres: number;
  readonly class: StreetClass;
}

export interface Graph {
  readonly points: readonly Point[];
  /** What leads away from each point. */
  readonly ways: readonly (readonly Way[])[];
}

interface Line {
  readonly class: StreetClass;
  readonly points: readonly Point[];
}

/** Ends nearer than this to a line or to each other meet. */
const meetMetres = 0.6;
const cellMetres = 60;

/** Junctions wherever lines meet, at their ends or between; only what hangs together. */
export function makeGraph(lines: readonly Line[]): Graph {
  const points: Point[] = [];
  const cells = new Map<string, number[]>();
  const at = (point: Point): number => {
    const near = around(cells, point, meetMetres).find(
      (i) => distance(pointAt(points, i), point) < meetMetres,
    );
    if (near !== undefined) return near;
    const key = keyOf(point);
    cells.set(key, [...(cells.get(key) ?? []), points.length]);
    return points.push(point) - 1;
  };
  const numbered = lines.map((line) => ({ class: line.class, nodes: line.points.map(at) }));
  const ways: Way[][] = points.map(() => []);
  for (const { class: kind, nodes } of numbered) {
    for (let i = 1; i < nodes.length; i++) {
      const [from, to] = [nodes[i - 1] ?? 0, nodes[i] ?? 0];
      const row = onSegment(points, cells, from, to);
      for (let j = 1; j < row.length; j++) join(points, ways, row[j - 1] ?? 0, row[j] ?? 0, kind);
    }
  }
  return { points, ways: connected(ways) };
}

function keyOf([x, y]: Point): string {
  return `${Math.floor(x / cellMetres)},${Math.floor(y / cellMetres)}`;
}

function around(cells: ReadonlyMap<string, number[]>, [x, y]: Point, reach: number): number[] {
  const keys = new Set<string>();
  for (const dx of [-reach, reach]) for (const dy of [-reach, reach]) keys.add(keyOf([x + dx, y + dy]));
  return [...keys].flatMap((key) => cells.get(key) ?? []);
}

/** The points on a segment, in order, its ends included. */
function onSegment(
  points: readonly Point[],
  cells: ReadonlyMap<string, number[]>,
  from: number,
  to: number,
): number[] {
  const segment = [pointAt(points, from), pointAt(points, to)] as const;
  const [[ax, ay], [bx, by]] = segment;
  const found = new Map<number, number>([
    [from, 0],
    [to, 1],
  ]);
  for (
    let x = Math.floor(Math.min(ax, bx) / cellMetres);
    x <= Math.floor(Math.max(ax, bx) / cellMetres);
    x++
  ) {
    for (
      let y = Math.floor(Math.min(ay, by) / cellMetres);
      y <= Math.floor(Math.max(ay, by) / cellMetres);
      y++
    ) {
      for (const i of cells.get(`${x},${y}`) ?? []) {
        const [metres, share] = offLine(pointAt(points, i), segment);
        if (metres < meetMetres && !found.has(i)) found.set(i, share);
      }
    }
  }
  return [...found].sort(([, a], [, b]) => a - b).map(([i]) => i);
}

function join(points: readonly Point[], ways: Way[][], a: number, b: number, kind: StreetClass): void {
  if (a === b || ways[a]?.some(({ to }) => to === b)) return;
  const metres = distance(pointAt(points, a), pointAt(points, b));
  ways[a]?.push({ to: b, metres, class: kind });
  ways[b]?.push({ to: a, metres, class: kind });
}

/** Without the ways of whatever doesn't hang together with most. */
function connected(ways: readonly (readonly Way[])[]): (readonly Way[])[] {
  const seen = new Set<number>();
  let most = new Set<number>();
  for (let start = 0; start < ways.length; start++) {
    if (seen.has(start)) continue;
    const group = new Set([start]);
    for (const i of group) for (const { to } of ways[i] ?? []) group.add(to);
    for (const i of group) seen.add(i);
    if (group.size > most.size) most = group;
  }
  return ways.map((all, i) => (most.has(i) ? all : []));
}

/** The way to a point that takes the least time, as points in a row; empty where there is none. */
export function shortestWay(
  graph: Graph,
  from: number,
  to: number,
  speeds: Readonly<Record<StreetClass, number>>,
): number[] {
  const fastest = Math.max(...Object.values(speeds));
  const goal = pointAt(graph.points, to);
  const left = (i: number): number => distance(pointAt(graph.points, i), goal) / fastest;
  const before = new Int32Array(graph.points.length).fill(-1);
  const cost = new Float64Array(graph.points.length).fill(Number.POSITIVE_INFINITY);
  const queue = new Queue();
  cost[from] = 0;
  queue.add(from, left(from));
  for (let i = queue.take(); i !== undefined && i !== to; i = queue.take()) {
    for (const way of graph.ways[i] ?? []) {
      const sum = (cost[i] ?? 0) + way.metres / speeds[way.class];
      if (sum >= (cost[way.to] ?? 0)) continue;
      cost[way.to] = sum;
      before[way.to] = i;
      queue.add(way.to, sum + left(way.to));
    }
  }
  const row: number[] = [];
  for (let i = to; i >= 0; i = before[i] ?? -1) row.unshift(i);
  return row[0] === from ? row : [];
}

/** What is least comes first: a heap, in two rows of numbers as half a million things go through it. */
class Queue {
  readonly #items: number[] = [];
  readonly #costs: number[] = [];

  add(item: number, cost: number): void {
    let i = this.#items.push(item) - 1;
    this.#costs.push(cost);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#cost(parent) <= cost) break;
      this.#put(i, parent);
      i = parent;
    }
    this.#items[i] = item;
    this.#costs[i] = cost;
  }

  take(): number | undefined {
    const [first] = this.#items;
    const [item, cost] = [this.#items.pop(), this.#costs.pop()];
    if (item === undefined || cost === undefined || this.#items.length === 0) return first;
    let i = 0;
    for (;;) {
      const [left, right] = [2 * i + 1, 2 * i + 2];
      const least = this.#cost(right) < this.#cost(left) ? right : left;
      if (this.#cost(least) >= cost) break;
      this.#put(i, least);
      i = least;
    }
    this.#items[i] = item;
    this.#costs[i] = cost;
    return first;
  }

  #cost(i: number): number {
    return this.#costs[i] ?? Number.POSITIVE_INFINITY;
  }

  /** What is at one place stands at another then. */
  #put(to: number, from: number): void {
    this.#items[to] = this.#items[from] ?? 0;
    this.#costs[to] = this.#cost(from);
  }
}
