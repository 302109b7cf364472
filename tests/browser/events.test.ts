/**
 * A browser's own EventSource on channels of ours: nothing but an address and two listeners. It goes on where it was when its connection is
 * cut, when the server ends its stream, and when the server itself was away.
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { defineChannels, stream } from '@syncline/protocol';
import { cookieSession, createServer, memory, type ServerOptions } from '@syncline/server';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { noBrowser, openBrowser } from './chromium.ts';

const channels = defineChannels({ 'chat/:room': stream<number>({ keep: { entries: 5000 } }) });

/** A server beside a page with nothing in it, on one port; `cut` breaks every connection that is there. */
async function serve(options: Partial<ServerOptions<typeof channels>> = {}, port = 0) {
  const server = createServer({ channels, broker: memory(), ...options });
  const http = createHttpServer((_request, response) => {
    response
      .writeHead(200, { 'Content-Type': 'text/html', 'Set-Cookie': 'who=ada; Path=/' })
      .end('<p>A page');
  });
  const sockets = new Set<Socket>();
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.attach(http);
  http.listen(port, 'localhost');
  await once(http, 'listening');
  const stop = async (): Promise<void> => {
    http.closeAllConnections();
    http.close();
    await server.close({ drainMs: 0 });
  };
  onTestFinished(stop);
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return { server, cut, stop, port: (http.address() as AddressInfo).port };
}

describe.skipIf(noBrowser)('an EventSource in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  /** A page that listens from the beginning, and what it has heard. */
  async function listen(port: number): Promise<{ page: Page; heard: () => Promise<number[]> }> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(`http://localhost:${port}/`);
    await page.evaluate(() => {
      const heard: number[] = [];
      const source = new EventSource('/sync/streams/chat/lobby?live=sse&offset=-1');
      source.addEventListener('data', (event) => heard.push(...(JSON.parse(event.data) as number[])));
      Object.assign(window, { heard, source });
    });
    const heard = () => page.evaluate(() => [...(window as unknown as { heard: number[] }).heard]);
    return { page, heard };
  }

  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

  test('[P13] goes on where it was when its connection is cut again and again: each message once, in order', async () => {
    const { server, cut, port } = await serve();
    const { heard } = await listen(port);
    let sent = 0;
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 25; i++) await server.publish('chat/lobby', ++sent);
      await expect.poll(heard).toEqual(upTo(sent));
      cut();
      // While nobody listens.
      for (let i = 0; i < 25; i++) await server.publish('chat/lobby', ++sent);
    }
    await expect.poll(heard).toEqual(upTo(sent));
  });

  test('[P13] goes on when the server ends its stream, as it does from time to time', async () => {
    const { server, port } = await serve({ sseMs: 1000 });
    const { heard } = await listen(port);
    await expect.poll(() => server.metrics.streamReads, { timeout: 20_000 }).toBeGreaterThanOrEqual(1);
    let sent = 0;
    while (server.metrics.streamReads < 4) {
      await server.publish('chat/lobby', ++sent);
      await expect.poll(async () => (await heard()).length, { timeout: 20_000 }).toBe(sent);
    }
    expect(await heard()).toEqual(upTo(sent));
  });

  test('[P15] comes back to a server that was away, and is told that its place is gone where the log was', async () => {
    const first = await serve();
    const { page, heard } = await listen(first.port);
    await first.server.publish('chat/lobby', 1);
    await expect.poll(heard).toEqual([1]);
    await first.stop();
    const second = await serve({}, first.port);
    await second.server.publish('chat/lobby', 2);
    const state = () => page.evaluate(() => (window as unknown as { source: EventSource }).source.readyState);
    // The log was in memory: an EventSource gives up at 410, and its page begins anew.
    await expect.poll(state, { timeout: 20_000 }).toBe(2);
    expect(await heard()).toEqual([1]);
  });

  test('[P15] is asked who it is by its cookie, each time that it comes back', async () => {
    const { server, port } = await serve({
      authenticate: cookieSession({
        verify: (cookies) => ({
          user: cookies.get('who') ?? null,
          capabilities: { 'chat/:room': ['subscribe'] },
        }),
      }),
    });
    const { heard } = await listen(port);
    await server.publish('chat/lobby', 1);
    await expect.poll(heard).toEqual([1]);
    const { sessionsOpened } = server.metrics;
    server.disconnect('ada');
    // Its cookie is still good: it comes back by itself, as whoever it was.
    await expect.poll(() => server.metrics.sessionsOpened).toBeGreaterThan(sessionsOpened);
    await server.publish('chat/lobby', 2);
    await expect.poll(heard).toEqual([1, 2]);
  });
});
