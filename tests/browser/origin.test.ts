/**
 * Pages of other origins in a real Chromium, with a visitor whose cookie says who they are: browsers send cookies with
 * WebSockets whoever asks, so only the server's own pages, and those on its list, may come in. The rules are the door's.
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { defineChannels, stream } from '@syncline/protocol';
import { cookieSession, createServer, memory } from '@syncline/server';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { noBrowser, openBrowser } from './chromium.ts';

/** A site on a port of its own, which gives the visitor a cookie on each page. */
async function site(): Promise<{ http: ReturnType<typeof createHttpServer>; port: number }> {
  const http = createHttpServer((_request, response) => {
    response
      .writeHead(200, { 'Content-Type': 'text/html', 'Set-Cookie': 'who=ada; Path=/' })
      .end('<p>A page');
  });
  http.listen(0, 'localhost');
  await once(http, 'listening');
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  return { http, port: (http.address() as AddressInfo).port };
}

/** A server whose visitors are who their cookie says, on a site of its own; `asked` are the cookies that it was shown. */
async function serve(originsAllowed: readonly string[] = []) {
  const { http, port } = await site();
  const asked: (string | undefined)[] = [];
  const server = createServer({
    channels: defineChannels({ 'chat/:room': stream() }),
    broker: memory(),
    originsAllowed,
    plain: { '/chat': 'chat/lobby' },
    authenticate: cookieSession({
      verify: (cookies) => {
        asked.push(cookies.get('who'));
        return { user: cookies.get('who') ?? null, capabilities: { '*': ['*'] } };
      },
    }),
  });
  server.attach(http);
  onTestFinished(() => server.close({ drainMs: 0 }));
  return { port, asked, server };
}

/** Whether the page can open a socket there, and whether it can get a ticket and read it. */
async function reach(
  page: Page,
  port: number,
): Promise<{ native: boolean; plain: boolean; ticket: boolean }> {
  return await page.evaluate(async (at) => {
    const opens = (path: string, protocols: string[]) =>
      new Promise<boolean>((resolve) => {
        const socket = new WebSocket(`ws://localhost:${at}${path}`, protocols);
        socket.onopen = () => resolve(true);
        socket.onerror = () => resolve(false);
      });
    const ticket = fetch(`http://localhost:${at}/sync/ticket`, { method: 'POST', credentials: 'include' })
      .then((response) => response.ok)
      .catch(() => false);
    return {
      native: await opens('/sync', ['syncline.v1']),
      plain: await opens('/chat', []),
      ticket: await ticket,
    };
  }, port);
}

describe.skipIf(noBrowser)('origins in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  /** A page of the site on that port, seen by a visitor who has been at the server's own site. */
  async function visit(own: number, port: number): Promise<Page> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(`http://localhost:${own}/`);
    await page.goto(`http://localhost:${port}/`);
    return page;
  }

  test('the server’s own page comes in, by every door, with its visitor’s cookie', async () => {
    const { port, asked } = await serve();
    expect(await reach(await visit(port, port), port)).toEqual({ native: true, plain: true, ticket: true });
    expect(asked).toEqual(['ada', 'ada', 'ada']);
  });

  test('a page of another origin is refused at every door, and nobody is asked whose cookie it is', async () => {
    const { port, asked, server } = await serve();
    const { port: evil } = await site();
    expect(await reach(await visit(port, evil), port)).toEqual({
      native: false,
      plain: false,
      ticket: false,
    });
    expect(asked).toEqual([]);
    expect(server.metrics.sessionsOpened).toBe(0);
  });

  test('a page of an origin on the list comes in', async () => {
    const { port: friend } = await site();
    const { port } = await serve([`http://localhost:${friend}`]);
    expect(await reach(await visit(port, friend), port)).toEqual({ native: true, plain: true, ticket: true });
  });

  test('a frame without an origin of its own is refused: its Origin is "null"', async () => {
    const { port, asked } = await serve();
    const page = await visit(port, port);
    await page.evaluate(() => {
      const frame = document.createElement('iframe');
      frame.sandbox.add('allow-scripts');
      frame.srcdoc = '<p>A frame';
      document.body.append(frame);
    });
    await page.waitForFunction(() => window.frames.length === 1);
    const frame = page.frames().find((one) => one !== page.mainFrame());
    const opened = await frame?.evaluate(
      (at) =>
        new Promise<boolean>((resolve) => {
          const socket = new WebSocket(`ws://localhost:${at}/sync`, ['syncline.v1']);
          socket.onopen = () => resolve(true);
          socket.onerror = () => resolve(false);
        }),
      port,
    );
    expect(opened).toBe(false);
    expect(asked).toEqual([]);
  });
});
