/**
 * What is seen, as sums: the camera on its own, and where one begins to look on a board.
 */
import { expect, test } from 'vitest';
import * as Y from 'yjs';
import { Board } from './board.ts';
import { fitted, panned, seen, toBoard, zoomed } from './camera.ts';
import { Desk } from './desk.ts';

const extent = { width: 800, height: 600 };

test('zooming leaves what is under the pointer where it is, within bounds', () => {
  const camera = { x: 10, y: -20, scale: 0.5 };
  const at = { x: 300, y: 100 };
  for (const factor of [1.1, 0.3, 1000, 0.0001]) {
    const now = zoomed(camera, factor, at);
    const [before, after] = [toBoard(camera, at), toBoard(now, at)];
    expect(after.x).toBeCloseTo(before.x, 8);
    expect(after.y).toBeCloseTo(before.y, 8);
    expect(now.scale).toBeGreaterThanOrEqual(0.05);
    expect(now.scale).toBeLessThanOrEqual(8);
  }
});

test('moving by pixels moves the board by as much, whatever the scale', () => {
  const camera = panned({ x: 0, y: 0, scale: 2 }, { x: 30, y: -10 });
  expect(camera).toEqual({ x: -15, y: 5, scale: 2 });
  expect(seen(camera, extent)).toEqual({ x: -15, y: 5, w: 400, h: 300 });
});

test('fitting shows all of a box in the middle, and a small one no larger than it is', () => {
  const large = fitted({ x: -1000, y: 0, w: 6000, h: 100 }, extent);
  expect(seen(large, extent)).toMatchObject({ x: expect.closeTo(2000 - 400 / large.scale, 6) });
  expect(6000 * large.scale).toBeLessThanOrEqual(800);
  expect(fitted({ x: 100, y: 100, w: 10, h: 10 }, extent).scale).toBe(1);
  expect(fitted({ x: 5, y: 5, w: 0, h: 0 }, extent)).toEqual({ x: -395, y: -295, scale: 1 });
});

test('one begins where boards begin, or at what there is when that is elsewhere', () => {
  const board = new Board(new Y.Doc());
  const desk = new Desk(board);
  desk.set({ extent, camera: { x: 77, y: 77, scale: 3 } });
  desk.arrive();
  expect(desk.get().camera).toEqual({ x: 0, y: 0, scale: 1 });
  const shape = { kind: 'note', x: 100, y: 100, w: 100, h: 100, color: 'red', size: 1, z: 0 } as const;
  board.add(shape);
  desk.arrive();
  expect(desk.get().camera).toEqual({ x: 0, y: 0, scale: 1 });
  board.add({ ...shape, x: 3000 });
  desk.arrive();
  const { x, w } = seen(desk.get().camera, extent);
  expect(x).toBeLessThan(100);
  expect(x + w).toBeGreaterThan(3100);
});

test('where one may only look, tools stay away', () => {
  const desk = new Desk(new Board(new Y.Doc()));
  desk.lock(true);
  expect(desk.get()).toMatchObject({ tool: 'hand', locked: true });
});
