/**
 * The way of one courier through the city, as a tour that begins again when it is over: where it is at any time follows from the
 * time alone, so that a new start goes on where the last one ended. It knows streets; nothing of servers.
 */
import { distance, type Point, pointAt } from '../city/geometry.ts';
import { type Graph, shortestWay } from '../city/graph.ts';
import type { Random } from '../city/random.ts';

export interface Tour {
  /** Where it comes by, in metres, and after how many seconds of the tour. */
  readonly stations: readonly Station[];
  readonly seconds: number;
  /** How far into it the courier was at the beginning of 1970. */
  readonly shift: number;
}

export interface Station {
  readonly point: Point;
  readonly second: number;
}

/** What a courier does at some time. */
export interface Ride {
  readonly point: Point;
  /** Clockwise from north. */
  readonly heading: number;
  /** In metres per second; 0 where it waits. */
  readonly speed: number;
}

/** On a bicycle, in metres per second. */
const speeds = { motorway: 0.8, primary: 6.2, secondary: 5.8, tertiary: 5.4, residential: 4.8 } as const;
const stops = 5;
const [tripMetresMin, tripMetresMax] = [500, 2000];

/** A tour for each of so many couriers. */
export function makeTours(streets: Graph, count: number, random: Random): Tour[] {
  const junctions = streets.ways.flatMap((ways, node) =>
    ways.length > 2 ? [{ node, fromMiddle: Math.hypot(...pointAt(streets.points, node)) }] : [],
  );
  return Array.from({ length: count }, () => makeTour(streets, junctions, random));
}

/** A place to stop at, and how far it is from the middle of the city, in metres. */
interface Junction {
  readonly node: number;
  readonly fromMiddle: number;
}

function makeTour(streets: Graph, junctions: readonly Junction[], random: Random): Tour {
  const rider = random.from(0.85, 1.2);
  const places = makeStops(streets, junctions, random);
  const stations: Station[] = [];
  let second = 0;
  for (const [i, from] of places.entries()) {
    const to = places[(i + 1) % places.length] ?? from;
    for (const [j, node] of shortestWay(streets, from, to, speeds).entries()) {
      const point = pointAt(streets.points, node);
      const last = stations.at(-1);
      const way = streets.ways[node]?.find(({ to: next }) => pointAt(streets.points, next) === last?.point);
      if (last && j > 0)
        second += distance(last.point, point) / (speeds[way?.class ?? 'residential'] * rider);
      if (last?.point !== point) stations.push({ point, second });
    }
    // It hands something over, or waits for something.
    second += random.from(12, 70);
    const last = stations.at(-1);
    if (last) stations.push({ point: last.point, second });
  }
  return { stations, seconds: second, shift: random.from(0, second) };
}

/** Places that aren't far from each other, the last not far from the first. */
function makeStops(streets: Graph, junctions: readonly Junction[], random: Random): number[] {
  // More of them in the middle, where more people live.
  const reach = 3900 * random.next() ** 0.62;
  const around = junctions.filter(({ fromMiddle }) => Math.abs(fromMiddle - reach) < 250);
  const places = [random.pick(around).node];
  const far = (a: number, b: number): number =>
    distance(pointAt(streets.points, a), pointAt(streets.points, b));
  for (let tries = 0; places.length < stops && tries < 4000; tries++) {
    const next = random.pick(junctions).node;
    const metres = far(next, places.at(-1) ?? next);
    if (metres < tripMetresMin || metres > tripMetresMax) continue;
    if (places.length === stops - 1 && far(next, places[0] ?? next) > tripMetresMax) continue;
    places.push(next);
  }
  return places;
}

/** What the courier does at a time, in ms since 1970. */
export function rideAt({ stations, seconds, shift }: Tour, now: number): Ride {
  const second = (now / 1000 + shift) % seconds;
  const i = Math.max(1, indexAfter(stations, second));
  const [from, to] = [stations[i - 1], stations[i]];
  if (!from) return { point: [0, 0], heading: 0, speed: 0 };
  if (!to || from.point === to.point)
    return { point: from.point, heading: headingInto(stations, i - 1), speed: 0 };
  const share = (second - from.second) / (to.second - from.second);
  const [[ax, ay], [bx, by]] = [from.point, to.point];
  return {
    point: [ax + (bx - ax) * share, ay + (by - ay) * share],
    heading: headingOf(from.point, to.point),
    speed: distance(from.point, to.point) / (to.second - from.second),
  };
}

/** The corners that it came by after one time and up to another, less than a tour later, in order. */
export function cornersBetween({ stations, seconds, shift }: Tour, after: number, until: number): Point[] {
  const [from, to] = [after, until].map((now) => (now / 1000 + shift) % seconds) as [number, number];
  const within = (least: number, most: number): Point[] =>
    stations.flatMap(({ point, second }, i) =>
      second > least && second <= most && isCorner(stations, i) ? [point] : [],
    );
  return from <= to ? within(from, to) : [...within(from, seconds), ...within(-1, to)];
}

function isCorner(stations: readonly Station[], i: number): boolean {
  const [before, here, after] = [stations[i - 1], stations[i], stations[i + 1]];
  if (!before || !here || !after || here.point === after.point || before.point === here.point) return true;
  const turn = Math.abs(headingOf(before.point, here.point) - headingOf(here.point, after.point));
  return Math.min(turn, 360 - turn) > 8;
}

/** The number of the first station after that second. */
function indexAfter(stations: readonly Station[], second: number): number {
  let [low, high] = [0, stations.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((stations[middle]?.second ?? 0) > second) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Whoever waits looks where it came from the other way. */
function headingInto(stations: readonly Station[], i: number): number {
  const [from, to] = [stations[i - 1], stations[i]];
  return from && to ? headingOf(from.point, to.point) : 0;
}

function headingOf([ax, ay]: Point, [bx, by]: Point): number {
  return (Math.round((Math.atan2(bx - ax, by - ay) * 180) / Math.PI) + 360) % 360;
}
