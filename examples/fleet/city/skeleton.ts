/**
 * What a city grows around: its river, the quays along it, the rings, and the roads that lead out. The blocks are cut from what
 * lies between them. It knows curves; no junctions, and no blocks.
 */
import { along, type Point } from './geometry.ts';
import type { Random } from './random.ts';

export type StreetClass = 'motorway' | 'primary' | 'secondary' | 'tertiary' | 'residential';

/** A street as one line, as long as it has one name. */
export interface Curve {
  readonly name: string;
  readonly class: StreetClass;
  readonly points: readonly Point[];
  /** Whether it may go over water. */
  readonly bridges: boolean;
}

export interface River {
  /** Whether a point is in the water. */
  holds(point: Point): boolean;
  /** Its banks, both in the same direction. */
  readonly banks: readonly [left: readonly Point[], right: readonly Point[]];
  /** The same banks, so far out that no map shows where they end. */
  readonly shores: readonly [left: readonly Point[], right: readonly Point[]];
  /** Where it is written down. */
  readonly middle: readonly Point[];
}

/** How far the rings lie from the centre, in metres; the last one is the city's edge. */
export const rings = [
  { name: 'Market Circle', radius: 210, class: 'secondary' },
  { name: 'Wall Street', radius: 820, class: 'primary' },
  { name: 'Middle Ring', radius: 1900, class: 'primary' },
  { name: 'Outer Ring', radius: 3100, class: 'primary' },
  { name: 'City Motorway', radius: 4400, class: 'motorway' },
] as const;

const beyond = 7000;
const farBeyond = 14_000;
const flowsAt = 0.32;

/** A slow wave with as many members as amplitudes, the first of the given length. */
function wave(random: Random, length: number, ...amplitudes: readonly number[]): (at: number) => number {
  const parts = amplitudes.map((amplitude, i) => ({
    amplitude,
    factor: (2 * Math.PI * (i + 1) ** 1.3) / length,
    phase: random.from(0, 2 * Math.PI),
  }));
  return (at) =>
    parts.reduce((sum, { amplitude, factor, phase }) => sum + amplitude * Math.sin(at * factor + phase), 0);
}

export function makeRiver(random: Random): River {
  const bend = wave(random, 6200, 420, 190, 60);
  const swell = wave(random, 2600, 26, 14);
  const [cos, sin] = [Math.cos(flowsAt), Math.sin(flowsAt)];
  // It passes north of the centre, between the market and the old walls.
  const shift = 470 - bend(0);
  const middleAt = (u: number): number => bend(u) + shift;
  const halfAt = (u: number): number => 78 + swell(u);
  const turned = (u: number, v: number): Point => [u * cos - v * sin, u * sin + v * cos];
  const lineAt = (v: (u: number) => number, reach = beyond): Point[] => {
    const points: Point[] = [];
    for (let u = -reach; u <= reach; u += 70) points.push(turned(u, v(u)));
    return points;
  };
  const left = (u: number): number => middleAt(u) + halfAt(u);
  const right = (u: number): number => middleAt(u) - halfAt(u);
  return {
    holds: ([x, y]) => {
      const u = x * cos + y * sin;
      return Math.abs(y * cos - x * sin - middleAt(u)) < halfAt(u);
    },
    banks: [lineAt(left), lineAt(right)],
    shores: [lineAt(left, farBeyond), lineAt(right, farBeyond)],
    middle: lineAt(middleAt),
  };
}

/** Rings, roads that lead out, and quays. */
export function makeCurves(random: Random, river: River): Curve[] {
  const [left, right] = river.banks;
  const quay = { class: 'tertiary', bridges: false } as const;
  return [
    ...rings.map((ring): Curve => ({ ...ring, points: makeRing(random, ring.radius), bridges: true })),
    ...makeRadials(random),
    { ...quay, name: 'North Quay', points: left },
    { ...quay, name: 'South Quay', points: right },
  ];
}

function makeRing(random: Random, radius: number): Point[] {
  const uneven = wave(random, 2 * Math.PI, 0.05, 0.045, 0.02, 0.012);
  const steps = Math.max(20, Math.round((2 * Math.PI * radius) / 90));
  const points: Point[] = [];
  for (let i = 0; i < steps; i++) {
    const share = i / steps;
    const angle = share * 2 * Math.PI;
    // The wave doesn't close by itself; where it began it is led back.
    const closed = uneven(angle) * (1 - share) + uneven(angle - 2 * Math.PI) * share;
    points.push(along([0, 0], angle, radius * (1 + closed)));
  }
  return [...points, ...points.slice(0, 1)];
}

const towns = [
  'Marlow',
  'Ashby',
  'Elmstead',
  'Harrow Hill',
  'Kestrel',
  'Oldmere',
  'Port',
  'Saltford',
  'Thornbury',
  'Westerby',
  'Lindley',
];

function makeRadials(random: Random): Curve[] {
  const first = random.from(0, 1);
  return towns.map((town, i): Curve => {
    const start = first + ((i + random.from(-0.16, 0.16)) / towns.length) * 2 * Math.PI;
    const sway = wave(random, 5200, 0.07, 0.035);
    // Every other one begins at the walls, or the market would be all roads.
    const points: Point[] = [];
    for (let r = i % 2 === 0 ? 120 : 640; r < beyond; r += 90) points.push(along([0, 0], start + sway(r), r));
    return { name: `${town} Road`, class: 'primary', points, bridges: true };
  });
}
