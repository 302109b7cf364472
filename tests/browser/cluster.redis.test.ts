/**
 * The cluster example in a real Chromium: a Redis and three nodes as processes, two windows, and the node of each killed by the page's
 * own button. What counts is the account on the page: nothing missing, nothing doubled, and the windows are elsewhere.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { noBrowser, openBrowser } from './chromium.ts';

const script = fileURLToPath(new URL('../../examples/cluster/run.ts', import.meta.url));
const patience = { timeout: 60_000 };

/** Starts the cluster as `npm run cluster` does; resolves with its address. */
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
  await expect.poll(() => said, patience).toMatch(/http:\S+\/cluster\/ /);
  return /http:\S+/.exec(said)?.[0] ?? '';
}

/** The node that a window is on; empty while it is on none. */
const nodeOf = (page: Page) => page.getByRole('status').getAttribute('data-node');

/** A figure of the account. */
async function figure(page: Page, label: string): Promise<number> {
  const text = await page
    .locator('dl div', { has: page.getByText(label, { exact: true }) })
    .locator('dd')
    .textContent();
  return Number.parseInt(text ?? '', 10);
}

describe.skipIf(noBrowser)('the cluster in Chromium', { timeout: 180_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  test('a window whose node is killed goes on at another, and misses nothing', async () => {
    const url = await start();
    const pages = [await browser.newPage(), await browser.newPage()];
    for (const page of pages) await page.goto(url);
    for (const page of pages) {
      await expect.poll(() => nodeOf(page), patience).toMatch(/amber|blue|coral/);
      await expect.poll(() => figure(page, 'messages'), patience).toBeGreaterThan(5);
    }
    const [first, second] = pages;
    if (!first || !second) throw new Error('There are no pages.');
    for (let kills = 0; kills < 2; kills++) {
      const before = await nodeOf(first);
      await first
        .getByRole('article')
        .filter({ has: first.getByRole('heading', { name: before ?? '' }) })
        .getByRole('button')
        .click();
      await expect.poll(() => nodeOf(first), patience).not.toBe(before);
      await expect.poll(() => nodeOf(first), patience).toMatch(/amber|blue|coral/);
      for (const page of pages) {
        const had = await figure(page, 'messages');
        await expect.poll(() => figure(page, 'messages'), patience).toBeGreaterThan(had + 10);
      }
    }
    for (const page of pages)
      expect([await figure(page, 'missing'), await figure(page, 'doubled')]).toEqual([0, 0]);
    // The windows of others are seen too, on whichever node.
    await expect.poll(() => first.getByTitle('Another window').count(), patience).toBeGreaterThan(0);
    await expect.poll(() => second.locator('article.down').count(), patience).toBe(0);
    await first.getByText(/A window at that node;/).waitFor();
    // With the last node goes what the page knows: it says so, and offers nothing that it can't do.
    for (const name of ['amber', 'blue', 'coral'])
      await second.evaluate((node) => fetch(`/cluster/kill/${node}`, { method: 'POST' }), name);
    await expect.poll(() => second.getByText('not known without a connection').count(), patience).toBe(3);
    expect(await second.getByRole('button', { disabled: false }).count()).toBe(0);
    await expect.poll(() => second.getByText(/^process \d+$/).count(), patience).toBe(3);
  });
});
