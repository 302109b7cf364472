/**
 * Keeps what was painted, as square pictures, so that panning paints only what comes into sight and a change only where it
 * is. After zooming, old pictures stand in until new ones are made, a few in each frame. It must not know what is painted.
 */
import type { Camera } from './camera.ts';
import { type Box, meets, union } from './shapes.ts';

/** Device pixels to each side of a tile. */
const side = 512;
/** While zooming goes on, old tiles are stretched up to this, and made anew when it has rested for so long. */
const stretchMax = 2;
const restMs = 120;

interface Tile {
  readonly context: CanvasRenderingContext2D;
  /** Where it lies, in device pixels. */
  readonly left: number;
  readonly top: number;
  /** The part of it that is out of date, in the board's units. */
  stale: Box | undefined;
}
/** Paints what is in an area; the canvas has the board's units, `scale` device pixels each. */
export type PaintArea = (context: CanvasRenderingContext2D, area: Box, scale: number) => void;

export class Tiles {
  readonly #target: CanvasRenderingContext2D;
  readonly #paint: PaintArea;
  readonly #tiles = new Map<string, Tile>();
  #scale = 0;
  #camera: Camera = { x: 0, y: 0, scale: 0 };
  #zoomedAt = 0;
  /** What was on the screen when the scale of the tiles changed. */
  #before: { readonly canvas: HTMLCanvasElement; readonly camera: Camera } | undefined;

  /** The canvas is theirs alone. */
  constructor(canvas: HTMLCanvasElement, paint: PaintArea) {
    this.#target = contextOf(canvas);
    this.#paint = paint;
  }

  /** Tells that something in an area looks different now. */
  invalidate(area: Box): void {
    for (const tile of this.#tiles.values())
      if (meets(this.#areaOf(tile), area)) tile.stale = union(tile.stale ? [tile.stale, area] : [area]);
  }
  /** Everything looks different. */
  clear(): void {
    this.#tiles.clear();
    this.#before = undefined;
  }

  /** Shows what the camera sees, whose scale is in device pixels, painting for about so long. True when all is up to date. */
  draw(camera: Camera, budgetMs: number): boolean {
    const until = performance.now() + budgetMs;
    const { width, height } = this.#target.canvas;
    const rested = this.#rescale(camera);
    this.#target.clearRect(0, 0, width, height);
    const stretch = camera.scale / this.#scale;
    const [left, top] = [camera.x * this.#scale, camera.y * this.#scale];
    const at = (tile: number, edge: number): number => Math.round((tile * side - edge) * stretch);
    const missing = new Path2D();
    const wanted = new Set<string>();
    let complete = true;
    for (let row = Math.floor(top / side); at(row, top) < height; row++) {
      for (let column = Math.floor(left / side); at(column, left) < width; column++) {
        const [x, y] = [at(column, left), at(row, top)];
        const size = [at(column + 1, left) - x, at(row + 1, top) - y] as const;
        const tile = this.#tile(column, row, until);
        if (tile) this.#target.drawImage(tile.context.canvas, x, y, ...size);
        else missing.rect(x, y, ...size);
        complete &&= tile !== undefined && !tile.stale;
        wanted.add(`${column},${row}`);
      }
    }
    if (complete) this.#before = undefined;
    else this.#standIn(camera, missing);
    this.#camera = camera;
    for (const key of this.#tiles.keys())
      if (this.#tiles.size > wanted.size * 2 + 8 && !wanted.has(key)) this.#tiles.delete(key);
    return complete && rested;
  }

  /** Chooses the scale of the tiles. True when it is the camera's. */
  #rescale(camera: Camera): boolean {
    const now = performance.now();
    if (camera.scale !== this.#camera.scale) this.#zoomedAt = now;
    const stretch = camera.scale / this.#scale;
    if (stretch === 1) return true;
    if (now - this.#zoomedAt < restMs && stretch <= stretchMax && stretch >= 1 / stretchMax) return false;
    if (this.#camera.scale > 0) {
      const { canvas } = this.#target;
      const copy = newContext(canvas.width, canvas.height);
      copy.drawImage(canvas, 0, 0);
      this.#before = { canvas: copy.canvas, camera: this.#camera };
    }
    this.#tiles.clear();
    this.#scale = camera.scale;
    return true;
  }

  /** A tile as good as there is time for; none when there is no time to begin it. */
  #tile(column: number, row: number, until: number): Tile | undefined {
    const key = `${column},${row}`;
    const known = this.#tiles.get(key);
    if ((known && !known.stale) || performance.now() > until) return known;
    const tile = known ?? {
      context: newContext(side, side),
      left: column * side,
      top: row * side,
      stale: undefined,
    };
    this.#tiles.set(key, tile);
    this.#repaint(tile, tile.stale ?? this.#areaOf(tile));
    tile.stale = undefined;
    return tile;
  }

  #repaint({ context, left, top }: Tile, { x, y, w, h }: Box): void {
    const scale = this.#scale;
    // Whole pixels, or what is beside would show through the edge.
    const [fromX, fromY] = [Math.floor(x * scale) - left, Math.floor(y * scale) - top];
    const [toX, toY] = [Math.ceil((x + w) * scale) - left, Math.ceil((y + h) * scale) - top];
    context.save();
    context.beginPath();
    context.rect(fromX, fromY, toX - fromX, toY - fromY);
    context.clip();
    context.clearRect(fromX, fromY, toX - fromX, toY - fromY);
    context.setTransform(scale, 0, 0, scale, -left, -top);
    this.#paint(context, { x, y, w, h }, scale);
    context.restore();
  }

  /** Fills what is missing with what was there before the scale changed. */
  #standIn({ x, y, scale }: Camera, missing: Path2D): void {
    if (!this.#before) return;
    const { canvas, camera } = this.#before;
    const target = this.#target;
    target.save();
    target.clip(missing);
    target.translate((camera.x - x) * scale, (camera.y - y) * scale);
    target.scale(scale / camera.scale, scale / camera.scale);
    target.drawImage(canvas, 0, 0);
    target.restore();
  }

  #areaOf({ left, top }: Tile): Box {
    return { x: left / this.#scale, y: top / this.#scale, w: side / this.#scale, h: side / this.#scale };
  }
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser has no 2D canvas.');
  return context;
}

const newContext = (width: number, height: number): CanvasRenderingContext2D =>
  contextOf(Object.assign(document.createElement('canvas'), { width, height }));
