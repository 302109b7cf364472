/**
 * Couriers over the map, on a canvas of their own that is drawn once a frame: the map beneath is drawn anew only when it moves.
 * One picture is made per condition and size, and stamped; no courier has an element. It knows spots on the plane, no channels.
 */
import type { Condition, Courier } from './couriers.ts';
import type { Spot } from './motion.ts';

/** How the plane lies on the screen: which spot is at which pixel, and how many pixels the plane is wide. */
export interface Frame {
  readonly middle: Spot;
  readonly origin: readonly [x: number, y: number];
  readonly world: number;
  readonly zoom: number;
}

export interface Drawn {
  readonly couriers: Iterable<Courier>;
  readonly conditionOf: (courier: Courier) => Condition;
  readonly selected: string | null;
  /** Where the one that is followed came by, from the oldest on; it is drawn up to where it is now. */
  readonly trail: readonly Spot[];
}

const colours: Readonly<Record<Condition, readonly [day: string, night: string]>> = {
  riding: ['#2f5bd0', '#6f97ff'],
  waiting: ['#1a8049', '#4fc08a'],
  stale: ['#b36b00', '#f2bb62'],
  offline: ['#7b8494', '#7d8797'],
};
const arrow = 'M0 -13 L9.5 10.5 L0 5.6 L-9.5 10.5 Z';
const circle = (radius: number): string => {
  const half = (x: number): string => `a${radius} ${radius} 0 0 1 ${x} 0`;
  return `M${-radius} 0${half(2 * radius)}${half(-2 * radius)}Z`;
};
/** What stands for a courier that looks north, on a square of 40 by 40 with its middle at the origin. */
export const marks: Readonly<Record<Condition, { readonly outline: string; readonly filled: boolean }>> = {
  riding: { outline: arrow, filled: true },
  waiting: { outline: circle(7), filled: true },
  stale: { outline: arrow, filled: false },
  offline: { outline: circle(6), filled: false },
};
/** Of a picture, in pixels of the page. */
const pictureSize = 40;
const reachPixels = 24;

export class Markers {
  readonly canvas = document.createElement('canvas');
  dark = false;
  readonly #context: CanvasRenderingContext2D;
  readonly #pictures = new Map<string, HTMLCanvasElement>();
  /** Where they were drawn last. */
  #places: { readonly name: string; readonly x: number; readonly y: number }[] = [];

  constructor() {
    const context = this.canvas.getContext('2d');
    if (!context) throw new Error('This browser draws no canvas.');
    this.#context = context;
  }

  /** Draws all that can be seen; returns how many are on the screen, and whether any of them is still under way. */
  draw(
    { middle, origin, world, zoom }: Frame,
    drawn: Drawn,
    now: number,
  ): { readonly seen: number; readonly moving: boolean } {
    const [context, ratio] = [this.#context, devicePixelRatio];
    const [width, height] = this.#fit(ratio);
    const [left, top] = origin;
    const place = ({ x, y }: Spot) => [(x - middle.x) * world + left, (y - middle.y) * world + top] as const;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.#places = [];
    let [seen, moving] = [0, false];
    const scale = Math.min(1, Math.max(0.4, 0.4 + (zoom - 11.5) * 0.2));
    for (const courier of drawn.couriers) {
      const spot = courier.motion.at(now);
      const [x, y] = place(spot);
      const condition = drawn.conditionOf(courier);
      const chosen = courier.name === drawn.selected;
      if (chosen && drawn.trail.length > 0)
        this.#drawTrail([...drawn.trail, spot].map(place), ratio, condition);
      moving ||= courier.motion.moves(now);
      if (x < -pictureSize || y < -pictureSize || x > width + pictureSize || y > height + pictureSize)
        continue;
      if (condition !== 'offline' && x >= 0 && y >= 0 && x <= width && y <= height) seen++;
      this.#places.push({ name: courier.name, x, y });
      const size = pictureSize * (chosen ? Math.max(1, scale * 1.25) : scale);
      this.#stamp(condition, chosen, [x, y], size, spot.heading, ratio);
    }
    return { seen, moving };
  }

  /** Who is drawn there, or near there. */
  hit(x: number, y: number): string | null {
    let [best, nearest]: [string | null, number] = [null, reachPixels];
    for (const place of this.#places) {
      const pixels = Math.hypot(place.x - x, place.y - y);
      if (pixels < nearest) [best, nearest] = [place.name, pixels];
    }
    return best;
  }

  #fit(ratio: number): [width: number, height: number] {
    const { canvas } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide) canvas.width = wide;
    if (canvas.height !== high) canvas.height = high;
    return [width, height];
  }

  #stamp(
    condition: Condition,
    chosen: boolean,
    [x, y]: readonly [number, number],
    size: number,
    heading: number,
    ratio: number,
  ): void {
    const picture = this.#pictureOf(condition, chosen, ratio);
    const angle = condition === 'offline' ? 0 : (heading * Math.PI) / 180;
    const [cos, sin] = [Math.cos(angle) * ratio, Math.sin(angle) * ratio];
    this.#context.setTransform(cos, sin, -sin, cos, x * ratio, y * ratio);
    this.#context.drawImage(picture, -size / 2, -size / 2, size, size);
  }

  #drawTrail(line: readonly (readonly [number, number])[], ratio: number, condition: Condition): void {
    const context = this.#context;
    const path = new Path2D();
    for (const [i, [x, y]] of line.entries()) {
      if (i === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.lineJoin = 'round';
    context.lineCap = 'round';
    context.strokeStyle = this.dark ? '#0e1116cc' : '#ffffffd9';
    context.lineWidth = 8;
    context.stroke(path);
    context.strokeStyle = this.#colourOf(condition);
    context.globalAlpha = 0.75;
    context.lineWidth = 4.5;
    context.stroke(path);
    context.globalAlpha = 1;
  }

  #colourOf(condition: Condition): string {
    return colours[condition][this.dark ? 1 : 0];
  }

  /** The picture of a courier that looks north. */
  #pictureOf(condition: Condition, chosen: boolean, ratio: number): HTMLCanvasElement {
    const key = `${condition} ${chosen} ${ratio} ${this.dark}`;
    const found = this.#pictures.get(key);
    if (found) return found;
    const picture = document.createElement('canvas');
    const size = pictureSize * ratio * 1.25;
    picture.width = size;
    picture.height = size;
    const context = picture.getContext('2d');
    if (context) paint(context, size, condition, chosen, this.#colourOf(condition), this.dark);
    this.#pictures.set(key, picture);
    return picture;
  }
}

function paint(
  context: CanvasRenderingContext2D,
  size: number,
  condition: Condition,
  chosen: boolean,
  colour: string,
  dark: boolean,
): void {
  const [rim, hollow] = dark ? ['#0e1116', '#1c1f26'] : ['#ffffff', '#ffffff'];
  context.setTransform(size / 40, 0, 0, size / 40, size / 2, size / 2);
  if (chosen) {
    context.globalAlpha = 0.22;
    context.fillStyle = colour;
    context.fill(new Path2D(circle(19)));
    context.globalAlpha = 1;
  }
  context.shadowColor = dark ? '#0009' : '#1a1e2655';
  context.shadowBlur = size / 12;
  context.shadowOffsetY = size / 60;
  const { outline, filled } = marks[condition];
  const body = new Path2D(outline);
  context.lineJoin = 'round';
  context.lineWidth = 5;
  context.strokeStyle = rim;
  context.stroke(body);
  context.shadowColor = 'transparent';
  context.fillStyle = filled ? colour : hollow;
  context.fill(body);
  context.lineWidth = filled ? 1.4 : 2.6;
  context.strokeStyle = colour;
  context.stroke(body);
}
