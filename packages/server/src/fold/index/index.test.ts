/**
 * The indexes that views stand on, each against looking at everything: boxes that hold a point, points in a box, keys that begin
 * alike, watchers of a key. Random ones come, move and go; what is found must hold all that is there, and not much else.
 */
import { SyncError } from '@syncline/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoxGrid } from './boxes.ts';
import { type Box, Filter } from './filter.ts';
import { Items } from './items.ts';
import { KeyOrder } from './order.ts';
import { type Point, PointGrid } from './points.ts';
import { Watchers } from './watchers.ts';

const lat = fc.oneof(fc.constantFrom(-90, 90, 0, 200), fc.double({ min: -90, max: 90, noNaN: true }));
const lng = fc.oneof(fc.constantFrom(-180, 180, 0, -400), fc.double({ min: -180, max: 180, noNaN: true }));
/** From a street's corner to the whole globe. */
const size = fc.integer({ min: 0, max: 24 }).map((n) => 400 / 2 ** n);
const box: fc.Arbitrary<Box> = fc
  .tuple(lng, lat, size, size)
  .map(([west, south, width, height]) => ({ west, south, east: west + width, north: south + height }));

const holds = (one: Box, { lat: y, lng: x }: { readonly lat: number; readonly lng: number }) =>
  x >= one.west && x <= one.east && y >= one.south && y <= one.north;

describe('boxes', () => {
  it('finds every box that holds a point, whatever their sizes, and none that was taken out', () => {
    const boxes = fc.array(box, { maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(boxes, fc.array(fc.tuple(lat, lng), { maxLength: 20 }), fc.nat(2), (all, points, kept) => {
        const grid = new BoxGrid<number>();
        for (const [i, one] of all.entries()) grid.add(one, i);
        for (const [i, one] of all.entries()) if (i % 3 > kept) grid.remove(one, i);
        for (const [y, x] of points) {
          const found: number[] = [];
          grid.at(y, x, found);
          for (const [i, one] of all.entries()) {
            if (i % 3 > kept) expect(found).not.toContain(i);
            else if (holds(one, { lat: y, lng: x })) expect(found).toContain(i);
          }
        }
      }),
    );
  });

  it('finds few that lie elsewhere, and nobody for a place that is none', () => {
    const grid = new BoxGrid<number>();
    for (let i = 0; i < 1000; i++)
      grid.add(
        {
          west: (i % 40) * 4 - 80,
          south: Math.floor(i / 40),
          east: (i % 40) * 4 - 79.9,
          north: Math.floor(i / 40) + 0.1,
        },
        i,
      );
    let strangers = 0;
    for (let i = 0; i < 1000; i++) {
      const found: number[] = [];
      grid.at(Math.floor(i / 40) + 0.05, (i % 40) * 4 - 79.95, found);
      expect(found).toContain(i);
      strangers += found.length - 1;
    }
    expect(strangers).toBe(0);
    const found: number[] = [];
    grid.at(Number.NaN, 3, found);
    expect(found).toEqual([]);
  });
});

const pointAt = (y: number, x: number): Point => ({ lat: y, lng: x, cell: -1, slot: -1 });

describe('points', () => {
  it('finds every point in a box, of those that came, moved and went', () => {
    const places = fc.array(fc.tuple(fc.nat(40), lat, lng), { maxLength: 120, size: 'max' });
    fc.assert(
      fc.property(places, fc.array(fc.nat(40), { maxLength: 10 }), box, (moves, gone, where) => {
        const grid = new PointGrid<Point>();
        const points = new Map<number, Point>();
        for (const [i, y, x] of moves) {
          const point = points.get(i) ?? pointAt(y, x);
          point.lat = y;
          point.lng = x;
          points.set(i, point);
          grid.put(point);
        }
        for (const i of gone) {
          const point = points.get(i);
          if (point) grid.remove(point);
          points.delete(i);
        }
        const found = new Set(grid.within(where));
        for (const point of points.values()) expect(found.has(point) || !holds(where, point)).toBe(true);
        for (const point of found) if (point) expect([...points.values()]).toContain(point);
      }),
    );
  });

  it('misses no point that stays while others come and go between two steps', () => {
    const at = fc.nat(30);
    fc.assert(
      fc.property(fc.array(fc.tuple(at, at, fc.nat(3))), fc.boolean(), (changes, wide) => {
        const grid = new PointGrid<Point>();
        const points = Array.from({ length: 30 }, (_, i) =>
          pointAt(10 + (i % 3) * 0.0001, 10 + (i % 5) * 0.01),
        );
        for (const point of points) grid.put(point);
        const where = wide
          ? { west: -180, south: -90, east: 180, north: 90 }
          : { west: 9, south: 9, east: 11, north: 11 };
        const scan = grid.within(where);
        const found = new Set<Point | undefined>();
        const changed = new Set<Point | undefined>();
        for (const [from, to, kind] of changes) {
          found.add(scan.next().value ?? undefined);
          const [one, other] = [points[from], points[to]];
          if (!one || !other) continue;
          changed.add(one);
          if (kind === 0) grid.remove(one);
          else {
            one.lng = other.lng;
            grid.put(one);
          }
        }
        for (const point of scan) found.add(point);
        for (const point of points) expect(found.has(point) || changed.has(point)).toBe(true);
      }),
    );
  });

  it('goes through few points beside the box', () => {
    const grid = new PointGrid<Point>();
    for (let i = 0; i < 40_000; i++)
      grid.put(pointAt(52 + Math.floor(i / 200) * 0.002, 13 + (i % 200) * 0.002));
    const found = [...grid.within({ west: 13.2, south: 52.2, east: 13.24, north: 52.24 })];
    expect(found.length).toBeGreaterThan(400);
    expect(found.length).toBeLessThan(1000);
  });
});

describe('order', () => {
  const key = fc.oneof(
    fc.string({ maxLength: 3 }),
    fc.constantFrom('', 'a', 'a\0', 'a\uffff', 'b', '\ud83d', '__proto__'),
  );

  it('finds the keys that begin alike, in order, of those that came and went', () => {
    const changes = fc.array(fc.tuple(key, fc.boolean()), { maxLength: 200, size: 'max' });
    fc.assert(
      fc.property(changes, key, (all, prefix) => {
        const order = new KeyOrder();
        const keys = new Set<string>();
        for (const [one, comes] of all) {
          if (comes) keys.add(one);
          else keys.delete(one);
          if (comes) order.add(one);
          else order.remove(one);
        }
        const expected = [...keys].filter((one) => one.startsWith(prefix)).sort((a, b) => (a < b ? -1 : 1));
        expect([...order.startingWith(prefix)]).toEqual(expected);
      }),
    );
  });

  it('keeps many, in blocks, and misses none that stays while others come and go', () => {
    const order = new KeyOrder();
    const name = (i: number) => `k${String(i).padStart(5, '0')}`;
    for (let i = 0; i < 5000; i++) order.add(name((i * 7919) % 5000));
    expect([...order.startingWith('k')]).toEqual(Array.from({ length: 5000 }, (_, i) => name(i)));
    expect([...order.startingWith('k012')]).toHaveLength(100);
    const seen: string[] = [];
    for (const one of order.startingWith('k')) {
      seen.push(one);
      // Every other goes before it is come by, and what is behind is added and removed again and again.
      if (seen.length % 3 === 0) order.remove(name(Number(one.slice(1)) + 1));
      order.add(`a${one}`);
      order.remove(name(seen.length));
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBeGreaterThan(2400);
    for (let i = 0; i < 5000; i++) order.remove(name(i));
    expect([...order.startingWith('k')]).toEqual([]);
  });
});

describe('watchers', () => {
  const filter = fc.record(
    {
      keys: fc.uniqueArray(fc.constantFrom('a', 'ab', 'b'), { maxLength: 2 }),
      prefix: fc.constantFrom('', 'a', 'ab'),
      bbox: fc.constantFrom<[number, number, number, number]>(
        [0, 0, 1, 1],
        [170, -1, -170, 1],
        [-180, -90, 180, 90],
      ),
    },
    { requiredKeys: [] },
  );

  it('finds whoever a change may concern, and nobody once they are taken out', () => {
    const place = fc.record({ key: fc.constantFrom('a', 'ab', 'abc', 'b', 'c'), lat, lng });
    fc.assert(
      fc.property(fc.array(filter, { maxLength: 12 }), place, (all, at) => {
        const watchers = new Watchers<number>();
        const filters = all.map((one) => new Filter(one, true));
        for (const [i, one] of filters.entries()) watchers.add(one, i);
        const find = () => {
          const found: number[] = [];
          watchers.ofKey(at.key, found);
          watchers.ofPlace(at.lat, at.lng, found);
          return found;
        };
        const found = find();
        for (const [i, one] of filters.entries()) if (one.matches(at)) expect(found).toContain(i);
        for (const [i, one] of filters.entries()) watchers.remove(one, i);
        expect(find()).toEqual([]);
      }),
    );
  });

  it('[V2] refuses a box where the contract names no place', () => {
    expect(() => new Filter({ bbox: [0, 0, 1, 1] }, false)).toThrow(SyncError);
    expect(() => new Filter({ bbox: [0, 0, 1, 1] }, false)).toThrow(/geo/);
    expect(new Filter({ prefix: 'a' }, false).matches({ key: 'ab', lat: Number.NaN, lng: Number.NaN })).toBe(
      true,
    );
  });
});

describe('items', () => {
  it('are found by how their keys begin, those that came and went since somebody asked for the first time too', () => {
    const items = new Items(null);
    const value = { text: '1', version: 1, since: 5, from: null, at: undefined, ttlMs: undefined };
    const find = (prefix: string) =>
      [...items.candidates(new Filter({ prefix }, false))].flatMap((item) => item?.key ?? []);
    for (const key of ['b', 'ab', 'aa', 'a']) items.put(key, value);
    // One who begins to look and doesn't go on.
    items.candidates(new Filter({ prefix: 'a' }, false)).next();
    expect(find('a')).toEqual(['a', 'aa', 'ab']);
    items.put('ac', value);
    const gone = items.get('aa');
    if (gone) items.remove(gone);
    expect(find('a')).toEqual(['a', 'ab', 'ac']);
    expect([...items.candidates(new Filter({ prefix: 'a' }, false))]).toHaveLength(3);
    expect(find('c')).toEqual([]);
  });

  it('reads a place only where a value says two numbers, and keeps a row until the value is another', () => {
    const items = new Items({ lat: 'y', lng: '__proto__' });
    const put = (text: string, version: number) =>
      items.put('k', { text, version, since: 5, from: null, at: undefined, ttlMs: undefined });
    for (const text of [
      'null',
      '7',
      '[]',
      '{}',
      '{"y":1}',
      '{"y":"1","__proto__":2}',
      '{"y":1,"__proto__":null}',
    ]) {
      const { lat: y, lng: x } = put(text, 1);
      expect(Number.isNaN(y) || Number.isNaN(x), text).toBe(true);
    }
    const item = put('{"y":1,"__proto__":2}', 2);
    expect([item.lat, item.lng]).toEqual([1, 2]);
    expect(item.row).toEqual({ text: '["k",{"y":1,"__proto__":2},2,5,null]', bytes: 36 });
    expect(item.row).toBe(item.row);
    expect(put('{"y":1,"__proto__":2}', 3).row.text).toContain(',3,');
  });
});
