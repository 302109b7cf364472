/**
 * What a tool does between press and release: each begins a gesture, which follows the pointer, shows itself as a draft
 * and touches the board when it ends. It must not know which device points, nor where on the screen.
 */
import { panned } from './camera.ts';
import type { Desk, Tool } from './desk.ts';
import {
  type Box,
  boxOf,
  chunkPoints,
  hits,
  inkPerUnit,
  type Kind,
  type Point,
  type Shape,
} from './shapes.ts';

/** A pointer's place on the board. */
export interface Press extends Point {
  /** From 0 to 100; 0 where the device can't tell. */
  readonly pressure: number;
  readonly shift: boolean;
  /** How far the pointer may miss, in the board's units. */
  readonly reach: number;
}
export interface Gesture {
  move(press: Press): void;
  end(): void;
  /** Drops what isn't stored. */
  cancel(): void;
}

const noteSize = 180;

/** Begins what a tool does at a place. */
export function begin(desk: Desk, at: Press, tool: Tool): Gesture {
  desk.set({ editing: undefined });
  if (tool === 'select') return pick(desk, at);
  if (tool === 'hand') return pan(desk, at);
  if (tool === 'stroke') return draw(desk, at);
  return tool === 'note' ? stick(desk, at) : pull(desk, at, tool);
}

const blank = (desk: Desk, kind: Kind, { x, y }: Point): Shape => {
  const { color, size } = desk.get();
  return { kind, x, y, w: 1, h: 1, color, size, z: 0 };
};

function draw(desk: Desk, first: Press): Gesture {
  const shape = blank(desk, 'stroke', first);
  let id: string | undefined;
  let after = 0;
  let ink: number[] = [];
  const store = (): void => {
    if (id) desk.board.extend(id, ink);
    else id = desk.board.add(shape, ink);
    after += ink.length;
    ink = [];
  };
  const move = ({ x, y, pressure, reach }: Press): void => {
    const [inkX, inkY] = [Math.round((x - shape.x) * inkPerUnit), Math.round((y - shape.y) * inkPerUnit)];
    // Devices tell more than anybody sees.
    const step = Math.hypot(inkX - (ink.at(-3) ?? Infinity), inkY - (ink.at(-2) ?? Infinity));
    if (step < (reach * inkPerUnit) / 8) return;
    ink = [...ink, inkX, inkY, Math.round(pressure)];
    if (ink.length >= chunkPoints * 3) store();
    desk.set({ draft: { shape, after, ink, ...(id && { id }) } });
  };
  move(first);
  const end = (): void => {
    if (ink.length > 0) store();
    desk.set({ draft: undefined });
  };
  // What others were shown as stored is taken back as any step is.
  const cancel = (): void => {
    if (id) desk.board.undo();
    desk.set({ draft: undefined });
  };
  return { move, end, cancel };
}

function pull(desk: Desk, from: Press, kind: Kind): Gesture {
  let shape = { ...blank(desk, kind, from), w: 0, h: 0 };
  const drop = (): void => desk.set({ draft: undefined });
  return {
    move({ x, y, shift }) {
      let [w, h] = [x - from.x, y - from.y];
      if (shift && kind === 'arrow') {
        const turn = Math.round(Math.atan2(h, w) / (Math.PI / 12)) * (Math.PI / 12);
        const length = Math.hypot(w, h);
        [w, h] = [Math.cos(turn) * length, Math.sin(turn) * length];
      } else if (shift) {
        const side = Math.max(Math.abs(w), Math.abs(h));
        [w, h] = [Math.sign(w) * side, Math.sign(h) * side];
      }
      shape =
        kind === 'arrow'
          ? { ...shape, w, h }
          : { ...shape, ...boxOf(from, { x: from.x + w, y: from.y + h }) };
      desk.set({ draft: { shape, after: 0, ink: [] } });
    },
    end() {
      drop();
      if (Math.hypot(shape.w, shape.h) < from.reach) return;
      const id = desk.board.add(shape);
      desk.set({ tool: 'select', selected: new Set([id]) });
    },
    cancel: drop,
  };
}

function stick(desk: Desk, at: Press): Gesture {
  const middle = (press: Press): Shape => {
    const corner = { x: press.x - noteSize / 2, y: press.y - noteSize / 2 };
    const shape = blank(desk, 'note', corner);
    return { ...shape, w: noteSize, h: noteSize };
  };
  let shape = middle(at);
  const show = (): void => desk.set({ draft: { shape, after: 0, ink: [] } });
  show();
  return {
    move(press) {
      shape = middle(press);
      show();
    },
    end() {
      const id = desk.board.add(shape);
      desk.set({ draft: undefined, tool: 'select', selected: new Set([id]), editing: id });
    },
    cancel: () => desk.set({ draft: undefined }),
  };
}

function pan(desk: Desk, from: Press): Gesture {
  return {
    move({ x, y }) {
      const { camera } = desk.get();
      const by = { x: (x - from.x) * camera.scale, y: (y - from.y) * camera.scale };
      desk.set({ camera: panned(camera, by) });
    },
    end() {},
    cancel() {},
  };
}

/** Moves what is under the pointer, stretches by a corner, or pulls a box open. */
function pick(desk: Desk, at: Press): Gesture {
  const around = desk.around();
  const corner = around && cornerAt(around, at);
  if (around && corner) return carry(desk, at, around, corner);
  const inReach = { x: at.x - at.reach, y: at.y - at.reach, w: 2 * at.reach, h: 2 * at.reach };
  const hit = desk.board.in(inReach).findLast(({ shape, ink }) => hits(shape, ink, at, at.reach));
  const { selected } = desk.get();
  if (!hit) return lasso(desk, at);
  const again = hit.shape.kind === 'note' && !at.shift && selected.size === 1 && selected.has(hit.id);
  if (at.shift)
    desk.select(selected.has(hit.id) ? [...selected].filter((id) => id !== hit.id) : [...selected, hit.id]);
  else if (!selected.has(hit.id)) desk.select([hit.id]);
  return carry(desk, at, desk.around() ?? hit.box, undefined, again ? hit.id : undefined);
}

type Corner = readonly [x: 0 | 1, y: 0 | 1];
const corners: readonly Corner[] = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
];
export const cornersOf = ({ x, y, w, h }: Box): Point[] =>
  corners.map(([cx, cy]) => ({ x: x + cx * w, y: y + cy * h }));

function cornerAt(box: Box, at: Press): Corner | undefined {
  const near = cornersOf(box).findIndex(({ x, y }) => Math.hypot(at.x - x, at.y - y) <= at.reach * 1.5);
  return corners[near];
}

/** `note` is the one to write on when nothing was moved. */
function carry(desk: Desk, start: Press, from: Box, corner?: Corner, note?: string): Gesture {
  const ids = [...desk.get().selected];
  let to = from;
  const target = ({ x, y, shift }: Press): Box => {
    const [dx, dy] = [x - start.x, y - start.y];
    if (!corner) return { ...from, x: from.x + dx, y: from.y + dy };
    const [cx, cy] = corner;
    let w = Math.max(1, from.w + (cx ? dx : -dx));
    let h = Math.max(1, from.h + (cy ? dy : -dy));
    const factor = Math.max(w / (from.w || 1), h / (from.h || 1));
    if (shift) [w, h] = [from.w * factor, from.h * factor];
    return { x: cx ? from.x : from.x + from.w - w, y: cy ? from.y : from.y + from.h - h, w, h };
  };
  return {
    move(press) {
      const far = Math.hypot(press.x - start.x, press.y - start.y) > start.reach / 2;
      if (to === from && !far) return;
      to = target(press);
      desk.set({ draft: { ids, from, to } });
    },
    end() {
      if (to !== from) desk.board.map(ids, from, to);
      desk.set({ draft: undefined, editing: to === from ? note : undefined });
    },
    cancel: () => desk.set({ draft: undefined }),
  };
}

function lasso(desk: Desk, from: Press): Gesture {
  const before = from.shift ? [...desk.get().selected] : [];
  desk.select(before);
  const drop = (): void => desk.set({ lasso: undefined });
  return {
    move(press) {
      const box = boxOf(from, press);
      const found = desk.board.in(box).filter((placed) => {
        const { x, y, w, h } = placed.box;
        return x >= box.x && y >= box.y && x + w <= box.x + box.w && y + h <= box.y + box.h;
      });
      desk.set({ lasso: box, selected: new Set([...before, ...found.map(({ id }) => id)]) });
    },
    end: drop,
    cancel: drop,
  };
}
