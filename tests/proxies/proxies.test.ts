/**
 * The load balancers of docs/guide/scaling.md, as they stand there, in front of two real nodes: clients through TLS, idle for longer
 * than the proxies' timeouts, one node that leaves, and one that is cut off. Only addresses, files and times are put in.
 * All of it waits most of the time, and so does it at once. A proxy that isn't installed is left out.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createClientWith, type Down, httpTransport, polled, streamed } from '@syncline/client/internal';
import { defineChannels, stream } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import { createServer, memory, type Server } from '@syncline/server';
import { memoryNodes, onNode, testHealth } from '@syncline/server/testing';
import { generate } from 'selfsigned';
import { describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { atEnd } from '../ends.ts';

const channels = defineChannels({ 'chat/:room': stream({ anonymous: ['subscribe', 'publish'] }) });
const guide = readFileSync(new URL('../../docs/guide/scaling.md', import.meta.url), 'utf8');
const soon = { timeout: 20_000 };
/** What a proxy allows an idle connection here, and how many heartbeats take longer than that. */
const idle = '6s';
const heartbeatMs = 2000;
const heartbeats = 4;

/** How a proxy is run with the configuration of the guide. */
interface Proxy {
  readonly name: string;
  readonly places: readonly string[];
  /** The whole of its file. */
  config(place: Place): string;
  args(file: string, dir: string): string[];
}

/** Where it runs. */
interface Place {
  readonly dir: string;
  readonly port: number;
}

const proxies: readonly Proxy[] = [
  {
    name: 'nginx',
    places: [process.env['NGINX_PATH'] ?? '/usr/sbin/nginx'],
    config: ({ dir, port }) => {
      const http = fence('nginx')
        .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
        .replace('/etc/ssl/app.example/fullchain.pem', join(dir, 'cert.pem'))
        .replace('/etc/ssl/app.example/privkey.pem', join(dir, 'key.pem'));
      const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      const temporary = paths.map((path) => `${path}_temp_path ${join(dir, path)};`).join(' ');
      return `daemon off; pid ${join(dir, 'pid')}; error_log ${join(dir, 'log')};\nevents {}\nhttp { access_log off; ${temporary}\n${http}\n}`;
    },
    args: (file, dir) => ['-p', dir, '-c', file, '-e', join(dir, 'log')],
  },
  {
    name: 'haproxy',
    places: [process.env['HAPROXY_PATH'] ?? '/usr/sbin/haproxy'],
    config: ({ dir, port }) =>
      fence('haproxy')
        .replace('bind :443', `bind 127.0.0.1:${port}`)
        .replace('/etc/haproxy/app.example.pem', join(dir, 'both.pem')),
    args: (file) => ['-db', '-f', file],
  },
  {
    name: 'caddy',
    places: ['/usr/bin/caddy', '/usr/local/bin/caddy'],
    config: ({ dir, port }) => {
      const site = fence('caddy').replace(
        'app.example {',
        `https://localhost:${port} {\n  tls ${join(dir, 'cert.pem')} ${join(dir, 'key.pem')}`,
      );
      return `{\n  admin off\n  auto_https disable_redirects\n}\n${site}`;
    },
    args: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
  },
];

/** The guide's block in that language. */
function fence(language: string): string {
  const block = guide.split(`\`\`\`${language}\n`)[1]?.split('```')[0];
  if (!block) throw new Error(`docs/guide/scaling.md has no block of ${language}.`);
  return block;
}

interface Node {
  readonly server: Server<typeof channels>;
  readonly port: number;
  readonly health: ReturnType<typeof testHealth>;
}

/** Two nodes on one broker. */
async function startNodes(): Promise<Node[]> {
  const logs = memory();
  const all = memoryNodes();
  const start = async () => {
    const health = testHealth();
    const broker = onNode(logs, all.join(), { health });
    const options = { channels, broker, trustProxy: true, authenticate: () => ({ user: null }) };
    const server = createServer({ ...options, heartbeatMs, drainMs: 0, cutOffMs: 0 });
    atEnd(() => server.close());
    return { server, health, port: (await server.listen(0, '127.0.0.1')).port };
  };
  return await Promise.all([start(), start()]);
}

/** A folder with a certificate, and a port that was free a moment ago. */
async function prepare(): Promise<Place & { readonly cert: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-proxy-'));
  atEnd(() => rmSync(dir, { recursive: true, force: true }));
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  });
  writeFileSync(join(dir, 'cert.pem'), cert);
  writeFileSync(join(dir, 'key.pem'), key);
  writeFileSync(join(dir, 'both.pem'), `${cert}\n${key}`);
  const probe = createTcpServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return { dir, port, cert };
}

/** Starts a proxy; resolves when it takes connections. */
async function run(path: string, args: readonly string[], { dir, port }: Place): Promise<void> {
  const env = { ...process.env, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir };
  const child: ChildProcess = spawn(path, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const output of [child.stdout, child.stderr]) output?.on('data', (text) => (said += String(text)));
  atEnd(async () => {
    if (child.exitCode !== null) return;
    // Not SIGKILL: the workers of nginx would stay.
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  const takes = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  await vi.waitFor(
    async () => expect([await takes(), child.exitCode === null ? '' : said]).toEqual([true, '']),
    soon,
  );
}

/** A subscriber of the lobby, by the way that browsers take. */
async function enter({ port, cert }: { readonly port: number; readonly cert: string }) {
  const socket = new WebSocket(`wss://localhost:${port}/sync`, ['syncline.v1', 'syncline.v1.tell'], {
    ca: cert,
    family: 4,
  });
  const frames: string[] = [];
  let ended = false;
  socket.on('message', (data) => frames.push(String(data))).on('close', () => (ended = true));
  atEnd(() => socket.terminate());
  await once(socket, 'open');
  socket.send('["subscribe",1,"chat/lobby",0]');
  const count = (text: string) => frames.filter((frame) => frame.includes(`"${text}"`)).length;
  await vi.waitFor(() => expect(count('subscribed')).toBe(1), soon);
  return { count, ended: () => ended };
}

/** Requests that trust the test's certificate, which the platform's own don't. */
function trusting(ca: string): typeof fetch {
  return (url, { method = 'GET', headers, body, signal } = {}) =>
    new Promise((resolve, reject) => {
      const options = { method, headers: Object.fromEntries(new Headers(headers)), ca, family: 4 };
      const asked = request(String(url), options, (response) => {
        const { statusCode: status = 0 } = response;
        response.on('error', () => {});
        resolve(
          new Response(status === 204 ? null : (Readable.toWeb(response) as ReadableStream), { status }),
        );
      });
      signal?.addEventListener('abort', () => asked.destroy());
      asked.on('error', reject);
      asked.end(body);
    });
}

/** The real client, in the lobby, by links over HTTP. */
function linked({ port, cert }: { readonly port: number; readonly cert: string }, as: string, down: Down) {
  const transport = httpTransport(as, down, systemClock, trusting(cert));
  const world = { clock: systemClock, transport, lifecycle: () => () => {} };
  const client = createClientWith<typeof channels>(world, { url: `https://localhost:${port}/sync` });
  atEnd(() => client.close());
  const states: string[] = [];
  client.status.subscribe(() => states.push(client.status.get().state));
  const room = client.stream('chat/lobby');
  const got: unknown[] = [];
  room.onMessage(({ data }) => got.push(data));
  return { room, got, states };
}

describe.concurrent.each(proxies)('$name as in the guide', ({ name, places, config, args }) => {
  const path = places.find((place) => existsSync(place));

  /** The nodes, and the proxy before them. */
  async function begin() {
    const nodes = await startNodes();
    const place = await prepare();
    const file = join(place.dir, 'config');
    const text = nodes.reduce(
      (all, { port }, i) => all.replaceAll(`10.0.0.${i + 1}:8080`, `127.0.0.1:${port}`),
      config(place).replaceAll('75s', idle),
    );
    writeFileSync(file, text);
    await run(path ?? '', args(file, place.dir), place);
    return { nodes, place };
  }

  test.skipIf(!path)(
    '[L9] [L6] [L7] passes links over HTTP on as they come, whichever node a request gets to',
    { timeout: 60_000 },
    async ({ expect }) => {
      const { nodes, place } = await begin();
      const clients = [linked(place, 'sse', streamed), linked(place, 'long-poll', polled)];
      for (const { room } of clients) await expect.poll(() => room.freshness.get().state, soon).toBe('live');
      const began = nodes.map(({ server }) => server.metrics.sessionsOpened);
      for (let n = 0; n < 10; n++) for (const { room } of clients) await room.publish(n);
      for (const { got } of clients) await expect.poll(() => got.length, soon).toBe(20);
      // Longer than the proxies let anything be idle.
      const beats = () => nodes.reduce((sum, { server }) => sum + server.metrics.bytesSent, 0);
      for (let i = 0, before = beats(); i < 2 * heartbeats; i++, before = beats())
        await expect.poll(beats, soon).toBeGreaterThan(before);
      await nodes[1]?.server.publish('chat/lobby', 'hello');
      for (const { got } of clients) await expect.poll(() => got.at(-1), soon).toBe('hello');
      for (const { got, states } of clients) {
        expect(got).toHaveLength(21);
        expect(new Set(states)).toEqual(new Set(['connecting', 'open']));
      }
      expect(nodes.map(({ server }) => server.metrics.sessionsOpened)).toEqual(began);
    },
  );

  test.skipIf(!path)(
    'spreads clients over the nodes, keeps those who are idle, and gives a node that leaves no more',
    { timeout: 60_000 },
    async ({ expect }) => {
      const { nodes, place } = await begin();
      const open = () => nodes.map(({ server }) => server.metrics.sessionsOpen);
      const enterAll = async () => {
        const clients = [];
        for (let i = 0; i < 4; i++) clients.push(await enter(place));
        return clients;
      };
      const clients = await enterAll();
      expect(open()).toEqual([2, 2]);
      for (const { count } of clients)
        await expect.poll(() => count('heartbeat'), soon).toBeGreaterThanOrEqual(heartbeats);
      expect(clients.map(({ ended }) => ended())).toEqual([false, false, false, false]);
      await nodes[0]?.server.publish('chat/lobby', 'hello');
      for (const { count } of clients) await expect.poll(() => count('hello'), soon).toBe(1);
      await nodes[0]?.server.close();
      await expect.poll(() => clients.filter(({ ended }) => ended()).length, soon).toBe(2);
      await enterAll();
      expect(open()).toEqual([0, 6]);
    },
  );

  // The others ask a node whether it is ready.
  test.skipIf(!path || name !== 'nginx')(
    '[H5] takes who comes to a node that is cut off on to another one, and back to it when that is over',
    { timeout: 60_000 },
    async ({ expect }) => {
      const { nodes, place } = await begin();
      const open = () => nodes.map(({ server }) => server.metrics.sessionsOpen);
      nodes[0]?.health.break();
      for (let i = 0; i < 4; i++) await enter(place);
      expect(open()).toEqual([0, 4]);
      expect(nodes[0]?.server.metrics.sessionsRefused).toBeGreaterThan(0);
      nodes[0]?.health.mend();
      const back = async () => {
        await enter(place);
        return open()[0];
      };
      await expect.poll(back, { ...soon, interval: 500 }).toBeGreaterThan(0);
    },
  );
});
