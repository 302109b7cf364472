/**
 * The door, knocked on with raw bytes: requests that `ws` would accept and we don't, origins, tokens, who may come in
 * without any, and what happens while someone is being authenticated.
 */
import { once } from 'node:events';
import { errors, SyncError } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Credentials } from '../access.ts';
import type { HttpAnswer } from '../testing/bytes.ts';
import { gate, turns } from '../testing/meddle.ts';
import { clientFrame, handshake, RawClient } from '../testing/raw.ts';
import { serve } from '../testing/serve.ts';
import { dial, passes, WireClient } from '../testing/wire.ts';

type Changes = NonNullable<Parameters<typeof handshake>[1]>;

/** Sends these bytes and reads the answer. */
async function knock(port: number, request: string): Promise<HttpAnswer> {
  const client = await RawClient.connect(port);
  client.socket.write(request);
  return client.answer();
}

/** The error code in an answer's body. */
function codeOf({ body }: HttpAnswer): string {
  return JSON.parse(body).error.code;
}

describe('the request', () => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`X-${i}`, 'y']));

  it.each<[string, number, Changes, string?]>([
    ['a POST', 405, {}, 'POST /sync HTTP/1.1'],
    ['HTTP/1.0', 505, {}, 'GET /sync HTTP/1.0'],
    ['version 8', 400, { 'Sec-WebSocket-Version': '8' }],
    ['version 12', 400, { 'Sec-WebSocket-Version': '12' }],
    ['two versions', 400, { 'Sec-WebSocket-Version': ['13', '13'] }],
    ['no version', 400, { 'Sec-WebSocket-Version': null }],
    ['no Host', 400, { Host: null }],
    ['two Hosts', 400, { Host: ['localhost', 'localhost'] }],
    ['a length', 400, { 'Content-Length': '5' }],
    ['chunks', 400, { 'Transfer-Encoding': 'chunked' }],
    ['more than 100 fields', 431, many],
    ['a Host that is none', 400, { Host: 'ada@localhost' }],
    ['an empty Host', 400, { Host: '' }],
    ['no key', 400, { 'Sec-WebSocket-Key': null }],
    ['a key that is none', 400, { 'Sec-WebSocket-Key': 'short' }],
    ['another upgrade', 400, { Upgrade: 'h2c' }],
    ['another upgrade beside ours', 400, { Upgrade: 'websocket, h2c' }],
    ['the subprotocol twice', 400, { 'Sec-WebSocket-Protocol': 'syncline.v1, syncline.v1' }],
    ['a list of subprotocols with a gap', 400, { 'Sec-WebSocket-Protocol': 'syncline.v1,,other' }],
    ['no subprotocol', 400, { 'Sec-WebSocket-Protocol': null }],
    ['an unknown subprotocol', 400, { 'Sec-WebSocket-Protocol': 'syncline.v2, graphql-ws' }],
    ['another path', 404, {}, 'GET /other HTTP/1.1'],
    ['a path that only looks alike', 404, {}, 'GET /sync/ HTTP/1.1'],
    ['a path in other letters', 404, {}, 'GET /%73ync HTTP/1.1'],
  ])('is refused with %s', async (_, status, changes, requestLine) => {
    const { port, server } = await serve();
    const answer = await knock(port, handshake(port, changes, requestLine));
    expect(answer.status).toBe(status);
    expect(answer.headers.get('connection')).toBe('close');
    expect(codeOf(answer)).toMatch(/^(bad_frame|frame_too_large|unknown_channel)$/);
    expect(server.metrics).toMatchObject({ sessionsOpen: 0, sessionsOpened: 0, sessionsRefused: 1 });
    await WireClient.connect(port);
  });

  it('is told what is wrong, as JSON, and which version fits', async () => {
    const { port } = await serve();
    const answer = await knock(port, handshake(port, { 'Sec-WebSocket-Version': '8' }));
    expect(answer.headers.get('sec-websocket-version')).toBe('13');
    const post = await knock(port, handshake(port, {}, 'POST /sync HTTP/1.1'));
    expect(post.headers.get('allow')).toBe('GET');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(answer.body)).toEqual({
      error: { code: 'bad_frame', message: expect.stringContaining('13') },
    });
  });

  it('[F1] agrees on the subprotocol, among others too', async () => {
    const { port } = await serve();
    for (const offered of ['syncline.v1', 'other, syncline.v1, bearer.abc']) {
      const answer = await knock(port, handshake(port, { 'Sec-WebSocket-Protocol': offered }));
      expect(answer.status).toBe(101);
      expect(answer.headers.get('sec-websocket-protocol')).toBe('syncline.v1');
      expect(answer.headers.get('sec-websocket-extensions')).toBeUndefined();
    }
  });

  it('[F7] may bring its first frames in the same segment', async () => {
    const { port } = await serve();
    const client = await RawClient.open(
      port,
      Buffer.concat([clientFrame('["subscribe",1,"chat/x",0]'), clientFrame('["heartbeat"]')]),
    );
    const types: string[] = [];
    while (types.length < 3) {
      const { opcode, payload } = await client.frame();
      if (opcode === 1) types.push(JSON.parse(payload.toString())[0]);
    }
    expect(types[0]).toBe('welcome');
    expect(types.slice(1).sort()).toEqual(['heartbeat', 'subscribed']);
  });
});

describe('origins', () => {
  it.each<[string, number, string | readonly string[], string?]>([
    ['of another site', 403, 'https://evil.example'],
    ['that is null', 403, 'null'],
    ['that is none', 403, 'localhost'],
    ['with a path', 403, 'http://localhost:PORT/'],
    ['of another port', 403, 'http://localhost:1'],
    ['twice', 403, ['http://localhost:PORT', 'http://localhost:PORT']],
    ['that begins like our own', 403, 'http://localhost:PORT.evil.example'],
    ['that is our own', 101, 'http://localhost:PORT'],
    ['that is our own, in capitals in Host', 101, 'http://localhost:PORT', 'LOCALHOST:PORT'],
    ['that is listed', 101, 'https://app.example'],
  ])('a page %s is answered with %i', async (_, status, origin, host = 'localhost:PORT') => {
    const { port } = await serve({ originsAllowed: ['https://app.example'] });
    const real = (text: string): string => text.replace('PORT', String(port));
    const changes = { Origin: [origin].flat().map(real), Host: real(host) };
    expect((await knock(port, handshake(port, changes))).status).toBe(status);
  });

  it.each([
    [101, 'https://app.example', 'app.example'],
    [101, 'https://app.example', 'app.example:443'],
    [403, 'http://app.example', 'app.example'],
    [403, 'http://app.example', 'app.example:80'],
    [403, 'https://app.example', 'app.example:80'],
    [101, 'http://listed.example', 'app.example'],
  ])(
    'are held to TLS where a trusted proxy serves it: %i for a page of %s at %s',
    async (status, origin, host) => {
      const { port } = await serve({
        authenticate: () => ({ user: null }),
        originsAllowed: ['http://listed.example'],
        trustProxy: true,
      });
      const changes = { Origin: origin, Host: host, 'X-Forwarded-Proto': 'https' };
      expect((await knock(port, handshake(port, changes))).status).toBe(status);
    },
  );

  it('may come over TLS or not where nobody knows: a proxy that is not told of may serve it', async () => {
    const { port } = await serve({ authenticate: () => ({ user: null }) });
    for (const scheme of ['http', 'https']) {
      const changes = { Origin: `${scheme}://app.example`, Host: 'app.example' };
      expect((await knock(port, handshake(port, changes))).status).toBe(101);
    }
  });
});

describe('without authentication', () => {
  it.each<[string, Changes, number]>([
    ['a foreign name in Host', { Host: 'rebound.example' }, 101],
    ['a proxy’s X-Forwarded-For', { 'X-Forwarded-For': '203.0.113.7' }, 426],
    ['a proxy’s X-Real-IP', { 'X-Real-IP': '203.0.113.7' }, 426],
    ['a proxy’s Via', { Via: '1.1 proxy' }, 426],
    ['a proxy’s Forwarded', { Forwarded: 'for=203.0.113.7' }, 426],
  ])('only this machine is served: not with %s', async (_, changes, otherwise) => {
    const { port } = await serve();
    const answer = await knock(port, handshake(port, changes));
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body).error.message).toContain('`authenticate`');
    const { port: asking } = await serve({ authenticate: () => ({ user: null }) });
    expect((await knock(asking, handshake(asking, changes))).status).toBe(otherwise);
  });

  it.each(['127.0.0.1', '127.8.9.10', '[::1]', 'localhost'])(
    'this machine may call itself %s',
    async (host) => {
      const { port } = await serve();
      expect((await knock(port, handshake(port, { Host: `${host}:${port}` }))).status).toBe(101);
      expect((await knock(port, handshake(port, { Host: host }))).status).toBe(101);
    },
  );
});

describe('authentication', () => {
  it('[F13] tells those who ask for it in frames why they are not let in, and others by a status', async () => {
    const { port, server } = await serve({
      authenticate: () => {
        throw new SyncError('unauthenticated', 'Who are you?');
      },
    });
    const asking = await dial(`ws://localhost:${port}/sync`, ['syncline.v1', 'syncline.v1.tell']);
    expect(asking.socket.protocol).toBe('syncline.v1');
    expect(JSON.parse(await asking.next())).toEqual(['error', null, 'unauthenticated', 'Who are you?', null]);
    expect(await asking.closed()).toBe(errors.unauthenticated.close);
    await expect(dial(`ws://localhost:${port}/sync`, ['syncline.v1'])).rejects.toThrow('401');
    expect(server.metrics).toMatchObject({ sessionsRefused: 2, sessionsOpened: 0 });
  });

  it('[F13] answers what is wrong with the request itself by a status, whoever asks', async () => {
    const { port } = await serve({ authenticate: () => ({ user: null }) });
    const changes = {
      Origin: 'https://evil.example',
      'Sec-WebSocket-Protocol': 'syncline.v1, syncline.v1.tell',
    };
    expect((await knock(port, handshake(port, changes))).status).toBe(403);
  });

  it('[F10] gets the token from the header or the subprotocol, the header first, and never an empty one', async () => {
    const seen: Credentials[] = [];
    const { port } = await serve({
      authenticate: (credentials) => {
        seen.push(credentials);
        return { user: null };
      },
    });
    const offers = { 'Sec-WebSocket-Protocol': 'bearer.from-protocol, syncline.v1' };
    await knock(
      port,
      handshake(port, { Authorization: 'Bearer from-header', ...offers }, 'GET /sync?x=1 HTTP/1.1'),
    );
    await knock(port, handshake(port, offers));
    await knock(port, handshake(port, { Authorization: 'Basic abc' }));
    await knock(port, handshake(port, { Authorization: 'bearer   spaced' }));
    await knock(port, handshake(port, { 'Sec-WebSocket-Protocol': 'syncline.v1, bearer.' }));
    expect(seen.map(({ token }) => token)).toEqual(['from-header', 'from-protocol', null, 'spaced', null]);
    expect(seen[0]).toMatchObject({
      url: '/sync?x=1',
      remoteAddress: expect.stringMatching(/127\.0\.0\.1|::1/),
    });
    expect(seen[0]?.headers['authorization']).toBe('Bearer from-header');
  });

  it.each<[string, () => never | { user: string }, number, string]>([
    [
      'throws anything',
      () => {
        throw new Error('secret');
      },
      401,
      'unauthenticated',
    ],
    [
      'throws forbidden',
      () => {
        throw new SyncError('forbidden', 'Not you.');
      },
      403,
      'forbidden',
    ],
    ['gives no identity', () => ({ name: 'ada' }) as never, 401, 'unauthenticated'],
    ['gives an empty user', () => ({ user: '' }), 401, 'unauthenticated'],
    ['gives a user of 300 characters', () => ({ user: 'x'.repeat(300) }), 401, 'unauthenticated'],
  ])('refuses when it %s', async (_, judge, status, code) => {
    for (const authenticate of [judge, async () => judge()]) {
      const { port, server } = await serve({ authenticate });
      const answer = await knock(port, handshake(port));
      expect([answer.status, codeOf(answer)]).toEqual([status, code]);
      expect(answer.body).not.toContain('secret');
      expect(server.metrics).toMatchObject({ sessionsRefused: 1, sessionsOpened: 0 });
    }
  });

  it('is given up after 10 seconds, and a late answer opens nothing', async () => {
    const clock = fakeClock();
    const held = gate();
    const authenticate = vi.fn(() => held.passed.then(() => ({ user: null })));
    const { port, server } = await serve({ clock, authenticate });
    const client = await RawClient.connect(port);
    client.socket.write(handshake(port));
    await passes(() => expect(authenticate).toHaveBeenCalledOnce());
    await clock.advance(9_999);
    expect(server.metrics.sessionsRefused).toBe(0);
    await clock.advance(1);
    expect(server.metrics.sessionsRefused).toBe(1);
    expect(await client.answer()).toMatchObject({ status: 503 });
    held.open();
    await turns(10);
    expect(server.metrics.sessionsOpened).toBe(0);
  });

  it('a reset meanwhile ends neither the process nor leaves a session behind', async () => {
    const thrown = vi.fn();
    process.on('uncaughtException', thrown);
    onTestFinished(() => void process.off('uncaughtException', thrown));
    const held = gate();
    const authenticate = vi.fn(() => held.passed.then(() => ({ user: null })));
    const { port, server, sockets } = await serve({ authenticate, sessionsMax: 2 });
    for (let i = 0; i < 5; i++) {
      const client = await RawClient.connect(port);
      client.socket.write(handshake(port));
      await passes(() => expect(authenticate).toHaveBeenCalledTimes(i + 1));
      const serverEnd = sockets[i];
      client.socket.resetAndDestroy();
      if (serverEnd && !serverEnd.closed) await once(serverEnd, 'close').catch(() => {});
    }
    held.open();
    await turns(10);
    expect(thrown).not.toHaveBeenCalled();
    expect(server.metrics).toMatchObject({ sessionsOpen: 0, sessionsOpened: 0 });
    await WireClient.connect(port);
    await WireClient.connect(port);
  });

  it('too many sessions are refused with 429, and one that leaves makes room', async () => {
    const { port, server } = await serve({ sessionsMax: 1 });
    const first = await WireClient.connect(port);
    const answer = await knock(port, handshake(port));
    expect([answer.status, codeOf(answer)]).toEqual([429, 'too_many']);
    // A handshake that `ws` refuses after a place was taken gives it back.
    first.close();
    await passes(() => expect(server.metrics.sessionsOpen).toBe(0));
    expect((await knock(port, handshake(port, { 'Sec-WebSocket-Key': 'short' }))).status).toBe(400);
    await passes(async () => expect((await knock(port, handshake(port))).status).toBe(101));
  });
});

describe('while the server leaves', () => {
  it('[L1] refuses with 503 whoever comes, and whoever is still being authenticated', async () => {
    const held = gate();
    const authenticate = vi.fn(({ token }: Credentials) =>
      (token === 'slow' ? held.passed : Promise.resolve()).then(() => ({ user: null })),
    );
    const { port, server } = await serve({ authenticate });
    const staying = await RawClient.open(port);
    const slow = await RawClient.connect(port);
    slow.socket.write(handshake(port, { Authorization: 'Bearer slow' }));
    await passes(() => expect(authenticate).toHaveBeenCalledTimes(2));
    const closed = server.close();
    const late = await knock(port, handshake(port));
    expect([late.status, codeOf(late)]).toEqual([503, 'restart']);
    expect(late.headers.get('retry-after')).toMatch(/^[1-4]$/);
    held.open();
    expect(await slow.answer()).toMatchObject({ status: 503 });
    staying.socket.destroy();
    await closed;
    expect(server.metrics).toMatchObject({ sessionsOpen: 0, sessionsOpened: 1 });
  });

  it('[L1] cuts off whoever is still being authenticated when it is closed', async () => {
    const authenticate = vi.fn(() => new Promise<never>(() => {}));
    const { port, server } = await serve({ authenticate });
    const client = await RawClient.connect(port);
    client.socket.write(handshake(port));
    await passes(() => expect(authenticate).toHaveBeenCalledOnce());
    await server.close();
    await client.closed();
  });
});
