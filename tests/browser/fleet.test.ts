/**
 * The fleet example in a real Chromium: what it loads, that couriers move and only where fixes come, what is subscribed to while the
 * map moves, the page of one order, and a server that is killed. Every wait is for something that the page shows or sends.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noBrowser, openBrowser } from './chromium.ts';
import { openWindow, runForAll, type Served } from './examples.ts';

type Bbox = readonly [west: number, south: number, east: number, north: number];

describe.skipIf(noBrowser)('the fleet in Chromium', { timeout: 180_000 }, () => {
  let browser: Browser;
  const served = runForAll();
  beforeAll(async () => {
    browser = await openBrowser({ webgl: true });
  });
  afterAll(() => browser?.close());

  /** One window for all tests of a `describe`: drawing the map for the first time is most of what each of them costs. */
  function openForAll(hash: string): () => Opened {
    let opened: Opened | undefined;
    let close = async (): Promise<void> => {};
    beforeAll(async () => {
      opened = await open(browser, served(), hash, (closing) => {
        close = closing;
      });
    }, 60_000);
    afterAll(() => close());
    return () => {
      if (!opened) throw new Error('There is no window.');
      return opened;
    };
  }

  describe('the map of all', () => {
    const open = openForAll('');

    test('the map is drawn and couriers ride on it, with nothing asked of anybody else', async () => {
      const server = at(served());
      const { page, requests } = open();
      const { seen, all } = await counted(page);
      expect(all).toBe(500);
      expect(seen).toBeLessThan(all);
      const pictures = new Set<string>();
      await expect.poll(async () => pictures.add(await overlay(page)).size, patience).toBeGreaterThan(5);
      await page.getByText('Live', { exact: true }).waitFor();
      expect(requests.filter((url) => new URL(url).host !== new URL(server.url).host)).toEqual([]);
      expect(requests.map((url) => new URL(url).pathname)).toContain('/fleet/worker.js');
    });

    test('[V5] one view moves with the map, and is sent what is on the screen only', async () => {
      const { page, views, told } = open();
      // Some hundred are on the screen, once all have told where they are.
      await expect.poll(async () => (await counted(page)).seen, patience).toBeGreaterThan(60);
      await page.getByRole('button', { name: 'Zoom in' }).click();
      await page.getByRole('button', { name: 'Zoom in' }).click();
      await expect.poll(async () => (await counted(page)).seen, patience).toBeLessThan(30);
      const box = views.at(-1)?.bbox;
      if (!box) throw new Error('The view has no bbox.');
      await page.mouse.move(600, 400);
      await page.mouse.down();
      await page.mouse.move(140, 300, { steps: 12 });
      await page.mouse.up();
      await expect.poll(() => views.at(-1)?.bbox?.[0], patience).toBeGreaterThan(box[0]);
      // The first opens the view, all others move it.
      expect(new Set(views.slice(1).map(({ id }) => id)).size).toBe(1);
      expect([views[0]?.id, views[1]?.id === 0]).toEqual([0, false]);
      const asked = views.length;
      told.length = 0;
      await expect.poll(() => told.length, patience).toBeGreaterThan(20);
      // Fixes on their way when the view moved lie in the box of before.
      const boxes = views.slice(asked - 3).flatMap(({ bbox }) => (bbox ? [bbox] : []));
      expect(told.filter(({ lng, lat }) => !boxes.some((one) => holds(one, lng, lat)))).toEqual([]);
    });

    test('a server that is killed takes nobody off the map, and goes on when it is back', async () => {
      const server = served();
      const { page } = open();
      // Many, of whom a few that ride out of sight until then are no matter, however near the map was looked at before.
      await page.getByRole('button', { name: 'Zoom out' }).click();
      await page.getByRole('button', { name: 'Zoom out' }).click();
      await expect.poll(async () => (await counted(page)).seen, patience).toBeGreaterThan(60);
      const { seen } = await counted(page);
      await server.kill();
      await page.getByText(/^Offline since .+: nobody moves until it is back$/).waitFor();
      await page.getByRole('button', { name: 'Try now' }).waitFor();
      const still = await restful(page);
      expect(still).not.toBe('');
      // Those of whom nothing is known are hollow on the map.
      const filled = await page.locator('.legend li').evaluateAll((all) =>
        all.map((item) => {
          const { fill, stroke } = getComputedStyle(item.querySelector('path') ?? item);
          return [item.textContent, fill === stroke];
        }),
      );
      expect(filled).toEqual([
        ['riding', true],
        ['at a stop', true],
        ['no position for 10 s', false],
        ['offline', false],
      ]);
      expect((await counted(page)).seen).toBeGreaterThan(seen / 2);
      await server.restart();
      await page.getByText('Live', { exact: true }).waitFor({ timeout: 30_000 });
      await expect.poll(() => overlay(page), patience).not.toBe(still);
    });
  });

  describe('an order', () => {
    const open = openForAll('#order/mira');

    test('an order page follows one courier by its own fixes, and says how old they are', async () => {
      const server = at(served());
      const { page, told } = open();
      await page.getByText('No position yet').waitFor();
      const spot = { lat: 55.2, lng: 6.9 };
      await server.fix('mira', { ...spot, heading: 0, speed: 5 });
      await page.getByRole('heading', { name: 'On the way' }).waitFor();
      await page.getByText(/^Heading north.* at 18 km\/h\.$/).waitFor();
      await server.fix('mira', { ...spot, heading: 0, speed: 0 });
      await page.getByRole('heading', { name: 'Standing still' }).waitFor();
      expect(new Set(told.map(({ key }) => key))).toEqual(new Set(['mira']));
      await server.post('trail/mira', { lat: 55.196, lng: 6.9 });
      await server.post('trail/mira', { lat: 55.198, lng: 6.9 });
      // From corner to corner, and on to where the courier is.
      await page.getByText(/^450 m in /).waitFor();
      await page.getByRole('link', { name: 'All couriers' }).click();
      expect((await counted(page)).seen).toBeGreaterThan(0);
    });

    test('nobody moves without a fix, is marked after ten seconds, and is offline when the server says so', async () => {
      const server = at(served());
      const { page } = open();
      await page.evaluate(() => {
        location.hash = '#order/noor';
      });
      const south = { lat: 55.2, lng: 6.9, heading: 0, speed: 5 };
      // Ahead of the server's clock, so that they aren't old before the picture was looked at.
      const ahead = () => ({ at: Date.now() + 120_000 });
      await server.fix('noor', south, ahead());
      await page.getByRole('heading', { name: 'On the way' }).waitFor();
      await page.getByRole('button', { name: 'Following' }).click();
      const early = await restful(page);
      await server.fix('noor', { ...south, lat: 55.2004 }, ahead());
      await expect.poll(() => overlay(page), patience).not.toBe(early);
      const there = await restful(page);
      expect(there).not.toBe(early);
      expect(await frames(page, 40)).toEqual(new Set([there]));
      await server.fix('noor', { ...south, lat: 55.2008 });
      await page.getByRole('heading', { name: /^No position for 1\d s$/ }).waitFor({ timeout: 30_000 });
      expect(
        (await server.post('fleet/city', ['set', 'noor', south, { at: Date.now() - 60_000 }])).status,
      ).toBe(409);
      await server.fix('noor', south, { ttlMs: 1000 });
      await page.getByRole('heading', { name: 'Offline' }).waitFor({ timeout: 30_000 });
    });
  });
});

const patience = { timeout: 60_000, interval: 100 };

interface Server extends Served {
  /** Publishes by plain HTTP. */
  post(channel: string, payload: unknown): Promise<Response>;
  fix(courier: string, fix: object, options?: object): Promise<void>;
}

function at({ url }: Served): Server {
  const post = (channel: string, payload: unknown): Promise<Response> =>
    fetch(`${url}/sync/publish/${channel}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(payload),
    });
  const fix = async (courier: string, value: object, options: object = {}): Promise<void> => {
    const given = { at: Date.now(), ...options };
    expect((await post('fleet/city', ['set', courier, value, given])).status).toBe(200);
  };
  return { url, post, fix };
}

type Opened = Awaited<ReturnType<typeof open>>;

/** A window on the fleet: what it asks for, and what it is told. */
async function open(
  browser: Browser,
  { url }: Served,
  hash: string,
  atEnd: (close: () => Promise<void>) => void,
) {
  // Half as fine as any screen: the map is drawn by the processor, and nothing that is looked for needs more.
  const small = { viewport: { width: 900, height: 640 }, deviceScaleFactor: 0.5 };
  const page = await openWindow(browser, small, undefined, atEnd);
  const requests: string[] = [];
  const views: { readonly id: number; readonly bbox?: Bbox }[] = [];
  const told: { readonly key: string; readonly lat: number; readonly lng: number }[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => {
      const [type, , , id, filter] = JSON.parse(String(payload));
      if (type === 'view' && filter) views.push({ id, ...filter });
    });
    socket.on('framereceived', ({ payload }) => {
      const [type, , , , rows] = JSON.parse(String(payload));
      if (type === 'seen') for (const [key, { lat, lng }] of rows) told.push({ key, lat, lng });
    });
  });
  await page.goto(`${url}/fleet/${hash}`);
  return { page, requests, views, told };
}

/** What the count says, once it counts somebody. */
async function counted(page: Page): Promise<{ seen: number; all: number }> {
  const line = page.getByText(/^You see [1-9]\d* of \d+ couriers$/);
  await line.waitFor({ timeout: 60_000 });
  const [seen = 0, all = 0] = (await line.textContent())?.match(/\d+/g)?.map(Number) ?? [];
  return { seen, all };
}

/** What is drawn over the map, as a short text; empty where nothing is. */
function overlay(page: Page): Promise<string> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('canvas.couriers');
    const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    let [hash, some] = [0, false];
    for (const byte of pixels) {
      hash = (Math.imul(hash, 31) + byte) | 0;
      some ||= byte !== 0;
    }
    return some ? String(hash) : '';
  });
}

/** What is drawn once nothing moves. */
async function restful(page: Page): Promise<string> {
  let drawn = '';
  await expect
    .poll(
      async () => {
        const pictures = await frames(page, 30);
        drawn = [...pictures].join();
        return pictures.size;
      },
      { timeout: 60_000, interval: 10 },
    )
    .toBe(1);
  return drawn;
}

/** All that is drawn in the next so many frames of the page. */
async function frames(page: Page, count: number): Promise<Set<string>> {
  const pictures = new Set<string>();
  for (let i = 0; i < count; i += 10) {
    await page.evaluate(async () => {
      for (let n = 0; n < 10; n++) await new Promise((resolve) => requestAnimationFrame(resolve));
    });
    pictures.add(await overlay(page));
  }
  return pictures;
}

function holds([west, south, east, north]: Bbox, lng: number, lat: number): boolean {
  return lng >= west && lng <= east && lat >= south && lat <= north;
}
