/**
 * Channels read by plain HTTP as one answer: from where, how much, in which form, what may be kept, and how waits end. Real servers and
 * sockets. Events and what is written have tests of their own beside this one.
 */
import { defineChannels, SyncError, state, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import { memory } from '../../broker/memory.ts';
import { readToken, writeToken } from '../../hub/token.ts';
import { lasting, turns } from '../../testing/meddle.ts';
import { RawClient } from '../../testing/raw.ts';
import { serveChannels } from '../../testing/serve.ts';
import { eventually, WireClient } from '../../testing/wire.ts';

const channels = defineChannels({
  'chat/:room': stream(),
  'stamped/:room': stream({ stamp: true }),
  'short/:room': stream({ keep: { entries: 2 } }),
  'open/:room': stream({ anonymous: ['subscribe'] }),
  'fleet/:city': state(),
  ':name': state(),
});
type Options = Parameters<typeof serveChannels<typeof channels>>[1];

async function serve(options: Options = {}) {
  const running = await serveChannels(channels, options);
  const url = (path: string) => `http://localhost:${running.port}/sync/streams/${path}`;
  const get = (path: string, headers: Record<string, string> = {}) => fetch(url(path), { headers });
  return { ...running, url, get };
}

function next(response: Response): string {
  return response.headers.get('stream-next-offset') ?? '';
}

describe('a read', () => {
  it('[P7] [P9] [F9] gives the messages as they were written, and where to go on', async () => {
    const { port, get } = await serve();
    const client = await WireClient.connect(port);
    client.sendText('["publish",1,"chat/x","p",1, { "n": 1.0, "n":2 } ]');
    client.sendText('["publish",2,"chat/x","p",2,"two"]');
    await client.expect('ack');
    await client.expect('ack');
    const response = await get('chat/x');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('stream-up-to-date')).toBe('true');
    expect(await response.text()).toBe('[{ "n": 1.0, "n":2 },"two"]');
    client.publish('chat/x', 3, 'p', 3);
    await client.expect('ack');
    const later = await get(`chat/x?offset=${next(response)}`);
    expect(await later.text()).toBe('[3]');
    expect(await (await get(`chat/x?offset=${next(later)}`)).text()).toBe('[]');
  });

  it('[P6] stands at the very positions that a socket has, and each goes on from those of the other', async () => {
    const { port, server, get } = await serve();
    const client = await WireClient.connect(port);
    client.publish('chat/x', 'one', 'p', 1);
    const { position } = await client.expect('ack');
    const response = await get('chat/x');
    expect(next(response)).toBe(writeToken(position));
    expect(next(response)).toMatch(/^[a-z0-9]+_0000000000000001_[0-9a-f]{8}$/);
    await server.publish('chat/x', 'two');
    const { gap, position: from } = await client.subscribe('chat/x', readToken(next(response)));
    expect([gap, from]).toEqual([null, position]);
    expect(await client.entries(1, 2)).toEqual(['"two"']);
    expect(await (await get(`chat/x?offset=${writeToken(from)}`)).text()).toBe('["two"]');
  });

  it('[P6] has tokens that sort as text as their places do', async () => {
    const { server, get } = await serve();
    const tokens = [next(await get('chat/x'))];
    for (let i = 0; i < 11; i++) {
      await server.publish('chat/x', i);
      tokens.push(next(await get('chat/x')));
    }
    expect(tokens.toSorted()).toEqual(tokens);
  });

  it('[P9] of a stamped channel gives the payload alone', async () => {
    const { server, get } = await serve();
    await server.publish('stamped/x', { text: 'hi' });
    expect(await (await get('stamped/x')).json()).toEqual([{ text: 'hi' }]);
  });

  it('[P7] [P16] gives much in several answers, each entry once and in order; those that lie between two places may be kept', async () => {
    const { server, get } = await serve();
    const sent = Array.from({ length: 100 }, (_, i) => `${i} ${'x'.repeat(5000)}`);
    for (const text of sent) await server.publish('chat/x', text);
    const got: unknown[] = [];
    const kept: (string | null)[] = [];
    let offset = '-1';
    for (let done = false; !done; ) {
      const response = await get(`chat/x?offset=${offset}`);
      offset = next(response);
      done = response.headers.has('stream-up-to-date');
      kept.push(response.headers.get('cache-control'));
      got.push(...((await response.json()) as unknown[]));
    }
    expect(got).toEqual(sent);
    expect(kept.length).toBeGreaterThan(3);
    expect([kept[0], kept[1], kept.at(-1)]).toEqual([
      'private, no-cache',
      'private, max-age=60, stale-while-revalidate=300',
      'private, no-cache',
    ]);
  });

  it('[P7] [P16] from `now` gives nothing, and the head; it is kept by nobody', async () => {
    const { server, get } = await serve();
    await server.publish('chat/x', 1);
    const response = await get('chat/x?offset=now');
    expect(await response.text()).toBe('[]');
    expect([response.headers.get('cache-control'), response.headers.get('etag')]).toEqual(['no-store', null]);
    expect(next(response)).toBe(next(await get('chat/x')));
  });

  it('[P16] is told by its ETag that nothing has changed, and anything else as soon as something has', async () => {
    const { server, get } = await serve();
    await server.publish('chat/x', 1);
    const etag = (await get('chat/x')).headers.get('etag') ?? '';
    const same = await get('chat/x', { 'If-None-Match': `"other", ${etag}` });
    expect([same.status, await same.text(), same.headers.get('etag')]).toEqual([304, '', etag]);
    await server.publish('chat/x', 2);
    const changed = await get('chat/x', { 'If-None-Match': etag });
    expect([changed.status, await changed.text()]).toEqual([200, '[1,2]']);
    expect(changed.headers.get('etag')).not.toBe(etag);
  });

  it('[P16] that ended at the head is another one once more follows, also where it ends at the same place', async () => {
    const { server, get } = await serve();
    // As much as one answer holds.
    for (const length of [32_766, 32_765]) await server.publish('chat/x', 'x'.repeat(length));
    const first = await get('chat/x');
    expect(first.headers.get('stream-up-to-date')).toBe('true');
    await server.publish('chat/x', 'more');
    const second = await get('chat/x', { 'If-None-Match': first.headers.get('etag') ?? '' });
    expect([second.status, next(second)]).toEqual([200, next(first)]);
    expect(second.headers.get('stream-up-to-date')).toBeNull();
  });

  it('[P16] may be kept by anybody where anybody may read the channel, and answers differ by who asks', async () => {
    const { get } = await serve({ authenticate: () => ({ user: 'ada' }) });
    const response = await get('open/x');
    expect(response.headers.get('cache-control')).toBe('public, no-cache');
    expect(response.headers.get('vary')).toBe('Origin, Authorization, Cookie, Sec-Fetch-Dest');
  });

  it('[P17] without its body tells type and head', async () => {
    const { server, url, get } = await serve();
    await server.publish('chat/x', 1);
    const response = await fetch(url('chat/x'), { method: 'HEAD' });
    expect([response.status, next(response)]).toEqual([200, next(await get('chat/x'))]);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.text()).toBe('');
  });

  it('gives back all that it took', async () => {
    const { server, get } = await serve({ sessionsPerIpMax: 1 });
    for (let i = 1; i <= 2; i++) {
      expect((await get('chat/x')).status).toBe(200);
      await eventually(() => server.metrics.sessionsOpen).toBe(0);
      expect(server.metrics).toMatchObject({ cursorsOpen: 0, streamReads: i });
    }
  });
});

describe('a place that leads nowhere', () => {
  it('[P8] [S4] is answered with 410, why, and a place from which the log is complete', async () => {
    const { server, get } = await serve({ tailEntriesMax: 1 });
    await server.publish('short/x', 1);
    const first = next(await get('short/x'));
    for (const n of [2, 3, 4]) await server.publish('short/x', n);
    const gone = await get(`short/x?offset=${first}`);
    expect(gone.status).toBe(410);
    const { error } = (await gone.json()) as { error: { detail: object } };
    expect(error.detail).toEqual({ reason: 'trimmed', next: next(gone) });
    expect(await (await get(`short/x?offset=${next(gone)}`)).text()).toBe('[3,4]');
  });

  it.each([
    [
      'epoch',
      ({ offset, check }: { offset: number; check: number }) => ({ epoch: 'another', offset, check }),
    ],
    ['ahead', (top: { epoch: string; offset: number; check: number }) => ({ ...top, offset: 9 })],
    [
      'diverged',
      (top: { epoch: string; offset: number; check: number }) => ({ ...top, check: top.check ^ 1 }),
    ],
  ])('[P8] [S4] because of another log is answered likewise: %s', async (reason, change) => {
    const { server, get } = await serve();
    const top = await server.publish('chat/x', 1);
    const gone = await get(`chat/x?offset=${writeToken({ ...top, ...change(top) })}`);
    expect([gone.status, next(gone)]).toEqual([410, writeToken({ ...top, offset: 0, check: 0 })]);
    expect(await gone.json()).toMatchObject({ error: { detail: { reason } } });
    expect(await (await get(`chat/x?offset=${next(gone)}`)).text()).toBe('[1]');
  });

  it.each([
    '',
    '1',
    '-2',
    'NOW',
    'e_1_1',
    `${'e'.repeat(65)}_0000000000000001_00000000`,
    'e_9999999999999999_00000000',
  ])('[P8] that is none is refused: %j', async (offset) => {
    const { get } = await serve();
    const response = await get(`chat/x?offset=${encodeURIComponent(offset)}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'bad_frame' } });
  });

  it.each([
    ['offset=-1&offset=now', 'a parameter that is there twice'],
    ['live=yes&offset=-1', 'a way to read that there isn’t'],
    ['live=long-poll', 'a wait without a place'],
    ['live=sse', 'events without a place'],
  ])('is refused likewise: %s', async (query) => {
    const { get } = await serve();
    expect((await get(`chat/x?${query}`)).status).toBe(400);
  });
});

describe('keyed values', () => {
  it('[P10] are changes: what is set, removed, or has lived its time', async () => {
    const clock = fakeClock();
    const { server, get } = await serve({ clock, broker: memory({ clock }) });
    await server.set('fleet/berlin', 'van', { lat: 1 });
    await server.delete('fleet/berlin', 'van');
    await server.set('fleet/berlin', 'bus', 7, { ttl: '1s' });
    await turns();
    await clock.advance(1000);
    await eventually(() => server.metrics.dueAppended).toBe(1);
    const timestamp = '2026-11-23T00:00:00.000Z';
    expect(await (await get('fleet/berlin')).json()).toEqual([
      { type: 'fleet', key: 'van', value: { lat: 1 }, headers: { operation: 'update', timestamp } },
      { type: 'fleet', key: 'van', headers: { operation: 'delete', timestamp } },
      { type: 'fleet', key: 'bus', value: 7, headers: { operation: 'update', timestamp } },
      { type: 'fleet', key: 'bus', headers: { operation: 'delete', timestamp: '2026-11-23T00:00:01.000Z' } },
    ]);
  });

  it('[P10] are called by the first word of their pattern, or `value`', async () => {
    const { server, get } = await serve();
    await server.set('prices', 'eur', 1);
    expect(await (await get('prices')).json()).toMatchObject([{ type: 'value', key: 'eur' }]);
  });

  it('[P10] [S9] that were folded come as a snapshot to whoever comes from before it; who had something forgets that first', async () => {
    const broker = lasting(memory());
    const first = await serve({ foldEntriesMax: 10, broker });
    await first.server.set('fleet/berlin', 'gone', 0);
    const before = next(await first.get('fleet/berlin'));
    await first.server.delete('fleet/berlin', 'gone');
    for (let i = 0; i < 30; i++) await first.server.set('fleet/berlin', `van-${i % 3}`, i);
    await eventually(() => first.server.metrics.snapshotsStored).toBeGreaterThan(0);
    await first.server.close({ drainMs: 0 });
    const { get } = await serve({ broker });
    for (const [offset, controls] of [
      ['-1', ['snapshot-start', 'snapshot-end']],
      [before, ['reset', 'snapshot-start', 'snapshot-end']],
    ] as const) {
      const response = await get(`fleet/berlin?offset=${offset}`);
      expect(response.headers.get('content-type')).toBe('application/json');
      const messages = (await response.json()) as { key?: string; headers: Record<string, string> }[];
      expect(messages.flatMap(({ headers }) => headers['control'] ?? [])).toEqual(controls);
      expect(messages.at(-1)?.headers['offset']).toBe(next(response));
      const rows = messages.filter(({ key }) => key !== undefined);
      expect(rows.every(({ headers }) => headers['operation'] === 'insert')).toBe(true);
      const rest = await get(`fleet/berlin?offset=${next(response)}`);
      const keys = new Set([...rows, ...((await rest.json()) as typeof messages)].map(({ key }) => key));
      expect([...keys].toSorted()).toEqual(['van-0', 'van-1', 'van-2']);
      const again = await get(`fleet/berlin?offset=${offset}`, {
        'If-None-Match': response.headers.get('etag') ?? '',
      });
      expect([again.status, next(again)]).toEqual([304, next(response)]);
    }
  });

  it('[P14] [S9] whose snapshot is large are written as their reader takes them', async () => {
    const broker = lasting(memory());
    const first = await serve({ broker, foldEntriesMax: 50 });
    for (let i = 0; i < 240; i++) {
      await first.server.set('fleet/x', `k${i % 120}`, `${i} ${'v'.repeat(50_000)}`);
      if (i % 10 === 0) await turns();
    }
    await eventually(() => first.server.metrics.snapshotsStored).toBeGreaterThan(0);
    await first.server.close({ drainMs: 0 });
    const { port, sockets } = await serve({ broker });
    const slow = await RawClient.connect(port);
    slow.socket.pause();
    slow.socket.write(
      `GET /sync/streams/fleet/x HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`,
    );
    const waiting = () => sockets[0]?.writableLength ?? 0;
    await eventually(waiting).toBeGreaterThan(0);
    await turns(200);
    expect(waiting()).toBeLessThan(500_000);
    slow.socket.resume();
    await slow.closed();
    const text = slow.received.toString('latin1');
    const body = text.slice(text.indexOf('\r\n\r\n') + 4).replace(/(^|\r\n)[0-9a-f]+\r\n/g, '');
    const messages = JSON.parse(body.slice(0, body.lastIndexOf(']') + 1)) as { key?: string }[];
    expect(new Set(messages.flatMap(({ key }) => key ?? [])).size).toBe(120);
    expect(text.endsWith('0\r\n\r\n')).toBe(true);
  });

  it('[C4] of a companion say who is there', async () => {
    const { port, get } = await serve();
    const client = await WireClient.connect(port);
    client.send({
      type: 'enter',
      ref: client.nextRef(),
      channel: 'chat/x',
      lease: 'a'.repeat(16),
      data: '{"name":"Ada"}',
    });
    const { key } = await client.expect('entered');
    const response = await get('chat/x%3Fpresence');
    expect(await response.json()).toMatchObject([{ type: 'chat', key, value: { name: 'Ada' } }]);
  });
});

describe('a wait', () => {
  it('[P12] ends as soon as something comes', async () => {
    const { server, get } = await serve();
    const from = next(await get('chat/x'));
    const waiting = get(`chat/x?offset=${from}&live=long-poll`);
    await eventually(() => server.metrics.cursorsOpen).toBe(1);
    await server.publish('chat/x', 'news');
    const response = await waiting;
    expect([response.status, await response.text()]).toEqual([200, '["news"]']);
    expect(response.headers.get('stream-cursor')).toMatch(/^\d+$/);
  });

  it('[P12] from `now` waits for what comes next, whatever is there', async () => {
    const { server, get } = await serve();
    await server.publish('chat/x', 'old');
    const waiting = get('chat/x?offset=now&live=long-poll');
    await eventually(() => server.metrics.cursorsOpen).toBe(1);
    await server.publish('chat/x', 'new');
    expect(await (await waiting).text()).toBe('["new"]');
  });

  it('[P12] is no wait where something is there', async () => {
    const { server, get } = await serve();
    await server.publish('chat/x', 1);
    expect(await (await get('chat/x?offset=-1&live=long-poll')).text()).toBe('[1]');
  });

  it('[P12] ends with nothing after its time, at the place where it began', async () => {
    const clock = fakeClock();
    const { server, get } = await serve({ clock, longPollMs: 20_000 });
    const from = next(await get('chat/x'));
    const waiting = get(`chat/x?offset=${from}&live=long-poll`);
    await eventually(() => server.metrics.cursorsOpen).toBe(1);
    let over = false;
    void waiting.then(() => {
      over = true;
    });
    await clock.advance(19_999);
    expect(over).toBe(false);
    await clock.advance(1);
    const response = await waiting;
    expect([response.status, next(response), await response.text()]).toEqual([204, from, '']);
    expect(response.headers.get('stream-up-to-date')).toBe('true');
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('[P12] never gets a cursor that isn’t above the one it brought', async () => {
    const { server, get } = await serve();
    await server.publish('chat/x', 1);
    let cursor = '';
    for (let i = 0; i < 5; i++) {
      const response = await get(`chat/x?offset=-1&live=long-poll${cursor && `&cursor=${cursor}`}`);
      const told = response.headers.get('stream-cursor') ?? '';
      if (cursor) expect(Number(told)).toBeGreaterThan(Number(cursor));
      cursor = told;
    }
  });

  it('that nobody waits for any more is given up', async () => {
    const { server, url } = await serve();
    const abort = new AbortController();
    const waiting = fetch(url('chat/x?offset=now&live=long-poll'), { signal: abort.signal });
    await eventually(() => server.metrics.cursorsOpen).toBe(1);
    abort.abort();
    await expect(waiting).rejects.toThrow();
    await eventually(() => [server.metrics.cursorsOpen, server.metrics.sessionsOpen]).toEqual([0, 0]);
  });
});

describe('who may read', () => {
  const authenticate: Options extends undefined ? never : NonNullable<Options>['authenticate'] = ({
    token,
  }) => {
    if (token === null) throw new SyncError('unauthenticated');
    return { user: token, capabilities: { 'chat/:room': ['subscribe'], ':name': ['subscribe'] } };
  };
  const ada = { Authorization: 'Bearer ada' };

  it('[P15] is who may subscribe, by the same token', async () => {
    const { get } = await serve({ authenticate });
    expect((await get('chat/x', ada)).status).toBe(200);
    expect((await get('chat/x')).status).toBe(401);
    expect((await get('fleet/berlin', ada)).status).toBe(403);
    expect((await get('no/such/channel', ada)).status).toBe(404);
  });

  it('[P15] loses a wait with the rights', async () => {
    const clock = fakeClock();
    const { server, get } = await serve({
      clock,
      authenticate: () => ({ user: 'ada', capabilities: { '*': ['*'] }, expiresAt: clock.now() + 5000 }),
    });
    const waiting = get('chat/x?offset=now&live=long-poll', ada);
    await eventually(() => server.metrics.cursorsOpen).toBe(1);
    await clock.advance(5000);
    const response = await waiting;
    expect([response.status, await response.json()]).toMatchObject([401, { error: { code: 'expired' } }]);
  });

  it('[P15] loses a wait at once when sent away', async () => {
    const { server, get } = await serve({ authenticate });
    const waiting = get('chat/x?offset=now&live=long-poll', ada);
    await eventually(() => server.metrics.cursorsOpen).toBe(1);
    expect(server.disconnect('ada')).toBe(1);
    expect((await waiting).status).toBe(403);
  });

  it('[P15] has as many live reads as sessions, and what is beyond them is told when to come again', async () => {
    const { server, get } = await serve({ authenticate, sessionsPerUserMax: 1 });
    const waiting = get('chat/x?offset=now&live=long-poll', ada);
    await eventually(() => server.metrics.cursorsOpen).toBe(1);
    expect((await get('chat/x', ada)).status).toBe(429);
    expect((await get('chat/x', { Authorization: 'Bearer bob' })).status).toBe(200);
    server.disconnect('ada');
    await waiting;
    await eventually(() => server.metrics.sessionsOpen).toBe(0);
    expect((await get('chat/x', ada)).status).toBe(200);
  });

  it('pays for what is asked as sessions do', async () => {
    const { get } = await serve({ authenticate, requestsPerSecondMax: 1, requestsBurstMax: 15 });
    expect((await get('chat/x', ada)).status).toBe(200);
    const refused = await get('chat/x', ada);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('pays for what is large by its size: a message, and what came of folding', async () => {
    const slow = { authenticate, requestsPerSecondMax: 1, requestsBurstMax: 100, payloadBytesMax: 2_000_000 };
    const clock = fakeClock();
    const { server, get } = await serve({ ...slow, frameBytesMax: 4_000_000, foldEntriesMax: 10, clock });
    await server.publish('chat/small', 'x');
    await server.publish('chat/large', 'x'.repeat(1_600_000));
    for (let i = 0; i < 40; i++) await server.set('values', `k${i % 20}`, `${i}${'v'.repeat(80_000)}`);
    await eventually(() => server.metrics.snapshotsStored).toBeGreaterThan(0);
    for (let n = 0; n < 5; n++) expect((await get('chat/small', ada)).status).toBe(200);
    expect((await get('chat/large', ada)).status).toBe(200);
    const refused = await get('chat/small', ada);
    // So large a message is about a hundred pages of a log.
    expect([refused.status, Number(refused.headers.get('retry-after')) > 15]).toEqual([429, true]);
    const bob = { Authorization: 'Bearer bob' };
    const values = await get('values', bob);
    expect((await values.text()).length).toBeGreaterThan(1_000_000);
    expect((await get('chat/small', bob)).status).toBe(429);
    await clock.advance(120_000);
    // Who has it already is given nothing, and pays for nothing.
    const known = { ...bob, 'If-None-Match': values.headers.get('etag') ?? '' };
    for (let n = 0; n < 20; n++) expect((await get('values', known)).status).toBe(304);
    // A message is read before that is known, and whoever asks may say that they have whatever there is.
    const eve = { Authorization: 'Bearer eve', 'If-None-Match': '*' };
    expect((await get('chat/large', eve)).status).toBe(304);
    expect((await get('chat/small', eve)).status).toBe(429);
  });

  it('is a page of a listed origin, which may read where to go on', async () => {
    const Origin = 'https://app.example';
    const { get, url } = await serve({ authenticate, originsAllowed: [Origin] });
    const asked = await fetch(url('chat/x'), {
      method: 'OPTIONS',
      headers: {
        Origin,
        'Access-Control-Request-Method': 'GET',
        'Access-Control-Request-Headers': 'if-none-match',
      },
    });
    expect([asked.status, asked.headers.get('access-control-allow-methods')]).toEqual([
      204,
      'GET, HEAD, POST, PUT, DELETE',
    ]);
    expect(asked.headers.get('access-control-allow-headers')).toContain('If-None-Match');
    const response = await get('chat/x', { ...ada, Origin });
    expect(response.headers.get('access-control-allow-origin')).toBe(Origin);
    expect(response.headers.get('access-control-expose-headers')).toContain('Stream-Next-Offset');
    expect((await get('chat/x', { ...ada, Origin: 'https://evil.example' })).status).toBe(403);
  });

  it('[P15] who waits when the server leaves is answered, and who comes then is sent elsewhere', async () => {
    const { server, get } = await serve();
    const waiting = get('chat/x?offset=now&live=long-poll');
    await eventually(() => server.metrics.cursorsOpen).toBe(1);
    const closed = server.close({ drainMs: 2000 });
    expect((await get('chat/x')).status).toBe(503);
    expect((await waiting).status).toBe(204);
    await closed;
  });

  it('[P15] who waits is answered before the server’s time to leave is over, so that all come back spread over it', async () => {
    const clock = fakeClock();
    const { server, get } = await serve({ clock });
    const waiting = get('chat/x?offset=now&live=long-poll');
    await eventually(() => server.metrics.cursorsOpen).toBe(1);
    let over = false;
    const closed = server.close({ drainMs: 10_000 }).then(() => {
      over = true;
    });
    await turns();
    expect(over).toBe(false);
    // Four tenths of the time are for that.
    await clock.advance(4000);
    expect((await waiting).status).toBe(204);
    await closed;
  });
});
