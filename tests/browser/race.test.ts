/**
 * The race example in a real Chromium: the same news come by all four transports, and after the network was cut each reader goes on where
 * it was. What counts is what the page says: nothing missing, nothing doubled, and a WebSocket that costs least.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { noBrowser, openBrowser } from './chromium.ts';

const script = fileURLToPath(new URL('../../examples/race/run.ts', import.meta.url));
const patience = { timeout: 60_000 };
const lanes = ['polling', 'long polling', 'SSE', 'WebSocket'];

/** Starts the race as `npm run race` does; resolves with its address. */
async function start(): Promise<string> {
  const child: ChildProcess = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  onTestFinished(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  });
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
  await expect.poll(() => said, patience).toMatch(/http:\S+\/race\/ /);
  return /http:\S+/.exec(said)?.[0] ?? '';
}

async function told(page: Page, lane: string, what: 'news' | 'missing'): Promise<number> {
  return Number(await page.getByRole('article', { name: lane, exact: true }).getAttribute(`data-${what}`));
}

async function allGoOn(page: Page): Promise<void> {
  const goesOn = async (lane: string): Promise<void> => {
    const had = await told(page, lane, 'news');
    await expect.poll(() => told(page, lane, 'news'), patience).toBeGreaterThan(had + 5);
  };
  await Promise.all(lanes.map(goesOn));
}

describe.skipIf(noBrowser)('the race in Chromium', { timeout: 180_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  /** A page that is closed with its test: its runners would be drawn sixty times a second beside the next. */
  async function open(url: string): Promise<Page> {
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    await page.goto(url);
    return page;
  }

  test('while other windows are open, the page says that figures are of all of them', async () => {
    const url = await start();
    const page = await open(url);
    await expect.poll(() => told(page, 'WebSocket', 'news'), patience).toBeGreaterThan(0);
    const note = page.getByRole('note');
    expect(await note.count()).toBe(0);
    const other = await open(url);
    for (const each of [page, other])
      await expect.poll(() => each.getByRole('note').textContent(), patience).toMatch(/^2 windows are open/);
    await other.close();
    await expect.poll(() => note.count(), patience).toBe(0);
  });

  test('each transport brings all news, also after the network was cut', async () => {
    const page = await open(await start());
    await page.getByRole('slider').fill('5');
    await expect.poll(() => page.getByRole('status').textContent(), patience).toBe('10');
    await allGoOn(page);
    await page.getByRole('button').click();
    await expect.poll(() => page.locator('article.down').count(), patience).toBe(lanes.length);
    await expect.poll(() => page.locator('article.down').count(), patience).toBe(0);
    await allGoOn(page);
    for (const lane of lanes) expect(await told(page, lane, 'missing'), lane).toBe(0);
    const bytes = await page.locator('dl div:has(dt:text-is("bytes")) dd').allTextContents();
    const counted = bytes.map((text) => Number.parseFloat(text) * (text.endsWith('kB') ? 1000 : 1));
    expect(counted).toHaveLength(lanes.length);
    expect(Math.min(...counted)).toBe(counted[lanes.indexOf('WebSocket')]);
  });
});
