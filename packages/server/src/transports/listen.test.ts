/**
 * Where a server may be reached: off this machine only with TLS and with a way to tell people apart, whether it listens by
 * itself or is attached to somebody's HTTP server, before or after that one listens.
 */
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { memory } from '../broker/memory.ts';
import { silentLogger } from '../observe.ts';
import { createServer, type Server, type ServerOptions } from '../server.ts';
import { filesOf, makePair } from '../testing/certificates.ts';
import { handshake, RawClient } from '../testing/raw.ts';
import { channels } from '../testing/serve.ts';
import { dial, WireClient } from '../testing/wire.ts';
import { makeServer } from './listen.ts';

type Options = Partial<ServerOptions<typeof channels>>;

const authenticate = () => ({ user: 'ada' });

function create(options: Options = {}): Server<typeof channels> {
  const server = createServer({ channels, broker: memory(), ...options });
  onTestFinished(() => server.close({ drainMs: 0 }));
  return server;
}

async function listen(http: HttpServer, host?: string): Promise<number> {
  const listening = once(http, 'listening');
  http.listen({ port: 0, host });
  await listening;
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  return (http.address() as AddressInfo).port;
}

const unencrypted = (host: string, mend: string): string =>
  `Others can reach ${host}, and nothing would be encrypted on the way: ${mend}, or set \`trustProxy\` if a proxy of yours serves TLS, or listen on localhost.`;
const unknown = (host: string): string =>
  `Others can reach ${host}, and this server knows no way to tell who they are. Give createServer() an \`authenticate\` function, or listen on localhost.`;

describe('listening by itself', () => {
  it.each(['0.0.0.0', '::', '192.0.2.1', 'app.example', '127.0.0.1.example', ''])(
    'is refused without encryption where others can reach it (%j), with the three mends',
    async (host) => {
      await expect(create({ authenticate }).listen(0, host)).rejects.toMatchObject({
        code: 'bad_option',
        message: unencrypted(host, 'give createServer() `tls: { cert, key }`'),
      });
    },
  );

  it('is refused for people who can’t be told apart, encrypted or not', async () => {
    for (const options of [{}, { tls: await makePair() }, { trustProxy: true }])
      await expect(create(options).listen(0, '0.0.0.0')).rejects.toMatchObject({
        code: 'bad_option',
        message: unknown('0.0.0.0'),
      });
  });

  it.each(['localhost', '127.0.0.1', '::1'])('needs nothing on %s', async (host) => {
    expect((await create().listen(0, host)).port).toBeGreaterThan(0);
  });

  it('takes others with TLS, and behind a proxy', async () => {
    const pair = await makePair();
    const tls = await create({ authenticate, tls: pair }).listen(0, '0.0.0.0');
    await dial(`wss://localhost:${tls.port}/sync`, ['syncline.v1'], { ca: pair.cert });
    const proxied = await create({ authenticate, trustProxy: 2 }).listen(0, '0.0.0.0');
    await WireClient.dial(proxied.port, '/sync', { headers: { 'X-Forwarded-Proto': 'https' } });
  });

  it('gives a request 10 seconds to arrive, with TLS and without', async () => {
    const tools = { clock: fakeClock(), logger: silentLogger, tlsHandshakeMs: 10_000 };
    for (const tls of [undefined, await makePair()]) {
      const { http, cut } = await makeServer(tls, tools);
      expect([http.headersTimeout, http.requestTimeout]).toEqual([10_000, 10_000]);
      cut();
    }
    expect(tools.clock.timers).toBe(0);
  });
});

describe('attached to a server', () => {
  it('that listens where others are, already, is refused without `authenticate`', async () => {
    const http = createHttpServer();
    await listen(http, '0.0.0.0');
    const listeners = http.listenerCount('upgrade');
    expect(() => create().attach(http)).toThrow(
      expect.objectContaining({ code: 'bad_option', message: unknown('0.0.0.0') }),
    );
    expect(http.listenerCount('upgrade')).toBe(listeners);
  });

  it('that listens there later, without `authenticate`, says so once and lets nobody in', async () => {
    const logger = { error: vi.fn() };
    const http = createHttpServer();
    create({ logger }).attach(http);
    http.on('connection', (socket) =>
      Object.defineProperty(socket, 'remoteAddress', { value: '203.0.113.7' }),
    );
    const port = await listen(http, '0.0.0.0');
    expect(logger.error).toHaveBeenCalledExactlyOnceWith(
      {},
      `WebSockets from other machines will be refused: ${unknown('0.0.0.0')}`,
    );
    for (let i = 0; i < 2; i++) {
      const client = await RawClient.connect(port);
      client.socket.write(handshake(port));
      expect((await client.answer()).status).toBe(403);
    }
    expect(logger.error).toHaveBeenCalledOnce();
  });

  it.each(['before', 'after'])('that isn’t encrypted says so once, when it listens %s', async (order) => {
    const logger = { error: vi.fn() };
    const http = createHttpServer();
    const server = create({ logger, authenticate });
    if (order === 'after') server.attach(http);
    await listen(http);
    if (order === 'before') server.attach(http);
    const { address } = http.address() as AddressInfo;
    expect(logger.error).toHaveBeenCalledExactlyOnceWith(
      {},
      `WebSockets from other machines will be refused: ${unencrypted(address, 'attach to an https server')}`,
    );
  });

  it('that is its own machine’s, encrypted, or behind a proxy needs no word', async () => {
    const logger = { error: vi.fn() };
    const pair = await makePair();
    const https = createHttpsServer(pair);
    create({ logger, authenticate }).attach(https);
    const port = await listen(https, '0.0.0.0');
    await dial(`wss://localhost:${port}/sync`, ['syncline.v1'], { ca: pair.cert });
    const proxied = createHttpServer();
    create({ logger, authenticate, trustProxy: true }).attach(proxied);
    await listen(proxied, '0.0.0.0');
    const local = createHttpServer();
    create({ logger }).attach(local);
    await listen(local, '127.0.0.1');
    expect(logger.error).not.toHaveBeenCalled();
  });

  it('on a Unix socket is on its own machine, unless a proxy passes requests on', async () => {
    const logger = { error: vi.fn() };
    const http = createHttpServer();
    create({ logger, authenticate }).attach(http);
    const path = join(filesOf(await makePair()).dir, 'socket');
    http.listen(path);
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    await dial(`ws+unix:${path}:/sync`, ['syncline.v1']);
    const proxied = dial(`ws+unix:${path}:/sync`, ['syncline.v1'], { headers: { 'X-Forwarded-For': '::1' } });
    await expect(proxied).rejects.toThrow('426');
    expect(logger.error).not.toHaveBeenCalled();
  });

  it('is no longer waited for after close', async () => {
    const logger = { error: vi.fn() };
    const http = createHttpServer();
    const server = create({ logger });
    const listeners = http.listenerCount('listening');
    server.attach(http);
    expect(http.listenerCount('listening')).toBe(listeners + 1);
    await server.close();
    expect(http.listenerCount('listening')).toBe(listeners);
  });
});
