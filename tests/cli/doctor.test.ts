/**
 * `syncline doctor` against real servers without a proxy: what is good is called good, and certificates, clocks, tokens and addresses
 * that aren't are found, each with a way to mend it. What proxies do is in doctor.proxies.test.ts. They run beside each other: each
 * waits for heartbeats most of its time.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { subprotocol, systemClock } from '@syncline/protocol/wire';
import { generate } from 'selfsigned';
import { describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { atEnd } from '../ends.ts';
import { command, folder, serve, start } from './command.ts';
import { type Examined, examined, levels } from './examined.ts';

const patience = { timeout: 60_000 };
const dayMs = 86_400_000;
/** A heartbeat that is on time also on a machine with much else to do. */
const heartbeatMs = 3000;

/** A certificate for localhost in a file of its own, and the server's options for it. */
async function certificate(from: number, to: number, name = 'localhost') {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(systemClock.now() + from * dayMs),
    notAfterDate: new Date(systemClock.now() + to * dayMs),
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: name }] }],
  });
  const file = join(folder(), 'cert.pem');
  writeFileSync(file, cert);
  return { file, tls: { cert, key } };
}

const finding = ({ findings }: Examined, check: string) => findings.find((one) => one.check === check);

describe.concurrent('a deployment that is as it should be', () => {
  it('is good in everything, heartbeats included', patience, async () => {
    const { url } = await serve({ heartbeatMs });
    const found = await examined(url);
    expect(levels(found)).toEqual({
      ...{
        address: 'good',
        connect: 'good',
        tls: 'good',
        ready: 'good',
        upgrade: 'good',
        subprotocol: 'good',
      },
      ...{
        origin: 'good',
        pages: 'good',
        streaming: 'good',
        session: 'good',
        clock: 'good',
        heartbeat: 'good',
      },
    });
    expect(found).toMatchObject({ code: 0, faults: 0, warnings: 0 });
  });

  it('is told line by line, and in a word', patience, async () => {
    const { url } = await serve({ heartbeatMs });
    const { output, ended } = start(process.execPath, [command, 'doctor', url], { NO_COLOR: '1' });
    expect(await ended).toBe(0);
    expect(output.out).toMatch(/\ngood {5}origin {6}Pages of other sites are refused\.\n/);
    expect(output.out).toMatch(
      /\ngood {5}heartbeat {3}A connection on which nothing was said for .+ lives, and heartbeats come\.\n\nNothing was found\.\n$/,
    );
  });

  it('is found by its host alone, and can be watched too short', patience, async () => {
    const { port } = await serve({ heartbeatMs: 5000 });
    const found = await examined(`http://127.0.0.1:${port}`, '--watch', '200ms');
    expect(found.url).toBe(`ws://127.0.0.1:${port}/sync`);
    expect(finding(found, 'heartbeat')).toMatchObject({
      level: 'skipped',
      what: expect.stringContaining('--watch 13s'),
    });
    expect(found.code).toBe(0);
  });

  it(
    'is judged by a heartbeat that a whole silence lay before, whenever the first one comes',
    patience,
    async () => {
      const { url } = await serve({ heartbeatMs });
      const { what, level } = finding(await examined(url), 'heartbeat') ?? {};
      expect(level).toBe('good');
      const [, seconds] = /nothing was said for ([\d.]+) s lives/.exec(String(what)) ?? [];
      expect(Number(seconds)).toBeGreaterThanOrEqual(0.8 * (heartbeatMs / 1000));
    },
  );
});

it.concurrent('a way on which nothing passes after the first words is a fault', patience, async () => {
  const door = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => subprotocol });
  atEnd(() => {
    for (const one of door.clients) one.terminate();
    door.close();
  });
  await once(door, 'listening');
  door.on('connection', (socket) => socket.send(`["welcome","1",1000,65536,null,${systemClock.now()}]`));
  const found = await examined(`ws://127.0.0.1:${(door.address() as AddressInfo).port}/sync`);
  expect(finding(found, 'session')).toMatchObject({
    level: 'fault',
    what: expect.stringContaining('had no answer within 10 s'),
  });
  expect(finding(found, 'clock')).toBeUndefined();
});

describe.concurrent('clocks', () => {
  const ahead = (ms: number) => ({ ...systemClock, now: () => systemClock.now() + ms });

  it('that differ by minutes are a fault', patience, async () => {
    const { url } = await serve({ heartbeatMs: 1000, clock: ahead(5 * 60_000) });
    const found = await examined(url);
    expect(finding(found, 'clock')).toMatchObject({
      level: 'fault',
      what: expect.stringMatching(/^The server's clock is (29\d|300)\.\d s ahead of this machine's\.$/),
      why: expect.stringContaining('Tokens'),
    });
    expect(found.code).toBe(1);
  });

  it('that differ by seconds are a warning', patience, async () => {
    const { url } = await serve({ heartbeatMs: 1000, clock: ahead(-8000) });
    const found = await examined(url);
    expect(finding(found, 'clock')).toMatchObject({
      level: 'warning',
      what: expect.stringContaining('behind'),
    });
    expect(found.code).toBe(0);
  });
});

describe.concurrent('certificates', () => {
  it('that an authority of one’s own vouches for are good, and so is the rest', patience, async () => {
    const { file, tls } = await certificate(-1, 90);
    const { port } = await serve({ tls, heartbeatMs });
    const found = await examined(`wss://localhost:${port}`, '--ca', file);
    expect(found.findings.filter(({ level }) => level !== 'good')).toEqual([]);
    expect(finding(found, 'tls')?.what).toMatch(/^TLSv1\.3; the certificate is good until 20\d\d-/);
  });

  it('that nobody vouches for are a fault', patience, async () => {
    const { tls } = await certificate(-1, 90);
    const { port } = await serve({ tls, heartbeatMs: 1000 });
    const found = await examined(`wss://localhost:${port}`);
    expect(finding(found, 'tls')).toMatchObject({
      level: 'fault',
      what: expect.stringMatching(/Nobody has vouched/),
    });
    expect(found.code).toBe(1);
  });

  it('that have ended are a fault', patience, async () => {
    const { file, tls } = await certificate(-30, -2);
    // The server refuses to start with it, by its own clock.
    const clock = { ...systemClock, now: () => systemClock.now() - 10 * dayMs };
    const { port } = await serve({ tls, clock, heartbeatMs: 1000 });
    const found = await examined(`wss://localhost:${port}`, '--ca', file);
    expect(finding(found, 'tls')).toMatchObject({
      level: 'fault',
      what: expect.stringMatching(/^The certificate ended on 20\d\d-\d\d-\d\d\.$/),
      mend: [expect.stringContaining('certbot renew')],
    });
  });

  it('that end in days are a warning', patience, async () => {
    const { file, tls } = await certificate(-30, 5.5);
    const { port } = await serve({ tls, heartbeatMs: 1000 });
    const found = await examined(`wss://localhost:${port}`, '--ca', file);
    expect(finding(found, 'tls')).toMatchObject({
      level: 'warning',
      what: expect.stringMatching(/: in 5 days\.$/),
    });
  });

  it('that are for another name are a fault', patience, async () => {
    const { file, tls } = await certificate(-1, 90, 'app.example');
    const { port } = await serve({ tls, heartbeatMs: 1000 });
    const found = await examined(`wss://localhost:${port}`, '--ca', file);
    expect(finding(found, 'tls')).toMatchObject({
      level: 'fault',
      what: expect.stringContaining("isn't for localhost: it is for DNS:app.example"),
    });
  });

  it('are looked for in vain where nothing is encrypted', patience, async () => {
    const { port } = await serve();
    const found = await examined(`wss://127.0.0.1:${port}`);
    expect(levels(found)).toMatchObject({ tls: 'fault' });
    expect(found.findings).toHaveLength(3);
  });
});

describe.concurrent('who may come in', () => {
  const options = {
    heartbeatMs,
    authenticate: ({ token }: { readonly token: string | null }) => {
      if (token !== 'a.b.c') throw new Error('no');
      return { user: 'ada' };
    },
  };

  it('without a token it is told that more may be seen with one', patience, async () => {
    const { url } = await serve(options);
    const found = await examined(url);
    expect(levels(found)).toMatchObject({
      upgrade: 'good',
      origin: 'good',
      pages: 'good',
      session: 'skipped',
      streaming: 'skipped',
    });
    expect(finding(found, 'session')?.what).toContain('--token-file');
    expect(found.code).toBe(0);
  });

  it('with one all is looked at; one that is refused is a fault', patience, async () => {
    const { url } = await serve(options);
    const file = join(folder(), 'token');
    writeFileSync(file, 'a.b.c\n');
    expect(levels(await examined(url, '--token-file', file))).toMatchObject({
      upgrade: 'good',
      session: 'good',
      heartbeat: 'good',
      streaming: 'good',
    });
    writeFileSync(file, 'x.y.z\n');
    const found = await examined(url, '--token-file', file);
    expect(finding(found, 'upgrade')).toMatchObject({
      level: 'fault',
      what: expect.stringContaining('The token was refused.'),
    });
  });

  it('the token goes to nobody whose certificate is no good', patience, async () => {
    const seen: (string | null)[] = [];
    const { tls } = await certificate(-1, 90);
    const authenticate = ({ token }: { readonly token: string | null }) => {
      seen.push(token);
      throw new Error('no');
    };
    const { port } = await serve({ tls, authenticate });
    const file = join(folder(), 'token');
    writeFileSync(file, 'a.b.c\n');
    await examined(`wss://localhost:${port}`, '--token-file', file);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((token) => token !== null)).toEqual([]);
  });

  it('pages of an origin that isn’t listed are told how', patience, async () => {
    const { url } = await serve({ heartbeatMs: 1000, originsAllowed: ['https://a.example'] });
    expect(levels(await examined(url, '--origin', 'https://a.example'))).toMatchObject({ pages: 'good' });
    const found = await examined(url, '--origin', 'https://b.example');
    expect(finding(found, 'pages')).toMatchObject({
      level: 'fault',
      mend: expect.arrayContaining([expect.stringContaining('originsAllowed')]),
    });
  });
});

describe.concurrent('addresses', () => {
  it(
    'that nobody has, or where nobody listens, are told, and nothing else is looked at',
    patience,
    async () => {
      const nobody = await examined('wss://nobody.invalid/sync');
      expect(nobody).toMatchObject({ code: 1, faults: 1 });
      expect(nobody.findings).toMatchObject([
        { check: 'address', level: 'fault', what: expect.stringContaining("nobody.invalid can't be found") },
      ]);
      const deaf = await examined('ws://127.0.0.1:1/sync');
      expect(levels(deaf)).toEqual({ address: 'good', connect: 'fault' });
    },
  );

  it('of another path are told as what they are', patience, async () => {
    const { port } = await serve();
    const found = await examined(`ws://127.0.0.1:${port}/elsewhere`);
    expect(levels(found)).toMatchObject({ ready: 'warning', upgrade: 'fault' });
  });
});
