/**
 * The server's own TLS over real sockets: who gets in, what strangers to the port are answered, and that a new certificate
 * reaches new connections while old ones go on.
 */
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, renameSync, symlinkSync, watch, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { type FakeClock, fakeClock } from '@syncline/protocol/testing';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { memory } from '../broker/memory.ts';
import { createServer, type Server, type ServerOptions } from '../server.ts';
import { filesOf, makePair, type Pair } from '../testing/certificates.ts';
import { handshake, RawClient } from '../testing/raw.ts';
import { channels } from '../testing/serve.ts';
import { dial, type Inbox, passes, within } from '../testing/wire.ts';
import { readCertificate } from './tls.ts';

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  return { ...real, watch: vi.fn(real.watch) };
});

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return { ...real, readFile: vi.fn(real.readFile) };
});

let first: Pair;
let second: Pair;
beforeAll(async () => {
  [first, second] = await Promise.all([makePair(), makePair()]);
});

type Options = Partial<ServerOptions<typeof channels>>;

async function serveTls(options: Options): Promise<{ server: Server<typeof channels>; port: number }> {
  const server = createServer({ channels, broker: memory(), heartbeatMs: 600_000, ...options });
  onTestFinished(() => server.close({ drainMs: 0 }));
  const { port }: AddressInfo = await server.listen();
  return { server, port };
}

function enter(port: number, ca: string): Promise<Inbox> {
  return dial(`wss://localhost:${port}/sync`, ['syncline.v1'], { ca });
}

/** The certificate that a new connection is shown, as PEM in one line; rejects with what is wrong. */
async function shown(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: 'localhost', rejectUnauthorized: false, ...options });
  onTestFinished(() => void socket.destroy());
  await within(once(socket, 'secureConnect'), 'a TLS connection');
  return socket;
}

/** Whether new connections are shown this certificate. */
async function isShown(port: number, { cert }: Pair): Promise<boolean> {
  const socket = await shown(port);
  const raw = socket.getPeerX509Certificate()?.toString() ?? '';
  socket.destroy();
  return raw.trim() === cert.replaceAll('\r', '').trim();
}

/** Lets time pass, as the files rest, until that is so. */
function settled(clock: FakeClock, so: () => unknown): Promise<unknown> {
  return passes(async () => {
    await clock.advance(500);
    await so();
  });
}

/** Everything the port answers to these bytes, to the end of the connection. */
async function answerTo(port: number, bytes: string | Uint8Array): Promise<string> {
  const client = await RawClient.connect(port);
  client.socket.write(bytes);
  await client.closed();
  return client.received.toString('latin1');
}

describe('listening with TLS', () => {
  it('serves wss, to clients that check the certificate, on TLS 1.3 and 1.2', async () => {
    const { port, server } = await serveTls({ tls: first });
    const inbox = await enter(port, first.cert);
    expect(JSON.parse(await inbox.next())[0]).toBe('welcome');
    inbox.socket.send('["subscribe",1,"chat/x",0]');
    expect(JSON.parse(await inbox.next())[0]).toBe('subscribed');
    await server.publish('chat/x', 'over TLS');
    expect(await inbox.next()).toContain('"over TLS"');
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
      expect((await shown(port, { minVersion: version, maxVersion: version })).getProtocol()).toBe(version);
  });

  it('takes PEM as text, as bytes, and as paths', async () => {
    const bytes = { cert: Buffer.from(first.cert), key: Buffer.from(first.key) };
    for (const tls of [first, bytes, filesOf(first).tls])
      expect(await isShown((await serveTls({ tls })).port, first)).toBe(true);
  });

  it('tells other requests what it is', async () => {
    const { port } = await serveTls({ tls: first });
    const [response] = await once(get({ port, host: 'localhost', ca: first.cert, agent: false }), 'response');
    response.resume();
    expect([response.statusCode, response.headers.upgrade]).toEqual([426, 'websocket']);
  });

  it('[I8] a plain handshake is answered with 426, to the byte', async () => {
    const { port, server } = await serveTls({ tls: first });
    const body = JSON.stringify({
      error: { code: 'insecure', message: 'This port speaks TLS only: use wss:// or https://.' },
    });
    const answer = [
      'HTTP/1.1 426 Upgrade Required',
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      'Connection: Upgrade, close',
      'Upgrade: TLS/1.2, HTTP/1.1',
      '',
      body,
    ].join('\r\n');
    expect(await answerTo(port, handshake(port))).toBe(answer);
    expect(await answerTo(port, 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n')).toBe(
      answer,
    );
    expect(server.metrics.sessionsOpened).toBe(0);
    await enter(port, first.cert);
  });

  it('many plain handshakes at once are each answered on their own connection', async () => {
    const { port } = await serveTls({ tls: first });
    const answers = await Promise.all(Array.from({ length: 50 }, () => answerTo(port, handshake(port))));
    for (const answer of answers) expect(answer.split('HTTP/1.1 426 ')).toHaveLength(2);
  });

  it.each<[string, string | Uint8Array]>([
    ['garbage', 'garbage that is no protocol at all\n'],
    ['zeros', Buffer.alloc(1000)],
    ['a record that ends too early', Buffer.from('1603010005010000', 'hex')],
    ['a record of a length that can’t be', Buffer.from('160301ffff0100ffff', 'hex')],
    [
      'a hello of garbage',
      Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(505, 7)]),
    ],
    ['a hello of SSL 2', Buffer.from('802e0100020015000000100100800200800300800400', 'hex')],
    ['application data before a handshake', Buffer.from('1703030005aaaaaaaaaa', 'hex')],
  ])('%s gets an alert or nothing, and harms nobody', async (_, bytes) => {
    const { port, server } = await serveTls({ tls: first });
    const control = await enter(port, first.cert);
    await control.next();
    const client = await RawClient.connect(port);
    client.socket.end(bytes);
    await client.closed();
    const answer = client.received;
    expect(answer.length === 0 || answer[0] === 0x15).toBe(true);
    control.socket.send('["heartbeat"]');
    expect(JSON.parse(await control.next())[0]).toBe('heartbeat');
    expect(server.metrics.sessionsOpened).toBe(1);
  });

  it('TLS 1.1 and 1.0 are refused by an alert', async () => {
    const { port } = await serveTls({ tls: first });
    for (const version of ['TLSv1.1', 'TLSv1'] as const) {
      const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
      await expect(shown(port, old)).rejects.toMatchObject({
        code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      });
    }
  });

  it('a peer that says nothing, or half of it, is cut off after `tlsHandshakeMs`', async () => {
    const { port } = await serveTls({ tls: first, tlsHandshakeMs: 1000 });
    const silent = await RawClient.connect(port);
    const slow = await RawClient.connect(port);
    slow.socket.write(Buffer.from('16030102', 'hex'));
    await Promise.all([silent.closed(), slow.closed()]);
    expect(silent.received.length + slow.received.length).toBe(0);
  });

  it('a peer in the middle of a handshake is cut off when the server is closed', async () => {
    const { port, server } = await serveTls({ tls: first, tlsHandshakeMs: 120_000 });
    const slow = await RawClient.connect(port);
    slow.socket.write(Buffer.from('16030102', 'hex'));
    await enter(port, first.cert);
    await server.close({ drainMs: 0 });
    await slow.closed();
  });

  it('a reset in the middle of a handshake ends nothing', async () => {
    const thrown = vi.fn();
    process.on('uncaughtException', thrown);
    onTestFinished(() => void process.off('uncaughtException', thrown));
    const { port } = await serveTls({ tls: first });
    for (const bytes of ['GET / HTTP/1.1\r\n', 'zzzz', Buffer.from('16030102', 'hex')]) {
      const client = await RawClient.connect(port);
      client.socket.write(bytes);
      client.socket.resetAndDestroy();
      await client.closed();
    }
    await enter(port, first.cert);
    expect(thrown).not.toHaveBeenCalled();
  });
});

describe('what can’t be served with', () => {
  it.each<[string, () => Promise<Pair>, RegExp]>([
    [
      'no such file',
      async () => ({ ...first, cert: 'nowhere.pem' }),
      /^Expected `tls\.cert` to be the path of a PEM file, got "nowhere\.pem": there is no such file\.$/,
    ],
    [
      'a folder',
      async () => ({ ...first, key: '.' }),
      /^Expected `tls\.key` to be the path of a PEM file, got "\.": that is a folder\.$/,
    ],
    [
      'the key of another',
      async () => ({ cert: first.cert, key: second.key }),
      /^`tls\.key` is not the key of `tls\.cert`\. Give the two that were made together\.$/,
    ],
    [
      'both the wrong way round',
      async () => ({ cert: first.key, key: first.cert }),
      /^`tls\.cert` holds no certificate in PEM form \(no start line\)\./,
    ],
    [
      'a key cut short',
      async () => ({ ...first, key: first.key.slice(0, 80) }),
      /^`tls\.key` holds no private key in PEM form \(.+\)\./,
    ],
    [
      'a chain cut short',
      async () => ({ ...first, cert: `${first.cert}\n${second.cert.slice(0, 200)}` }),
      /^`tls\.cert` and `tls\.key` can’t be used together \(bad end line\)\./,
    ],
    [
      'a certificate that has ended',
      () => makePair(-0.5),
      /^The certificate of `tls\.cert` ended on .+Z\. Renew it\.$/,
    ],
    [
      'a locked key',
      async () => ({ ...first, key: locked(first.key) }),
      /^`tls\.key` is locked with a passphrase\./,
    ],
  ])('%s is one line of bad_option', async (_, make, message) => {
    const server = createServer({ channels, broker: memory(), tls: await make() });
    onTestFinished(() => server.close());
    const said = await server.listen().then(String, (error: Error) => error);
    expect(said).toMatchObject({ code: 'bad_option', message: expect.stringMatching(message) });
    expect((said as Error).message).not.toMatch(/\n|BEGIN [A-Z ]*KEY-/);
  });

  it('is named by its path', async () => {
    const { tls } = filesOf({ cert: first.cert, key: second.key });
    await expect(readCertificate(tls, Date.now())).rejects.toThrow(
      `\`tls.key\` (${tls.key}) is not the key of \`tls.cert\` (${tls.cert}).`,
    );
  });
});

describe('files that change', () => {
  it('reach new connections, while old ones go on', async () => {
    const files = filesOf(first);
    const { port, server } = await serveTls({ tls: files.tls });
    const old = await enter(port, first.cert);
    await old.next();
    old.socket.send('["subscribe",1,"chat/x",0]');
    await old.next();
    files.replace(second);
    await passes(async () => expect(await isShown(port, second)).toBe(true));
    const fresh = await enter(port, second.cert);
    await fresh.next();
    await server.publish('chat/x', 'after the change');
    expect(await old.next()).toContain('after the change');
    expect(server.metrics.sessionsOpen).toBe(2);
  });

  it('reach new connections where a link to their folder is turned, as containers do', async () => {
    const { dir } = filesOf(first);
    for (const [name, pair] of Object.entries({ one: first, two: second })) {
      mkdirSync(join(dir, name));
      for (const part of ['cert', 'key'] as const) writeFileSync(join(dir, name, `${part}.pem`), pair[part]);
    }
    const mount = join(dir, 'mount');
    mkdirSync(mount);
    symlinkSync('../one', join(mount, '..data'));
    const tls = { cert: join(mount, 'cert.pem'), key: join(mount, 'key.pem') };
    for (const part of ['cert', 'key'] as const) symlinkSync(`..data/${part}.pem`, tls[part]);
    const { port } = await serveTls({ tls });
    symlinkSync('../two', join(mount, '..data_new'));
    renameSync(join(mount, '..data_new'), join(mount, '..data'));
    await passes(async () => expect(await isShown(port, second)).toBe(true));
  });

  it('reach new connections where the system tells of no change, within a minute', async () => {
    vi.mocked(watch).mockImplementationOnce(() => {
      throw new Error('no watches left');
    });
    const clock = fakeClock();
    const files = filesOf(first);
    const { port } = await serveTls({ tls: files.tls, clock });
    files.replace(second);
    await clock.advance(59_999);
    expect(await isShown(port, first)).toBe(true);
    await clock.advance(1);
    await settled(clock, async () => expect(await isShown(port, second)).toBe(true));
  });

  it('are not used while they are bad: the old certificate stays, and the log tells once for each', async () => {
    const logger = { error: vi.fn() };
    const clock = fakeClock();
    const files = filesOf(first);
    const { port } = await serveTls({ tls: files.tls, clock, logger });
    const bad: [Pair, RegExp][] = [
      [{ cert: first.cert, key: second.key }, /is not the key of/],
      [{ cert: '', key: second.key }, /holds no certificate in PEM form/],
      [
        { cert: second.cert.slice(0, 300), key: second.key },
        /holds no certificate in PEM form \(bad end line\)/,
      ],
      [await makePair(-0.5, clock.now()), /ended on/],
    ];
    for (const [i, [pair, why]] of bad.entries()) {
      files.replace(pair);
      await clock.advance(60_000);
      await settled(clock, () => expect(logger.error).toHaveBeenCalledTimes(i + 1));
      await clock.advance(180_000);
      expect(await isShown(port, first)).toBe(true);
      expect(logger.error).toHaveBeenCalledTimes(i + 1);
      expect(logger.error).toHaveBeenLastCalledWith(
        { reason: expect.stringMatching(why) },
        'The TLS files changed and can’t be used; the server goes on with the certificate it has.',
      );
    }
    files.replace(second);
    await clock.advance(60_000);
    await settled(clock, async () => expect(await isShown(port, second)).toBe(true));
    expect(logger.error).toHaveBeenCalledTimes(bad.length);
  });

  it('are judged when they have rested: half of a new pair is not complained of', async () => {
    const logger = { error: vi.fn() };
    const clock = fakeClock();
    const files = filesOf(first);
    const { port } = await serveTls({ tls: files.tls, clock, logger });
    const reads = vi.mocked(readFile).mock.calls.length;
    writeFileSync(files.tls.cert, second.cert);
    await settled(clock, () => expect(vi.mocked(readFile).mock.calls.length).toBeGreaterThan(reads));
    files.replace(second);
    await settled(clock, async () => expect(await isShown(port, second)).toBe(true));
    expect(logger.error).not.toHaveBeenCalled();
  });

  it('that nobody renews are complained of once, 14 days before the end', async () => {
    const logger = { error: vi.fn() };
    const clock = fakeClock({ now: Date.now() });
    const files = filesOf(await makePair(15));
    await serveTls({ tls: files.tls, clock, logger });
    await clock.advance(60_000);
    expect(logger.error).not.toHaveBeenCalled();
    clock.setNow(clock.now() + 2 * 86_400_000);
    await clock.advance(60_000);
    await passes(() => expect(logger.error).toHaveBeenCalledOnce());
    await clock.advance(600_000);
    expect(logger.error).toHaveBeenCalledExactlyOnceWith(
      { days: 12 },
      'The TLS certificate ends soon, and no newer one was found: renew it.',
    );
  });

  it('are left alone when the server is closed', async () => {
    const clock = fakeClock();
    const files = filesOf(first);
    const { server } = await serveTls({ tls: files.tls, clock });
    const close = vi.spyOn(vi.mocked(watch).mock.results.at(-1)?.value, 'close');
    expect(clock.timers).toBeGreaterThan(0);
    await server.close();
    expect(close).toHaveBeenCalled();
    expect(clock.timers).toBe(0);
    writeFileSync(join(files.dir, 'more'), '');
  });

  it('are left alone when the port can’t be opened', async () => {
    const clock = fakeClock();
    const { port } = await serveTls({ tls: first });
    const server = createServer({ channels, broker: memory(), tls: first, clock });
    onTestFinished(() => server.close());
    const timers = clock.timers;
    await expect(server.listen(port)).rejects.toMatchObject({ code: 'unavailable' });
    await passes(() => expect(clock.timers).toBe(timers));
  });
});

/** The same key, locked. */
function locked(key: string): string {
  return `${createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })}`;
}
