/**
 * What is on a board: shapes as plain values, checked when they are read, because a document holds whatever anybody wrote
 * into it. Bounds, hits and what moving and stretching come to are worked out here; it must not know Yjs, nor the page.
 */
import * as v from 'valibot';

export interface Point {
  readonly x: number;
  readonly y: number;
}
export interface Box extends Point {
  readonly w: number;
  readonly h: number;
}

export const colors = ['ink', 'red', 'orange', 'yellow', 'green', 'blue', 'violet'] as const;
export type Color = (typeof colors)[number];

const number = v.pipe(v.number(), v.minValue(-1e7), v.maxValue(1e7));
/** One value for each shape: whoever writes last has moved, stretched or painted it. */
export const Shape = v.object({
  kind: v.picklist(['stroke', 'rectangle', 'ellipse', 'arrow', 'note']),
  x: number,
  y: number,
  /** How far it reaches from x and y. For a stroke: by how much its ink is stretched. */
  w: number,
  h: number,
  color: v.picklist(colors),
  /** Thickness: 1, 2 or 3. */
  size: v.picklist([1, 2, 3]),
  /** The higher lies above; equal ones are ordered by id. */
  z: number,
});
export type Shape = v.InferOutput<typeof Shape>;
export type Kind = Shape['kind'];
export type Size = Shape['size'];

/** Ink is x, y and pressure of each point in turn: whole numbers, so many to a unit, counted from where the stroke begins. */
export type Ink = readonly number[];
export const inkPerUnit = 8;
/** Points that are stored at once while a long stroke goes on; others are shown the rest as a draft. */
export const chunkPoints = 128;
export const isInk = (ink: readonly unknown[]): ink is Ink => ink.every(Number.isFinite);

/** What somebody does right now and hasn't let go of: a shape that is drawn, or shapes on their way to another place. */
export const Draft = v.union([
  v.object({
    shape: Shape,
    /** The stroke this goes on with, where part of it is stored already, and after how many of its numbers. */
    id: v.optional(v.string()),
    after: number,
    ink: v.pipe(v.array(number), v.maxLength(chunkPoints * 3)),
  }),
  v.object({
    ids: v.pipe(v.array(v.string()), v.maxLength(1000)),
    from: v.object({ x: number, y: number, w: number, h: number }),
    to: v.object({ x: number, y: number, w: number, h: number }),
  }),
]);
export type Draft = v.InferOutput<typeof Draft>;

export const boxOf = (a: Point, b: Point): Box => ({
  x: Math.min(a.x, b.x),
  y: Math.min(a.y, b.y),
  w: Math.abs(a.x - b.x),
  h: Math.abs(a.y - b.y),
});

export const grow = ({ x, y, w, h }: Box, by: number): Box => ({
  x: x - by,
  y: y - by,
  w: w + 2 * by,
  h: h + 2 * by,
});

export const meets = (a: Box, b: Box): boolean =>
  a.x <= b.x + b.w && b.x <= a.x + a.w && a.y <= b.y + b.h && b.y <= a.y + a.h;

/** The smallest box around all; undefined when there is none. */
export function union(boxes: Iterable<Box>): Box | undefined {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y, w, h } of boxes) {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x + w);
    bottom = Math.max(bottom, y + h);
  }
  return left > right ? undefined : { x: left, y: top, w: right - left, h: bottom - top };
}

/** Where a shape is, without its thickness. */
export function boundsOf(shape: Shape, ink: Ink): Box {
  if (shape.kind !== 'stroke') return boxOf(shape, { x: shape.x + shape.w, y: shape.y + shape.h });
  let [left, top, right, bottom] = [0, 0, 0, 0];
  for (let i = 0; i + 2 < ink.length; i += 3) {
    const [x = 0, y = 0] = [ink[i], ink[i + 1]];
    if (x < left) left = x;
    else if (x > right) right = x;
    if (y < top) top = y;
    else if (y > bottom) bottom = y;
  }
  const [sx, sy] = [shape.w / inkPerUnit, shape.h / inkPerUnit];
  const from = { x: shape.x + left * sx, y: shape.y + top * sy };
  return boxOf(from, { x: shape.x + right * sx, y: shape.y + bottom * sy });
}

/** The shape after `from` became `to`: moved, stretched, or both. */
export function mapped<S extends Shape>(shape: S, from: Box, to: Box): S {
  const [sx, sy] = [from.w > 0 ? to.w / from.w : 1, from.h > 0 ? to.h / from.h : 1];
  return {
    ...shape,
    x: to.x + (shape.x - from.x) * sx,
    y: to.y + (shape.y - from.y) * sy,
    w: shape.w * sx,
    h: shape.h * sy,
  };
}

/** Whether a point is on a shape or within `reach` of its line. */
export function hits(shape: Shape, ink: Ink, at: Point, reach: number): boolean {
  const box = boundsOf(shape, ink);
  if (!meets(grow(box, reach + shape.size * 2), { ...at, w: 0, h: 0 })) return false;
  if (shape.kind === 'rectangle' || shape.kind === 'note') return true;
  if (shape.kind === 'ellipse') {
    const [rx, ry] = [box.w / 2 + reach, box.h / 2 + reach];
    return ((at.x - box.x - box.w / 2) / rx) ** 2 + ((at.y - box.y - box.h / 2) / ry) ** 2 <= 1;
  }
  const near = reach + shape.size * 2;
  const line = shape.kind === 'arrow' ? [0, 0, 0, inkPerUnit, inkPerUnit, 0] : ink;
  let from: Point | undefined;
  for (let i = 0; i + 2 < line.length; i += 3) {
    const x = shape.x + ((line[i] ?? 0) / inkPerUnit) * shape.w;
    const y = shape.y + ((line[i + 1] ?? 0) / inkPerUnit) * shape.h;
    if (distance(at, from ?? { x, y }, { x, y }) <= near) return true;
    from = { x, y };
  }
  return false;
}

/** From a point to the line between two others. */
function distance(at: Point, a: Point, b: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const t = Math.max(0, Math.min(1, ((at.x - a.x) * dx + (at.y - a.y) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(at.x - a.x - t * dx, at.y - a.y - t * dy);
}
