/**
 * A real Chromium where WebSocket can't pass: behind a proxy that knows no upgrades, behind one that holds answers back until they are
 * whole, and in a page that has no WebSocket at all. The page's client goes on over plain HTTP, and remembers what worked.
 */
import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { defineChannels, stream } from '@syncline/protocol';
import { createServer, memory } from '@syncline/server';
import { build } from 'esbuild';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { noBrowser, openBrowser } from './chromium.ts';
import type { Tab } from './fallback.fixture.ts';

declare const tab: Tab;

const patience = { timeout: 20_000, interval: 20 };

async function scriptOf(): Promise<string> {
  const { outputFiles } = await build({
    ...{ entryPoints: [new URL('./fallback.fixture.ts', import.meta.url).pathname], write: false },
    ...{ bundle: true, format: 'esm', target: 'es2022' },
  });
  return outputFiles[0]?.text ?? '';
}

async function serve(originsAllowed: readonly string[] = []) {
  const server = createServer({
    channels: defineChannels({ 'chat/:room': stream() }),
    broker: memory(),
    originsAllowed,
    authenticate: ({ token }) => ({ user: token, capabilities: { '*': ['*'] } }),
    trustProxy: false,
  });
  onTestFinished(() => server.close({ drainMs: 0 }));
  return { server, port: (await server.listen(0)).port };
}

/** What asked the proxy: how many upgrades, and what was posted to open links. */
interface Seen {
  upgrades: number;
  readonly opened: string[];
}

/**
 * A proxy as some companies have them: it passes plain requests on, and ends what asks for an upgrade. One that `gathers` holds an answer back
 * until it is whole.
 */
async function proxy(target: number, script: string, gathers = false): Promise<Seen & { port: number }> {
  const seen: Seen = { upgrades: 0, opened: [] };
  const pass = (asked: IncomingMessage, answer: ServerResponse): void => {
    const { url = '', method, headers } = asked;
    const far = request({ host: 'localhost', port: target, path: url, method, headers }, (response) => {
      const begin = () => answer.writeHead(response.statusCode ?? 502, response.headers);
      if (!gathers) return void response.pipe(begin());
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => begin().end(Buffer.concat(chunks)));
    });
    far.on('error', () => answer.destroy());
    answer.on('close', () => far.destroy());
    asked.on('data', (chunk) => url.endsWith('/link') && seen.opened.push(JSON.parse(String(chunk)).as));
    asked.pipe(far);
  };
  const http = createHttpServer((asked, answer) => {
    if (asked.url?.startsWith('/sync')) return pass(asked, answer);
    const isScript = asked.url === '/page.js';
    answer.writeHead(200, { 'Content-Type': isScript ? 'text/javascript' : 'text/html' });
    answer.end(isScript ? script : '<script type="module" src="/page.js"></script>');
  });
  http.on('upgrade', (_request, socket) => {
    seen.upgrades++;
    socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
  });
  http.listen(0, 'localhost');
  await once(http, 'listening');
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  return Object.assign(seen, { port: (http.address() as AddressInfo).port });
}

describe.skipIf(noBrowser)('where WebSocket can not pass, in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  let script: string;
  beforeAll(async () => {
    [browser, script] = await Promise.all([openBrowser(), scriptOf()]);
  });
  afterAll(() => browser?.close());

  async function profile(): Promise<BrowserContext> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    return context;
  }

  const live = (page: Page) => expect.poll(() => page.evaluate(() => tab.state()), patience).toBe('live');

  /** Both ways, in order, and who is there. */
  async function works(page: Page, server: Awaited<ReturnType<typeof serve>>['server']): Promise<void> {
    await live(page);
    const before = await page.evaluate(() => tab.got().length);
    for (let n = 0; n < 10; n++) {
      await page.evaluate((data) => tab.publish(data), { page: n });
      await server.publish('chat/lobby', { server: n });
    }
    await expect.poll(() => page.evaluate(() => tab.got().length), patience).toBe(before + 20);
    const got = await page.evaluate(() => tab.got());
    expect(got.slice(before)).toEqual(
      Array.from({ length: 10 }, (_, n) => [{ page: n }, { server: n }]).flat(),
    );
    await page.evaluate(() => tab.enter());
    await expect.poll(() => page.evaluate(() => tab.members()), patience).toBe(1);
    expect(await page.evaluate(() => tab.errors())).toEqual([]);
  }

  test('[L10] behind a proxy without upgrades it is an event stream, and a page that is loaded anew begins with it', async () => {
    const { server, port } = await serve();
    const seen = await proxy(port, script);
    const page = await (await profile()).newPage();
    await page.goto(`http://localhost:${seen.port}/`);
    await works(page, server);
    expect(seen).toMatchObject({ upgrades: 1, opened: ['sse'] });
    await page.reload();
    await live(page);
    expect(seen).toMatchObject({ upgrades: 1, opened: ['sse', 'sse'] });
    // The page that was left has left its session too.
    await expect.poll(() => server.metrics.sessionsOpen, patience).toBe(1);
  });

  test('[L10] behind one that holds answers back it is long polling', async () => {
    const { server, port } = await serve();
    const seen = await proxy(port, script, true);
    const page = await (await profile()).newPage();
    await page.goto(`http://localhost:${seen.port}/`);
    await works(page, server);
    expect(seen).toMatchObject({ upgrades: 1, opened: ['sse', 'long-poll'] });
    await page.evaluate(() => tab.close());
    await expect.poll(() => server.metrics.sessionsOpen, patience).toBe(0);
  });

  test('[L4] a page of another origin that has no WebSocket comes in where it is on the list, and nowhere else', async () => {
    const site = await proxy(1, script);
    const origin = `http://localhost:${site.port}`;
    const [friend, other] = [await serve([origin]), await serve()];
    const context = await profile();
    await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'WebSocket'));
    const page = await context.newPage();
    await page.goto(`${origin}/?url=http://localhost:${friend.port}/sync`);
    await works(page, friend.server);
    const stranger = await context.newPage();
    await stranger.goto(`${origin}/?url=http://localhost:${other.port}/sync`);
    await expect.poll(() => stranger.evaluate(() => tab.states()), patience).toContain('waiting');
    expect(other.server.metrics.sessionsOpened).toBe(0);
  });
});
