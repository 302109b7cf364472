/**
 * What one window does on a board: which tool is in hand, what is selected, which part is seen, what is half done. Tools,
 * keys and buttons change it here; whoever draws is told. It must not know how anything looks.
 */
import type { Board, Placed } from './board.ts';
import { type Camera, type Extent, fitted, zoomed } from './camera.ts';
import { type Box, type Color, type Draft, type Kind, type Point, type Size, union } from './shapes.ts';

export const tools = ['select', 'hand', 'stroke', 'rectangle', 'ellipse', 'arrow', 'note'] as const;
export type Tool = (typeof tools)[number] & ('select' | 'hand' | Kind);

export interface DeskState {
  readonly tool: Tool;
  /** Whether one may only look: then every tool moves the board, and keys change nothing on it. */
  readonly locked: boolean;
  readonly color: Color;
  readonly size: Size;
  readonly camera: Camera;
  /** Where the pointer is; null when it is elsewhere. */
  readonly pointer: Point | null;
  readonly extent: Extent;
  readonly selected: ReadonlySet<string>;
  /** What is being drawn or moved; others see it too. */
  readonly draft: Draft | undefined;
  /** The box that is pulled open to select what is in it. */
  readonly lasso: Box | undefined;
  /** The note that is written on. */
  readonly editing: string | undefined;
}

const first: DeskState = {
  tool: 'stroke',
  locked: false,
  color: 'blue',
  size: 2,
  camera: { x: 0, y: 0, scale: 1 },
  pointer: null,
  extent: { width: 0, height: 0 },
  selected: new Set(),
  draft: undefined,
  lasso: undefined,
  editing: undefined,
};

export class Desk {
  readonly board: Board;
  readonly #listeners = new Set<() => void>();
  #state: DeskState;

  /** Tool, colors and camera may go on from another desk. */
  constructor(board: Board, before: DeskState = first) {
    this.board = board;
    this.#state = { ...before, selected: new Set(), draft: undefined, lasso: undefined, editing: undefined };
  }

  readonly get = (): DeskState => this.#state;
  readonly subscribe = (onChange: () => void): (() => void) => {
    this.#listeners.add(onChange);
    return () => void this.#listeners.delete(onChange);
  };
  set(change: Partial<DeskState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of [...this.#listeners]) listener();
  }

  /** What is selected and still there. */
  selection(): Placed[] {
    return [...this.#state.selected].flatMap((id) => this.board.get(id) ?? []);
  }
  /** The box around it. */
  around(): Box | undefined {
    return union(this.selection().map(({ box }) => box));
  }
  select(ids: Iterable<string>): void {
    this.set({ selected: new Set(ids) });
  }
  lock(locked: boolean): void {
    if (locked) this.take('hand');
    this.set({ locked });
  }
  take(tool: Tool): void {
    this.set({ tool, selected: new Set(), editing: undefined });
  }
  /** For what comes next, and for what is selected. */
  style(style: Partial<Pick<DeskState, 'color' | 'size'>>): void {
    this.set(style);
    if (this.#state.selected.size > 0) this.board.style(this.#state.selected, style);
  }
  remove(): void {
    if (this.#state.selected.size > 0) this.board.remove(this.#state.selected);
    this.select([]);
  }
  restack(where: 'front' | 'back'): void {
    if (this.#state.selected.size > 0) this.board.restack(this.#state.selected, where);
  }
  duplicate(): void {
    if (this.#state.selected.size > 0) this.select(this.board.duplicate(this.#state.selected));
  }
  nudge(x: number, y: number): void {
    const from = this.around();
    if (from) this.board.map(this.#state.selected, from, { ...from, x: from.x + x, y: from.y + y });
  }
  /** Opens the note that is selected. */
  write(): void {
    const [note, more] = this.selection();
    if (note?.shape.kind === 'note' && !more) this.set({ editing: note.id });
  }
  /** By a factor, around the middle of the screen. */
  zoom(factor: number): void {
    const { camera, extent } = this.#state;
    this.set({ camera: zoomed(camera, factor, { x: extent.width / 2, y: extent.height / 2 }) });
  }
  /** Where one begins to look: at all there is, unless that is in sight where boards begin. */
  arrive(): void {
    const { x, y } = first.camera;
    this.set({ camera: first.camera });
    const { width, height } = this.#state.extent;
    const all = union(this.board.all().map(({ box }) => box));
    if (all && (all.x < x || all.y < y || all.x + all.w > x + width || all.y + all.h > y + height))
      this.fit();
  }
  /** Shows all there is. */
  fit(): void {
    const all = union(this.board.all().map(({ box }) => box));
    if (all) this.set({ camera: fitted(all, this.#state.extent) });
  }
}
