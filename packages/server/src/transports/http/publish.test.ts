/**
 * Publishing by plain HTTP: what is appended, who may, and each way to be refused. Real servers and sockets; what kinds make of a
 * payload and what hooks may say is tested where sessions publish, on the same way.
 */
import { defineChannels, doc, errors, SyncError, state, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import type { Authenticate, Capabilities } from '../../access.ts';
import { gate } from '../../testing/meddle.ts';
import { RawClient } from '../../testing/raw.ts';
import { serveChannels } from '../../testing/serve.ts';
import { passes, WireClient } from '../../testing/wire.ts';
import { bodyMs } from './body.ts';

const text = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value: unknown) =>
      typeof value === 'object' && value !== null && 'text' in value
        ? { value: { text: String(value.text) } }
        : { issues: [{ message: 'no text' }] },
  },
} as const;
const channels = defineChannels({
  'chat/:room': stream({ stamp: true }),
  'said/:room': stream({ message: text }),
  'fleet/:city': state({ own: true }),
  'board/:id': doc(),
});
type Options = Parameters<typeof serveChannels<typeof channels>>[1];

const everything: Capabilities = { '*': ['*'] };
const known: Authenticate = ({ token }) => {
  if (token === null) throw new SyncError('unauthenticated');
  return { user: token, capabilities: everything };
};
const json = { 'Content-Type': 'application/json' };
const ada = { ...json, Authorization: 'Bearer ada' };

async function serve(options: Options = {}) {
  const running = await serveChannels(channels, options);
  const post = (path: string, body: unknown, init: RequestInit = {}) =>
    fetch(`http://localhost:${running.port}/sync/publish/${path}`, {
      method: 'POST',
      headers: options.authenticate ? ada : json,
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...init,
    });
  return { ...running, post };
}

/** What an error is answered with. */
async function refusal(response: Response): Promise<[number, string]> {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  expect(error.message).toMatch(/\.$/);
  return [response.status, error.code];
}

async function connectAs(user: string, port: number): Promise<WireClient> {
  const headers = { Authorization: `Bearer ${user}` };
  const client = await WireClient.dial(port, '/sync', { headers });
  await client.expect('welcome');
  return client;
}

/** All entries of a channel, as they stand on the wire. */
async function entriesOf(port: number, channel: string): Promise<string[]> {
  const client = await connectAs('reader', port);
  const { top } = await client.subscribe(channel, 1000);
  return (await client.entries(0, top)).map(String);
}

describe('a post', () => {
  it('[W4] [F9] is appended as it was written, and answered with its position', async () => {
    const { port, post } = await serve();
    const response = await post('chat/lobby', ' { "n": 1.0, "n":2 }\n');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({
      epoch: expect.any(String),
      offset: 1,
      check: expect.any(Number),
    });
    expect(await entriesOf(port, 'chat/lobby')).toEqual([
      expect.stringMatching(/^\[\d+,null,\{ "n": 1\.0, "n":2 \}\]$/),
    ]);
  });

  it('reaches those who are subscribed, from the user who was found out', async () => {
    const { port, post } = await serve({ authenticate: known });
    const client = await connectAs('bob', port);
    await client.subscribe('chat/lobby');
    expect((await post('chat/lobby', 1)).status).toBe(200);
    expect((await client.entries(0, 1))[0]).toMatch(/^\[\d+,"ada",1\]$/);
  });

  it('[K1] sets and deletes keys of a state channel', async () => {
    const { port, post, server } = await serve();
    const at = Date.now();
    expect((await post('fleet/berlin', ['set', 'van', { lat: 1 }, { at }])).status).toBe(200);
    expect((await post('fleet/berlin', ['delete', 'van', { ifVersion: 1 }])).status).toBe(200);
    expect(await entriesOf(port, 'fleet/berlin')).toEqual([
      expect.stringContaining(`["van",{"lat":1},{"at":${at}}]`),
      expect.stringContaining('["van"]'),
    ]);
    expect(server.metrics).toMatchObject({ framesReceived: 3, framesRefused: 0 });
  });

  it('[K4] with an older `at` is refused with the version that stands', async () => {
    const { post } = await serve();
    await post('fleet/berlin', ['set', 'van', 1, { at: 2000 }]);
    const response = await post('fleet/berlin', ['set', 'van', 1, { at: 1000 }]);
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ error: { code: 'superseded', detail: { offset: 1 } } });
  });

  it('is looked at by `beforePublish`, which may put something else in its place', async () => {
    const seen: unknown[] = [];
    const { port, post } = await serve({
      beforePublish: (attempt) => {
        seen.push(attempt);
        return { data: { text: 'replaced' } };
      },
    });
    expect((await post('said/x', { text: 'original' })).status).toBe(200);
    expect(seen).toEqual([
      { identity: { user: null }, channel: 'said/x', key: undefined, data: { text: 'original' } },
    ]);
    expect(await entriesOf(port, 'said/x')).toEqual(['{"text":"replaced"}']);
  });

  it.each([
    ['percent-encoded', 'chat/%6Cobby%3A1', 'chat/lobby:1'],
    ['as it is', 'chat/lobby:1', 'chat/lobby:1'],
    ['__proto__', 'chat/__proto__', 'chat/__proto__'],
  ])('[C3] finds its channel: %s', async (_, path, name) => {
    const { port, post } = await serve();
    expect((await post(path, 1)).status).toBe(200);
    expect(await entriesOf(port, name)).toHaveLength(1);
  });
});

describe('a batch', () => {
  it('[W5] is appended in its order, each payload as it was written, with a position for each', async () => {
    const { port, post } = await serve();
    const response = await post('chat/x?batch=1', '[ {"a": 1} ,"two",[3] ]');
    expect(await response.json()).toMatchObject([{ offset: 1 }, { offset: 2 }, { offset: 3 }]);
    const datas = (await entriesOf(port, 'chat/x')).map((entry) => entry.replace(/^\[\d+,null,/, ''));
    expect(datas).toEqual(['{"a": 1}]', '"two"]', '[3]]']);
  });

  it('keeps its order also where each payload is looked at', async () => {
    const held = gate();
    let first = true;
    const { port, post } = await serve({
      beforePublish: async () => {
        if (first) {
          first = false;
          await held.passed;
        }
        return undefined;
      },
    });
    const answer = post('said/x?batch=1', [{ text: '1' }, { text: '2' }]);
    await passes(() => expect(first).toBe(false));
    held.open();
    expect(await (await answer).json()).toHaveLength(2);
    expect(await entriesOf(port, 'said/x')).toEqual(['{"text":"1"}', '{"text":"2"}']);
  });

  it('[W5] says of each that is refused why, and appends the others', async () => {
    const { post } = await serve();
    const response = await post('said/x?batch=1', [{ text: 'a' }, 5, { text: 'b' }]);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject([
      { offset: 1 },
      { error: { code: 'bad_payload', message: expect.any(String) } },
      { offset: 2 },
    ]);
  });

  it('may be empty', async () => {
    const { post } = await serve();
    expect(await (await post('chat/x?batch=1', '[]')).json()).toEqual([]);
  });

  it('of more than 1000 payloads is refused whole', async () => {
    const { port, post } = await serve();
    const response = await post('chat/x?batch=1', Array(1001).fill(0));
    expect(await refusal(response)).toEqual([413, 'frame_too_large']);
    expect(await entriesOf(port, 'chat/x')).toEqual([]);
  });
});

describe('is refused', () => {
  it.each<[string, string, number, string, RequestInit | undefined]>([
    ['what is no JSON', '{', 422, 'bad_payload', undefined],
    ['nothing', '', 422, 'bad_payload', undefined],
    ['two values', '1 2', 422, 'bad_payload', undefined],
    ['a byte order mark', '\ufeff1', 422, 'bad_payload', undefined],
    ['33 levels', '['.repeat(33) + ']'.repeat(33), 422, 'bad_payload', undefined],
    ['text', '1', 415, 'unsupported_data', { headers: { 'Content-Type': 'text/plain' } }],
    [
      'a form',
      'a=1',
      415,
      'unsupported_data',
      { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } },
    ],
    ['another JSON', '1', 415, 'unsupported_data', { headers: { 'Content-Type': 'application/json-seq' } }],
    [
      'UTF-16',
      '1',
      415,
      'unsupported_data',
      { headers: { 'Content-Type': 'application/json; charset=utf-16' } },
    ],
    [
      'what was compressed',
      '1',
      415,
      'unsupported_data',
      { headers: { ...json, 'Content-Encoding': 'gzip' } },
    ],
    ['a GET', '', 405, 'bad_frame', { method: 'GET', body: null }],
    ['a PUT', '1', 405, 'bad_frame', { method: 'PUT' }],
  ])('%s', async (_, body, status, code, init) => {
    const { port, post } = await serve();
    expect(await refusal(await post('chat/x', body, init))).toEqual([status, code]);
    expect(await entriesOf(port, 'chat/x')).toEqual([]);
  });

  it('anything but a POST, in words, also where the channel is left out', async () => {
    const { port } = await serve();
    for (const path of ['publish/chat/x', 'publish']) {
      const response = await fetch(`http://localhost:${port}/sync/${path}`);
      expect(response.status).toBe(405);
      expect(await response.json()).toMatchObject({ error: { message: 'Use POST.' } });
    }
  });

  it('what is not UTF-8', async () => {
    const { post } = await serve();
    expect(await refusal(await post('chat/x', '', { body: Uint8Array.of(0x22, 0xff, 0x22) }))).toEqual([
      422,
      'bad_payload',
    ]);
  });

  it.each([
    ['', 404, 'unknown_channel'],
    ['nowhere', 404, 'unknown_channel'],
    ['chat', 404, 'unknown_channel'],
    ['chat/', 404, 'unknown_channel'],
    ['chat/x/', 404, 'unknown_channel'],
    ['chat//x', 404, 'unknown_channel'],
    ['chat%2Fx', 404, 'unknown_channel'],
    ['chat/%', 404, 'unknown_channel'],
    ['chat/%ff', 404, 'unknown_channel'],
    ['chat/%00', 404, 'unknown_channel'],
    ['chat/%2e%2e', 404, 'unknown_channel'],
    ['chat/x%3Fpresence', 403, 'forbidden'],
    ['board/7', 415, 'unsupported_data'],
    ['chat/x?batch=yes', 400, 'bad_frame'],
    ['chat/x?batch=1&batch=1', 400, 'bad_frame'],
    ['chat/x?batch=1', 422, 'bad_payload'],
    ['fleet/berlin', 422, 'bad_payload'],
  ])('a number to %s', async (path, status, code) => {
    const { post } = await serve();
    expect(await refusal(await post(path, '5'))).toEqual([status, code]);
  });

  it('what the contract does not allow, what the hook refuses, and keys of others', async () => {
    const { post } = await serve({
      authenticate: known,
      beforePublish: ({ data }) => {
        if (data === 'spam') throw new SyncError('forbidden', 'No spam.');
        return undefined;
      },
    });
    expect(await refusal(await post('said/x', 5))).toEqual([422, 'bad_payload']);
    expect(await refusal(await post('chat/x', '"spam"'))).toEqual([403, 'forbidden']);
    expect(await refusal(await post('fleet/berlin', ['set', 'bob', 1]))).toEqual([403, 'forbidden']);
    expect((await post('fleet/berlin', ['set', 'ada/bike', 1])).status).toBe(200);
  });

  it('whoever may not: unknown, without the right, or from elsewhere', async () => {
    const { post } = await serve({
      authenticate: (asked) => ({ ...known(asked), user: 'ada', capabilities: { 'chat/x': ['publish'] } }),
    });
    expect(await refusal(await post('chat/x', 1, { headers: json }))).toEqual([401, 'unauthenticated']);
    expect(await refusal(await post('chat/y', 1))).toEqual([403, 'forbidden']);
    const headers = { ...ada, Origin: 'https://evil.example' };
    expect(await refusal(await post('chat/x', 1, { headers }))).toEqual([403, 'forbidden']);
    expect((await post('chat/x', 1)).status).toBe(200);
  });

  it('a foreign page’s post to a server without `authenticate`, and what a proxy passed on', async () => {
    const { post } = await serve();
    const from = (more: Record<string, string>) => post('chat/x', 1, { headers: { ...json, ...more } });
    expect(await refusal(await from({ Origin: 'https://evil.example' }))).toEqual([403, 'forbidden']);
    expect(await refusal(await from({ 'X-Forwarded-For': '1.2.3.4' }))).toEqual([403, 'forbidden']);
  });

  it('what comes in the clear from where it may not', async () => {
    const { post } = await serve({ authenticate: known, trustProxy: true });
    expect(await refusal(await post('chat/x', 1))).toEqual([426, 'insecure']);
  });

  it('rights that ended while the hook was asked', async () => {
    const clock = fakeClock();
    const held = gate();
    let asked = false;
    const { post } = await serve({
      clock,
      authenticate: () => ({ user: 'ada', capabilities: everything, expiresAt: clock.now() + 1000 }),
      beforePublish: async () => {
        asked = true;
        await held.passed;
        return undefined;
      },
    });
    const answer = post('chat/x', 1);
    await passes(() => expect(asked).toBe(true));
    await clock.advance(1000);
    held.open();
    expect(await refusal(await answer)).toEqual([401, 'expired']);
  });

  it('a failure inside, without its words', async () => {
    const errors: unknown[] = [];
    const { post } = await serve({
      beforePublish: () => {
        throw new Error('password 1234');
      },
      logger: { error: (...what) => void errors.push(what) },
    });
    const response = await post('chat/x', 1);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('1234');
    expect(errors).toHaveLength(1);
  });
});

describe('limits', () => {
  it('[W4] one user has one allowance, by posts and by sessions alike', async () => {
    const clock = fakeClock();
    const { post, port, server } = await serve({
      clock,
      authenticate: known,
      requestsBurstMax: 20,
      requestsPerSecondMax: 1,
    });
    const client = await connectAs('ada', port);
    await client.subscribe('chat/x');
    expect((await post('chat/x?batch=1', Array(8).fill(0))).status).toBe(200);
    const response = await post('chat/x', 1);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ error: { code: 'too_many', detail: { retryMs: 1000 } } });
    expect(server.metrics.requestsLimited).toBe(1);
    const bob = { ...json, Authorization: 'Bearer bob' };
    expect((await post('chat/x', 1, { headers: bob })).status).toBe(200);
    await clock.advance(1000);
    expect((await post('chat/x', 1)).status).toBe(200);
  });

  it('nobody in particular shares one with all from there', async () => {
    const clock = fakeClock();
    const { post } = await serve({ clock, requestsBurstMax: 14, requestsPerSecondMax: 1 });
    expect((await post('chat/x?batch=1', Array(4).fill(0))).status).toBe(200);
    expect((await post('chat/x', 1)).status).toBe(429);
    await clock.advance(14_000);
    expect((await post('chat/x', 1)).status).toBe(200);
  });

  it('a refused batch takes nothing from what is left', async () => {
    const clock = fakeClock();
    const { post } = await serve({ clock, requestsBurstMax: 20, requestsPerSecondMax: 1 });
    await post('chat/x', 1);
    expect((await post('chat/x?batch=1', Array(12).fill(0))).status).toBe(429);
    expect((await post('chat/x?batch=1', Array(9).fill(0))).status).toBe(200);
  });

  it('size counts too', async () => {
    const clock = fakeClock();
    const { post } = await serve({ clock, requestsBurstMax: 16, requestsPerSecondMax: 1 });
    expect((await post('chat/x', 'x'.repeat(4096 * 5).replace(/^|$/g, '"'))).status).toBe(200);
    expect((await post('chat/x', 1)).status).toBe(429);
  });

  it('a payload larger than the channel takes', async () => {
    const { post } = await serve({ payloadBytesMax: 100 });
    expect(await refusal(await post('chat/x', `"${'x'.repeat(200)}"`))).toEqual([413, 'payload_too_large']);
  });

  it('a body larger than a frame, told or not, is answered and not read to its end', async () => {
    const { port, post, sockets } = await serve({ frameBytesMax: 4096, payloadBytesMax: 1000 });
    expect(await refusal(await post('chat/x', `"${'x'.repeat(300_000)}"`))).toEqual([413, 'frame_too_large']);
    const { socket, ...client } = await raw(port);
    socket.write(
      `POST /sync/publish/chat/x HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    const chunk = `${(60_000).toString(16)}\r\n${'x'.repeat(60_000)}\r\n`;
    const pour = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', pour).on('error', () => {});
    pour();
    expect(await client.head()).toContain('HTTP/1.1 413');
    await passes(() => expect(sockets.at(-1)?.destroyed).toBe(true));
    expect(sockets.at(-1)?.bytesRead).toBeLessThan(4 * 1024 * 1024);
  });

  it('a body that says it is larger is refused before it comes', async () => {
    const { port } = await serve();
    const { socket, ...client } = await raw(port);
    socket.write(
      `POST /sync/publish/chat/x HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n`,
    );
    expect(await client.head()).toContain('HTTP/1.1 413');
  });

  it('a body that comes too slowly is given up', async () => {
    const clock = fakeClock();
    const { port, sockets } = await serve({ clock });
    const { timers } = clock;
    const { socket, ...client } = await raw(port);
    socket.write(
      `POST /sync/publish/chat/x HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n`,
    );
    await passes(() => expect(clock.timers).toBeGreaterThan(timers));
    for (let ms = 0; ms < bodyMs; ms += 1000) {
      socket.write('1');
      await clock.advance(1000);
    }
    expect(await client.head()).toContain(`HTTP/1.1 ${errors.silent.http}`);
    // What they send is dropped for a while, so that they get the answer.
    await clock.advance(2000);
    await passes(() => expect(sockets.at(-1)?.destroyed).toBe(true));
  });

  it('one that breaks off appends nothing and leaves nothing behind', async () => {
    const { port } = await serve({ handshakesPerIpMax: 1 });
    const { socket } = await raw(port);
    socket.write(
      `POST /sync/publish/chat/x HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[1`,
    );
    const busy = () => fetch(`http://localhost:${port}/sync/ticket`, { method: 'POST' });
    await passes(async () => expect((await busy()).status).toBe(429));
    socket.destroy();
    await passes(async () => expect((await busy()).status).not.toBe(429));
    expect(await entriesOf(port, 'chat/x')).toEqual([]);
  });
});

describe('from a page elsewhere', () => {
  const Origin = 'https://app.example';

  it('is let in by the same list as sockets, after it asked', async () => {
    const { post } = await serve({ authenticate: known, originsAllowed: [Origin] });
    const preflight = await post('chat/x', '', {
      method: 'OPTIONS',
      headers: { Origin, 'Access-Control-Request-Method': 'POST' },
      body: null,
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(Origin);
    expect(preflight.headers.get('access-control-allow-methods')).toBe('POST');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('Authorization, Content-Type');
    const response = await post('chat/x', 1, { headers: { ...ada, Origin } });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe(Origin);
  });

  it('is refused before it says what, where it is not on the list', async () => {
    const { post } = await serve({ authenticate: known });
    const preflight = await post('chat/x', '', { method: 'OPTIONS', headers: { Origin }, body: null });
    expect(preflight.status).toBe(403);
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('a server that leaves', () => {
  it('answers what was asked before, and takes no more', async () => {
    const clock = fakeClock();
    const held = gate();
    let asked = false;
    const { post, server } = await serve({
      clock,
      beforePublish: async () => {
        asked = true;
        await held.passed;
        return undefined;
      },
    });
    const early = post('chat/x', 1);
    await passes(() => expect(asked).toBe(true));
    const closing = server.close({ drainMs: 1000 });
    const late = await post('chat/x', 2);
    expect(await refusal(late)).toEqual([503, 'restart']);
    expect(late.headers.get('retry-after')).toBe('1');
    held.open();
    expect((await early).status).toBe(200);
    await closing;
  });
});

/** A connection of its own, and the head of the answer on it. */
async function raw(port: number) {
  const { socket } = await RawClient.connect(port);
  const chunks: string[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(String(chunk)));
  const head = (): Promise<string> =>
    passes(() => {
      const [found, ...more] = chunks.join('').split('\r\n\r\n');
      expect(more.length).toBeGreaterThan(0);
      return found ?? '';
    });
  return { socket, head };
}
