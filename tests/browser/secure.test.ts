/**
 * wss in a real Chromium: a server with a certificate of its own, one attached to an https server, and `syncline serve
 * --tls-dev` as a process. Pages use the client SDK; each test says what they must see.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { defineChannels, stream } from '@syncline/protocol';
import { createServer, memory } from '@syncline/server';
import { build } from 'esbuild';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { noBrowser, openBrowser } from './chromium.ts';

const channels = defineChannels({ 'chat/:room': stream() });

/** What runs in the page: the SDK, joined to the server in the page's query, what it hears and what it says. */
const script = `
  import { createClient } from '@syncline/client';
  const url = new URLSearchParams(location.search).get('url') ?? undefined;
  const client = createClient(url ? { url } : {});
  const room = client.stream('chat/lobby');
  const show = (id, text) => { document.getElementById(id).append(text + '\\n'); };
  room.onMessage(({ data }) => show('heard', data.text));
  const look = () => { document.getElementById('status').textContent = client.status.get().state; };
  client.status.subscribe(look);
  look();
  window.say = (text) => room.publish({ name: 'page', text }).then(() => {});
`;

interface Pair {
  readonly cert: string;
  readonly key: string;
}

async function makePair(): Promise<Pair> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
  });
  return { cert, key };
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

describe.skipIf(noBrowser)('wss in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  let bundle: string;
  let pair: Pair;
  beforeAll(async () => {
    const resolveDir = fileURLToPath(new URL('.', import.meta.url));
    const built = await build({
      stdin: { contents: script, resolveDir },
      bundle: true,
      format: 'esm',
      write: false,
    });
    bundle = built.outputFiles[0]?.text ?? '';
    [browser, pair] = await Promise.all([openBrowser(), makePair()]);
  });
  afterAll(() => browser?.close());

  /** An https server with the page on it. */
  async function site(): Promise<{ http: HttpServer; url: string }> {
    const http = createHttpsServer(pair, (request, response) => {
      const js = request.url === '/page.js';
      response.setHeader('Content-Type', js ? 'text/javascript' : 'text/html');
      response.end(
        js
          ? bundle
          : '<!doctype html><pre id=status></pre><pre id=heard></pre><script type=module src=/page.js></script>',
      );
    });
    http.listen(0, 'localhost');
    await once(http, 'listening');
    onTestFinished(() => {
      http.close();
      http.closeAllConnections();
    });
    return { http, url: `https://localhost:${(http.address() as AddressInfo).port}` };
  }

  /** A window that trusts certificates nobody vouches for, or not. */
  async function open(ignoreHTTPSErrors: boolean): Promise<BrowserContext> {
    const context = await browser.newContext({ ignoreHTTPSErrors });
    onTestFinished(() => context.close());
    return context;
  }

  async function visit(url: string): Promise<Page> {
    const page = await (await open(true)).newPage();
    await page.goto(url);
    return page;
  }

  test('a page on an https server talks to the server attached to it', async () => {
    const { http, url } = await site();
    const server = createServer({
      channels,
      broker: memory(),
      authenticate: () => ({ user: 'ada', capabilities }),
    });
    onTestFinished(() => server.close({ drainMs: 0 }));
    server.attach(http);
    const [ada, mira] = await Promise.all([visit(url), visit(url)]);
    await Promise.all([online(ada), online(mira)]);
    await say(ada, 'over TLS');
    await heard(mira, 'over TLS');
    expect(await ada.evaluate(() => isSecureContext)).toBe(true);
  });

  test('a certificate that changes under a live connection is shown to new ones, and ends nothing', async () => {
    const dir = folder();
    const tls = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
    const install = (next: Pair): void => {
      for (const name of ['key', 'cert'] as const) {
        writeFileSync(`${tls[name]}.new`, next[name]);
        renameSync(`${tls[name]}.new`, tls[name]);
      }
    };
    install(pair);
    const { url } = await site();
    const server = createServer({ channels, broker: memory(), tls, originsAllowed: [url] });
    onTestFinished(() => server.close({ drainMs: 0 }));
    const { port } = await server.listen();
    const at = `${url}/?url=${encodeURIComponent(`wss://localhost:${port}/sync`)}`;
    const old = await visit(at);
    await online(old);
    const next = await makePair();
    install(next);
    await expect.poll(() => shownAt(port), { timeout: 10_000 }).toBe(oneLine(next.cert));
    const fresh = await visit(at);
    await online(fresh);
    await say(fresh, 'from the new');
    await heard(old, 'from the new');
    await say(old, 'from the old');
    await heard(fresh, 'from the old');
    expect(server.metrics.sessionsOpened).toBe(2);
  });

  test('`syncline serve --tls-dev` serves pages that trust its certificate, and no others', async () => {
    const { url } = await site();
    const { address, file } = await serveDev(folder(), url);
    const at = `${url}/?url=${encodeURIComponent(address)}`;
    const page = await visit(at);
    await online(page);
    await say(page, 'to the process');
    await heard(page, 'to the process');
    expect(readFileSync(file, 'utf8')).toContain('BEGIN CERTIFICATE');
    const wary = await (await open(false)).newPage();
    await expect(wary.goto(address.replace('wss:', 'https:'))).rejects.toThrow('ERR_CERT_AUTHORITY_INVALID');
    expect(await closeCode(page, address.replace('wss:', 'ws:'))).toBe(1006);
  });
});

const capabilities = { '*': ['*' as const] };

function online(page: Page): Promise<unknown> {
  return page.locator('#status').getByText('open', { exact: true }).waitFor();
}

function say(page: Page, text: string): Promise<unknown> {
  return page.evaluate((said) => (window as unknown as { say(text: string): Promise<void> }).say(said), text);
}

function heard(page: Page, text: string): Promise<unknown> {
  return page.locator('#heard').getByText(text).waitFor();
}

/** The code that a bare WebSocket of the page is closed with. */
function closeCode(page: Page, address: string): Promise<number> {
  return page.evaluate(
    (url) =>
      new Promise<number>((resolve) => {
        new WebSocket(url).onclose = ({ code }) => resolve(code);
      }),
    address,
  );
}

/** The certificate that new connections are shown. */
async function shownAt(port: number): Promise<string> {
  const socket = connect({ port, host: 'localhost', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const shown = socket.getPeerX509Certificate()?.toString() ?? '';
  socket.destroy();
  return oneLine(shown);
}

function oneLine(pem: string): string {
  return pem.replaceAll(/\s/g, '');
}

/** The command as a process, until the test is over: where it serves, and the certificate that it made. */
async function serveDev(dir: string, origin: string): Promise<{ address: string; file: string }> {
  const module = fileURLToPath(new URL('../../examples/chat/channels.ts', import.meta.url));
  const command = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));
  const args = ['--channels', module, '--port', '0', '--data', dir, '--tls-dev', '--origin', origin];
  const child = spawn(process.execPath, [command, 'serve', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const [line] = await Promise.race([once(child.stdout, 'data'), ended]);
  const address = /wss:\/\/\S+/.exec(String(line))?.[0];
  if (address === undefined) throw new Error('The command served nothing.');
  return { address, file: join(dir, 'tls', 'localhost.pem') };
}
