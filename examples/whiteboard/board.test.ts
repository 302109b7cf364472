/**
 * The board's model on its own: copies that exchange updates in any order come to the same, and a step taken back is one's
 * own. Copies here are joined by hand; how documents really travel is tested elsewhere.
 */
import { expect, test } from 'vitest';
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { Board } from './board.ts';
import { Desk } from './desk.ts';
import { Peers, placedBy } from './peers.ts';
import { boundsOf, grow, hits, type Ink, mapped, meets, type Shape } from './shapes.ts';
import { begin, type Press } from './tools.ts';

const square: Shape = { kind: 'rectangle', x: 0, y: 0, w: 100, h: 100, color: 'blue', size: 2, z: 0 };
const stroke: Shape = { ...square, kind: 'stroke', w: 1, h: 1 };
const note: Shape = { ...square, kind: 'note' };
const ink: Ink = [0, 0, 0, 80, 0, 0, 80, 160, 0];
/** Writes on a note, as a field does that is bound to it. */
const write = (board: Board, id: string, text: string, at = 0): void =>
  board.write(() => board.text(id)?.insert(at, text));
const at = (x: number, y: number, more: Partial<Press> = {}): Press => {
  return { x, y, pressure: 0, shift: false, reach: 4, ...more };
};

/** Boards whose edits wait until they are exchanged. */
function copies(count: number) {
  const docs = Array.from({ length: count }, () => new Y.Doc());
  const boards = docs.map((doc) => new Board(doc));
  const exchange = (): void => {
    for (const from of docs)
      for (const to of docs) {
        const missing = Y.encodeStateAsUpdate(from, Y.encodeStateVector(to));
        if (from !== to) Y.applyUpdate(to, missing, 'others');
      }
  };
  return { boards: boards as [Board, Board], exchange };
}

const one = (): Board => copies(1).boards[0];

test('what one adds, moves, paints and deletes is the same on the other board', () => {
  const { boards, exchange } = copies(2);
  const [ada, mira] = boards;
  const ids = [ada.add(square), ada.add(stroke, ink), ada.add(note)];
  write(ada, ids[2] ?? '', 'hello');
  ada.map(ids.slice(0, 1), { x: 0, y: 0, w: 100, h: 100 }, { x: 50, y: 0, w: 200, h: 100 });
  ada.style(ids, { color: 'red' });
  exchange();
  expect(mira.all()).toEqual(ada.all());
  expect(mira.all().map(({ shape }) => [shape.kind, shape.color])).toEqual([
    ['rectangle', 'red'],
    ['stroke', 'red'],
    ['note', 'red'],
  ]);
  expect(mira.get(ids[0] ?? '')?.box).toEqual({ x: 50, y: 0, w: 200, h: 100 });
  expect(mira.get(ids[2] ?? '')?.text).toBe('hello');
  mira.remove(ids.slice(1));
  exchange();
  expect(ada.all().map(({ id }) => id)).toEqual(ids.slice(0, 1));
  expect([ada.size, mira.size]).toEqual([1, 1]);
});

test('undo takes back own steps only, in order, and redo brings them back', () => {
  const { boards, exchange } = copies(2);
  const [ada, mira] = boards;
  const hers = ada.add(square);
  exchange();
  const his = mira.add(stroke, ink);
  mira.style([hers], { color: 'red' });
  exchange();
  const second = ada.add(note);
  write(ada, second, 'text');
  expect([ada.canUndo, ada.canRedo]).toEqual([true, false]);
  ada.undo();
  expect(ada.get(second)?.text).toBe('');
  ada.undo();
  expect(ada.get(second)).toBeUndefined();
  expect(ada.get(his)?.ink).toEqual(ink);
  ada.redo();
  ada.redo();
  expect(ada.get(second)?.text).toBe('text');
  ada.undo();
  ada.undo();
  exchange();
  // His color stays on what she drew, and she can't take back his.
  ada.undo();
  expect(ada.get(his)).toBeDefined();
  expect(ada.canUndo).toBe(false);
  mira.undo();
  mira.undo();
  exchange();
  expect(ada.get(his)).toBeUndefined();
  expect(ada.all()).toEqual(mira.all());
});

test('taking back a move does not undo that another moved it since', () => {
  const { boards, exchange } = copies(2);
  const [ada, mira] = boards;
  const id = ada.add(square);
  const from = { x: 0, y: 0, w: 100, h: 100 };
  ada.map([id], from, { ...from, x: 10 });
  exchange();
  mira.map([id], from, { ...from, x: 500 });
  exchange();
  ada.undo();
  exchange();
  expect(ada.get(id)?.shape.x).toBe(510);
  expect(mira.get(id)?.shape.x).toBe(510);
});

test('a deleted stroke and a deleted note come back whole', () => {
  const { boards, exchange } = copies(2);
  const [ada, mira] = boards;
  const ids = [ada.add(stroke, ink), ada.add(note)];
  write(ada, ids[1] ?? '', 'kept');
  const before = ada.all();
  ada.remove(ids);
  exchange();
  expect(mira.size).toBe(0);
  ada.undo();
  exchange();
  expect(ada.all()).toEqual(before);
  expect(mira.all()).toEqual(before);
});

test('two write on one note at once, and both texts stay', () => {
  const { boards, exchange } = copies(2);
  const [ada, mira] = boards;
  const id = ada.add(note);
  write(ada, id, 'milk and bread');
  exchange();
  write(ada, id, 'oat ');
  write(mira, id, ', jam', 14);
  exchange();
  expect(ada.get(id)?.text).toBe('oat milk and bread, jam');
  ada.undo();
  exchange();
  expect(mira.get(id)?.text).toMatch(/, jam$/);
});

test('a note that is moved while another writes on it keeps both', () => {
  const { boards, exchange } = copies(2);
  const [ada, mira] = boards;
  const id = ada.add(note);
  exchange();
  ada.map([id], { x: 0, y: 0, w: 100, h: 100 }, { x: 9, y: 0, w: 100, h: 100 });
  write(mira, id, 'text');
  exchange();
  expect(ada.get(id)).toMatchObject({ text: 'text', shape: { x: 9 } });
  expect(mira.all()).toEqual(ada.all());
});

test('a stroke that grows in pieces is one step; deleted meanwhile it stays deleted', () => {
  const { boards, exchange } = copies(2);
  const [ada, mira] = boards;
  ada.add(square);
  const id = ada.add(stroke, ink);
  ada.extend(id, [0, 240, 0]);
  exchange();
  expect(mira.get(id)?.ink).toEqual([...ink, 0, 240, 0]);
  expect(mira.get(id)?.box).toEqual({ x: 0, y: 0, w: 10, h: 30 });
  ada.undo();
  expect([ada.get(id), ada.size]).toEqual([undefined, 1]);
  ada.redo();
  exchange();
  mira.remove([id]);
  exchange();
  ada.extend(id, [0, 0, 0]);
  exchange();
  expect([ada.get(id), mira.get(id)]).toEqual([undefined, undefined]);
});

test('what lies above: new ones, and what is brought to the front or back, in its order', () => {
  const board = one();
  const [a = '', b = '', c = '', d = ''] = [1, 2, 3, 4].map(() => board.add(square));
  const order = (): string[] => board.in({ x: 0, y: 0, w: 1, h: 1 }).map(({ id }) => id);
  expect(order()).toEqual([a, b, c, d]);
  board.restack([b, a], 'front');
  expect(order()).toEqual([c, d, a, b]);
  board.restack([a, d], 'back');
  expect(order()).toEqual([d, a, c, b]);
  const [copy = ''] = board.duplicate([c]);
  expect(board.all().at(-1)?.id).toBe(copy);
  board.undo();
  expect(board.size).toBe(4);
});

test('what is no shape is not shown, and harms nothing', () => {
  const board = one();
  const id = board.add(square);
  const shapes = board.doc.getMap('shapes');
  const odd = [
    null,
    7,
    {},
    { ...square, x: Number.NaN },
    { ...square, kind: 'bomb' },
    { ...square, w: 1e300 },
    [],
  ];
  for (const [i, value] of odd.entries()) shapes.set(`odd ${i}`, value);
  shapes.set('no ink', stroke);
  shapes.set('bad ink', stroke);
  board.doc.getMap('inks').set('bad ink', Y.Array.from(['x', {}, Number.NaN]));
  board.doc.getMap('inks').set('no ink', 'text');
  board.doc.getMap('texts').set(id, 5);
  shapes.set('huge', { ...square, x: -1e7, w: 1e7, h: 1e7 });
  expect(board.all().map((placed) => placed.id)).toEqual(['bad ink', 'huge', 'no ink', id]);
  write(board, id, 'text');
  board.map([id], { x: 0, y: 0, w: 1, h: 1 }, { x: 1e300, y: 0, w: 1, h: 1 });
  expect(board.get(id)?.shape).toMatchObject({ x: 0 });
  shapes.set(id, 'gone');
  expect(board.get(id)).toBeUndefined();
  expect(board.in({ x: -5000, y: 5000, w: 1, h: 1 }).map((placed) => placed.id)).toEqual(['huge']);
});

test('finding by place tells the same as looking at all', () => {
  const board = one();
  let seed = 1;
  const random = (most: number): number => {
    seed = (seed * 48271) % 2147483647;
    return seed % most;
  };
  for (let i = 0; i < 400; i++)
    board.add({
      ...square,
      x: random(6000) - 3000,
      y: random(6000) - 3000,
      w: random(i % 20 ? 200 : 5000),
      h: random(200),
    });
  const ids = [...board.ids()];
  board.remove(ids.slice(0, 100));
  board.map(ids.slice(100, 150), { x: 0, y: 0, w: 1, h: 1 }, { x: 1000, y: 0, w: 1, h: 1 });
  for (const area of [
    { x: 0, y: 0, w: 500, h: 500 },
    { x: -3000, y: -3000, w: 10, h: 6000 },
    { x: -9000, y: -9000, w: 20000, h: 20000 },
    { x: -1e7, y: -1e7, w: 2e7, h: 2e7 },
  ]) {
    const expected = board.all().filter(({ box }) => meets(grow(box, 24), area));
    expect(board.in(area)).toEqual(expected);
  }
  expect(board.in({ x: -1e6, y: 0, w: 1, h: 1 })).toEqual([]);
});

test('listeners are told where the board looks different', () => {
  const { boards, exchange } = copies(2);
  const [ada, mira] = boards;
  const told: unknown[] = [];
  const id = ada.add(square);
  exchange();
  mira.onChange((areas) => told.push(...areas));
  ada.map([id], { x: 0, y: 0, w: 100, h: 100 }, { x: 300, y: 0, w: 100, h: 100 });
  exchange();
  expect(told).toEqual([
    grow({ x: 0, y: 0, w: 100, h: 100 }, 24),
    grow({ x: 300, y: 0, w: 100, h: 100 }, 24),
  ]);
});

test('what a replaced copy had can be brought back, as one step', () => {
  const { boards, exchange } = copies(2);
  const [old, now] = boards;
  const ids = [old.add(square), old.add(stroke, ink), old.add(note)];
  exchange();
  old.map(ids.slice(0, 1), { x: 0, y: 0, w: 100, h: 100 }, { x: 50, y: 0, w: 100, h: 100 });
  write(old, ids[2] ?? '', 'lost');
  const drawn = old.add(stroke, ink);
  const lost = now.lacks(old);
  expect(lost.map(({ id }) => id)).toEqual([ids[0], ids[2], drawn]);
  now.bringBack(lost);
  expect(now.all()).toEqual(old.all());
  expect(now.lacks(old)).toEqual([]);
  now.undo();
  expect([now.size, now.get(ids[2] ?? '')?.text]).toEqual([3, '']);
});

test('hits: lines by their line, ellipses by their form, all within reach', () => {
  expect(hits(square, [], { x: 50, y: 50 }, 1)).toBe(true);
  expect(hits({ ...square, kind: 'ellipse' }, [], { x: 2, y: 2 }, 1)).toBe(false);
  expect(hits({ ...square, kind: 'arrow', w: -100 }, [], { x: -50, y: 50 }, 1)).toBe(true);
  expect(hits({ ...square, kind: 'arrow', w: -100 }, [], { x: -50, y: 70 }, 1)).toBe(false);
  expect(hits(stroke, ink, { x: 10, y: 12 }, 2)).toBe(true);
  expect(hits(stroke, ink, { x: 2, y: 12 }, 2)).toBe(false);
  expect(hits(stroke, [0, 0, 0], { x: 3, y: 0 }, 2)).toBe(true);
});

test('stretching takes the bounds exactly where they should go', () => {
  for (const [shape, own] of [
    [stroke, ink],
    [{ ...square, kind: 'arrow', w: -40 }, []],
    [note, []],
  ] satisfies [Shape, Ink][]) {
    const from = boundsOf(shape, own);
    const to = { x: 7, y: -5, w: 33, h: 250 };
    const now = boundsOf(mapped(shape, from, to), own);
    for (const side of ['x', 'y', 'w', 'h'] as const) expect(now[side]).toBeCloseTo(to[side], 6);
  }
});

test('the pen shows a draft and stores it when it is lifted; a long stroke is stored in pieces', () => {
  const desk = new Desk(one());
  const { board } = desk;
  const pen = begin(desk, at(10, 10), 'stroke');
  pen.move(at(20, 10));
  pen.move(at(20, 10));
  expect([board.size, desk.get().draft]).toMatchObject([0, { ink: [0, 0, 0, 80, 0, 0] }]);
  pen.end();
  expect([board.all()[0]?.ink, desk.get().draft]).toEqual([[0, 0, 0, 80, 0, 0], undefined]);
  const long = begin(desk, at(0, 0), 'stroke');
  for (let i = 1; i < 300; i++) long.move(at(i, 0));
  const { draft } = desk.get();
  expect(board.all()[1]?.ink).toHaveLength(256 * 3);
  expect(draft && 'shape' in draft && [draft.after, draft.ink.length]).toEqual([256 * 3, 44 * 3]);
  expect(draft && placedBy(draft, board)[0]?.box.w).toBe(299);
  long.end();
  expect(board.all()[1]?.box.w).toBe(299);
  board.undo();
  expect(board.size).toBe(1);
  const dropped = begin(desk, at(0, 0), 'stroke');
  for (let i = 1; i < 200; i++) dropped.move(at(i, 0));
  dropped.cancel();
  expect([board.size, desk.get().draft]).toEqual([1, undefined]);
});

test('selecting: a click, with shift more, a box around, and dragging moves all that is selected', () => {
  const desk = new Desk(one());
  const { board } = desk;
  const [a, b] = [board.add(square), board.add({ ...square, x: 300 })];
  const click = (x: number, y: number, more?: Partial<Press>): void =>
    begin(desk, at(x, y, more), 'select').end();
  click(50, 50);
  click(350, 50, { shift: true });
  expect(desk.get().selected).toEqual(new Set([a, b]));
  click(50, 50, { shift: true });
  expect(desk.get().selected).toEqual(new Set([b]));
  click(200, 50);
  expect(desk.get().selected.size).toBe(0);
  const lasso = begin(desk, at(-10, -10), 'select');
  lasso.move(at(420, 110));
  lasso.end();
  expect(desk.get().selected).toEqual(new Set([a, b]));
  const drag = begin(desk, at(50, 50), 'select');
  drag.move(at(51, 50));
  expect(desk.get().draft).toBeUndefined();
  drag.move(at(60, 70));
  expect(board.get(a)?.shape.x).toBe(0);
  drag.end();
  expect(board.all().map(({ shape }) => [shape.x, shape.y])).toEqual([
    [10, 20],
    [310, 20],
  ]);
  const corner = begin(desk, at(410, 120), 'select');
  corner.move(at(810, 120));
  corner.end();
  expect(desk.around()).toEqual({ x: 10, y: 20, w: 800, h: 100 });
});

test('what others tell of themselves is checked; a draft that is stored is drawn no more', () => {
  const { boards, exchange } = copies(2);
  const [ada, mira] = boards;
  const [hers, his] = [new Awareness(ada.doc), new Awareness(mira.doc)];
  const desk = new Desk(mira);
  const peers = new Peers(hers);
  const send = (): void => applyAwarenessUpdate(hers, encodeAwarenessUpdate(his, [his.clientID]), 'others');
  let changes = 0;
  peers.subscribe(() => changes++);
  const leave = new Peers(his).follow(desk, 'Mira');
  const id = mira.add(square);
  exchange();
  desk.set({ pointer: { x: 1, y: 2 } });
  desk.select([id]);
  const drag = begin(desk, at(50, 50), 'select');
  drag.move(at(70, 50));
  send();
  expect(peers.get()).toMatchObject([{ name: 'Mira', pointer: { x: 1, y: 2 } }]);
  const draft = peers.get()[0]?.draft;
  expect(draft && placedBy(draft, ada)[0]?.box.x).toBe(20);
  drag.end();
  exchange();
  expect(draft && placedBy(draft, ada)).toEqual([]);
  expect(changes).toBeGreaterThan(0);
  for (const odd of [{ name: 5 }, { name: ' ', pointer: null }, { name: 'M', pointer: { x: 'a' } }, {}]) {
    his.setLocalState(odd);
    send();
    expect(peers.get()).toEqual([]);
  }
  his.setLocalState({ name: 'Mira', pointer: null });
  send();
  expect(peers.get()).toHaveLength(1);
  leave();
  send();
  expect(peers.get()).toEqual([]);
  hers.destroy();
  his.destroy();
});
