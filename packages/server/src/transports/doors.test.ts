/**
 * How many may stand at the door, and how many of one address may come in; how much may be sent early, and how often a client
 * may ping. What a server doesn't wire yet is tried on the doors themselves, with a place that nobody gets.
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SyncError } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { newMetrics } from '../observe.ts';
import { resolveNumbers } from '../options.ts';
import type { HttpAnswer } from '../testing/bytes.ts';
import { gate } from '../testing/meddle.ts';
import { clientFrame, handshake, RawClient } from '../testing/raw.ts';
import { serve } from '../testing/serve.ts';
import { passes, WireClient } from '../testing/wire.ts';
import { type DoorSettings, Doors } from './doors.ts';

type Changes = NonNullable<Parameters<typeof handshake>[1]>;

async function knock(
  port: number,
  changes: Changes = {},
  sent: Uint8Array = Buffer.alloc(0),
): Promise<HttpAnswer> {
  const client = await RawClient.connect(port);
  client.socket.write(Buffer.concat([Buffer.from(handshake(port, changes)), sent]));
  return client.answer();
}

function codeOf({ status, body }: HttpAnswer): string {
  return `${status} ${JSON.parse(body).error.code}`;
}

/** Doors on an HTTP server of their own; whoever gets past them is answered with 500. */
async function doorsOf(settings: Partial<DoorSettings>, numbers: Record<string, number> = {}) {
  const metrics = newMetrics();
  const doors = new Doors({
    authenticates: true,
    identify: async () => ({ user: null }),
    originsAllowed: [],
    hostsAllowed: [],
    trustProxy: false,
    connection: { clock: fakeClock(), metrics, takesBinary: false, ...resolveNumbers(numbers) },
    admit: () => {
      throw new SyncError('internal');
    },
    cutOff: () => false,
    ...settings,
  });
  const http = createHttpServer();
  doors.guard(http);
  doors.attach(http, { native: '/sync', plain: new Map() });
  http.listen(0, 'localhost');
  await once(http, 'listening');
  onTestFinished(() => {
    doors.detach();
    http.close();
    http.closeAllConnections();
  });
  return { port: (http.address() as AddressInfo).port, metrics };
}

describe('whoever is let in', () => {
  it('is cut off when their session can’t be made, asked to be told or not, and nothing else happens', async () => {
    const { port } = await doorsOf({
      admit: () => ({
        open: () => {
          throw new Error('no session');
        },
        gone: () => {},
      }),
    });
    for (const offered of ['syncline.v1', 'syncline.v1, syncline.v1.tell']) {
      const client = await RawClient.connect(port);
      const closed = once(client.socket, 'close');
      client.socket.write(handshake(port, { 'Sec-WebSocket-Protocol': offered }));
      await closed;
    }
  });
});

describe('one address', () => {
  it('may have so many handshakes under way, also of clients who are gone meanwhile', async () => {
    const held = gate();
    const authenticate = vi.fn(() => held.passed.then(() => ({ user: null })));
    const { port, server } = await serve({ authenticate, handshakesPerIpMax: 2 });
    const waiting = await RawClient.connect(port);
    waiting.socket.write(handshake(port));
    const gone = await RawClient.connect(port);
    gone.socket.write(handshake(port));
    await passes(() => expect(authenticate).toHaveBeenCalledTimes(2));
    gone.socket.resetAndDestroy();
    const answer = await knock(port);
    expect(codeOf(answer)).toBe('429 too_many');
    expect(answer.body).toContain('`handshakesPerIpMax`');
    expect(answer.headers.get('retry-after')).toMatch(/^[1-4]$/);
    expect(server.metrics.sessionsRefused).toBe(1);
    held.open();
    expect(await waiting.answer()).toMatchObject({ status: 101 });
    expect(await knock(port)).toMatchObject({ status: 101 });
    expect(authenticate).toHaveBeenCalledTimes(3);
  });

  it('may have so many sessions; one that ends, however it does, makes room', async () => {
    const { port, server } = await serve({ sessionsPerIpMax: 2, plain: { '/chat': 'chat/x' } });
    const first = await WireClient.connect(port);
    const second = await RawClient.open(port);
    const refused = await knock(port);
    expect(codeOf(refused)).toBe('429 too_many');
    expect(refused.body).toContain('`sessionsPerIpMax`');
    first.close();
    await passes(() => expect(server.metrics.sessionsOpen).toBe(1));
    expect(await knock(port)).toMatchObject({ status: 101 });
    second.socket.resetAndDestroy();
    await passes(() => expect(server.metrics.sessionsOpen).toBe(1));
    await WireClient.connect(port);
    expect(codeOf(await knock(port))).toBe('429 too_many');
  });

  it('is the one that a trusted proxy saw; what others say of themselves is not believed', async () => {
    const authenticate = () => ({ user: null });
    const from = (address: string): Changes => ({
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-For': address,
    });
    const behind = await serve({ authenticate, trustProxy: true, sessionsPerIpMax: 1 });
    expect((await knock(behind.port, from('2001:db8:1:2::1'))).status).toBe(101);
    expect((await knock(behind.port, from('2001:db8:1:3::1'))).status).toBe(101);
    expect((await knock(behind.port, from('203.0.113.7'))).status).toBe(101);
    expect((await knock(behind.port, from('9.9.9.9, 203.0.113.7'))).status).toBe(429);
    expect((await knock(behind.port, from('2001:db8:1:2:ffff::9'))).status).toBe(429);
  });

  it('may have so many connections that never say anything, where the HTTP server is ours alone', async () => {
    const { port, metrics } = await doorsOf({}, { handshakesPerIpMax: 3 });
    const silent = await Promise.all([1, 2, 3].map(() => RawClient.connect(port)));
    const late = await RawClient.connect(port);
    await late.closed();
    expect(late.received.toString()).toBe('');
    expect(metrics.sessionsRefused).toBe(1);
    silent[0]?.socket.destroy();
    await passes(async () => expect((await knock(port)).status).toBe(500));
  });

  it('is not counted by connection behind a proxy, where all have the proxy’s', async () => {
    const { port } = await doorsOf({ trustProxy: true }, { handshakesPerIpMax: 1 });
    await RawClient.connect(port);
    const changes = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '203.0.113.7' };
    expect((await knock(port, changes)).status).toBe(500);
  });
});

describe('a handshake', () => {
  it('may bring so many bytes of frames with it, whoever is asked who that is', async () => {
    const authenticate = vi.fn(() => ({ user: null }));
    const { port, server } = await serve({ authenticate, handshakeBytesMax: 100 });
    const frame = (bytes: number): Buffer => clientFrame(`"${'x'.repeat(bytes - 8)}"`);
    expect(frame(100)).toHaveLength(100);
    expect((await knock(port, {}, frame(100))).status).toBe(101);
    expect(codeOf(await knock(port, {}, frame(101)))).toBe('413 frame_too_large');
    expect(authenticate).toHaveBeenCalledOnce();
    expect(server.metrics).toMatchObject({ sessionsOpened: 1, sessionsRefused: 1 });
  });

  it.each([
    ['app.example', 500],
    ['APP.example:8443', 500],
    ['api.example:8443', 500],
    ['api.example', 421],
    ['rebound.example', 421],
    ['app.example.evil.example', 421],
    ['app.example.', 421],
  ])(
    'calls the server by a name that it is allowed to have: %s is answered with %i',
    async (host, status) => {
      const { port } = await doorsOf({ hostsAllowed: ['app.example', 'api.example:8443'] });
      const answer = await knock(port, { Host: host });
      expect(answer.status).toBe(status);
      if (status === 421) expect(answer.body).toContain('`hostsAllowed`');
    },
  );
});

describe('a client that pings', () => {
  const ping = clientFrame('', { opcode: 9 });

  it('on and on is closed, one that does so now and then is not', async () => {
    const clock = fakeClock();
    const { port } = await serve({ clock, pingsPerSecondMax: 3 });
    const client = await RawClient.open(port);
    const opcodes: number[] = [];
    for (let second = 0; second < 3; second++) {
      client.socket.write(Buffer.concat([ping, ping, ping]));
      while (opcodes.length < 1 + 3 * (second + 1)) opcodes.push((await client.frame()).opcode);
      await clock.advance(1000);
    }
    expect(opcodes).toEqual([1, ...Array(9).fill(10)]);
    client.socket.write(Buffer.concat([ping, ping, ping, ping, ping]));
    for (let pongs = 0; pongs < 4; pongs++) expect((await client.frame()).opcode).toBe(10);
    const close = await client.frame();
    expect([close.opcode, close.payload.readUInt16BE()]).toEqual([8, 4429]);
    expect(close.payload.subarray(2).toString()).toBe('More than 3 pings within a second.');
  });
});

describe('a large frame', () => {
  it('may come in as many fragments as its size asks for', async () => {
    const { port, server } = await serve({ frameBytesMax: 4 * 1024 ** 2, payloadBytesMax: 3 * 1024 ** 2 });
    const client = await RawClient.open(port);
    const text = `["publish",1,"chat/x","p",1,"${'x'.repeat(3_000_000)}"]`;
    const size = 16_384;
    for (let at = 0; at < text.length; at += size) {
      const fragment = clientFrame(text.slice(at, at + size), { opcode: at === 0 ? 1 : 0 });
      // All but the last say that more follows.
      if (at + size < text.length) fragment[0] = (fragment[0] ?? 0) & 0x7f;
      client.socket.write(fragment);
    }
    await passes(() => expect(server.metrics.entriesAppended).toBe(1));
  });
});
