/**
 * `npm start` as people meet it: a real process that says where it is, what keeps it from starting, and loses nothing. The
 * page itself is tested in tests/browser.
 */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createClient } from '@syncline/client';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import type { channels } from './chat/channels.ts';
import { type Launched, launch, temporaryFolder } from './testing.ts';

function folder(): string {
  const { dir, remove } = temporaryFolder();
  onTestFinished(remove);
  return dir;
}

async function start(DATA_DIR: string, PORT = '0', HOST = 'localhost'): Promise<Launched> {
  const launched = await launch({ DATA_DIR, PORT, HOST }, { asWritten: true });
  onTestFinished(async () => {
    launched.kill('SIGKILL');
    await launched.ended;
  });
  return launched;
}

/** One that is there for all tests which only ask it for something. */
let common: Launched;
beforeAll(async () => {
  const { dir, remove } = temporaryFolder();
  common = await launch({ DATA_DIR: dir, HOST: 'localhost' }, { asWritten: true });
  return async () => {
    common.kill('SIGKILL');
    await common.ended;
    remove();
  };
});

/** What it says when it doesn't start: one line, no stack trace. */
async function complaint(launched: Launched): Promise<string> {
  expect(launched.output.out).toBe('');
  expect(await launched.ended).toBe(1);
  expect(launched.output.err).toMatch(/^syncline: [^\n]+\n$/);
  return launched.output.err;
}

test('prints one line with its address and serves the pages there, and nothing else', async () => {
  const { url, output } = common;
  expect(output.out).toMatch(/^Syncline examples: http:\/\/localhost:\d+ \(.*kill -9 \d+ .*Ctrl\+C.*\)\.\n$/);
  const page = await fetch(url);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('content-security-policy')).toContain(
    `default-src 'self'; connect-src 'self' ws://`,
  );
  expect(page.headers.get('x-content-type-options')).toBe('nosniff');
  const home = linksOf(await page.text());
  const pages = home.filter((path) => path.endsWith('/'));
  expect(pages).toEqual(['/chat/', '/fleet/', '/board/']);
  // Under the name of its folder it is looked for too.
  expect((await fetch(`${url}/whiteboard`)).url).toBe(`${url}/board/`);
  for (const path of pages) {
    const text = await (await fetch(url + path.slice(0, -1))).text();
    expect(text).toContain('<!doctype html>');
    const linked = linksOf(text);
    expect(linked.length).toBeGreaterThanOrEqual(3);
    for (const each of [...home, ...linked]) {
      expect([each, (await fetch(new URL(each, url + path))).status]).toEqual([each, 200]);
    }
  }
  for (const path of [
    '/chat/main.tsx',
    '/fleet/town.ts',
    '/fleet/city/city.ts',
    '/start.ts',
    '/chat/channels.ts',
    '/%2e%2e/package.json',
    '/chat/..%2f..%2fpackage.json',
    '/chat/constructor',
    '/constructor',
    '//',
  ]) {
    expect([path, (await fetch(url + path)).status]).toEqual([path, 404]);
  }
  expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405);
});

/** Where a page leads, and what it loads. */
function linksOf(page: string): string[] {
  return [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '');
}

test('what is large is sent small to whoever can read it', async () => {
  const { url } = common;
  const plain = await fetch(`${url}/chat/main.js`, { headers: { 'Accept-Encoding': 'identity' } });
  const zipped = await fetch(`${url}/chat/main.js`, { headers: { 'Accept-Encoding': 'gzip' } });
  expect([plain.headers.get('content-encoding'), zipped.headers.get('content-encoding')]).toEqual([
    null,
    'gzip',
  ]);
  const [bytes, fewer] = [plain, zipped].map(({ headers }) => Number(headers.get('content-length')));
  expect(fewer).toBeLessThan((bytes ?? 0) / 2);
  expect(await zipped.text()).toBe(await plain.text());
});

test('a path that climbs is not followed', async () => {
  const { port } = common;
  const socket = connect(Number(port), 'localhost');
  socket.write('GET /../package.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 404 /);
});

test('a port that is taken', async () => {
  const { port } = common;
  expect(await complaint(await start(folder(), port))).toContain(`Port ${port} is taken.`);
});

test('a PORT that is none', async () => {
  const given = ['abc', '70000', '-1', '', '8080.5'];
  const said = await Promise.all(given.map(async (port) => complaint(await start(folder(), port))));
  expect(said).toEqual(
    given.map(
      (port) => `syncline: Expected PORT to be a number from 0 to 65535, got "${port}".
`,
    ),
  );
});

test('a HOST that is none of this machine', async () => {
  expect(await complaint(await start(folder(), '0', '192.0.2.1'))).toContain('HOST is "192.0.2.1"');
});

test('a HOST that others can reach is served with TLS, and a warning', async () => {
  const dir = folder();
  const started = await start(dir, '0', '0.0.0.0');
  expect(started.output.out).toMatch(
    /https:\/\/localhost:\d+ .* Anyone who can reach it may read and write\. Browsers ask about its certificate, .*\.\n$/,
  );
  const ca = readFileSync(join(dir, 'tls', 'localhost.pem'));
  const [response] = (await once(get(started.url, { ca }), 'response')) as [IncomingMessage];
  expect(response.resume().statusCode).toBe(200);
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  const [answer, socket] = (await once(get(`${started.url}/chat`, { ca, headers }), 'upgrade')) as [
    IncomingMessage,
    Socket,
  ];
  socket.destroy();
  expect(answer.statusCode).toBe(101);
});

test('a data folder that cannot be written to', async () => {
  const file = join(folder(), 'file');
  writeFileSync(file, '');
  expect(await complaint(await start(join(file, 'data')))).toContain(join(file, 'data'));
});

test('a data folder that is in use', async () => {
  const data = folder();
  await start(data);
  expect(await complaint(await start(data))).toContain('in use');
});

test('a data file that is damaged, which stays as it is', async () => {
  const data = folder();
  const garbage = 'no database '.repeat(1000);
  writeFileSync(join(data, 'syncline.db'), garbage);
  expect(await complaint(await start(data))).toContain('is damaged');
  expect(readFileSync(join(data, 'syncline.db'), 'utf8')).toBe(garbage);
});

test('kill -9 and a new start keep the history', async () => {
  const data = folder();
  const first = await start(data);
  const written = ['one', 'two', 'three'];
  for (const text of written) await lobby(first).publish({ name: 'Ada', text });
  first.kill('SIGKILL');
  await first.ended;
  const { messages } = await lobby(await start(data)).history();
  expect(messages.map(({ data }) => 'text' in data && data.text)).toEqual(written);
});

test('SIGTERM ends it with 0 while clients are there', async () => {
  const started = await start(folder());
  await lobby(started).publish({ name: 'Ada', text: 'here' });
  started.kill('SIGTERM');
  expect(await started.ended).toBe(0);
  expect(started.output.err).toBe('');
});

test('it ends with its runner, even while clients are there', async () => {
  const started = await start(folder());
  await lobby(started).publish({ name: 'Ada', text: 'here' });
  started.leave();
  expect(await started.ended).toBe(0);
  expect(started.output.err).toBe('');
});

test('a second signal does not wait for those who do not leave', async () => {
  const started = await start(folder());
  const socket = connect(Number(started.port), 'localhost');
  socket.on('error', () => {});
  const headers = [
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ];
  socket.write(`GET /chat HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
  await once(socket, 'data');
  started.kill('SIGINT');
  // It says goodbye, and would now wait for an answer.
  await once(socket, 'data');
  started.kill('SIGINT');
  expect(await started.ended).toBe(1);
});

function lobby({ url }: Launched) {
  const client = createClient<typeof channels>({ url: `${url}/sync` });
  onTestFinished(() => client.close());
  return client.stream('chat/lobby');
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
