/**
 * Shows a board: what lies still as tiles, and above them, anew in each frame that needs it, what is on its way and what
 * is selected. It draws when something changed and rests otherwise; it must not know where pointers and edits come from.
 */
import { hueOf } from '../shared/names.ts';
import { type Placed, padding } from './board.ts';
import type { Camera } from './camera.ts';
import type { Desk } from './desk.ts';
import { paint } from './paint.ts';
import { carriedMax, type Peers, placedBy } from './peers.ts';
import { type Box, grow, union } from './shapes.ts';
import { Tiles } from './tiles.ts';
import { cornersOf } from './tools.ts';

/** Painting tiles may take so long in one frame; the rest of the frame is the browser's. */
const budgetMs = 7;
const dots = 24;

/** A color for each name, the same on every screen. */
export const colorOf = (name: string): string => `oklch(0.52 0.17 ${hueOf(name)})`;

export interface Layers {
  readonly tiles: HTMLCanvasElement;
  readonly above: HTMLCanvasElement;
  /** What is laid over in the board's own units: pointers, the note that is written on. */
  readonly world: HTMLElement;
}

/** Shows the desk until the function that is returned is called. */
export function show(desk: Desk, peers: Peers, layers: Layers): () => void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const context = layers.above.getContext('2d');
  if (!context) throw new Error('This browser has no 2D canvas.');
  let hidden = new Map<string, Box>();
  const tiles = new Tiles(layers.tiles, (target, area, scale) => {
    for (const placed of desk.board.in(area))
      if (!hidden.has(placed.id)) paint(target, placed, scale, dark.matches);
  });

  const draw = (): boolean => {
    const { camera, extent, editing, draft, selected, lasso } = desk.get();
    const ratio = Math.min(2, devicePixelRatio);
    const scale = camera.scale * ratio;
    for (const canvas of [layers.tiles, layers.above])
      fit(canvas, extent.width * ratio, extent.height * ratio);
    place(layers.world, camera, extent.width);
    placeDots(layers.world.parentElement, camera);

    const drafts = [draft, ...peers.get().map((peer) => peer.draft)];
    const moving = drafts.flatMap((each) => (each ? placedBy(each, desk.board) : []));
    const hide = [...moving.map(({ id }) => id), editing ?? ''].flatMap((id) => desk.board.get(id) ?? []);
    hidden = swap(hidden, new Map(hide.map(({ id, box }) => [id, box])), tiles);
    const complete = tiles.draw({ ...camera, scale }, budgetMs);

    context.resetTransform();
    context.clearRect(0, 0, layers.above.width, layers.above.height);
    context.setTransform(scale, 0, 0, scale, -camera.x * scale, -camera.y * scale);
    for (const placed of moving) paint(context, placed, scale, dark.matches);
    const own = new Map(moving.map((placed) => [placed.id, placed]));
    const chosen = [...selected].flatMap((id) => own.get(id) ?? desk.board.get(id) ?? []);
    if (!editing) mark(context, chosen, ratio / scale);
    if (draft && 'ids' in draft && draft.ids.length > carriedMax)
      outline(context, draft.to, (2 * ratio) / scale);
    if (lasso) {
      context.fillStyle = '#3d6be022';
      context.fillRect(lasso.x, lasso.y, lasso.w, lasso.h);
      outline(context, lasso, ratio / scale);
    }
    return complete;
  };

  let asked = 0;
  const request = (): void => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      if (!draw()) request();
    });
  };
  const repaint = (): void => {
    tiles.clear();
    request();
  };
  const leave = [
    desk.subscribe(request),
    peers.subscribe(request),
    desk.board.onChange((areas) => {
      for (const area of areas) tiles.invalidate(area);
      request();
    }),
  ];
  dark.addEventListener('change', repaint);
  request();
  return () => {
    cancelAnimationFrame(asked);
    dark.removeEventListener('change', repaint);
    for (const each of leave) each();
  };
}

function fit(canvas: HTMLCanvasElement, width: number, height: number): void {
  if (canvas.width !== Math.round(width)) canvas.width = Math.round(width);
  if (canvas.height !== Math.round(height)) canvas.height = Math.round(height);
}

/** What is on its way isn't painted where it was. */
function swap(before: ReadonlyMap<string, Box>, now: Map<string, Box>, tiles: Tiles): Map<string, Box> {
  for (const [id, box] of [...before, ...now])
    if (before.has(id) !== now.has(id)) tiles.invalidate(grow(box, padding));
  return now;
}

/** Lays the board's units over the screen, and tells what is in them how large they are and where the screen ends. */
function place({ style }: HTMLElement, { x, y, scale }: Camera, width: number): void {
  style.transform = `scale(${scale}) translate(${-x}px, ${-y}px)`;
  style.setProperty('--unscale', String(1 / scale));
  style.setProperty('--right', String(x + width / scale));
}

/** A grid of dots that moves along, so that an empty board is seen to move. */
function placeDots(element: HTMLElement | null, { x, y, scale }: Camera): void {
  let step = dots * scale;
  while (step < dots / 1.5) step *= 2;
  while (step > dots * 3) step /= 2;
  element?.style.setProperty('background-size', `${step}px ${step}px`);
  element?.style.setProperty('background-position', `${-x * scale}px ${-y * scale}px`);
}

function mark(context: CanvasRenderingContext2D, chosen: readonly Placed[], pixel: number): void {
  if (chosen.length > 1 && chosen.length <= 200) for (const { box } of chosen) outline(context, box, pixel);
  const around = union(chosen.map(({ box }) => box));
  if (!around) return;
  // Beside the shape, so that it is seen on a shape of its own color.
  const frame = grow(around, 5 * pixel);
  outline(context, frame, 1.5 * pixel);
  for (const { x, y } of cornersOf(frame)) {
    context.fillStyle = '#fff';
    context.beginPath();
    context.roundRect(x - 5 * pixel, y - 5 * pixel, 10 * pixel, 10 * pixel, 3 * pixel);
    context.fill();
    context.stroke();
  }
}

function outline(context: CanvasRenderingContext2D, { x, y, w, h }: Box, width: number): void {
  context.strokeStyle = '#3d6be0';
  context.lineWidth = width;
  context.strokeRect(x, y, w, h);
}
