/**
 * Documents kept in a real Chromium's IndexedDB, with pages that are reloaded, closed and opened beside each other, and a server that
 * goes away and comes back. Every wait is for something that the page, or its database, shows.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { defineChannels, doc } from '@syncline/protocol';
import { type Broker, createServer, disk, memory } from '@syncline/server';
import { build } from 'esbuild';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { noBrowser, openBrowser } from './chromium.ts';
import type { Tab } from './doc.fixture.ts';

declare const tab: Tab;

const channels = defineChannels({ 'board/:id': doc() });

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-page-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The page and its scripts, on a port of their own: they are there whether or not the server is. */
async function site(): Promise<{ readonly port: number; readonly close: () => void }> {
  const { outputFiles } = await build({
    entryPoints: [new URL('./doc.fixture.ts', import.meta.url).pathname],
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    outdir: 'out',
    write: false,
  });
  const scripts = new Map(outputFiles.map(({ path, text }) => [`/${basename(path)}`, text]));
  const http = createHttpServer(({ url = '' }, response) => {
    const script = scripts.get(url);
    const type = script === undefined ? 'text/html' : 'text/javascript';
    response.writeHead(200, { 'Content-Type': type });
    response.end(script ?? '<script type="module" src="/doc.fixture.js"></script>');
  });
  http.listen(0, 'localhost');
  await once(http, 'listening');
  const close = () => {
    http.closeAllConnections();
    http.close();
  };
  return { port: (http.address() as AddressInfo).port, close };
}

describe.skipIf(noBrowser)('documents in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  let pages: Awaited<ReturnType<typeof site>>;
  beforeAll(async () => {
    [browser, pages] = await Promise.all([openBrowser(), site()]);
  });
  afterAll(async () => {
    pages?.close();
    await browser?.close();
  });

  async function serve(port = 0, broker: Broker = memory(), seed?: string) {
    const server = createServer({
      channels,
      broker,
      authenticate: () => ({ user: null, capabilities: { '*': ['*'] } }),
      originsAllowed: [`http://localhost:${pages.port}`],
      ...(seed !== undefined && { seed: (_, d) => d.getText('text').insert(0, seed) }),
    });
    onTestFinished(() => server.close({ drainMs: 0 }));
    return { server, port: (await server.listen(port)).port };
  }

  /** A browser with a database of its own. */
  async function profile(): Promise<BrowserContext> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    return context;
  }

  async function open(context: BrowserContext, port: number): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`http://localhost:${pages.port}/?port=${port}`);
    await page.waitForFunction(() => 'tab' in window);
    return page;
  }

  async function reload(page: Page): Promise<void> {
    await page.reload();
    await page.waitForFunction(() => 'tab' in window);
  }

  const kept = (page: Page, expected: Partial<Awaited<ReturnType<Tab['kept']>>>) =>
    expect.poll(() => page.evaluate(() => tab.kept()), { timeout: 20_000 }).toMatchObject(expected);
  const says = (page: Page, text: string) => page.evaluate((wanted) => tab.says(wanted), text);
  const type = (page: Page, text: string) => page.evaluate((typed) => tab.type(typed), text);
  const reach = (page: Page, state: string, unsaved = 0) =>
    page.evaluate(([wanted, left]) => tab.reach(wanted, left), [state, unsaved] as const);
  const faults = (page: Page) => page.evaluate(() => tab.errors);

  test('a reload without a server shows the document with its edits, and sends them when there is one', async () => {
    const dir = folder();
    const { server, port } = await serve(0, disk({ dir }));
    const page = await open(await profile(), port);
    await type(page, 'stored');
    await reach(page, 'synced');
    await kept(page, { edits: 0, offset: 1 });
    await server.close({ drainMs: 0 });
    await reach(page, 'offline');
    for (const letter of ' work') await type(page, letter);
    await kept(page, { edits: 5, offset: 1 });
    await reload(page);
    await page.evaluate(() => tab.loaded());
    expect(await page.evaluate(() => [tab.text(), tab.sync().unsaved])).toEqual(['stored work', 5]);
    await type(page, '!');
    await kept(page, { edits: 2 });
    await reload(page);
    const { server: again } = await serve(port, disk({ dir }));
    await reach(page, 'synced');
    expect(await page.evaluate(() => tab.text())).toBe('stored work!');
    expect(await again.readDoc('board/a')).toEqual({ text: 'stored work!' });
    // One entry for what was there before, and one for all that was done without a network: nothing was sent twice.
    await kept(page, { edits: 0, offset: 2 });
    expect(await faults(page)).toEqual([]);
  });

  test('after a reload only what is new is read: the copy goes on from where it was', async () => {
    const { server, port } = await serve();
    const page = await open(await profile(), port);
    for (const word of ['one ', 'two ', 'three']) {
      await type(page, word);
      await reach(page, 'synced');
    }
    await kept(page, { log: 3, offset: 3 });
    await reload(page);
    await reach(page, 'synced');
    const before = server.metrics.entriesSent;
    await reload(page);
    await reach(page, 'synced');
    expect(await page.evaluate(() => tab.text())).toBe('one two three');
    expect(server.metrics.entriesSent).toBe(before);
    await server.withDoc('board/a', (d) => d.getText('text').insert(0, 'zero '));
    await says(page, 'zero one two three');
    await kept(page, { log: 4, offset: 4 });
  });

  test('two tabs on one database: each sees to its own edits, and neither loses any when the other goes', async () => {
    const dir = folder();
    const { server, port } = await serve(0, disk({ dir }));
    const context = await profile();
    const [one, two] = [await open(context, port), await open(context, port)];
    await type(one, 'base');
    await says(two, 'base');
    await Promise.all([reach(one, 'synced'), reach(two, 'synced')]);
    await kept(one, { edits: 0, offset: 1 });
    await server.close({ drainMs: 0 });
    await Promise.all([reach(one, 'offline'), reach(two, 'offline')]);
    await type(one, ' one');
    await type(two, ' two');
    await kept(one, { edits: 2 });
    // While the first lives, the second takes its own edits again and nobody else's.
    await reload(two);
    await two.evaluate(() => tab.loaded());
    expect(await two.evaluate(() => [tab.text(), tab.sync().unsaved])).toEqual(['base two', 1]);
    expect(await one.evaluate(() => tab.kept())).toMatchObject({ edits: 2 });
    // When the first is gone, whoever comes next sees to what it left.
    await one.close();
    const three = await open(context, port);
    await three.evaluate(() => tab.loaded());
    expect(await three.evaluate(() => [tab.text(), tab.sync().unsaved])).toEqual(['base one', 1]);
    const { server: again } = await serve(port, disk({ dir }));
    await Promise.all([reach(two, 'synced'), reach(three, 'synced')]);
    await expect
      .poll(() => again.readDoc('board/a'))
      .toEqual({ text: expect.stringMatching(/^base( one two| two one)$/) });
    const { text } = await again.readDoc('board/a');
    await Promise.all([says(two, String(text)), says(three, String(text))]);
    await kept(two, { edits: 0, offset: 3 });
  });

  test('two tabs where there are no locks: both see to all edits, none is lost and none is there twice', async () => {
    const dir = folder();
    const { server, port } = await serve(0, disk({ dir }));
    const context = await profile();
    await context.addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }));
    const one = await open(context, port);
    await type(one, 'base');
    await reach(one, 'synced');
    await kept(one, { edits: 0, offset: 1 });
    await server.close({ drainMs: 0 });
    await reach(one, 'offline');
    await type(one, ' one');
    await kept(one, { edits: 1 });
    const two = await open(context, port);
    await two.evaluate(() => tab.loaded());
    expect(await two.evaluate(() => tab.text())).toBe('base one');
    await type(two, ' two');
    await kept(two, { edits: 2 });
    const { server: again } = await serve(port, disk({ dir }));
    await Promise.all([reach(one, 'synced'), reach(two, 'synced')]);
    await Promise.all([says(one, 'base one two'), says(two, 'base one two')]);
    expect(await again.readDoc('board/a')).toEqual({ text: 'base one two' });
    await kept(one, { edits: 0 });
  });

  test('two tabs that write at once keep one copy, which the next one goes on from', async () => {
    const { server, port } = await serve();
    const context = await profile();
    const tabs = [await open(context, port), await open(context, port)];
    await Promise.all(tabs.map((page) => reach(page, 'synced')));
    await Promise.all(
      tabs.map(async (page, i) => {
        for (let n = 0; n < 20; n++) await type(page, String(i));
        await reach(page, 'synced');
      }),
    );
    const top = Number((await server.withDoc('board/a', (d) => d.getText('text').insert(0, '.')))?.offset);
    const [first] = tabs as [Page, Page];
    await kept(first, { edits: 0, log: top, offset: top });
    for (const page of tabs) await page.close();
    const next = await open(context, port);
    await next.evaluate(() => tab.loaded());
    expect(await next.evaluate(() => tab.text().length)).toBe(41);
    expect(await server.readDoc('board/a')).toEqual({ text: await next.evaluate(() => tab.text()) });
  });

  test('[Y5] a server that lost everything is given back what the page kept, edits of an earlier life too', async () => {
    const { server, port } = await serve();
    const page = await open(await profile(), port);
    await type(page, 'kept');
    await reach(page, 'synced');
    await kept(page, { edits: 0, offset: 1 });
    await server.close({ drainMs: 0 });
    await reach(page, 'offline');
    await type(page, ' more');
    await kept(page, { edits: 1 });
    await reload(page);
    const { server: again } = await serve(port);
    await reach(page, 'synced');
    expect(await again.readDoc('board/a')).toEqual({ text: 'kept more' });
    await kept(page, { edits: 0, offset: 1 });
  });

  test('[Y4] thinkroom #124: what was kept of a document that was made anew is not merged with the new one', async () => {
    const { server, port } = await serve(0, memory(), 'Title');
    const page = await open(await profile(), port);
    await reach(page, 'synced');
    await kept(page, { log: 1 });
    await server.close({ drainMs: 0 });
    await reach(page, 'offline');
    await type(page, ' by me');
    await kept(page, { edits: 1 });
    await reload(page);
    await serve(port, memory(), 'Other title');
    await says(page, 'Other title');
    expect(await page.evaluate(() => tab.replaced)).toEqual([{ reason: 'lineage', text: 'Title by me' }]);
    expect(await faults(page)).toEqual([expect.stringContaining('1 unsaved edits are not in it')]);
    await kept(page, { edits: 0, log: 1 });
    await reload(page);
    await says(page, 'Other title');
    expect(await page.evaluate(() => tab.replaced)).toEqual([]);
  });

  test('a log of hundreds of entries is kept as one record', async () => {
    const { port } = await serve();
    const page = await open(await profile(), port);
    await reach(page, 'synced');
    await page.evaluate(async () => {
      for (let i = 0; i < 250; i++) {
        tab.type(String(i % 10));
        await tab.reach('synced');
      }
    });
    await expect.poll(() => page.evaluate(async () => (await tab.kept()).log)).toBeLessThan(100);
    await reload(page);
    await page.evaluate(() => tab.loaded());
    expect(await page.evaluate(() => tab.text())).toHaveLength(250);
  });

  test('hours of work without a server are kept in few records', async () => {
    const { server, port } = await serve();
    const page = await open(await profile(), port);
    await reach(page, 'synced');
    await server.close({ drainMs: 0 });
    await reach(page, 'offline');
    await page.evaluate(() => {
      for (let i = 0; i < 3_000; i++) tab.type('x');
    });
    await expect.poll(() => page.evaluate(async () => (await tab.kept()).edits)).toBeLessThan(250);
    await reload(page);
    await page.evaluate(() => tab.loaded().catch(() => {}));
    await says(page, 'x'.repeat(3_000));
  });

  test('where nothing can be kept that is told, and the document goes on without', async () => {
    const { port } = await serve();
    const context = await profile();
    await context.addInitScript(() => {
      Object.defineProperty(window, 'indexedDB', {
        get: () => {
          throw new DOMException('The operation is insecure.', 'SecurityError');
        },
      });
    });
    const page = await open(context, port);
    await type(page, 'on');
    await reach(page, 'synced');
    expect(await faults(page)).toEqual([expect.stringMatching(/not kept on this machine.+insecure/)]);
  });

  test('a database that is deleted while it is used: told, and the document goes on without', async () => {
    const { server, port } = await serve();
    const page = await open(await profile(), port);
    await reach(page, 'synced');
    await page.evaluate(
      () =>
        new Promise<void>((resolve, reject) => {
          const deleting = indexedDB.deleteDatabase('syncline tests board/a');
          deleting.onsuccess = () => resolve();
          deleting.onblocked = () => reject(new Error('It is blocked.'));
        }),
    );
    await type(page, 'on');
    await reach(page, 'synced');
    expect(await server.readDoc('board/a')).toEqual({ text: 'on' });
    await expect.poll(() => faults(page)).toEqual([expect.stringContaining('not kept on this machine')]);
  });

  test('two pages that type into one text at once lose no letter, and both fields show the same', async () => {
    const { port } = await serve();
    const both = await Promise.all([0, 1].map(async () => open(await profile(), port)));
    await Promise.all(both.map((page) => page.evaluate(() => tab.loaded())));
    const letters = 60;
    await Promise.all(
      both.map((page, i) => page.locator('textarea').pressSequentially('ab'.charAt(i).repeat(letters))),
    );
    const shown = (page: Page | undefined) => page?.locator('textarea').inputValue() ?? '';
    await expect.poll(async () => (await shown(both[0])).length).toBe(2 * letters);
    await expect.poll(() => shown(both[1])).toBe(await shown(both[0]));
    expect((await shown(both[0])).replaceAll('b', '')).toHaveLength(letters);
  });
});
