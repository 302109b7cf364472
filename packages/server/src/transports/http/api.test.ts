/**
 * The API for backends, over real sockets: what each operation does, for whom, and how it refuses. Every answer is held to the
 * description that the server gives of itself, by a validator that isn't ours.
 */
import { Validator } from '@seriousme/openapi-schema-validator';
import { defineChannels, doc, errors, SyncError, state, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import type { Authenticate } from '../../access.ts';
import { memory } from '../../broker/memory.ts';
import { ableKey, Backend, makeKey } from '../../testing/backend.ts';
import { cluster } from '../../testing/cluster.ts';
import { meddle } from '../../testing/meddle.ts';
import { leaseOf, outcomeOf } from '../../testing/members.ts';
import { serveChannels } from '../../testing/serve.ts';
import { passes, WireClient } from '../../testing/wire.ts';
import { operations } from './api/table.ts';

const channels = defineChannels({
  'chat/:room': stream({ stamp: true }),
  'news/:topic': stream(),
  'fleet/:city': state({ own: true }),
  'board/:id': doc(),
});
type Options = Parameters<typeof serveChannels<typeof channels>>[1];

const known: Authenticate = ({ token }) => {
  if (token === null) throw new SyncError('unauthenticated');
  return { user: token, tokenId: `token of ${token}`, capabilities: { '*': ['*'] } };
};

async function serve(options: Options = {}) {
  const { key, apiKey } = ableKey();
  const running = await serveChannels(channels, {
    authenticate: known,
    apiKeys: { backend: apiKey },
    ...options,
  });
  return { ...running, key, backend: new Backend(running.port, key) };
}

async function connectAs(user: string, port: number): Promise<WireClient> {
  const client = await WireClient.dial(port, '/sync', { headers: { Authorization: `Bearer ${user}` } });
  await client.expect('welcome');
  return client;
}

const codeOf = ({ body }: { body: Readonly<Record<string, unknown>> }): unknown =>
  (body['error'] as { code?: unknown } | undefined)?.code;

describe('publish', () => {
  it('[W6] [F9] appends the payload as it was written, from nobody in particular', async () => {
    const { port, backend } = await serve();
    const client = await connectAs('ada', port);
    await client.subscribe('chat/lobby');
    const answer = await backend.post(
      'publish',
      ' {"data" : { "n": 1.0, "n":2, "a\\"}": "," }, "channel":"chat/lobby"} ',
    );
    expect(answer).toMatchObject({ status: 200, body: { offset: 1, duplicate: false } });
    const [entry] = await client.entries(0, 1);
    expect(entry).toMatch(/^\[\d+,null,\{ "n": 1\.0, "n":2, "a\\"\}": "," \}\]$/);
  });

  it('[K7] writes the keys of anybody, where clients may write their own only', async () => {
    const { backend } = await serve();
    const asKey = await backend.post('publish', { channel: 'fleet/x', data: ['set', 'ada', 1] });
    expect(asKey.status).toBe(200);
  });

  it('is judged by capabilities, where it comes with a token as well', async () => {
    const { port } = await serve({
      authenticate: () => ({ user: 'ada', capabilities: { 'chat/a': ['publish'] } }),
    });
    const ada = new Backend(port, 'any token');
    expect((await ada.post('publish', { channel: 'chat/a', data: 1 })).status).toBe(200);
    expect(codeOf(await ada.post('publish', { channel: 'chat/b', data: 1 }))).toBe('forbidden');
  });

  it('tells hooks which key it came with', async () => {
    const seen: unknown[] = [];
    const { backend } = await serve({ beforePublish: ({ identity }) => void seen.push(identity) });
    await backend.post('publish', { channel: 'chat/a', data: 1 });
    expect(seen).toEqual([{ user: null, apiKey: 'backend', capabilities: { '*': ['*'] } }]);
  });

  it('answers preflights of pages on the list, and names the header fields that they may send', async () => {
    const { port } = await serve({ originsAllowed: ['https://app.example'] });
    const response = await fetch(`http://localhost:${port}/sync/api/publish`, {
      method: 'OPTIONS',
      headers: { Origin: 'https://app.example' },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-headers')).toContain('Idempotency-Key');
  });
});

describe('Idempotency-Key', () => {
  it('[W7] has a message stored once, however often it is sent, by whichever node', async () => {
    const { key, apiKey } = ableKey();
    const nodes = await cluster(2, { authenticate: known, apiKeys: { backend: apiKey } });
    const backends = nodes.nodes.map(({ port }) => new Backend(port, key));
    const once = { 'Idempotency-Key': '9f3a-77' };
    const message = { channel: 'chat/lobby', data: 'paid' };
    const answers = [];
    for (const backend of [...backends, ...backends])
      answers.push(await backend.post('publish', message, once));
    expect(answers.map(({ body }) => [body['offset'], body['duplicate']])).toEqual([
      [1, false],
      [1, true],
      [1, true],
      [1, true],
    ]);
    const { entries } = await nodes.logs.read('chat/lobby', {
      ...{ direction: 'after', offset: 0, entriesMax: 9, bytesMax: 999, keep: null },
    });
    expect(entries).toHaveLength(1);
  });

  it('[W7] holds for those that come at the same time', async () => {
    const { backend } = await serve();
    const message = { channel: 'chat/lobby', data: 'paid' };
    const sent = Array.from({ length: 20 }, () =>
      backend.post('publish', message, { 'Idempotency-Key': 'k' }),
    );
    const offsets = (await Promise.all(sent)).map(({ body }) => body['offset']);
    expect(new Set(offsets)).toEqual(new Set([1]));
  });

  it('[W7] is whose it is: the same key of somebody else is another one', async () => {
    const other = ableKey();
    const { key, apiKey } = ableKey();
    const { port } = await serve({ apiKeys: { one: apiKey, two: other.apiKey } });
    const message = { channel: 'chat/lobby', data: 1 };
    const duplicates = [];
    for (const token of [key, other.key, 'ada', 'bob', key, 'ada']) {
      const { body } = await new Backend(port, token).post('publish', message, { 'Idempotency-Key': 'k' });
      duplicates.push(body['duplicate']);
    }
    expect(duplicates).toEqual([false, false, false, false, true, true]);
  });

  it('[W7] of a batch holds for each message of it, those included that an earlier attempt did not come to', async () => {
    const { backend } = await serve({
      beforePublish: ({ data }) => {
        if (data === 'not yet' && first) throw new SyncError('bad_payload', 'Not yet.');
        return undefined;
      },
    });
    let first = true;
    const messages = ['a', 'not yet', 'c'].map((data) => ({ channel: 'chat/x', data }));
    const before = await backend.post('batch', { messages }, { 'Idempotency-Key': 'k' });
    expect(before.body['results']).toMatchObject([
      { offset: 1, duplicate: false },
      { error: { code: 'bad_payload' } },
      { offset: 2, duplicate: false },
    ]);
    first = false;
    const after = await backend.post('batch', { messages }, { 'Idempotency-Key': 'k' });
    expect(after.body['results']).toMatchObject([
      { offset: 1, duplicate: true },
      { offset: 3, duplicate: false },
      { offset: 2, duplicate: true },
    ]);
  });

  it('[W7] that comes with another message is refused: it is not taken for stored', async () => {
    const { backend } = await serve();
    const once = { 'Idempotency-Key': 'k' };
    const first = await backend.post('publish', { channel: 'chat/x', data: { a: 1, b: [2] } }, once);
    const other = await backend.post('publish', { channel: 'chat/x', data: { a: 2 } }, once);
    expect([other.status, codeOf(other), other.body]).toEqual([
      422,
      'bad_payload',
      {
        error: {
          code: 'bad_payload',
          message: expect.stringContaining('Idempotency-Key'),
          detail: { offset: 1 },
        },
      },
    ]);
    const rewritten = await backend.post('publish', '{"channel":"chat/x","data":{ "b":[2], "a":1.0 }}', once);
    expect(rewritten.body).toEqual({ ...first.body, duplicate: true });
    const elsewhere = await backend.post('publish', { channel: 'chat/y', data: { a: 2 } }, once);
    expect(elsewhere.body).toMatchObject({ offset: 1, duplicate: false });
  });

  it('[W7] is known as long as its producer is, though its entry is gone', async () => {
    const { port } = await serveChannels(defineChannels({ short: stream({ keep: { entries: 2 } }) }));
    const backend = new Backend(port);
    const send = (data: number) =>
      backend.post('publish', { channel: 'short', data }, { 'Idempotency-Key': `${data}` });
    for (const data of [1, 2, 3, 4]) await send(data);
    expect((await send(1)).body).toMatchObject({ offset: 1, duplicate: true });
  });

  it('[W7] of nobody in particular is that of their network: others elsewhere can’t spend it', async () => {
    const { port } = await serve({
      trustProxy: true,
      authenticate: () => ({ user: null, capabilities: { '*': ['*'] } }),
    });
    const nobody = new Backend(port);
    const from = (address: string) =>
      nobody.post(
        'publish',
        { channel: 'chat/x', data: 1 },
        { 'Idempotency-Key': 'k', 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': address },
      );
    const duplicates = [];
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.1'])
      duplicates.push((await from(address)).body['duplicate']);
    expect(duplicates).toEqual([false, false, true]);
  });

  it('[W7] that was refused is free: the message may be sent again with it', async () => {
    const { backend } = await serve();
    const once = { 'Idempotency-Key': 'k' };
    await backend.post('publish', { channel: 'fleet/x', data: ['set', 'a', 1] });
    const refused = await backend.post(
      'publish',
      { channel: 'fleet/x', data: ['set', 'a', 2, { ifVersion: 0 }] },
      once,
    );
    expect([refused.status, codeOf(refused)]).toEqual([412, 'precondition']);
    const again = await backend.post(
      'publish',
      { channel: 'fleet/x', data: ['set', 'a', 2, { ifVersion: 1 }] },
      once,
    );
    expect(again.body).toMatchObject({ offset: 2, duplicate: false });
  });
});

describe('batch', () => {
  it('[W6] appends to several channels, those of one in their order, and tells of each what became of it', async () => {
    const { port, backend } = await serve();
    const client = await connectAs('ada', port);
    await client.subscribe('news/a');
    const { body } = await backend.post('batch', {
      messages: [
        { channel: 'news/a', data: 1 },
        { channel: 'nowhere', data: 2 },
        { channel: 'news/b', data: 3 },
        { channel: 'news/a', data: 4 },
        { channel: 'board/x', data: 5 },
      ],
    });
    expect(body['results']).toMatchObject([
      { offset: 1 },
      { error: { code: 'unknown_channel' } },
      { offset: 1 },
      { offset: 2 },
      { error: { code: 'unsupported_data' } },
    ]);
    expect(await client.entries(0, 2)).toEqual(['1', '4']);
  });

  it('of nothing is answered with nothing', async () => {
    const { backend } = await serve();
    expect((await backend.post('batch', { messages: [] })).body).toEqual({ results: [] });
  });
});

describe('history', () => {
  it('[W6] [F9] gives pages of a log, payloads as they were written', async () => {
    const { backend } = await serve();
    for (let n = 1; n <= 5; n++) await backend.post('publish', `{"channel":"news/x","data":{"n": ${n}.0}}`);
    const newest = await backend.get('history', { channel: 'news/x', limit: 2 });
    expect(newest.text).toMatch(
      /^\{"epoch":"[\w-]+","entries":\[\{"offset":4,"data":\{"n": 4\.0\}\},\{"offset":5,"data":\{"n": 5\.0\}\}\],"more":true\}$/,
    );
    const before = await backend.get('history', { channel: 'news/x', before: 4 });
    expect(before.body).toMatchObject({
      entries: [{ offset: 1 }, { offset: 2 }, { offset: 3 }],
      more: false,
    });
    const after = await backend.get('history', { channel: 'news/x', after: 3, limit: 1 });
    expect(after.body).toMatchObject({ entries: [{ offset: 4 }], more: true });
  });

  it('tells when entries were stored and by whom where the contract stamps them', async () => {
    const clock = fakeClock();
    const { port, backend } = await serve({ clock, broker: memory({ clock }) });
    await new Backend(port, 'ada').post('publish', { channel: 'chat/x', data: 1 });
    const { body } = await backend.get('history', { channel: 'chat/x' });
    expect(body['entries']).toEqual([{ offset: 1, at: clock.now(), from: 'ada', data: 1 }]);
  });

  it.each([
    ['of a document', 'board/x', 415, 'unsupported_data'],
    ['of a channel that there isn’t', 'nowhere', 404, 'unknown_channel'],
  ])('%s is refused', async (_, channel, status, code) => {
    const { backend } = await serve();
    const answer = await backend.get('history', { channel });
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
  });

  it('needs the right to it', async () => {
    const { key, hash } = makeKey();
    const { port } = await serve({ apiKeys: { writer: { hash, capabilities: { '*': ['publish'] } } } });
    const writer = new Backend(port, key);
    expect(codeOf(await writer.get('history', { channel: 'chat/x' }))).toBe('forbidden');
    expect(codeOf(await writer.get('presence', { channel: 'chat/x' }))).toBe('forbidden');
  });
});

describe('presence', () => {
  it('[W6] tells who is in, by pages, whichever node they are on', async () => {
    const { key, apiKey } = ableKey();
    const { at } = await cluster(2, { authenticate: known, apiKeys: { backend: apiKey } });
    for (let n = 0; n < 5; n++) {
      const client = await connectAs(`user-${n}`, at(n % 2).port);
      expect(await outcomeOf(client, 'enter', 'chat/x', leaseOf(`l${n}`), { n })).toHaveLength(22);
    }
    const backend = new Backend(at(1).port, key);
    const page = await passes(async () => {
      const asked = await backend.get('presence', { channel: 'chat/x', limit: 2 });
      expect(asked.body['count']).toBe(5);
      return asked;
    });
    expect(page.body['members']).toMatchObject([
      { user: 'user-0', data: { n: 0 } },
      { user: 'user-1', data: { n: 1 } },
    ]);
    const rest = await backend.get('presence', { channel: 'chat/x', after: Number(page.body['next']) });
    expect(rest.body).toMatchObject({
      count: 5,
      members: [{ user: 'user-2' }, { user: 'user-3' }, { user: 'user-4' }],
      next: null,
    });
  });

  it('of a channel that nobody is in is empty', async () => {
    const { backend } = await serve();
    const { body } = await backend.get('presence', { channel: 'chat/x' });
    expect(body).toEqual({ count: 0, members: [], next: null });
  });

  it('of a crowd is looked through to the end, however large its members are', async () => {
    const { port, backend, server } = await serve();
    const clients = await Promise.all(Array.from({ length: 60 }, (_, n) => connectAs(`u${n}`, port)));
    await Promise.all(
      clients.map((client, n) => outcomeOf(client, 'enter', 'chat/x', leaseOf(`l${n}`), 'x'.repeat(8000))),
    );
    const { body } = await backend.get('presence', { channel: 'chat/x', limit: 10 });
    expect(body['count']).toBe(60);
    expect(body['members']).toHaveLength(10);
    expect(body['next']).toEqual(expect.any(Number));
    expect(server.metrics.viewsOpen).toBe(0);
  });
});

describe('disconnect and revoke', () => {
  it('[W6] send a user away on every node', async () => {
    const { key, apiKey } = ableKey();
    const { at } = await cluster(2, { authenticate: known, apiKeys: { backend: apiKey } });
    const clients = [await connectAs('ada', at(0).port), await connectAs('ada', at(1).port)];
    const bob = await connectAs('bob', at(1).port);
    const backend = new Backend(at(0).port, key);
    expect((await backend.post('disconnect', { user: 'ada', why: 'Bye.' })).body).toEqual({ ended: 1 });
    for (const client of clients) expect(await client.inbox.closed()).toBe(errors.disconnected.close);
    await bob.flush();
  });

  it('[W6] withdraw a token on every node', async () => {
    const { key, apiKey } = ableKey();
    const { at } = await cluster(2, { authenticate: known, apiKeys: { backend: apiKey } });
    const ada = await connectAs('ada', at(1).port);
    const backend = new Backend(at(0).port, key);
    expect((await backend.post('revoke', { tokenId: 'token of ada' })).body).toEqual({ ended: 0 });
    expect(await ada.inbox.closed()).toBe(errors.revoked.close);
    const again = new Backend(at(1).port, 'ada');
    expect(codeOf(await again.get('history', { channel: 'chat/x' }))).toBe('revoked');
  });

  it('are answered once that is stored, and else with what is not done yet', async () => {
    const { key, apiKey } = ableKey();
    const { at, clock } = await cluster(2, { authenticate: known, apiKeys: { backend: apiKey } });
    const ada = await connectAs('ada', at(0).port);
    at(0).node.freeze();
    const asked = new Backend(at(0).port, key).post('disconnect', { user: 'ada' });
    expect(await ada.inbox.closed()).toBe(errors.disconnected.close);
    await clock.advance(10_000);
    const answer = await asked;
    expect([answer.status, codeOf(answer)]).toEqual([503, 'unavailable']);
    expect(answer.text).toContain('done on this node');
  });

  it('refuse a time that is over', async () => {
    const { backend } = await serve();
    const answer = await backend.post('revoke', { tokenId: 'x', expiresAt: 1 });
    expect([answer.status, codeOf(answer)]).toEqual([400, 'bad_frame']);
  });

  it.each(['disconnect', 'revoke'])(
    'need a key that may %s: neither a token nor another key will do',
    async (what) => {
      const { key, hash } = makeKey();
      const other = what === 'disconnect' ? 'revoke' : 'disconnect';
      const { port } = await serve({
        apiKeys: { other: { hash, capabilities: { '*': ['*'] }, may: [other] } },
      });
      const body = what === 'disconnect' ? { user: 'ada' } : { tokenId: 'x' };
      for (const token of [key, 'ada'])
        expect(codeOf(await new Backend(port, token).post(what, body))).toBe('forbidden');
    },
  );
});

describe('a request', () => {
  it('of an API key is charged to that key, wherever it comes from', async () => {
    const clock = fakeClock();
    const other = ableKey();
    const { key, apiKey } = ableKey();
    const { port } = await serve({
      clock,
      requestsBurstMax: 40,
      requestsPerSecondMax: 1,
      apiKeys: { one: apiKey, two: other.apiKey },
    });
    const one = new Backend(port, key);
    for (let n = 0; n < 6; n++) await one.get('history', { channel: 'chat/x' });
    const limited = await one.get('history', { channel: 'chat/x' });
    expect([limited.status, codeOf(limited)]).toEqual([429, 'too_many']);
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await new Backend(port, other.key).get('history', { channel: 'chat/x' })).status).toBe(200);
  });

  it('that fails for a reason of our own is told no more than that', async () => {
    const said: unknown[] = [];
    const { broker, meddling } = meddle(memory());
    const { backend } = await serve({ broker, logger: { error: (facts) => said.push(facts) } });
    await backend.post('publish', { channel: 'chat/x', data: 1 });
    meddling.read = () => Promise.reject(new SyncError('corrupt', 'The file /var/logs/chat is broken.'));
    const answer = await backend.get('history', { channel: 'chat/x' });
    expect([answer.status, codeOf(answer)]).toEqual([500, 'corrupt']);
    expect(answer.text).not.toContain('/var/logs');
    expect(JSON.stringify(said)).toContain('/var/logs');
  });

  it('of nobody is refused before its body is read', async () => {
    const { port } = await serve();
    const answer = await new Backend(port).post('publish', '{');
    expect([answer.status, codeOf(answer)]).toEqual([401, 'unauthenticated']);
  });

  it('for what there isn’t is told what there is', async () => {
    const { port, key } = await serve();
    for (const path of ['', '/', '/publishes', '/publish/chat/lobby']) {
      const response = await fetch(`http://localhost:${port}/sync/api${path}`, {
        headers: { Authorization: `Bearer ${key}` },
      });
      expect(response.status).toBe(404);
      expect(await response.text()).toContain('publish, batch, history, presence, disconnect, revoke');
    }
  });
});

describe('the description', () => {
  it('[W6] is valid OpenAPI 3.1, as those see it who validate them', async () => {
    const { backend } = await serve();
    const description = await backend.describe();
    const validator = new Validator();
    const copy = JSON.parse(JSON.stringify(description)) as Record<string, unknown>;
    expect(await validator.validate(copy)).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  it('has every operation, and says where it is found', async () => {
    const { server } = await serve();
    const { http } = await serve();
    server.attach(http, { path: '/elsewhere' });
    const address = http.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const response = await fetch(`http://localhost:${port}/elsewhere/api/openapi.json`);
    const { paths, servers } = (await response.json()) as { paths: object; servers: unknown };
    expect(Object.keys(paths)).toEqual(Object.values(operations).map(({ path }) => `/${path}`));
    expect(servers).toEqual([{ url: '/elsewhere/api' }]);
  });
});
