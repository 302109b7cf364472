/**
 * Turns pointers, wheels, pinches and keys into gestures and changes of the desk. One finger or button works with the tool
 * in hand, two fingers move and zoom; it must not know what tools do.
 */
import { panned, toBoard, zoomed } from './camera.ts';
import { type Desk, type Tool, tools } from './desk.ts';
import type { Point } from './shapes.ts';
import { begin, type Gesture, type Press } from './tools.ts';

/** How far a mouse and a finger may miss, in pixels. */
const reaches = { mouse: 8, pen: 10, touch: 16 } as const;

/** Listens to an element, whose upper left corner is the camera's, until the function that is returned is called. */
export function listen(element: HTMLElement, desk: Desk): () => void {
  const fingers = new Map<number, Point>();
  let gesture: Gesture | undefined;
  let spaced = false;
  const stop = new AbortController();
  const on = <K extends keyof HTMLElementEventMap>(
    type: K,
    run: (event: HTMLElementEventMap[K]) => void,
  ): void => element.addEventListener(type, run, { signal: stop.signal, passive: false });

  const place = ({ clientX, clientY }: MouseEvent): Point => {
    const { left, top } = element.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };
  const press = (event: PointerEvent): Press => {
    const { camera } = desk.get();
    const reach = reaches[event.pointerType as keyof typeof reaches] ?? reaches.mouse;
    const pressure = event.pointerType === 'pen' ? Math.max(1, event.pressure * 100) : 0;
    return { ...toBoard(camera, place(event)), pressure, shift: event.shiftKey, reach: reach / camera.scale };
  };

  on('pointerdown', (event) => {
    if (event.button > 1 || event.target instanceof HTMLTextAreaElement) return;
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    event.preventDefault();
    element.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(event));
    if (fingers.size > 1) {
      gesture?.cancel();
      gesture = undefined;
      desk.set({ pointer: null });
    } else {
      const panning = event.button === 1 || spaced;
      gesture = begin(desk, press(event), panning ? 'hand' : desk.get().tool);
    }
  });
  on('pointermove', (event) => {
    if (fingers.has(event.pointerId) && fingers.size > 1) return pinch(event);
    const events = event.getCoalescedEvents?.() ?? [];
    if (gesture) for (const each of events.length > 0 ? events : [event]) gesture.move(press(each));
    const { x, y } = toBoard(desk.get().camera, place(event));
    desk.set({ pointer: { x: Math.round(x), y: Math.round(y) } });
  });
  const pinch = (event: PointerEvent): void => {
    const [before] = spans(fingers);
    fingers.set(event.pointerId, place(event));
    const [now] = spans(fingers);
    if (!before || !now) return;
    const moved = panned(desk.get().camera, { x: now.x - before.x, y: now.y - before.y });
    desk.set({ camera: zoomed(moved, now.apart / before.apart, now) });
  };
  const release = (event: PointerEvent): void => {
    if (!fingers.delete(event.pointerId) || fingers.size > 0) return;
    if (event.type === 'pointerup') gesture?.end();
    else gesture?.cancel();
    gesture = undefined;
    if (event.pointerType === 'touch') desk.set({ pointer: null });
  };
  on('pointerup', release);
  on('pointercancel', release);
  on('pointerleave', () => desk.set({ pointer: null }));
  on('wheel', (event) => {
    event.preventDefault();
    const { camera } = desk.get();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const [x, y] = [-event.deltaX * unit, -event.deltaY * unit];
    // Browsers tell a pinch on a trackpad as a wheel with Ctrl.
    const zooms = event.ctrlKey || event.metaKey;
    const factor = Math.exp(Math.max(-30, Math.min(30, y)) / 100);
    const sideways = event.shiftKey && x === 0;
    desk.set({
      camera: zooms
        ? zoomed(camera, factor, place(event))
        : panned(camera, sideways ? { x: y, y: 0 } : { x, y }),
    });
  });

  const onKey = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
    if (event.key === ' ' && !(event.target instanceof HTMLButtonElement)) {
      event.preventDefault();
      spaced = event.type === 'keydown';
    } else if (event.type === 'keydown' && event.key === 'Escape') {
      gesture?.cancel();
      gesture = undefined;
      desk.select([]);
    } else if (event.type === 'keydown' && !gesture && act(desk, event)) event.preventDefault();
  };
  addEventListener('keydown', onKey, { signal: stop.signal });
  addEventListener('keyup', onKey, { signal: stop.signal });
  return () => stop.abort();
}

/** The middle of two fingers, and how far they are apart. */
function spans(fingers: ReadonlyMap<number, Point>): { x: number; y: number; apart: number }[] {
  const [a, b] = [...fingers.values()];
  if (!a || !b) return [];
  return [{ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) || 1 }];
}

/** The letter of each tool. */
export const letters: Readonly<Record<Tool, string>> = {
  select: 'v',
  hand: 'h',
  stroke: 'p',
  rectangle: 'r',
  ellipse: 'o',
  arrow: 'a',
  note: 'n',
};

/** Does what a key stands for; false when it stands for nothing. */
export function act(desk: Desk, { key, ctrlKey, metaKey, shiftKey, altKey }: KeyboardEvent): boolean {
  const step = shiftKey ? 10 : 1;
  const run = (does: () => void): boolean => {
    does();
    return true;
  };
  const letter = key.toLowerCase();
  if (altKey) return false;
  if (ctrlKey || metaKey) {
    if (letter === 'z') return run(() => (shiftKey ? desk.board.redo() : desk.board.undo()));
    if (letter === 'y') return run(() => desk.board.redo());
    if (letter === 'd') return run(() => desk.duplicate());
    if (letter === 'a') return run(() => desk.set({ tool: 'select', selected: new Set(desk.board.ids()) }));
    return false;
  }
  const tool = tools.find((each) => letters[each] === letter);
  if (tool) return run(() => desk.take(tool));
  const moves: Record<string, readonly [number, number]> = {
    ArrowLeft: [-step, 0],
    ArrowRight: [step, 0],
    ArrowUp: [0, -step],
    ArrowDown: [0, step],
  };
  const move = moves[key];
  if (move) return run(() => desk.nudge(...move));
  const others: Record<string, () => void> = {
    Delete: () => desk.remove(),
    Backspace: () => desk.remove(),
    ']': () => desk.restack('front'),
    '[': () => desk.restack('back'),
    '+': () => desk.zoom(1.25),
    '=': () => desk.zoom(1.25),
    '-': () => desk.zoom(0.8),
    '0': () => desk.zoom(1 / desk.get().camera.scale),
    '1': () => desk.fit(),
    Enter: () => desk.write(),
  };
  const does = others[key];
  return does !== undefined && run(does);
}
