/**
 * `syncline doctor` through real proxies that are set up as they shouldn't be, each in one way: what is wrong is found, and the line that
 * mends it is told. They run beside each other: each waits most of its time. A proxy that isn't installed is left out.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { serve } from './command.ts';
import { type Examined, examined, levels } from './examined.ts';
import { behindNginx, type Changed, caddy, haproxy, nginx, prepare, run } from './proxies.ts';

const patience = { timeout: 60_000 };
/** A heartbeat that is on time also on a machine with much else to do. */
const calmMs = 3000;

/** A server behind nginx, examined through it. @param changed lines that differ from those that are right */
async function throughNginx(changed: Changed, heartbeatMs = 1000): Promise<Examined> {
  const { url, ca } = await behindNginx(changed, heartbeatMs);
  return await examined(url, '--ca', ca);
}

const finding = ({ findings }: Examined, check: string) => findings.find((one) => one.check === check);

describe.skipIf(!existsSync(nginx)).concurrent('nginx', () => {
  test('as it should be is good in everything', patience, async () => {
    const found = await throughNginx({}, calmMs);
    expect(found.findings.filter(({ level }) => level !== 'good')).toEqual([]);
    expect(found.findings).toHaveLength(12);
    expect(found.code).toBe(0);
  });

  test('without the headers of an upgrade', patience, async () => {
    const found = await throughNginx({ upgrade: '' });
    expect(finding(found, 'upgrade')).toMatchObject({
      level: 'fault',
      what: expect.stringContaining('answered as a plain request'),
      mend: expect.arrayContaining([expect.stringContaining('proxy_set_header Upgrade $http_upgrade')]),
    });
    expect(levels(found)).toMatchObject({ ready: 'good', session: 'skipped' });
    expect(found.code).toBe(1);
  });

  test('that speaks HTTP/1.0 to the server', patience, async () => {
    const found = await throughNginx({ http: 'proxy_http_version 1.0;' });
    expect(finding(found, 'upgrade')).toMatchObject({
      level: 'fault',
      mend: expect.arrayContaining([expect.stringContaining('proxy_http_version 1.1')]),
    });
  });

  test('that allows a second of silence', patience, async () => {
    const found = await throughNginx({ idle: 'proxy_read_timeout 1s;' }, 20_000);
    expect(finding(found, 'heartbeat')).toMatchObject({
      level: 'fault',
      what: expect.stringMatching(
        /^The connection was cut after [0-3]\.\d s of silence, and not by the server, whose heartbeat comes every 20 s\.$/,
      ),
      mend: expect.arrayContaining([expect.stringContaining('proxy_read_timeout 75s')]),
    });
    expect(found.code).toBe(1);
  });

  test('that collects answers before it passes them on', patience, async () => {
    const found = await throughNginx(
      { more: 'proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;' },
      20_000,
    );
    expect(finding(found, 'streaming')).toMatchObject({
      level: 'warning',
      mend: expect.arrayContaining([expect.stringContaining('proxy_buffering off')]),
    });
  });

  test('that doesn’t say that TLS was spoken', patience, async () => {
    const found = await throughNginx({ proto: '' });
    expect(finding(found, 'upgrade')).toMatchObject({
      level: 'fault',
      what: expect.stringContaining('without TLS'),
      mend: expect.arrayContaining(['nginx: proxy_set_header X-Forwarded-Proto $scheme;']),
    });
  });

  test('that calls the server by another name', patience, async () => {
    const found = await throughNginx({ host: 'proxy_set_header Host backend;' });
    expect(levels(found)).toMatchObject({ upgrade: 'good', origin: 'good', pages: 'fault' });
    expect(finding(found, 'pages')?.mend).toContain('nginx: proxy_set_header Host $http_host;');
  });

  test('that hides where pages come from', patience, async () => {
    const found = await throughNginx({ more: 'proxy_set_header Origin "";' });
    expect(finding(found, 'origin')).toMatchObject({
      level: 'fault',
      what: 'A page of any other site may open connections.',
      mend: expect.arrayContaining([expect.stringContaining('proxy_set_header Origin')]),
    });
  });

  test('that drops the subprotocol', patience, async () => {
    const found = await throughNginx({ more: 'proxy_hide_header Sec-WebSocket-Protocol;' });
    expect(finding(found, 'subprotocol')).toMatchObject({
      level: 'fault',
      what: 'No subprotocol was agreed on.',
    });
  });

  test('that redirects, and that doesn’t reach the server', patience, async () => {
    const moved = await throughNginx({ more: 'return 301 https://elsewhere.example$request_uri;' });
    expect(finding(moved, 'upgrade')?.what).toMatch(
      /^It is redirected to https:\/\/elsewhere\.example\/sync \(301\)\.$/,
    );
    const lost = await throughNginx({ more: 'error_page 500 =502 @none; return 502;' });
    expect(levels(lost)).toMatchObject({ ready: 'fault', upgrade: 'fault' });
    expect(finding(lost, 'upgrade')?.what).toContain("doesn't reach the server");
  });
});

describe.skipIf(!existsSync(haproxy)).concurrent('haproxy', () => {
  test.each<[string, string, number, string]>([
    ['as it should be', 'timeout client 75s\n  timeout server 75s\n  timeout tunnel 75s', calmMs, 'good'],
    [
      'that allows a second of silence',
      'timeout client 75s\n  timeout server 75s\n  timeout tunnel 1s',
      20_000,
      'fault',
    ],
  ])('%s', patience, async (_, timeouts, heartbeatMs, level) => {
    const { port: target } = await serve({
      trustProxy: true,
      heartbeatMs,
      authenticate: () => ({ user: null }),
    });
    const { dir, port, ca } = await prepare();
    const file = join(dir, 'config');
    const front = `frontend web\n  bind 127.0.0.1:${port} ssl crt ${join(dir, 'both.pem')}\n  http-request set-header X-Forwarded-Proto https\n  option forwardfor\n  default_backend sync`;
    writeFileSync(
      file,
      `defaults\n  mode http\n  timeout connect 5s\n  ${timeouts}\n${front}\nbackend sync\n  server sync1 127.0.0.1:${target}\n`,
    );
    await run(haproxy, ['-db', '-f', file], port);
    const found = await examined(`wss://localhost:${port}/sync`, '--ca', ca);
    expect(levels(found)).toMatchObject({ tls: 'good', upgrade: 'good' });
    expect(finding(found, 'heartbeat')).toMatchObject({ level });
    if (level === 'fault')
      expect(finding(found, 'heartbeat')?.mend).toContain(
        'HAProxy: timeout tunnel 75s, and timeout client and timeout server 75s',
      );
    else expect(found.faults).toBe(0);
  });
});

describe.skipIf(caddy === undefined).concurrent('caddy', () => {
  test('as it should be is good in everything', patience, async () => {
    const authenticate = () => ({ user: null });
    const { port: target } = await serve({ trustProxy: true, heartbeatMs: calmMs, authenticate });
    const { dir, port, ca } = await prepare();
    const file = join(dir, 'config');
    const site = `https://localhost:${port} {\n  tls ${ca} ${join(dir, 'key.pem')}\n  reverse_proxy /sync* 127.0.0.1:${target}\n}`;
    writeFileSync(file, `{\n  admin off\n  auto_https disable_redirects\n}\n${site}\n`);
    await run(caddy ?? '', ['run', '--adapter', 'caddyfile', '--config', file], port, {
      ...{ HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
    });
    const found = await examined(`wss://localhost:${port}/sync`, '--ca', ca);
    expect(found.findings.filter(({ level }) => level !== 'good')).toEqual([]);
  });
});
