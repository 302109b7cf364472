/**
 * A made-up city, the same one for the same seed: its streets as a graph to ride on, and all of it as GeoJSON to be drawn. The
 * simulator and the page's files ask for it. It must not know who rides there, nor how it is drawn.
 */
import { buildOn, lotsOf } from './blocks.ts';
import { layOut } from './faces.ts';
import { area, centre, contains, inset, type Point, type Polygon } from './geometry.ts';
import { type Graph, makeGraph } from './graph.ts';
import { Names } from './names.ts';
import { Random } from './random.ts';
import { makeCurves, makeRiver, rings, type StreetClass } from './skeleton.ts';

export interface City {
  readonly streets: Graph;
  /** What is drawn of it; each feature has a `kind`. */
  readonly map: { readonly type: 'FeatureCollection'; readonly features: readonly Feature[] };
}

/** A thing on the map, as GeoJSON (RFC 7946). */
export interface Feature {
  readonly type: 'Feature';
  readonly properties: Properties;
  readonly geometry: { readonly type: 'Polygon' | 'LineString' | 'Point'; readonly coordinates: unknown };
}

interface Properties {
  readonly kind: 'water' | 'park' | 'block' | 'house' | 'street' | 'river' | 'quarter' | 'green';
  readonly class?: StreetClass;
  readonly name?: string;
}

/** Where the city would lie: in the North Sea, so that nobody takes it for one that there is. */
const origin = { lng: 6.9, lat: 55.2 } as const;

const metresPerDegree = 111_320;
const lngMetres = metresPerDegree * Math.cos((origin.lat * Math.PI) / 180);
const digits = 1e6;
const hectare = 10_000;
/** Half the width of a street with what belongs to it. */
const streetMetres = 8;

/** Where a point of the plane lies on the map. */
export function toLngLat([x, y]: Point): [lng: number, lat: number] {
  const round = (degrees: number): number => Math.round(degrees * digits) / digits;
  return [round(origin.lng + x / lngMetres), round(origin.lat + y / metresPerDegree)];
}

/**
 * Takes a good part of a second.
 *
 * @example
 * const { streets, map } = makeCity(7)
 */
export function makeCity(seed: number): City {
  const random = new Random(seed);
  const river = makeRiver(random);
  const { roads, land } = layOut(makeCurves(random, river), river);
  const { streets, blocks, parks } = buildOn(land, random);
  const names = new Names(random);
  const [left, right] = river.shores;
  const features: Feature[] = [
    surface({ kind: 'water' }, [...left, ...right.toReversed()]),
    ...parks.map((park) => surface({ kind: 'park' }, inset(park, streetMetres) ?? park)),
    ...blocks.flatMap((block) => built(block, random)),
    ...streets.map(({ class: kind, points }) =>
      line({ kind: 'street', class: kind, name: names.street(kind) }, points),
    ),
    ...roads.map(({ class: kind, points, name }) => line({ kind: 'street', class: kind, name }, points)),
    line({ kind: 'river', name: 'River Lind' }, river.middle),
    ...parks
      .filter((park) => area(park) > 3 * hectare)
      .map((park) => spot({ kind: 'green', name: names.park() }, centre(park))),
    ...land
      .filter((piece) => area(piece) > 25 * hectare && contains(piece, centre(piece)))
      .map((piece) => spot({ kind: 'quarter', name: names.quarter() }, centre(piece))),
  ];
  return { streets: makeGraph([...roads, ...streets]), map: { type: 'FeatureCollection', features } };
}

/** The built part of a block, and in the old town the houses on it. */
function built(block: Polygon, random: Random): Feature[] {
  const plot = inset(block, streetMetres);
  if (!plot) return [];
  const features = [surface({ kind: 'block' }, plot)];
  if (Math.hypot(...centre(plot)) > rings[1].radius * 1.6) return features;
  const houses = lotsOf(plot, random).map((lot) =>
    random.chance(0.85) ? inset(lot, random.from(2, 5)) : undefined,
  );
  for (const house of houses) if (house && area(house) > 60) features.push(surface({ kind: 'house' }, house));
  return features;
}

function surface(properties: Properties, polygon: Polygon): Feature {
  const corners = [...polygon, ...polygon.slice(0, 1)].map(toLngLat);
  return { type: 'Feature', properties, geometry: { type: 'Polygon', coordinates: [corners] } };
}

function line(properties: Properties, points: readonly Point[]): Feature {
  return { type: 'Feature', properties, geometry: { type: 'LineString', coordinates: points.map(toLngLat) } };
}

function spot(properties: Properties, point: Point): Feature {
  return { type: 'Feature', properties, geometry: { type: 'Point', coordinates: toLngLat(point) } };
}
