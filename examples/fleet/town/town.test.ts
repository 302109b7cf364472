/**
 * The made-up city and the tours through it: the same for the same seed, all of it in one piece, and couriers who keep to the streets
 * at the speed of a bicycle.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { type City, makeCity } from '../city/city.ts';
import { distance, type Point, pointAt } from '../city/geometry.ts';
import { shortestWay } from '../city/graph.ts';
import { Random } from '../city/random.ts';
import { cornersBetween, makeTours, rideAt, type Tour } from './tours.ts';

const seed = 7;
const even = { motorway: 1, primary: 1, secondary: 1, tertiary: 1, residential: 1 };
const others = new Map<number, City>();
let city: City;
let tours: readonly Tour[];
beforeAll(() => {
  city = makeCity(seed);
  tours = makeTours(city.streets, 20, new Random(1));
}, 60_000);

/** The city of another seed, made once for all tests. */
function another(of: number): City {
  const made = others.get(of) ?? makeCity(of);
  others.set(of, made);
  return made;
}

describe('the city', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(JSON.stringify(makeCity(seed).map)).toBe(JSON.stringify(city.map));
    expect(JSON.stringify(another(1).map)).not.toBe(JSON.stringify(city.map));
  }, 60_000);

  it.each([1, 2, 3])(
    'hangs together, with bridges, parks and streets of each class: seed %i',
    (other) => {
      const { streets, map } = another(other);
      const reached = new Set([streets.ways.findIndex((ways) => ways.length > 0)]);
      for (const i of reached) for (const { to } of streets.ways[i] ?? []) reached.add(to);
      expect(reached.size).toBeGreaterThan(0.98 * streets.points.length);
      expect(streets.points.length).toBeGreaterThan(6000);
      const count = (wanted: string): number =>
        map.features.filter(({ properties }) => (properties.class ?? properties.kind) === wanted).length;
      for (const kind of [
        'motorway',
        'primary',
        'secondary',
        'tertiary',
        'residential',
        'park',
        'house',
        'quarter',
      ])
        expect([kind, count(kind)]).toEqual([kind, expect.toSatisfy((found: number) => found > 0)]);
      expect(JSON.stringify(map)).not.toMatch(/null|NaN/);
    },
    60_000,
  );

  it('has no two streets of one name', () => {
    const names = city.map.features.flatMap(({ properties: { kind, class: of, name } }) =>
      kind === 'street' && of === 'residential' ? [name] : [],
    );
    expect(new Set(names).size).toBe(names.length);
  });

  it('has ways that are as short as they look', () => {
    const { points } = city.streets;
    const random = new Random(3);
    for (let i = 0; i < 20; i++) {
      const [from, to] = [random.from(0, points.length), random.from(0, points.length)].map(Math.floor) as [
        number,
        number,
      ];
      const row = shortestWay(city.streets, from, to, even).map((node) => pointAt(points, node));
      const metres = row.slice(1).reduce((sum, point, j) => sum + distance(pointAt(row, j), point), 0);
      const straight = distance(pointAt(points, from), pointAt(points, to));
      expect(metres).toBeGreaterThanOrEqual(straight - 1e-6);
      // Whoever must go to the next bridge and back goes farthest.
      expect(metres).toBeLessThan(2.2 * straight + 1500);
    }
  });
});

describe('a tour', () => {
  it('goes along streets only', () => {
    const at = new Map<Point, number>(city.streets.points.map((point, i) => [point, i]));
    for (const { stations } of tours) {
      for (const [i, { point }] of stations.entries()) {
        const before = stations[i - 1]?.point;
        if (!before || before === point) continue;
        const ways = city.streets.ways[at.get(before) ?? -1] ?? [];
        expect(ways.map(({ to }) => to)).toContain(at.get(point));
      }
    }
  });

  it('is ridden at the speed of a bicycle, and goes on where it ends', () => {
    for (const tour of tours) {
      const most = { metres: 0, speed: 0 };
      const headings = new Set<number>();
      for (let now = 0; now < tour.seconds * 1000 + 5000; now += 1000) {
        const [here, next] = [rideAt(tour, now), rideAt(tour, now + 1000)];
        most.metres = Math.max(most.metres, distance(here.point, next.point));
        most.speed = Math.max(most.speed, here.speed);
        headings.add(here.heading);
      }
      expect(most.metres).toBeLessThan(9);
      expect(most.speed).toBeLessThan(9);
      for (const heading of headings) {
        expect(heading % 1).toBe(0);
        expect(heading).toBeGreaterThanOrEqual(0);
        expect(heading).toBeLessThan(360);
      }
    }
  });

  it('tells each of its corners once, in order, however it is cut into pieces', () => {
    for (const tour of tours.slice(0, 5)) {
      const wholeMs = Math.floor(tour.seconds * 1000) - 1;
      const told: Point[] = [];
      for (let now = 0; now < wholeMs; now += 7919)
        told.push(...cornersBetween(tour, now, Math.min(now + 7919, wholeMs)));
      expect(told).toEqual(cornersBetween(tour, 0, wholeMs));
      expect(new Set(told).size).toBeGreaterThan(8);
      for (const [i, corner] of told.entries())
        expect(distance(pointAt(told, i === 0 ? -1 : i - 1), corner)).toBeLessThan(2500);
    }
  });
});
