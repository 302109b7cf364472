/**
 * A board: shapes on a Y.Doc, found by place, changed in steps that can be taken back. Each shape is one JSON value;
 * ink and text, which grow, stand beside it under the same id. It must not know how the document travels or is shown.
 */
import * as v from 'valibot';
import * as Y from 'yjs';
import { Grid } from './grid.ts';
import { type Box, boundsOf, grow, type Ink, isInk, mapped, Shape } from './shapes.ts';

/** A shape as it lies on the board. */
export interface Placed {
  readonly id: string;
  readonly shape: Shape;
  /** Without its thickness. */
  readonly box: Box;
  /** The same array while the ink is the same, whatever becomes of the shape. */
  readonly ink: Ink;
  readonly text: string;
}

/** What thick lines, the heads of arrows and shadows may take around a box. */
export const padding = 24;
/** Typing pauses for longer: what follows is a step of its own. */
const typingMs = 1000;
const noInk: Ink = [];

const above = (a: Placed, b: Placed): number => a.shape.z - b.shape.z || (a.id < b.id ? -1 : 1);
const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(10)), (byte) => (byte % 36).toString(36)).join('');

/** What stands under an id, where it is of the kind that belongs there. */
function arrayIn(map: Y.Map<unknown>, id: string): Y.Array<unknown> | undefined {
  const found = map.get(id);
  return found instanceof Y.Array ? found : undefined;
}
function textIn(map: Y.Map<unknown>, id: string): Y.Text | undefined {
  const found = map.get(id);
  return found instanceof Y.Text ? found : undefined;
}

export class Board {
  readonly doc: Y.Doc;
  readonly #shapes: Y.Map<unknown>;
  readonly #inks: Y.Map<unknown>;
  readonly #texts: Y.Map<unknown>;
  readonly #undo: Y.UndoManager;
  readonly #placed = new Map<string, Placed>();
  readonly #grid = new Grid();
  readonly #inkIn = new WeakMap<Y.Array<unknown>, Ink>();
  readonly #listeners = new Set<(areas: readonly Box[]) => void>();
  #typedAt = 0;

  constructor(doc: Y.Doc) {
    this.doc = doc;
    this.#shapes = doc.getMap('shapes');
    this.#inks = doc.getMap('inks');
    this.#texts = doc.getMap('texts');
    const parts = [this.#shapes, this.#inks, this.#texts];
    // Only what this board does itself is a step, and steps end where this class says so.
    this.#undo = new Y.UndoManager(parts, { trackedOrigins: new Set([this]), captureTimeout: Infinity });
    for (const part of parts) part.observeDeep(this.#onEvents);
    for (const on of ['stack-item-added', 'stack-item-popped', 'stack-cleared'] as const)
      this.#undo.on(on, () => this.#tell([]));
    for (const id of this.#shapes.keys()) this.#place(id);
  }

  get size(): number {
    return this.#placed.size;
  }
  get canUndo(): boolean {
    return this.#undo.canUndo();
  }
  get canRedo(): boolean {
    return this.#undo.canRedo();
  }
  get(id: string): Placed | undefined {
    return this.#placed.get(id);
  }
  ids(): Iterable<string> {
    return this.#placed.keys();
  }
  all(): Placed[] {
    return [...this.#placed.values()].sort(above);
  }
  /** What lies in a part of the board, the lowest first. */
  in(area: Box): Placed[] {
    const found = this.#grid.query(area).map((id) => this.#placed.get(id));
    return found.filter((placed) => placed !== undefined).sort(above);
  }
  /** Calls `listener` after each change, whoever made it, with the parts of the board that look different now. */
  readonly onChange = (listener: (areas: readonly Box[]) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** A new shape above all others; its z is chosen here. Returns its id. */
  add(shape: Shape, ink: Ink = noInk): string {
    const id = newId();
    this.#step(() => this.#put({ id, shape: { ...shape, z: this.#edge('front') }, ink, text: '' }));
    return id;
  }
  /** Goes on with a stroke; part of the same step. Nothing happens when it was deleted meanwhile. */
  extend(id: string, ink: Ink): void {
    if (ink.length > 0) this.doc.transact(() => arrayIn(this.#inks, id)?.push([...ink]), this);
  }
  /** Moves and stretches: what was at `from` goes to `to`. */
  map(ids: Iterable<string>, from: Box, to: Box): void {
    this.#edit(ids, (shape) => mapped(shape, from, to));
  }
  /** Paints, thickens. */
  style(ids: Iterable<string>, style: Partial<Pick<Shape, 'color' | 'size'>>): void {
    this.#edit(ids, (shape) => ({ ...shape, ...style }));
  }
  /** Brings above or below all others; among themselves they stay as they lie. */
  restack(ids: Iterable<string>, where: 'front' | 'back'): void {
    const moved = [...ids].flatMap((id) => this.#placed.get(id) ?? []).sort(above);
    const order = new Map(moved.map(({ id }, i) => [id, i]));
    const lowest = this.#edge(where) - (where === 'back' ? order.size - 1 : 0);
    this.#edit(order.keys(), (shape, id) => ({ ...shape, z: lowest + (order.get(id) ?? 0) }));
  }
  remove(ids: Iterable<string>): void {
    this.#step(() => {
      for (const id of ids) for (const part of [this.#shapes, this.#inks, this.#texts]) part.delete(id);
    });
  }
  /** Copies, a little aside and above all others. Returns the new ids. */
  duplicate(ids: Iterable<string>, by = 24): string[] {
    const copied = [...ids].flatMap((id) => this.#placed.get(id) ?? []).sort(above);
    const lowest = this.#edge('front');
    const made = copied.map(({ shape: { x, y, ...rest }, ...placed }, i) => {
      return { ...placed, id: newId(), shape: { ...rest, x: x + by, y: y + by, z: lowest + i } };
    });
    this.#step(() => {
      for (const placed of made) this.#put(placed);
    });
    return made.map(({ id }) => id);
  }
  /** The text of a note, for a field to be bound to; what is typed there is written with `write`. */
  text(id: string): Y.Text | undefined {
    return textIn(this.#texts, id);
  }
  /** Edits a text. What is typed without a pause is one step. */
  write(edit: () => void): void {
    if (Date.now() - this.#typedAt > typingMs) this.#undo.stopCapturing();
    this.#typedAt = Date.now();
    this.doc.transact(edit, this);
  }

  /** Takes back this board's own last step, never another's. */
  undo(): void {
    this.#undo.undo();
  }
  redo(): void {
    this.#undo.redo();
  }
  /** Ends it; the document stays. */
  destroy(): void {
    this.#undo.destroy();
    for (const part of [this.#shapes, this.#inks, this.#texts]) part.unobserveDeep(this.#onEvents);
    this.#listeners.clear();
  }

  /** What another copy of the board has that this one hasn't, or has otherwise. */
  lacks(other: Board): Placed[] {
    const same = (a: Placed, b: Placed | undefined): boolean =>
      b !== undefined &&
      JSON.stringify([a.shape, a.ink, a.text]) === JSON.stringify([b.shape, b.ink, b.text]);
    return other.all().filter((placed) => !same(placed, this.get(placed.id)));
  }
  /** Makes those shapes what they were in the other copy, in one step. */
  bringBack(lost: Iterable<Placed>): void {
    this.#step(() => {
      for (const placed of lost) this.#put(placed);
    });
  }

  #step(change: () => void): void {
    this.#undo.stopCapturing();
    this.#typedAt = 0;
    this.doc.transact(change, this);
  }
  #edit(ids: Iterable<string>, change: (shape: Shape, id: string) => Shape): void {
    this.#step(() => {
      for (const id of ids) {
        const placed = this.#placed.get(id);
        if (placed) this.#write(id, change(placed.shape, id));
      }
    });
  }
  #put({ id, shape, ink, text }: Omit<Placed, 'box'>): void {
    if (shape.kind === 'note') this.#texts.set(id, new Y.Text(text));
    if (shape.kind === 'stroke') this.#inks.set(id, Y.Array.from([...ink]));
    this.#write(id, shape);
  }
  /** What others would not accept isn't written. */
  #write(id: string, shape: Shape): void {
    if (v.is(Shape, shape)) this.#shapes.set(id, shape);
  }
  /** The first free height above all shapes, or below them. */
  #edge(where: 'front' | 'back'): number {
    let [lowest, highest] = [0, 0];
    for (const { shape } of this.#placed.values()) {
      lowest = Math.min(lowest, shape.z);
      highest = Math.max(highest, shape.z);
    }
    return where === 'front' ? Math.floor(highest) + 1 : Math.ceil(lowest) - 1;
  }

  readonly #onEvents = (events: readonly Y.YEvent<Y.AbstractType<unknown>>[]): void => {
    const ids = events.flatMap(({ path, keys }) => (path.length > 0 ? [String(path[0])] : [...keys.keys()]));
    this.#tell([...new Set(ids)].flatMap((id) => this.#place(id)));
  };
  /** Looks up anew what is under an id. Returns the areas that look different. */
  #place(id: string): Box[] {
    const before = this.#placed.get(id);
    const { output: shape, success } = v.safeParse(Shape, this.#shapes.get(id));
    if (success) {
      const ink = this.#inkOf(id);
      const box = boundsOf(shape, ink);
      this.#placed.set(id, { id, shape, ink, box, text: textIn(this.#texts, id)?.toString() ?? '' });
      this.#grid.set(id, grow(box, padding));
    } else if (this.#placed.delete(id)) this.#grid.delete(id);
    return [before, this.#placed.get(id)].flatMap((placed) => (placed ? [grow(placed.box, padding)] : []));
  }
  #inkOf(id: string): Ink {
    const array = arrayIn(this.#inks, id);
    const known = array && this.#inkIn.get(array);
    if (!array || known?.length === array.length) return known ?? noInk;
    const ink = array.toArray();
    if (!isInk(ink)) return noInk;
    this.#inkIn.set(array, ink);
    return ink;
  }
  #tell(areas: readonly Box[]): void {
    for (const listener of [...this.#listeners]) listener(areas);
  }
}
