/**
 * Beside other people's servers: node:http, Express, Fastify, and others who take WebSocket upgrades on the same HTTP
 * server. Ours answers for its own paths, and for nobody's only where nobody else could.
 */
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { defineChannels, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import express from 'express';
import fastify from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { memory } from '../broker/memory.ts';
import { createServer, type Server, type ServerOptions } from '../server.ts';
import { turns } from '../testing/meddle.ts';
import { handshake, RawClient } from '../testing/raw.ts';
import { dial, WireClient } from '../testing/wire.ts';

const channels = defineChannels({ 'chat/:room': stream() });
type Channels = typeof channels;

function syncline(options: Omit<ServerOptions<Channels>, 'channels'> = {}): Server<Channels> {
  const server = createServer({ broker: memory(), ...options, channels });
  onTestFinished(() => server.close({ drainMs: 0 }));
  return server;
}

async function listen(http: HttpServer): Promise<number> {
  http.listen(0, 'localhost');
  await once(http, 'listening');
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  return (http.address() as AddressInfo).port;
}

/** Publishes and reads one entry over a new connection, and so proves that the server works there. */
async function proveItWorks(port: number, path = '/sync'): Promise<void> {
  const client = await WireClient.connect(port, path);
  const { top } = await client.subscribe('chat/proof');
  client.publish('chat/proof', 'proof', `p${top}`, 1);
  await client.expect('ack');
  expect(await client.entries(top, top + 1)).toEqual(['"proof"']);
  client.close();
  await client.inbox.closed();
}

async function statusOf(port: number, path: string): Promise<number> {
  const client = await RawClient.connect(port);
  client.socket.write(handshake(port, {}, `GET ${path} HTTP/1.1`));
  return (await client.answer()).status;
}

/** Another user of upgrades on the same server, who echoes on a path of its own and leaves the rest alone. */
function echoOn(http: HttpServer, path: string): void {
  const sockets = new WebSocketServer({ noServer: true });
  http.on('upgrade', (request, socket, head) => {
    if (request.url !== path) return;
    sockets.handleUpgrade(request, socket, head, (ws) =>
      ws.on('message', (data) => ws.send(`echo ${String(data)}`)),
    );
  });
}

async function proveEcho(port: number, path: string): Promise<void> {
  const inbox = await dial(`ws://localhost:${port}${path}`);
  inbox.socket.send('hello');
  expect(await inbox.next()).toBe('echo hello');
  inbox.socket.close();
}

describe('frameworks', () => {
  it('works beside node:http', async () => {
    const http = createHttpServer((_request, response) => void response.end('page'));
    syncline().attach(http);
    const port = await listen(http);
    expect(await (await fetch(`http://localhost:${port}/sync`)).text()).toBe('page');
    await proveItWorks(port);
  });

  it('works beside Express 5', async () => {
    const app = express();
    app.get('/page', (_request, response) => void response.send('page'));
    const http = createHttpServer(app);
    syncline().attach(http, { path: '/live' });
    const port = await listen(http);
    expect(await (await fetch(`http://localhost:${port}/page`)).text()).toBe('page');
    expect((await fetch(`http://localhost:${port}/live`)).status).toBe(404);
    await proveItWorks(port, '/live');
    expect(await statusOf(port, '/sync')).toBe(404);
  });

  it('works beside Fastify 5', async () => {
    const app = fastify();
    app.get('/page', async () => 'page');
    syncline().attach(app.server);
    await app.listen({ port: 0, host: 'localhost' });
    onTestFinished(() => app.close());
    const { port } = app.server.address() as AddressInfo;
    expect(await (await fetch(`http://localhost:${port}/page`)).text()).toBe('page');
    await proveItWorks(port);
  });
});

describe('what is no HTTP server', () => {
  it.each<[string, () => unknown, string]>([
    ['an object', () => ({}), 'an object'],
    ['nothing', () => undefined, 'nothing'],
    ['null', () => null, 'null'],
    ['a port', () => 8080, '8080 (number)'],
    ['an app of Express', () => express(), 'a function'],
    ['an app of Fastify', () => fastify(), 'an object'],
  ])('is refused with the mend: %s', (_what, make, got) => {
    const server = syncline();
    expect(() => server.attach(make() as HttpServer)).toThrow(
      expect.objectContaining({
        code: 'bad_option',
        message: `Expected an HTTP server to attach to, such as http.createServer(app), what app.listen() returns in Express, or fastify.server; got ${got}.`,
      }),
    );
    expect(() => server.attach(createHttpServer())).not.toThrow();
  });
});

describe('others who take upgrades', () => {
  it.each(['before', 'after'])('work on their path and we on ours when they came %s us', async (order) => {
    const http = createHttpServer();
    if (order === 'before') echoOn(http, '/echo');
    syncline({ plain: { '/chat': 'chat/x' } }).attach(http);
    if (order === 'after') echoOn(http, '/echo');
    const port = await listen(http);
    await proveEcho(port, '/echo');
    await proveItWorks(port);
    await proveEcho(port, '/echo');
  });

  it('are left to answer for paths that are not ours', async () => {
    const http = createHttpServer();
    syncline().attach(http);
    http.on('upgrade', (request, socket) => {
      if (request.url === '/theirs') socket.end('HTTP/1.1 418 Theirs\r\nContent-Length: 0\r\n\r\n');
    });
    const port = await listen(http);
    const client = await RawClient.connect(port);
    client.socket.write(handshake(port, {}, 'GET /theirs HTTP/1.1'));
    expect((await client.answer()).status).toBe(418);
    await client.closed();
    expect(client.received.toString()).toBe('');
  });

  it.each(['before', 'after'])(
    'have 10 seconds to answer on their paths; then what nobody took is ended: they came %s us',
    async (order) => {
      const clock = fakeClock();
      const http = createHttpServer();
      if (order === 'before') echoOn(http, '/echo');
      syncline({ clock }).attach(http);
      if (order === 'after') echoOn(http, '/echo');
      const port = await listen(http);
      const echo = await dial(`ws://localhost:${port}/echo`);
      const seen = once(http, 'upgrade');
      const unclaimed = await RawClient.connect(port);
      unclaimed.socket.write(handshake(port, {}, 'GET /nobody HTTP/1.1'));
      await seen;
      await clock.advance(9_999);
      expect(unclaimed.socket.closed).toBe(false);
      await clock.advance(1);
      await unclaimed.closed();
      expect(unclaimed.received.toString()).toBe('');
      echo.socket.send('still');
      expect(await echo.next()).toBe('echo still');
    },
  );

  it('a path nobody claims is answered once, with 404, when all who are there are ours', async () => {
    const http = createHttpServer();
    const [a, b] = [syncline(), syncline()];
    a.attach(http, { path: '/a' });
    b.attach(http, { path: '/b', plain: { '/chat': 'chat/x' } });
    const port = await listen(http);
    await proveItWorks(port, '/a');
    await proveItWorks(port, '/b');
    const client = await RawClient.connect(port);
    client.socket.write(handshake(port, {}, 'GET /c HTTP/1.1'));
    const answer = await client.answer();
    expect(answer.status).toBe(404);
    expect(answer.body).toMatch(/\/a, \/b/);
    await client.closed();
    expect(client.received.toString()).toBe('');
    await a.close();
    expect(await statusOf(port, '/a')).toBe(404);
    await proveItWorks(port, '/b');
  });

  it('a path that another of our servers has on the same HTTP server is refused at once', () => {
    const http = createHttpServer();
    const [a, b] = [syncline(), syncline()];
    a.attach(http, { plain: { '/chat': 'chat/x' } });
    expect(() => b.attach(http)).toThrow(
      '/sync is served on this HTTP server already. Give one of the two another path.',
    );
    expect(() => b.attach(http, { path: '/chat' })).toThrow('/chat is served');
    b.attach(http, { path: '/b' });
    expect(http.listenerCount('upgrade')).toBe(2);
  });

  it('get their HTTP server back as it was when we leave', async () => {
    const http = createHttpServer((_request, response) => void response.end('page'));
    echoOn(http, '/echo');
    const server = syncline();
    server.attach(http);
    const port = await listen(http);
    const client = await WireClient.connect(port);
    await server.close();
    expect(await client.inbox.closed()).toBe(1012);
    expect(http.listenerCount('upgrade')).toBe(1);
    await proveEcho(port, '/echo');
    expect(await (await fetch(`http://localhost:${port}/`)).text()).toBe('page');
    await turns();
    expect(http.listening).toBe(true);
  });
});
