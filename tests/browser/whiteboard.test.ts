/**
 * The whiteboard example in a real Chromium: what several draw at once, what is drawn while the server is dead, fingers,
 * keys, and a board with thousands of shapes. What a document holds is read by a client of its own, beside the page.
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from '@syncline/client/doc';
import { type Contract, defineChannels, doc } from '@syncline/protocol';
import { createServer, memory, type Server } from '@syncline/server';
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Doc } from 'yjs';
import { answer } from '../../examples/site.ts';
import { Board, type Placed } from '../../examples/whiteboard/board.ts';
import { channels } from '../../examples/whiteboard/channels.ts';
import type { Kind, Shape } from '../../examples/whiteboard/shapes.ts';
import { noBrowser, openBrowser } from './chromium.ts';
import { openWindow, runForAll, type Served } from './examples.ts';

const square: Shape = { kind: 'rectangle', x: 300, y: 200, w: 100, h: 80, color: 'blue', size: 2, z: 0 };

describe.skipIf(noBrowser)('whiteboard in Chromium', { timeout: 90_000 }, () => {
  let browser: Browser;
  const served = runForAll();
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  test('two draw: each sees the other point, draw and write, and takes back only what is their own', async () => {
    const shared = onBoard(served());
    const [ada, mira] = await Promise.all([join(browser, shared, 'Ada'), join(browser, shared, 'Mira')]);
    await ada.getByRole('listitem').filter({ hasText: 'Mira' }).waitFor();
    await mira.mouse.move(300, 300);
    await mira.mouse.down();
    await mira.mouse.move(500, 300, { steps: 8 });
    // She hasn't let go, and yet it is seen.
    await painted(ada, 400, 300);
    await ada.locator('.pointer', { hasText: 'Mira' }).waitFor();
    await has(ada, 0);
    await mira.mouse.up();
    await has(ada, 1);
    await painted(ada, 400, 300);
    await pull(ada, 'r', [300, 400], [500, 500]);
    await note(ada, [700, 300], 'Milk');
    await has(mira, 3);
    await painted(mira, 300, 450);
    // Both write on the same note.
    await mira.keyboard.press('v');
    await mira.mouse.click(700, 300);
    await mira.mouse.click(700, 300);
    await until(() => field(mira).inputValue()).toBe('Milk');
    await field(mira).press('Control+End');
    await mira.keyboard.type(' and bread');
    await until(() => texts(shared)).toEqual(['Milk and bread']);
    await mira.keyboard.press('Escape');
    await mira.getByRole('button', { name: 'Undo' }).click();
    await until(() => texts(shared)).toEqual(['Milk']);
    await mira.keyboard.press('Control+z');
    await has(ada, 2);
    await painted(ada, 400, 300, false);
    await until(() => mira.getByRole('button', { name: 'Undo' }).isDisabled()).toBe(true);
    await mira.keyboard.press('Control+Shift+z');
    await has(ada, 3);
    for (const page of [ada, mira]) await page.getByText('Saved', { exact: true }).waitFor();
    await mira.context().close();
    await ada.getByRole('listitem').filter({ hasText: 'Mira' }).waitFor({ state: 'detached' });
  });

  test('the server is killed: both draw on, one even reloads, and all of it comes together', async () => {
    const server = served();
    const shared = onBoard(server);
    const [ada, mira] = await Promise.all([join(browser, shared, 'Ada'), join(browser, shared, 'Mira')]);
    await pull(ada, 'r', [200, 200], [300, 300]);
    await has(mira, 1);
    await ada.getByText('Saved', { exact: true }).waitFor();
    await mira.mouse.move(600, 600);
    await ada.locator('.pointer', { hasText: 'Mira' }).waitFor();
    await keepFiles(ada.context(), server);
    await server.kill();
    await ada.getByText('Offline', { exact: true }).waitFor();
    await ada.locator('.pointer').waitFor({ state: 'detached' });
    await ada.getByRole('list', { name: 'Who was here' }).waitFor();
    await ada.getByRole('button', { name: 'Try now' }).waitFor();
    await pull(ada, 'o', [400, 200], [500, 300]);
    await note(ada, [700, 250], 'written offline');
    await ada.getByText(/^Offline, \d+ unsaved$/).waitFor();
    await pull(mira, 'a', [200, 500], [400, 600]);
    // The same shape in two places: on both sides one of them stays.
    await mira.mouse.click(202, 250);
    await mira.mouse.click(202, 250);
    await drag(mira, [250, 250], [250, 350]);
    await ada.reload();
    await has(ada, 3);
    await ada.getByText(/^Offline, \d+ unsaved$/).waitFor();
    await pull(ada, 'r', [900, 200], [950, 300]);
    await server.restart();
    for (const page of [ada, mira]) {
      await has(page, 5);
      await page.getByText('Saved', { exact: true }).waitFor();
    }
    const stored = await shared.read();
    expect(stored.map(({ shape }) => shape.kind).sort()).toEqual(
      ['arrow', 'ellipse', 'note', 'rectangle', 'rectangle'].sort(),
    );
    expect(stored.find(({ shape }) => shape.kind === 'note')?.text).toBe('written offline');
    expect(stored.some(({ box }) => box.x === 200 && box.y === 300)).toBe(true);
    const late = await join(browser, shared, 'Jonas');
    await has(late, 5);
    for (const page of [ada, mira, late])
      for (const [x, y] of [
        [400, 250],
        [300, 550],
        [650, 200],
      ] as const)
        await painted(page, x, y);
  });

  test('fingers: one draws, two move and zoom and leave nothing behind', async () => {
    const shared = onBoard(served());
    const page = await join(browser, shared, 'Ada', {
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
    });
    const session = await page.context().newCDPSession(page);
    const touch = (type: 'Start' | 'Move' | 'End', ...at: [number, number][]) =>
      session.send('Input.dispatchTouchEvent', {
        type: `touch${type}`,
        touchPoints: at.map(([x, y], id) => ({ x, y, id })),
      });
    await touch('Start', [100, 300]);
    for (let i = 1; i <= 10; i++) await touch('Move', [100 + i * 15, 300 + i * 5]);
    await touch('End');
    await has(page, 1);
    await painted(page, 175, 325);
    const [drawn] = await shared.read();
    expect(drawn?.box.w).toBeGreaterThan(140);
    await touch('Start', [160, 400]);
    await touch('Start', [160, 400], [250, 400]);
    for (let i = 1; i <= 9; i++) await touch('Move', [160 - i * 5, 400], [250 + i * 5, 400]);
    await touch('End');
    await until(() => scale(page)).toBeCloseTo(2, 1);
    await touch('Start', [200, 300], [250, 300]);
    for (let i = 1; i <= 5; i++) await touch('Move', [200, 300 + i * 20], [250, 300 + i * 20]);
    await touch('End');
    await until(() => scale(page)).toBeCloseTo(2, 1);
    await has(page, 1);
    // 100, 300 lay 105 left of the fingers' middle, and 100 above it.
    await painted(page, 205 - 105 * 2 + 5, 400 - 200 + 100 + 1);
    await page.getByRole('button', { name: 'Note' }).tap();
    await page.getByRole('button', { name: 'Note', pressed: true }).waitFor();
    await page.touchscreen.tap(200, 500);
    await field(page).fill('tapped');
    await until(() => texts(shared)).toEqual(['tapped']);
  });

  test('a pen keeps its width where it turns sharply', async () => {
    const page = await join(browser, onBoard(served()), 'Ada');
    const turn = (i: number): At => [300 + 10 * i, 500 + (i % 2) * 30];
    await page.keyboard.press('p');
    await page.mouse.move(...turn(0));
    await page.mouse.down();
    for (let i = 1; i <= 20; i++) await page.mouse.move(...turn(i));
    await page.mouse.up();
    await has(page, 1);
    await painted(page, 305, 515);
    const across = [...Array(20).keys()].flatMap((i) => {
      const [[x, y], [toX, toY]] = [turn(i), turn(i + 1)];
      const along = [0.1, 0.3, 0.5, 0.7, 0.9].map((part): At => [x + (toX - x) * part, y + (toY - y) * part]);
      return along.flatMap(([x, y]): At[] => [-1, 0, 1].map((aside) => [x + aside, y]));
    });
    expect(await blank(page, across)).toEqual([]);
  });

  test('the name at a pointer stays on the board, on whichever side there is room', async () => {
    const shared = onBoard(served());
    const phone = { viewport: { width: 390, height: 844 } };
    const [ada, mira] = await Promise.all([
      join(browser, shared, 'Ada', phone),
      join(browser, shared, 'Mira in the garden'),
    ]);
    const pointer = ada.locator('.pointer');
    const ends = async (): Promise<[pointer: number, name: number]> => {
      const [at, name] = [await pointer.boundingBox(), await pointer.locator('span').boundingBox()];
      return [Math.round(at?.x ?? 0), (name?.x ?? 0) + (name?.width ?? Infinity)];
    };
    await mira.mouse.move(375, 300);
    await until(async () => (await ends())[0]).toBe(375);
    expect((await ends())[1]).toBeLessThanOrEqual(390);
    await mira.mouse.move(100, 300);
    await until(async () => (await ends())[0]).toBe(100);
    expect((await ends())[1]).toBeGreaterThan(200);
  });

  test('a narrow window: nothing lies over the form that asks for a name, and what was left out comes back', async () => {
    const page = await openWindow(browser, { viewport: { width: 390, height: 844 } });
    await page.goto(`${onBoard(served()).url}/board/#narrow`);
    const fit = page.getByRole('button', { name: 'Show all' });
    await page.getByLabel('Your name').fill('Ada');
    expect(await fit.isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Join' }).click({ timeout: 5000 });
    await fit.waitFor();
    // One's own name stays in sight, however many are here.
    const shared = { url: new URL(page.url()).origin, name: 'narrow' };
    await Promise.all(['B', 'C', 'D', 'E'].map((name) => join(browser, shared, name)));
    await page.getByText('+2', { exact: true }).waitFor();
    const own = await page.getByRole('button', { name: 'Ada' }).boundingBox();
    expect((own?.x ?? Infinity) + (own?.width ?? Infinity)).toBeLessThanOrEqual(390);
  });

  test('keys: tools, all of it, moving, painting, stacking, copying, deleting, and back', async () => {
    const shared = onBoard(served());
    const page = await join(browser, shared, 'Ada');
    await pull(page, 'r', [300, 200], [400, 300]);
    await pull(page, 'o', [500, 200], [600, 300]);
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('ArrowDown');
    await until(() => corners(shared)).toEqual([
      [310, 201],
      [510, 201],
    ]);
    await page.getByRole('button', { name: 'red', exact: true }).click();
    await page.getByRole('button', { name: 'Thickness 3' }).click();
    await until(async () => (await shared.read()).map(({ shape }) => [shape.color, shape.size])).toEqual([
      ['red', 3],
      ['red', 3],
    ]);
    await page.keyboard.press('Escape');
    await page.mouse.click(360, 250);
    await page.keyboard.press(']');
    await until(() => corners(shared)).toEqual([
      [510, 201],
      [310, 201],
    ]);
    await page.keyboard.press('Control+d');
    await has(page, 3);
    await page.keyboard.press('Delete');
    await has(page, 2);
    await page.keyboard.press('Control+z');
    await has(page, 3);
    await page.keyboard.press('Control+y');
    await has(page, 2);
    await page.getByTitle('Open another board').click();
    await page.getByLabel('Open or begin a board').fill('Büro & Garten');
    await page.keyboard.press('Enter');
    await has(page, 0);
    await page.getByRole('img', { name: 'Board buro-garten' }).waitFor();
    await page.goBack();
    await has(page, 2);
  });

  test('what is repainted piece by piece while others edit is what a newcomer sees', async () => {
    const shared = onBoard(served());
    const page = await join(browser, shared, 'Ada');
    const placeOf = (i: number): At => [40 + ((i * 337) % 1000), 80 + ((i * 211) % 500)];
    await shared.write((board) => {
      for (let i = 0; i < 90; i++) {
        const [x, y] = placeOf(i);
        const [shape, ink] = oneOf(i);
        const id = board.add({ ...shape, x, y, size: ([1, 2, 3] as const)[i % 3] ?? 1 }, ink);
        board.write(() => board.text(id)?.insert(0, `Note ${i} with words`));
      }
    });
    await has(page, 90);
    await shared.write((board) => {
      for (const [i, id] of [...board.ids()].entries()) {
        const from = board.get(id)?.box ?? square;
        const [x, y] = placeOf(i * 7 + 3);
        if (i % 5 === 0) board.remove([id]);
        else if (i % 5 === 1) board.map([id], from, { x, y, w: from.w * 1.3, h: from.h * 0.7 });
        else if (i % 5 === 2) board.restack([id], i % 2 ? 'front' : 'back');
        else if (i % 5 === 3) board.style([id], { color: 'red', size: 3 });
      }
    });
    await has(page, 72);
    await page.mouse.move(640, 400);
    await page.mouse.wheel(300, 200);
    await page.mouse.wheel(-300, -200);
    const late = await join(browser, shared, 'Mira');
    await has(late, 72);
    await until(async () => differing(page, late)).toBe(0);
  });

  test('5,000 shapes: all of them are there, and moving, zooming and drawing stay fluid', async () => {
    const shared = onBoard(served());
    const page = await join(browser, shared, 'Ada');
    await shared.write((board) => {
      for (let i = 0; i < 5000; i++) board.add(...oneOf(i));
    });
    await has(page, 5000);
    await page.keyboard.press('1');
    await painted(page, 640, 400);
    expect(await medianFrame(page, 'wheel', { deltaX: 5, deltaY: 3 })).toBeLessThan(100);
    expect(await medianFrame(page, 'wheel', { deltaY: -4, ctrlKey: true })).toBeLessThan(100);
    expect(await medianFrame(page, 'wheel', { deltaX: 25, deltaY: 20 })).toBeLessThan(100);
    await page.keyboard.press('p');
    await page.mouse.move(300, 300);
    await page.mouse.down();
    expect(await medianFrame(page, 'pointermove', { pointerId: 1 })).toBeLessThan(100);
    await page.mouse.up();
    await has(page, 5001);
    await page.keyboard.press('Control+z');
    await has(page, 5000);
  });

  test('a board that is replaced on the server: the page goes on with the new one, and brings back what only the old had', async () => {
    const { url, server } = await inProcess(channels);
    const page = await join(browser, { url }, 'Ada');
    await pull(page, 'r', [300, 200], [400, 300]);
    await page.getByText('Saved', { exact: true }).waitFor();
    await server.replaceDoc('board/team', (fresh: Doc) => {
      const board = new Board(fresh);
      board.add({ ...square, kind: 'ellipse', x: 600 });
      board.destroy();
    });
    await painted(page, 600, 240);
    await painted(page, 300, 250, false);
    await page.getByRole('button', { name: 'Bring back 1 shape' }).click();
    await has(page, 2);
    await painted(page, 300, 250);
    await page.getByText('Saved', { exact: true }).waitFor();
    await page.keyboard.press('Control+z');
    await has(page, 1);
    await pull(page, 'r', [300, 400], [400, 500]);
    const kinds = async (): Promise<string[]> => {
      const { shapes } = (await server.readDoc('board/team')) as { shapes: Record<string, Shape> };
      return Object.values(shapes).map(({ kind }) => kind);
    };
    await until(async () => (await kinds()).sort()).toEqual(['ellipse', 'rectangle']);
  });

  test('who may only look is told so, and keeps nothing that the others do not have', async () => {
    const looking = doc({ anonymous: ['subscribe', 'presence'] });
    const { url, server } = await inProcess(defineChannels({ 'board/:id': looking }));
    await server.withDoc('board/team', (shared: Doc) => {
      const board = new Board(shared);
      board.add(square);
      board.destroy();
    });
    const page = await join(browser, { url }, 'Ada', {}, /You may not publish/);
    await has(page, 1);
    await pull(page, 'r', [600, 200], [700, 300]);
    await page.getByText('Read only', { exact: true }).waitFor();
    await has(page, 1);
    await painted(page, 600, 250, false);
    await pull(page, 'r', [600, 500], [700, 500]);
    await painted(page, 400, 250);
    await has(page, 1);
    expect(await page.getByRole('button', { name: 'Pen' }).isDisabled()).toBe(true);
  });
});

/** Looks again and again, for as long as a busy machine may take. */
function until<T>(look: () => T) {
  return expect.poll(look, { timeout: 20_000 });
}

/** A board that no other test draws on. */
interface Shared extends Served {
  readonly name: string;
  /** Edits the board as somebody else. */
  write(edit: (board: Board) => void): Promise<void>;
  /** What is stored of it, the lowest shape first. */
  read(): Promise<Placed[]>;
}

let boards = 0;

function onBoard({ url }: Served, name = `team-${++boards}`): Shared {
  const client = createClient<typeof channels>({ url: `${url}/sync` });
  const channel = client.doc(`board/${name}`);
  const board = new Board(channel.doc);
  const write = (edit: (board: Board) => void): Promise<void> => {
    edit(board);
    return channel.whenSynced();
  };
  const read = async (): Promise<Placed[]> => {
    await channel.whenSynced();
    return board.all();
  };
  onTestFinished(() => client.close());
  return { url, name, write, read };
}

/** A server in this process, whose board a test can change from behind. */
async function inProcess(contract: Contract): Promise<{ url: string; server: Server<Contract> }> {
  const server = createServer({ channels: contract, broker: memory(), authenticate: () => ({ user: null }) });
  const http = createHttpServer((request, response) => void answer(request, response));
  server.attach(http);
  http.listen(0, 'localhost');
  await once(http, 'listening');
  onTestFinished(async () => {
    await server.close();
    http.closeAllConnections();
    http.close();
  });
  return { url: `http://localhost:${(http.address() as AddressInfo).port}`, server };
}

/** A person: a window of their own, with a name. */
async function join(
  browser: Browser,
  { url, name: board = 'team' }: Served & Partial<Shared>,
  name: string,
  options?: BrowserContextOptions,
  expected?: RegExp,
): Promise<Page> {
  const page = await openWindow(browser, options, expected);
  await page.goto(`${url}/board/#${board}`);
  await page.getByLabel('Your name').fill(name);
  await page.keyboard.press('Enter');
  await page.getByText('Saved', { exact: true }).waitFor();
  return page;
}

/** From now on this person's page comes from here, so that it can be loaded while the server is dead. */
async function keepFiles(context: BrowserContext, { url }: Served): Promise<void> {
  const files = new Map<string, { body: Buffer; contentType: string }>();
  for (const path of ['/board/', '/board/main.js', '/board/board.css', '/board/icon.svg']) {
    const response = await fetch(url + path);
    const contentType = response.headers.get('content-type') ?? '';
    files.set(path, { body: Buffer.from(await response.arrayBuffer()), contentType });
  }
  // A page that comes from nowhere may not talk to this machine otherwise.
  await context.grantPermissions(['local-network-access']);
  await context.route(`${url}/board/**`, (route) =>
    route.fulfill(files.get(new URL(route.request().url()).pathname) ?? { status: 404 }),
  );
}

type At = readonly [x: number, y: number];

async function drag(page: Page, from: At, to: At): Promise<void> {
  await page.mouse.move(...from);
  await page.mouse.down();
  await page.mouse.move(...to, { steps: 4 });
  await page.mouse.up();
}

/** Draws a shape with the tool of a letter, and lets go of it. */
async function pull(page: Page, letter: string, from: At, to: At): Promise<void> {
  await page.keyboard.press(letter);
  await drag(page, from, to);
  await page.keyboard.press('Escape');
}

async function note(page: Page, at: At, text: string): Promise<void> {
  await page.keyboard.press('n');
  await page.mouse.click(...at);
  await page.keyboard.type(text);
  await page.keyboard.press('Escape');
}

function field(page: Page): Locator {
  return page.getByLabel('Text of the note');
}

/** Resolves when the page shows so many shapes. */
function has(page: Page, count: number): Promise<void> {
  const name = new RegExp(`, ${count} shapes?$`);
  return page.getByRole('img', { name }).waitFor();
}

/** Resolves when something is painted at a place of the window, or nothing is. */
async function painted(page: Page, x: number, y: number, something = true): Promise<void> {
  await page.waitForFunction(
    ([x, y, something]) => {
      const alphas = [...document.querySelectorAll('canvas')].map((canvas) => {
        const ratio = canvas.width / canvas.clientWidth;
        return canvas.getContext('2d')?.getImageData(x * ratio, y * ratio, 1, 1).data[3] ?? 0;
      });
      return alphas.some((alpha) => alpha > 0) === something;
    },
    [x, y, something] as const,
    { polling: 50 },
  );
}

/** Those of some places of the window where nothing is painted on the board. */
function blank(page: Page, places: readonly At[]): Promise<readonly At[]> {
  return page.evaluate((all) => {
    const canvas = document.querySelector('canvas');
    const [context, ratio] = [canvas?.getContext('2d'), (canvas?.width ?? 0) / (canvas?.clientWidth ?? 1)];
    return all.filter(([x, y]) => !context?.getImageData(x * ratio, y * ratio, 1, 1).data[3]);
  }, places);
}

/** What is painted of the board, pointers and selections left out, as the mean of each 4 by 4 pixels: edges may differ a little. */
async function picture(page: Page): Promise<Buffer> {
  // As one text: a list of numbers takes seconds on its way here.
  const text = await page.evaluate(() => {
    const canvas = document.querySelector('canvas');
    const [width, height] = [(canvas?.width ?? 0) / 4, (canvas?.height ?? 0) / 4];
    const small = Object.assign(document.createElement('canvas'), { width, height }).getContext('2d');
    if (!canvas || !small) return '';
    small.fillRect(0, 0, width, height);
    small.drawImage(canvas, 0, 0, width, height);
    const bytes = small.getImageData(0, 0, width, height).data;
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  });
  return Buffer.from(text, 'base64');
}

async function differing(one: Page, other: Page): Promise<number> {
  const [a, b] = await Promise.all([picture(one), picture(other)]);
  expect(a.length).toBeGreaterThan(0);
  return a.filter((value, i) => Math.abs(value - (b[i] ?? 0)) > 8).length;
}

function scale(page: Page): Promise<number> {
  return page
    .locator('.world')
    .evaluate((world: HTMLElement) => 1 / Number(world.style.getPropertyValue('--unscale')));
}

async function texts(server: Shared): Promise<string[]> {
  return (await server.read()).flatMap(({ shape, text }) => (shape.kind === 'note' ? [text] : []));
}

async function corners(server: Shared): Promise<At[]> {
  return (await server.read()).map(({ box }) => [box.x, box.y]);
}

/** A board as people fill it: strokes, forms and notes beside and over each other. */
function oneOf(i: number): [Shape, number[]] {
  const kinds: Kind[] = ['stroke', 'rectangle', 'ellipse', 'arrow', 'note', 'stroke'];
  const kind = kinds[i % 6] ?? 'stroke';
  const shape = { ...square, kind, x: (i * 7919) % 9000, y: (i * 104729) % 6000 };
  if (kind !== 'stroke') return [shape, []];
  const ink = Array.from(
    { length: 180 },
    (_, n) => [n * 8, Math.round(Math.sin(n / 20) * 300), 0][n % 3] ?? 0,
  );
  return [{ ...shape, w: 1, h: 1 }, ink];
}

/** Half of the frames come sooner than this, in ms, while each brings one event. */
function medianFrame(page: Page, type: 'wheel' | 'pointermove', init: object): Promise<number> {
  return page.evaluate(
    ([type, init]) =>
      new Promise<number>((resolve) => {
        const target = document.querySelector('.board');
        const times: number[] = [];
        const step = (time: number): void => {
          const gaps = times.map((each, i) => (times[i + 1] ?? time) - each).sort((a, b) => a - b);
          if (times.push(time) > 30) return resolve(gaps[15] ?? Number.POSITIVE_INFINITY);
          const place = {
            clientX: 300 + times.length * 8,
            clientY: 300 + (times.length % 7) * 9,
            bubbles: true,
          };
          const Event = type === 'wheel' ? WheelEvent : PointerEvent;
          target?.dispatchEvent(new Event(type, { ...place, cancelable: true, ...init }));
          requestAnimationFrame(step);
        };
        requestAnimationFrame(step);
      }),
    [type, init] as const,
  );
}
