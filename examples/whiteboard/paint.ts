/**
 * Paints one shape onto a canvas whose units are the board's. Outlines of strokes are made once and kept with their ink;
 * what is too small to be told apart is painted the cheap way. It must not know what else is on the board.
 */
import { getStroke } from 'perfect-freehand';
import type { Placed } from './board.ts';
import { type Color, type Ink, inkPerUnit, type Shape, type Size } from './shapes.ts';

/** For each color: lines on a light page, notes there, lines on a dark page, notes there. */
const palette: Record<Color, readonly [string, string, string, string]> = {
  ink: ['#1a1e26', '#ffffff', '#e8eaef', '#3a404d'],
  red: ['#d5393e', '#ffd3d1', '#ff7b72', '#6e2f2f'],
  orange: ['#d9730d', '#ffdcb8', '#ffa657', '#6d421c'],
  yellow: ['#c79a00', '#fff0a8', '#f2cc60', '#5f5018'],
  green: ['#1a8049', '#c9efd6', '#58c98d', '#1f5236'],
  blue: ['#2f5bd0', '#d3e0ff', '#82a8ff', '#2b427e'],
  violet: ['#7c3aed', '#e6d9ff', '#b794ff', '#4b3380'],
};
const lineColor = (color: Color, dark: boolean): string => palette[color][dark ? 2 : 0];
/** What a color is on the toolbar: that of its lines, by day and by night. */
export const swatchOf = (color: Color): string =>
  `light-dark(${lineColor(color, false)}, ${lineColor(color, true)})`;
export const noteColor = (color: Color, dark: boolean): string => palette[color][dark ? 3 : 1];

const thicknessOf = (size: Size): number => [2.5, 5, 10][size - 1] ?? 5;
/** A stroke thinner than this on the screen is a plain line; a shape smaller than this is a dot. Both in device pixels. */
const plainBelow = 2.2;

export const notePadding = 14;
export const lineHeight = 1.3;
const noteFonts = [32, 24, 19, 15, 12, 9];
export const fontOf = (px: number): string => `${px}px system-ui, sans-serif`;

/** Paints a shape; `scale` is device pixels to a unit. */
export function paint(context: CanvasRenderingContext2D, placed: Placed, scale: number, dark: boolean): void {
  const { shape, box, ink, text } = placed;
  context.fillStyle = context.strokeStyle = lineColor(shape.color, dark);
  context.lineWidth = thicknessOf(shape.size);
  context.lineCap = context.lineJoin = 'round';
  const least = 1 / scale;
  if (Math.max(box.w, box.h) < plainBelow * least && ink.length > 3)
    return context.fillRect(box.x, box.y, Math.max(box.w, least), Math.max(box.h, least));
  if (shape.kind === 'stroke') return paintStroke(context, shape, ink, scale);
  if (shape.kind === 'note') return paintNote(context, placed, text, dark);
  const path = new Path2D();
  if (shape.kind === 'rectangle')
    path.roundRect(box.x, box.y, box.w, box.h, Math.min(8, box.w / 2, box.h / 2));
  if (shape.kind === 'ellipse')
    path.ellipse(box.x + box.w / 2, box.y + box.h / 2, box.w / 2, box.h / 2, 0, 0, Math.PI * 2);
  if (shape.kind === 'arrow') return paintArrow(context, shape);
  context.globalAlpha = 0.1;
  context.fill(path);
  context.globalAlpha = 1;
  context.stroke(path);
}

function paintStroke(context: CanvasRenderingContext2D, shape: Shape, ink: Ink, scale: number): void {
  const plain = thicknessOf(shape.size) * scale < plainBelow;
  const path = pathOf(ink, shape, plain);
  context.translate(shape.x, shape.y);
  if (plain) context.stroke(path);
  else context.fill(path);
  context.translate(-shape.x, -shape.y);
}

const paths = new WeakMap<Ink, Map<string, Path2D>>();

function pathOf(ink: Ink, { w, h, size }: Shape, plain: boolean): Path2D {
  const known = paths.get(ink) ?? new Map<string, Path2D>();
  paths.set(ink, known);
  const key = `${w} ${h} ${plain || size}`;
  const kept = known.get(key);
  if (kept) return kept;
  // Both ways to paint one size are kept, and what was before it was stretched isn't.
  if (known.size > 1) known.clear();
  const points = pointsOf(ink, w, h);
  const path = plain ? lineThrough(points) : outline(points, thicknessOf(size));
  known.set(key, path);
  return path;
}

type InkPoint = [x: number, y: number, pressure: number];
function pointsOf(ink: Ink, w: number, h: number): InkPoint[] {
  const points: InkPoint[] = [];
  for (let i = 0; i + 2 < ink.length; i += 3)
    points.push([
      ((ink[i] ?? 0) * w) / inkPerUnit,
      ((ink[i + 1] ?? 0) * h) / inkPerUnit,
      (ink[i + 2] ?? 0) / 100,
    ]);
  return points;
}

function lineThrough(points: readonly InkPoint[]): Path2D {
  const path = new Path2D();
  for (const [x, y] of points) path.lineTo(x, y);
  const [first] = points;
  if (first && points.length === 1) path.lineTo(first[0], first[1]);
  return path;
}

/** A pen tells its pressure; for a mouse or finger, 0, it is guessed from the speed. */
function outline(points: readonly InkPoint[], thickness: number): Path2D {
  const simulatePressure = points[0]?.[2] === 0;
  const options = { size: thickness * 1.5, thinning: 0.55, streamline: 0.4, simulatePressure };
  const path = new Path2D();
  const legs = legsOf(points, thickness / 2);
  for (const [n, leg] of legs.entries()) {
    const around = getStroke(leg, { ...options, last: n < legs.length - 1 });
    for (const [i, [x = 0, y = 0]] of around.entries()) {
      const [nextX = 0, nextY = 0] = around[(i + 1) % around.length] ?? [];
      if (i === 0) path.moveTo((x + nextX) / 2, (y + nextY) / 2);
      else path.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    }
    path.closePath();
  }
  return path;
}

/**
 * A line from each sharp turn to the next, each with round ends: one outline around several crosses itself, and is pinched there.
 * A turn between steps shorter than `stepMin` is the hand's trembling, and stays in.
 */
function legsOf(points: readonly InkPoint[], stepMin: number): InkPoint[][] {
  let leg: InkPoint[] = [];
  const legs = [leg];
  for (const [i, point] of points.entries()) {
    leg.push(point);
    const [before, after] = [points[i - 1], points[i + 1]];
    if (!before || !after) continue;
    const [inX, inY] = [point[0] - before[0], point[1] - before[1]];
    const [outX, outY] = [after[0] - point[0], after[1] - point[1]];
    if (inX * outX + inY * outY >= 0) continue;
    if (Math.min(Math.hypot(inX, inY), Math.hypot(outX, outY)) < stepMin) continue;
    leg = [point];
    legs.push(leg);
  }
  return legs;
}

function paintArrow(context: CanvasRenderingContext2D, { x, y, w, h, size }: Shape): void {
  const length = Math.min(Math.hypot(w, h) * 0.6, 10 + thicknessOf(size) * 2.5);
  const angle = Math.atan2(h, w);
  const path = new Path2D();
  path.moveTo(x, y);
  path.lineTo(x + w, y + h);
  for (const side of [-0.5, 0.5]) {
    path.moveTo(x + w, y + h);
    path.lineTo(x + w - Math.cos(angle + side) * length, y + h - Math.sin(angle + side) * length);
  }
  context.stroke(path);
}

function paintNote(
  context: CanvasRenderingContext2D,
  { shape, box }: Placed,
  text: string,
  dark: boolean,
): void {
  context.fillStyle = dark ? '#0006' : '#1a1e261f';
  context.beginPath();
  context.roundRect(box.x + 1, box.y + 4, box.w, box.h, 6);
  context.fill();
  context.fillStyle = noteColor(shape.color, dark);
  context.beginPath();
  context.roundRect(box.x, box.y, box.w, box.h, 6);
  context.fill();
  if (!text) return;
  const { px, lines } = fitText(context, text, box.w, box.h);
  const most = Math.max(1, Math.floor((box.h - 2 * notePadding) / (px * lineHeight)));
  context.fillStyle = lineColor('ink', dark);
  const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = context.measureText('x');
  // Where a line of text stands in a page, so that it doesn't jump when it is written on.
  const first = box.y + notePadding + (px * lineHeight + up - down) / 2;
  for (const [i, line] of lines.slice(0, most).entries())
    context.fillText(line, box.x + notePadding, first + i * px * lineHeight);
}

/** The largest letters in which a text fits a note, and its lines. Leaves the font set. */
export function fitText(context: CanvasRenderingContext2D, text: string, w: number, h: number) {
  let fitting: { px: number; lines: string[] } = { px: 0, lines: [] };
  for (const px of noteFonts) {
    context.font = fontOf(px);
    fitting = { px, lines: wrap(context, text, w - 2 * notePadding) };
    const widest = Math.max(...fitting.lines.map((line) => context.measureText(line).width));
    if (fitting.lines.length * px * lineHeight <= h - 2 * notePadding && widest <= w - 2 * notePadding) break;
  }
  return fitting;
}

function wrap(context: CanvasRenderingContext2D, text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines = [''];
    for (const word of paragraph.split(/(?<=\s)/)) {
      const joined = (lines.at(-1) ?? '') + word;
      if (context.measureText(joined.trimEnd()).width <= width || joined === word)
        lines[lines.length - 1] = joined;
      else lines.push(word);
    }
    return lines;
  });
}
