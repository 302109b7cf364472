/**
 * The React hooks in a real Chromium, under StrictMode, against a real server: what goes over the wire is counted in the browser, and
 * what others see is asked of a client outside of it. The page is react/app.tsx.
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient, type StreamChannel, type WithPresence } from '@syncline/client/doc';
import { createServer, disk } from '@syncline/server';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { createElement, StrictMode } from 'react';
import { renderToString } from 'react-dom/server';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { noBrowser, openBrowser } from './chromium.ts';
import { App, channels, SynclineProvider, type Wish } from './react/app.tsx';

/** What stands in for React, by its major version. */
const versions = [
  ['19', {}],
  ['18', { react: 'react18', 'react-dom': 'react-dom18' }],
] as const;

/** How long what must come may take; it waits for no longer than it takes. */
const soon = { timeout: 15_000 };
const scripts = new Map<string, string>();
let browser: Browser;

beforeAll(async () => {
  if (noBrowser) return;
  for (const [version, alias] of versions) {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL('react/page.tsx', import.meta.url))],
      define: { 'process.env.NODE_ENV': '"development"' },
      alias,
      bundle: true,
      minify: true,
      format: 'esm',
      jsx: 'automatic',
      write: false,
    });
    scripts.set(version, outputFiles[0]?.text ?? '');
  }
  scripts.set('guide', await bundleGuide());
  browser = await openBrowser();
}, 60_000);
afterAll(() => browser?.close());

/** The chat that the guide shows, as a page. */
async function bundleGuide(): Promise<string> {
  const guide = readFileSync(new URL('../../docs/guide/react.md', import.meta.url), 'utf8');
  const file = (name: string) => guide.split(`// ${name}\n`)[1]?.split('```')[0] ?? '';
  const resolveDir = fileURLToPath(new URL('.', import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents: file('main.tsx'), resolveDir, loader: 'tsx' },
    plugins: [
      {
        name: 'guide',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^\.\/sync\.ts$/ }, () => ({ path: 'sync.ts', namespace: 'guide' }));
          onLoad({ filter: /./, namespace: 'guide' }, ({ path }) => ({
            contents: file(path),
            loader: 'ts',
            resolveDir,
          }));
        },
      },
    ],
    define: { 'process.env.NODE_ENV': '"development"' },
    bundle: true,
    minify: true,
    format: 'esm',
    jsx: 'automatic',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

describe.skipIf(noBrowser).each(versions)('React %s', { timeout: 60_000 }, (version) => {
  test('each channel is subscribed to once and entered once, and all of it ends on unmount', async () => {
    const { client, visit } = await serve();
    const lobby = client.stream('chat/lobby');
    const people = [{ key: 'a', room: 'lobby', data: { name: 'Ada' } }];
    const tab = await visit(version, { room: 'lobby', city: 'berlin', van: 'v1', people, typing: 'lobby' });
    await tab.shows('people-a', '[{"name":"Ada"}]');
    await tab.shows('fresh', 'live');
    await tab.shows('apart', 'live');
    await tab.shows('status', 'open');
    const heard: unknown[] = [];
    lobby.onSignal(({ data }) => heard.push(data));
    await lobby.publish('hello');
    await client.state('fleet/berlin').set('v1', 1);
    await tab.shows('items', 'hello');
    await tab.shows('entries', 'v1 1');
    await tab.shows('van', '1');
    lobby.signal('typing');
    await tab.shows('signals', '["typing"]');
    await tab.page.evaluate(() => window.signal('reading'));
    await expect.poll(() => heard, soon).toEqual(['reading']);
    const all = ['chat/lobby', 'chat/lobby?presence', 'fleet/berlin'];
    expect(tab.sent('subscribe').map(([, name]) => name)).toEqual(expect.arrayContaining(all));
    expect(tab.sent('subscribe')).toHaveLength(all.length);
    expect(tab.sent('enter', 'leave', 'unsubscribe')).toEqual([
      ['enter', 'chat/lobby', expect.any(String), { name: 'Ada' }],
    ]);
    await tab.wish({});
    const ended = () => tab.sent('unsubscribe').map(([, name]) => String(name));
    await expect.poll(() => ended().sort(), soon).toEqual(all);
    expect(tab.sent('enter', 'leave').map(([type]) => type)).toEqual(['enter', 'leave']);
    expect(tab.sent('subscribe')).toHaveLength(all.length);
  });

  test('a timeline publishes and loads older pages; another name shows another room', async () => {
    const { client, visit } = await serve();
    for (let n = 1; n <= 8; n++) await client.stream('chat/lobby').publish(`${n}`);
    const tab = await visit(version, { room: 'lobby' });
    await tab.shows('items', '4, 5, 6, 7, 8');
    await tab.shows('older', 'true');
    await tab.page.evaluate(() => window.loadOlder(2));
    await tab.shows('items', '2, 3, 4, 5, 6, 7, 8');
    await tab.page.evaluate(() => window.publish('9'));
    await tab.shows('items', '2, 3, 4, 5, 6, 7, 8, 9');
    await tab.wish({ room: 'garden' });
    await tab.shows('items', '');
    await tab.page.evaluate(() => window.publish('here'));
    await tab.shows('items', 'here');
    expect((await client.stream('chat/garden').history()).messages.map(({ data }) => data)).toEqual(['here']);
    const names = tab.sent('subscribe', 'unsubscribe').map(([type, name]) => `${type} ${name}`);
    expect(names.sort()).toEqual(['subscribe chat/garden', 'subscribe chat/lobby', 'unsubscribe chat/lobby']);
  });

  test('presence is said anew when its value changes, until the last component that says it has gone', async () => {
    const { client, visit } = await serve();
    const changes: unknown[] = [];
    const { presence } = client.stream('chat/lobby');
    presence.on('change', ({ type, member }) => changes.push([type, member.data]));
    // Nothing is told before this client sees who is there.
    await presence.enter('watching');
    await expect.poll(() => presence.members.get(), soon).toHaveLength(1);
    await presence.leave();
    await expect.poll(() => presence.members.get(), soon).toEqual([]);
    changes.length = 0;
    const here = (key: string, data?: unknown, room = 'lobby') => ({ key, room, data });
    const tab = await visit(version, { people: [here('a', { x: 1 }), here('watcher')] });
    await tab.shows('people-watcher', '[{"x":1}]');
    await tab.wish({ people: [here('a', { x: 1 }), here('watcher')] });
    await tab.wish({ people: [here('a', { x: 2 }), here('watcher')] });
    await tab.shows('people-watcher', '[{"x":2}]');
    await tab.wish({ people: [here('a', { x: 2 }), here('b', { x: 3 }), here('watcher')] });
    await tab.shows('people-watcher', '[{"x":3}]');
    await tab.wish({ people: [here('b', { x: 3 }), here('watcher')] });
    await tab.wish({ people: [here('b', { x: 4 }), here('watcher')] });
    await tab.shows('people-watcher', '[{"x":4}]');
    await tab.wish({ people: [here('b', { x: 4 }, 'garden'), here('watcher')] });
    await tab.shows('people-watcher', '[]');
    await tab.shows('people-b', '[{"x":4}]');
    await expect
      .poll(() => changes, soon)
      .toEqual([['enter', { x: 1 }], ...[2, 3, 4].map((x) => ['update', { x }]), ['leave', { x: 4 }]]);
    const said = tab.sent('enter', 'leave').map(([type, name, , data]) => [type, name, data]);
    expect(said.filter(([, name]) => name === 'chat/lobby')).toEqual([
      ...[1, 2, 3, 4].map((x) => ['enter', 'chat/lobby', { x }]),
      ['leave', 'chat/lobby', undefined],
    ]);
    expect(said).toContainEqual(['enter', 'chat/garden', { x: 4 }]);
  });

  test('a view is moved in place when its filter changes, and ended on unmount', async () => {
    const { client, visit } = await serve();
    const berlin = client.state('fleet/berlin');
    await Promise.all(['a1', 'a2', 'b1', 'b2'].map((key, i) => berlin.set(key, i)));
    await client.state('fleet/paris').set('b3', 0);
    const [a, b] = [{ prefix: 'a' }, { prefix: 'b' }];
    const tab = await visit(version, { city: 'berlin', filter: a });
    await tab.shows('entries', 'a1 0, a2 1');
    await tab.shows('view', 'live');
    await tab.wish({ city: 'berlin', filter: { ...a } });
    await tab.wish({ city: 'berlin', filter: b });
    await tab.shows('entries', 'b1 2, b2 3');
    await tab.shows('history', ' | a1 0, a2 1 | b1 2, b2 3');
    await tab.wish({ city: 'paris', filter: b });
    await tab.shows('entries', 'b3 0');
    await tab.wish({});
    await tab.wish({ city: 'berlin', filter: a });
    await tab.shows('entries', 'a1 0, a2 1');
    expect(tab.sent('subscribe')).toEqual([]);
    await tab.wish({ city: 'berlin' });
    await tab.shows('entries', 'a1 0, a2 1, b1 2, b2 3');
    const views = (city: string) =>
      tab.sent('view').flatMap(([, name, ...rest]) => (name === `fleet/${city}` ? [rest] : []));
    await expect.poll(() => views('berlin'), soon).toHaveLength(5);
    const id = views('berlin')[1]?.[0];
    expect(views('berlin')).toEqual([
      [0, a],
      [id, b],
      [id, null],
      [0, a],
      [expect.any(Number), null],
    ]);
    expect(views('paris')).toEqual([
      [0, b],
      [expect.any(Number), null],
    ]);
  });

  test('a server that stops and starts again: what was shown stays, what was done meanwhile arrives once', async () => {
    const world = await serve();
    const lobby = world.client.stream('chat/lobby');
    await lobby.publish('one');
    await world.client.state('fleet/berlin').set('v1', 1);
    const people = [{ key: 'a', room: 'lobby', data: { name: 'Ada' } }];
    const wish = { room: 'lobby', city: 'berlin', filter: { prefix: 'v' }, people, board: '7' };
    const tab = await world.visit(version, wish);
    await tab.shows('items', 'one');
    await tab.shows('entries', 'v1 1');
    await tab.shows('sync', 'synced');
    await tab.shows('people-a', '[{"name":"Ada"}]');
    await world.stop();
    await tab.shows('fresh', 'stale');
    await tab.page.evaluate(() => void window.publish('two'));
    await tab.page.evaluate(() => window.edit('offline'));
    await tab.shows('items', 'one, two pending');
    await tab.shows('entries', 'v1 1');
    await tab.shows('text', 'offline');
    world.start();
    await tab.shows('items', 'one, two');
    await tab.shows('fresh', 'live');
    await tab.shows('view', 'live');
    await tab.shows('sync', 'synced');
    await world.client.state('fleet/berlin').set('v1', 2);
    await tab.shows('entries', 'v1 2');
    await tab.shows('history', ' | v1 1 | v1 2');
    lobby.presence.on('change', () => {});
    await expect
      .poll(() => lobby.presence.members.get().map(({ data }) => data), soon)
      .toEqual([{ name: 'Ada' }]);
    const { messages } = await lobby.history();
    expect(messages.map(({ data }) => data)).toEqual(['one', 'two']);
    const board = world.client.doc('board/7');
    await board.whenSynced();
    expect(board.doc.getText('text').toString()).toBe('offline');
    const names = tab.sent('subscribe').map(([, name]) => name);
    for (const name of new Set(names)) expect(names.filter((one) => one === name)).toHaveLength(2);
    expect(tab.sent('view').map(([, , id]) => id)).toEqual([0, 0]);
    // What somebody says changes at a pace: the second time may come after the text.
    await expect
      .poll(() => tab.sent('enter', 'leave').map(([type]) => type), soon)
      .toEqual(['enter', 'enter']);
  });

  test('a document: edits and cursors both ways, and another document in its place', async () => {
    const { client, visit, server } = await serve();
    const board = client.doc('board/7');
    board.open();
    board.awareness.setLocalState({ name: 'Mira' });
    board.doc.getText('text').insert(0, 'a');
    const tab = await visit(version, { board: '7' });
    await tab.shows('text', 'a');
    await tab.shows('sync', 'synced');
    await tab.page.evaluate(() => window.edit('b'));
    await expect.poll(() => board.doc.getText('text').toString(), soon).toBe('ab');
    await tab.page.evaluate(() => window.point(7));
    await expect.poll(() => [...board.awareness.getStates().values()], soon).toContainEqual({ x: 7 });
    await tab.shows('aware', '[{"x":7},{"name":"Mira"}]');
    await server.replaceDoc('board/7', (doc) => doc.getText('text').insert(0, 'other'));
    await tab.shows('text', 'other');
    await tab.shows('sync', 'synced');
    await tab.page.evaluate(() => window.edit('!'));
    await expect.poll(() => board.doc.getText('text').toString(), soon).toBe('other!');
    expect(tab.sent('subscribe').map(([, name]) => name)).toEqual(['board/7', 'board/7?presence']);
    // What somebody says changes at a pace: the second time may come after the text.
    await expect
      .poll(() => tab.sent('enter', 'leave').map(([type]) => type), soon)
      .toEqual(['enter', 'enter']);
  });

  test('who may not enter is told so by the page, once for entering and once for looking', async () => {
    const { visit } = await serve();
    const tab = await visit(version, { room: 'closed', people: [{ key: 'a', room: 'closed', data: 'Ada' }] });
    await tab.shows('fresh', 'live');
    const refusal = /You may not enter/;
    await expect
      .poll(() => tab.errors, soon)
      .toEqual([expect.stringMatching(refusal), expect.stringMatching(refusal)]);
    await tab.wish({});
    tab.errors.length = 0;
  });

  test('a page that a server rendered is taken over as it is, though the client knows more', async () => {
    const { client, visit, renders } = await serve();
    await client.stream('chat/lobby').publish('hello');
    const wish = { room: 'lobby', city: 'berlin', van: 'v1', typing: 'lobby', board: '7' };
    renders({ ...wish, people: [{ key: 'a', room: 'lobby', data: 'Ada' }] });
    expect(client.status.get().state).toBe('open');
    const tab = await visit(version, { ...wish, people: [{ key: 'a', room: 'lobby', data: 'Ada' }] });
    await tab.shows('items', 'hello');
    await tab.shows('people-a', '["Ada"]');
    await tab.shows('sync', 'synced');
    expect(tab.sent('enter', 'leave')).toHaveLength(1);
  });
});

test.skipIf(noBrowser)('the chat of the guide is one', { timeout: 60_000 }, async () => {
  const { client, visit } = await serve();
  const room = client.stream('chat/lobby') as StreamChannel<unknown> & WithPresence<unknown, unknown>;
  for (let n = 1; n <= 51; n++) await room.publish({ name: 'Mira', text: `line ${n}` });
  const { page } = await visit('guide', {});
  await page.getByText('live, here: Ada').waitFor();
  await page.getByText('Mira: line 51').waitFor();
  room.signal({ name: 'Mira' });
  await page.getByText('Mira is typing …').waitFor();
  await page.getByRole('button', { name: 'Earlier' }).click();
  await page.getByText('Mira: line 1', { exact: true }).waitFor();
  await page.getByRole('textbox').fill('hello');
  await page.keyboard.press('Enter');
  await page.locator('.sent', { hasText: 'Ada: hello' }).waitFor();
  expect((await room.history({ limit: 1 })).messages[0]?.data).toEqual({ name: 'Ada', text: 'hello' });
});

/** A server with its page on one port, and a client beside it. */
async function serve() {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-'));
  let html = '';
  const http = createHttpServer(({ url = '' }, response) => {
    const [, version] = /^\/(\w+)\.js$/.exec(url) ?? [];
    response.setHeader('Content-Type', version ? 'text/javascript' : 'text/html');
    const page = (major: string) =>
      `<!doctype html><div id=root>${html}</div><script type=module src=/${major}.js></script>`;
    response.end(version ? scripts.get(version) : page(/\w+/.exec(url)?.[0] ?? ''));
  });
  const attach = () => {
    const server = createServer({ channels, broker: disk({ dir }), authenticate: () => ({ user: null }) });
    server.attach(http);
    return server;
  };
  let server = attach();
  http.listen(0, 'localhost');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const client = createClient({ channels, url: `ws://localhost:${port}/sync` });
  onTestFinished(async () => {
    client.close();
    await server.close({ drainMs: 0 });
    http.close();
    http.closeAllConnections();
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    client,
    get server() {
      return server;
    },
    /** Pages come with this in them. */
    renders: (wish: Wish) => {
      const app = createElement(App, { first: wish });
      html = renderToString(
        createElement(StrictMode, null, createElement(SynclineProvider, { client }, app)),
      );
    },
    stop: () => server.close({ drainMs: 0 }),
    start: () => {
      server = attach();
    },
    visit: (version: string, wish: Wish) =>
      visit(`http://localhost:${port}/${version}?${encodeURIComponent(JSON.stringify(wish))}`),
  };
}

type Frame = readonly unknown[];

/** A page, and the frames that it sent. Whatever goes wrong in it fails the test. */
async function visit(url: string) {
  const page = await browser.newPage();
  const sent: Frame[] = [];
  const errors: string[] = [];
  page.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => {
      if (typeof payload === 'string') sent.push(JSON.parse(payload));
    }),
  );
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/ERR_CONNECTION_|WebSocket connection/.test(message.text()))
      errors.push(message.text());
  });
  onTestFinished(async () => {
    await page.close();
    expect(errors).toEqual([]);
  });
  await page.goto(url);
  return {
    page,
    errors,
    /** What was sent of these types, in order, without the numbers that match answers to requests. */
    sent: (...types: string[]) =>
      sent.flatMap(([type, , ...rest]) => (types.includes(String(type)) ? [[type, ...rest]] : [])),
    wish: (wish: Wish) => page.evaluate((next) => window.wish(next), wish),
    shows: (id: string, text: string) => shows(page, id, text),
  };
}

async function shows(page: Page, id: string, text: string): Promise<void> {
  await expect.poll(() => page.locator(`#${id}`).textContent(), soon).toBe(text);
}
