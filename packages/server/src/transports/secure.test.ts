/**
 * Who comes in without TLS, and from where a client is said to come: every combination of way, peer and proxy header, and
 * the answer as it stands on the wire.
 */
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Credentials } from '../access.ts';
import { handshake, RawClient } from '../testing/raw.ts';
import { type Running, serve } from '../testing/serve.ts';
import { Refusal } from './refusal.ts';
import { checkSecure, clientAddress } from './secure.ts';

type Fields = Readonly<Record<string, string | readonly string[]>>;

/** A request as Node hands it over, from a peer. */
function request(socket: object, fields: Fields = {}): IncomingMessage {
  const lines = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  return {
    socket,
    headers: Object.fromEntries(lines.map(([name = '', value]) => [name.toLowerCase(), value])),
    rawHeaders: lines.flat(),
  } as unknown as IncomingMessage;
}

const here = { remoteAddress: '127.0.0.1', localAddress: '127.0.0.1' };
const away = { remoteAddress: '203.0.113.7', localAddress: '198.51.100.1' };
const https = { 'X-Forwarded-Proto': 'https' };

/** The refusal's status and code, or "in". */
function outcome(socket: object, fields: Fields, trustProxy: boolean | number): string {
  try {
    checkSecure(request(socket, fields), { trustProxy });
    return 'in';
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    return `${thrown.status} ${thrown.code}`;
  }
}

describe('without a trusted proxy', () => {
  it.each<[string, object, Fields, string]>([
    ['this machine', here, {}, 'in'],
    ['this machine over IPv6', { remoteAddress: '::1', localAddress: '::1' }, {}, 'in'],
    [
      'this machine in IPv6 dress',
      { remoteAddress: '::ffff:127.0.0.1', localAddress: '::ffff:127.0.0.1' },
      {},
      'in',
    ],
    ['a Unix socket', {}, {}, 'in'],
    ['another machine', away, {}, '426 insecure'],
    ['another machine, over TLS', { ...away, encrypted: true }, {}, 'in'],
    ['another machine that claims a proxy’s TLS', away, https, '426 insecure'],
    ['another machine that claims to be this one', away, { 'X-Forwarded-For': '127.0.0.1' }, '426 insecure'],
    ['a proxy on this machine', here, { 'X-Forwarded-For': '203.0.113.7' }, '426 insecure'],
    ['a proxy on this machine that serves TLS', here, https, '426 insecure'],
    ['a proxy on a Unix socket', {}, { Via: '1.1 proxy' }, '426 insecure'],
    ['a proxy’s Forwarded', here, { Forwarded: 'proto=https' }, '426 insecure'],
    ['a proxy, over TLS', { ...here, encrypted: true }, https, 'in'],
    ['a peer that isn’t TLS but says so oddly', { ...away, encrypted: 'yes' }, {}, '426 insecure'],
    ['an address like this machine’s', { ...away, remoteAddress: '127.0.0.1.example' }, {}, '426 insecure'],
  ])('%s is judged', (_, socket, fields, expected) => {
    expect(outcome(socket, fields, false)).toBe(expected);
  });
});

describe('behind a trusted proxy', () => {
  it.each<[string, Fields, string]>([
    ['https', https, 'in'],
    ['wss', { 'X-Forwarded-Proto': 'wss' }, 'in'],
    ['capitals', { 'x-forwarded-proto': 'HTTPS' }, 'in'],
    ['nothing', {}, '426 insecure'],
    ['http', { 'X-Forwarded-Proto': 'http' }, '426 insecure'],
    ['ws', { 'X-Forwarded-Proto': 'ws' }, '426 insecure'],
    ['an empty value', { 'X-Forwarded-Proto': '' }, '426 insecure'],
    ['a list', { 'X-Forwarded-Proto': 'https, http' }, '426 insecure'],
    ['a list that agrees', { 'X-Forwarded-Proto': 'https,https' }, '426 insecure'],
    ['two fields', { 'X-Forwarded-Proto': ['https', 'http'] }, '426 insecure'],
    ['two fields that agree', { 'X-Forwarded-Proto': ['https', 'https'] }, '426 insecure'],
    [
      'two fields in other letters',
      { 'X-Forwarded-Proto': 'https', 'x-forwarded-PROTO': 'https' },
      '426 insecure',
    ],
    ['what only begins well', { 'X-Forwarded-Proto': 'https://' }, '426 insecure'],
    ['another field', { Forwarded: 'proto=https', 'X-Forwarded-Ssl': 'on' }, '426 insecure'],
  ])('a request that says %s', (_, fields, expected) => {
    for (const trustProxy of [true, 1, 3])
      for (const socket of [here, away, {}, { ...away, encrypted: true }])
        expect(outcome(socket, fields, trustProxy)).toBe(expected);
  });
});

describe('the client’s address', () => {
  const chain = { 'X-Forwarded-For': 'forged, 203.0.113.1, 203.0.113.2' };
  it.each<[string, Fields, boolean | number, string]>([
    ['the peer, whatever it says', chain, false, '198.51.100.9'],
    ['the last entry', chain, true, '203.0.113.2'],
    ['the nth from the right', chain, 2, '203.0.113.1'],
    ['the first where there are fewer', { 'X-Forwarded-For': '203.0.113.1, 203.0.113.2' }, 5, '203.0.113.1'],
    [
      'the last of several fields',
      { 'X-Forwarded-For': ['203.0.113.1', '203.0.113.2'] },
      true,
      '203.0.113.2',
    ],
    ['the peer where nothing is said', {}, true, '198.51.100.9'],
    ['the peer where it is empty', { 'X-Forwarded-For': '' }, true, '198.51.100.9'],
    ['the peer where the entry is none', { 'X-Forwarded-For': '203.0.113.1, unknown' }, true, '198.51.100.9'],
    ['the peer where the entry is forged', chain, 3, '198.51.100.9'],
    ['without a port', { 'X-Forwarded-For': '203.0.113.2:4711' }, true, '203.0.113.2'],
    ['IPv6', { 'X-Forwarded-For': '2001:db8::1' }, true, '2001:db8::1'],
    ['IPv6 in brackets', { 'X-Forwarded-For': '[2001:db8::1]' }, true, '2001:db8::1'],
    ['IPv6 with a port', { 'X-Forwarded-For': '[2001:db8::1]:4711' }, true, '2001:db8::1'],
    ['IPv4 in IPv6 dress', { 'X-Forwarded-For': '::ffff:203.0.113.2' }, true, '203.0.113.2'],
    [
      'the last of a thousand',
      { 'X-Forwarded-For': `${'127.0.0.1,'.repeat(999)}203.0.113.2` },
      1,
      '203.0.113.2',
    ],
  ])('is %s', (_, fields, trustProxy, expected) => {
    expect(clientAddress(request({ remoteAddress: '::ffff:198.51.100.9' }, fields), trustProxy)).toBe(
      expected,
    );
  });

  it('is empty where there is none', () => {
    expect(clientAddress(request({}), false)).toBe('');
    expect(clientAddress(request({}), true)).toBe('');
  });
});

/** A server whose connections all seem to come from another machine. */
async function serveAway(options: Parameters<typeof serve>[0]): Promise<Running<never>> {
  const running = await serve(options);
  running.http.on('connection', (socket) =>
    Object.defineProperty(socket, 'remoteAddress', { value: '203.0.113.7' }),
  );
  return running as unknown as Running<never>;
}

/** Everything that is answered, to the end of the connection. */
async function answerTo(port: number, bytes: string): Promise<string> {
  const client = await RawClient.connect(port);
  client.socket.write(bytes);
  await client.closed();
  return client.received.toString();
}

function refusal(message: string): string {
  const body = JSON.stringify({ error: { code: 'insecure', message } });
  return [
    'HTTP/1.1 426 Upgrade Required',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: Upgrade, close',
    'Upgrade: TLS/1.2, HTTP/1.1',
    '',
    body,
  ].join('\r\n');
}

describe('on the wire', () => {
  const authenticate = () => ({ user: 'ada' });

  it('[I8] a plain handshake from another machine is answered with 426, to the byte', async () => {
    const { port, server } = await serveAway({ authenticate });
    expect(await answerTo(port, handshake(port))).toBe(
      refusal(
        'This connection is not encrypted, and this server takes connections from other machines over TLS only: use wss://.',
      ),
    );
    expect(server.metrics).toMatchObject({ sessionsOpened: 0, sessionsRefused: 1 });
  });

  it('[I8] one that an unknown proxy passed on is answered with 426, to the byte', async () => {
    const { port } = await serve({ authenticate });
    expect(await answerTo(port, handshake(port, { ...https, 'X-Forwarded-For': '203.0.113.7' }))).toBe(
      refusal(
        'A proxy passed this request on, and the server knows of none: set `trustProxy` where it serves wss://.',
      ),
    );
  });

  it('[I8] one for which a trusted proxy doesn’t vouch is answered with 426, to the byte', async () => {
    const { port } = await serve({ authenticate, trustProxy: true });
    const changes = [{}, { 'X-Forwarded-Proto': 'http' }, { 'X-Forwarded-Proto': ['https', 'https'] }];
    for (const change of changes)
      expect(await answerTo(port, handshake(port, change))).toBe(
        refusal(
          'This server takes TLS connections only, through a proxy that sends "X-Forwarded-Proto: https" exactly once: connect with wss://, or mend the proxy.',
        ),
      );
  });

  it('nobody is asked who they are before that', async () => {
    const asked: Credentials[] = [];
    const { port } = await serveAway({ authenticate: (from) => ({ user: String(asked.push(from)) }) });
    await answerTo(port, handshake(port, { Authorization: 'Bearer secret' }));
    expect(asked).toEqual([]);
  });

  it('`authenticate` is given the address that the trusted proxy saw', async () => {
    const seen: string[] = [];
    const { port } = await serve({
      trustProxy: 2,
      authenticate: ({ remoteAddress }) => ({ user: String(seen.push(remoteAddress)) }),
    });
    const client = await RawClient.connect(port);
    client.socket.write(
      handshake(port, { ...https, 'X-Forwarded-For': 'forged, 203.0.113.7, 198.51.100.2' }),
    );
    expect((await client.answer()).status).toBe(101);
    expect(seen).toEqual(['203.0.113.7']);
  });
});
