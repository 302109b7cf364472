/**
 * Which part of the board is on the screen, and how large: a point of the board at the upper left corner, and pixels per
 * unit. Pure sums; they must not know what there is to see.
 */
import type { Box, Point } from './shapes.ts';

export interface Camera extends Point {
  /** CSS pixels to a unit of the board. */
  readonly scale: number;
}
export interface Extent {
  readonly width: number;
  readonly height: number;
}

const scaleMin = 0.05;
const scaleMax = 8;

export const toBoard = ({ x, y, scale }: Camera, at: Point): Point => ({
  x: x + at.x / scale,
  y: y + at.y / scale,
});

export const seen = ({ x, y, scale }: Camera, { width, height }: Extent): Box => ({
  x,
  y,
  w: width / scale,
  h: height / scale,
});

/** Moves what is seen by so many pixels. */
export const panned = (camera: Camera, by: Point): Camera => ({
  ...camera,
  x: camera.x - by.x / camera.scale,
  y: camera.y - by.y / camera.scale,
});

/** Larger or smaller by a factor; what is under the given pixel stays there. */
export function zoomed(camera: Camera, factor: number, at: Point): Camera {
  const scale = Math.min(scaleMax, Math.max(scaleMin, camera.scale * factor));
  const fixed = toBoard(camera, at);
  return { x: fixed.x - at.x / scale, y: fixed.y - at.y / scale, scale };
}

/** Shows all of a box, at most as large as it is. */
export function fitted(box: Box, { width, height }: Extent, margin = 96): Camera {
  const room = (size: number): number => Math.max(size - 2 * margin, size / 2);
  const scale = Math.min(1, room(width) / (box.w || 1), room(height) / (box.h || 1));
  const bounded = Math.max(scaleMin, scale);
  return {
    x: box.x + box.w / 2 - width / 2 / bounded,
    y: box.y + box.h / 2 - height / 2 / bounded,
    scale: bounded,
  };
}
