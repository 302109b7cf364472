/**
 * Turns pointers, wheels and pinches into gestures and changes of the desk: one finger or button works with the tool in
 * hand, two fingers move and zoom. keys.ts says what keys mean; it must not know what tools do.
 */
import { panned, toBoard, zoomed } from './camera.ts';
import type { Desk } from './desk.ts';
import { act } from './keys.ts';
import type { Point } from './shapes.ts';
import { begin, type Gesture, type Press } from './tools.ts';

/** How far a mouse and a finger may miss, in pixels. */
const reaches: Readonly<Record<string, number>> = { mouse: 8, pen: 10, touch: 16 };
/** What a wheel that counts lines scrolls by, in pixels. */
const linePx = 16;

/** Listens to an element, whose upper left corner is the camera's, until the function that is returned is called. */
export function listen(element: HTMLElement, desk: Desk): () => void {
  const stop = new AbortController();
  const input = new Input(element, desk);
  const options = { signal: stop.signal, passive: false };
  element.addEventListener('pointerdown', input.down, options);
  element.addEventListener('pointermove', input.move, options);
  for (const end of ['pointerup', 'pointercancel'] as const) element.addEventListener(end, input.up, options);
  element.addEventListener('pointerleave', () => desk.set({ pointer: null }), options);
  element.addEventListener('wheel', input.wheel, options);
  element.addEventListener('touchstart', input.touch, options);
  for (const key of ['keydown', 'keyup'] as const) addEventListener(key, input.key, options);
  return () => stop.abort();
}

class Input {
  readonly #element: HTMLElement;
  readonly #desk: Desk;
  /** Where each finger or button that is down was last. */
  readonly #down = new Map<number, Point>();
  #gesture: Gesture | undefined;
  /** Whether the space bar is held, which moves the board whatever tool is in hand. */
  #spaced = false;

  constructor(element: HTMLElement, desk: Desk) {
    this.#element = element;
    this.#desk = desk;
  }

  readonly down = (event: PointerEvent): void => {
    if (event.button > 1 || event.target instanceof HTMLTextAreaElement) return;
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    event.preventDefault();
    this.#element.setPointerCapture(event.pointerId);
    this.#down.set(event.pointerId, this.#place(event));
    if (this.#down.size > 1) return this.#drop();
    const { tool, locked } = this.#desk.get();
    const moves = event.button === 1 || this.#spaced || locked;
    this.#gesture = begin(this.#desk, this.#press(event), moves ? 'hand' : tool);
  };

  readonly move = (event: PointerEvent): void => {
    if (this.#down.has(event.pointerId) && this.#down.size > 1) return this.#pinch(event);
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length > 0 ? events : [event]) this.#gesture?.move(this.#press(each));
    const { x, y } = toBoard(this.#desk.get().camera, this.#place(event));
    this.#desk.set({ pointer: { x: Math.round(x), y: Math.round(y) } });
  };

  readonly up = (event: PointerEvent): void => {
    if (!this.#down.delete(event.pointerId) || this.#down.size > 0) return;
    if (event.type === 'pointercancel') this.#gesture?.cancel();
    else this.#gesture?.end();
    this.#gesture = undefined;
    if (event.pointerType === 'touch') this.#desk.set({ pointer: null });
  };

  readonly wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? linePx : 1;
    const [x, y] = [-event.deltaX * unit, -event.deltaY * unit];
    const { camera } = this.#desk.get();
    // Browsers tell a pinch on a trackpad as a wheel with Ctrl.
    const zooms = event.ctrlKey || event.metaKey;
    const factor = Math.exp(Math.max(-30, Math.min(30, y)) / 100);
    const by = event.shiftKey && x === 0 ? { x: y, y: 0 } : { x, y };
    this.#desk.set({ camera: zooms ? zoomed(camera, factor, this.#place(event)) : panned(camera, by) });
  };

  /** Or browsers make swings and taps of it, and the next tap stops a swing that nobody sees. */
  readonly touch = (event: TouchEvent): void => {
    if (!(event.target instanceof HTMLTextAreaElement)) event.preventDefault();
  };

  readonly key = (event: KeyboardEvent): void => {
    const { target, type, key } = event;
    if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) return;
    if (key === ' ' && !(target instanceof HTMLButtonElement)) {
      event.preventDefault();
      this.#spaced = type === 'keydown';
    } else if (type === 'keydown' && key === 'Escape') {
      this.#drop();
      this.#desk.select([]);
    } else if (type === 'keydown' && !this.#gesture && act(this.#desk, event)) event.preventDefault();
  };

  #drop(): void {
    this.#gesture?.cancel();
    this.#gesture = undefined;
    this.#desk.set({ pointer: null });
  }

  #pinch(event: PointerEvent): void {
    const before = spanOf(this.#down);
    this.#down.set(event.pointerId, this.#place(event));
    const now = spanOf(this.#down);
    const moved = panned(this.#desk.get().camera, { x: now.x - before.x, y: now.y - before.y });
    this.#desk.set({ camera: zoomed(moved, now.apart / before.apart, now) });
  }

  #place({ clientX, clientY }: MouseEvent): Point {
    const { left, top } = this.#element.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  #press(event: PointerEvent): Press {
    const { camera } = this.#desk.get();
    const pressure = event.pointerType === 'pen' ? Math.max(1, event.pressure * 100) : 0;
    const reach = (reaches[event.pointerType] ?? 8) / camera.scale;
    return { ...toBoard(camera, this.#place(event)), pressure, shift: event.shiftKey, reach };
  }
}

/** The middle of the first two fingers, and how far they are apart. */
function spanOf(fingers: ReadonlyMap<number, Point>): Point & { apart: number } {
  const [a = { x: 0, y: 0 }, b = a] = [...fingers.values()];
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) || 1 };
}
