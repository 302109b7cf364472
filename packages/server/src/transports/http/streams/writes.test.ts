/**
 * Channels of the contract written to by plain HTTP: what of a body is appended, what is refused, and that a repeated request stores nothing
 * twice. Real servers and sockets. What kinds make of a payload is tested where sessions publish, on the same way.
 */
import { defineChannels, doc, SyncError, state, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import * as Y from 'yjs';
import { memory } from '../../../broker/memory.ts';
import { readToken, writeToken } from '../../../hub/token.ts';
import { gate, lasting, meddle } from '../../../testing/meddle.ts';
import { serveChannels } from '../../../testing/serve.ts';
import { eventually, passes, WireClient } from '../../../testing/wire.ts';

const text = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value: unknown) =>
      typeof value === 'string' ? { value } : { issues: [{ message: 'no text' }] },
  },
} as const;
const channels = defineChannels({
  'chat/:room': stream(),
  'said/:room': stream({ message: text }),
  'fleet/:city': state(),
  'mine/:city': state({ own: true }),
  'board/:id': doc(),
});
type Options = Parameters<typeof serveChannels<typeof channels>>[1];
/** Of what one may ask for. */
const plenty: Options = { requestsPerSecondMax: 1_000_000, requestsBurstMax: 1_000_000 };
const json = { 'Content-Type': 'application/json' };
const bytes = { 'Content-Type': 'application/octet-stream' };

async function serve(options: Options = {}) {
  const running = await serveChannels(channels, options);
  const url = (path: string) => `http://localhost:${running.port}/sync/streams/${path}`;
  const send = (
    method: string,
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = json,
  ) => fetch(url(path), { method, headers, ...(body !== undefined && { body }) });
  const post = (path: string, body: unknown, headers?: Record<string, string>) =>
    send('POST', path, typeof body === 'string' ? body : JSON.stringify(body), { ...json, ...headers });
  const read = async (path: string) => await (await fetch(url(path))).text();
  return { ...running, url, send, post, read };
}

async function codeOf(response: Response): Promise<[number, string]> {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  expect(error.message).toMatch(/[.]$/);
  return [response.status, error.code];
}

function framed(update: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = update.length < 128 ? [update.length] : [(update.length & 127) | 128, update.length >> 7];
  return Uint8Array.from([...length, ...update]);
}

describe('what is appended', () => {
  it('[P18] [F9] is the one message that a body is, as it was written, where its reader goes on', async () => {
    const { port, post } = await serve();
    const response = await post('chat/x', ' { "n": 1.0 }\n');
    expect([response.status, await response.text()]).toEqual([204, '']);
    const client = await WireClient.connect(port);
    const next = readToken(response.headers.get('stream-next-offset') ?? '');
    const { gap, top } = await client.subscribe('chat/x', next);
    expect([gap, top]).toEqual([null, 1]);
    await client.subscribe('chat/x', 1);
    expect(await client.entries(0, 1)).toEqual(['{ "n": 1.0 }']);
  });

  it('[P18] is each message of a list, one level deep', async () => {
    const { post, read } = await serve();
    const response = await post('chat/x', '[ {"a": 1} ,[2],"three"]');
    expect(response.headers.get('stream-next-offset')).toMatch(/_0000000000000003_/);
    expect(await read('chat/x')).toBe('[{"a": 1},[2],"three"]');
  });

  it('[P18] [P10] of keyed values are changes; a value stays as it was written', async () => {
    const { post, read, port } = await serve();
    const headers = { operation: 'insert' };
    const body = `[{"headers":{"operation":"insert","txid":"1"},"type":"fleet","key":"v\\"an","value": {"n":1.0, "big":12345678901234567890}},
      {"type":"fleet","key":"bus","old_value":{"value":0},"value":null,"headers":{"operation":"update"}}]`;
    expect((await post('fleet/x', body)).status).toBe(204);
    expect(
      (await post('fleet/x', { type: 'fleet', key: 'bus', headers: { operation: 'delete' } })).status,
    ).toBe(204);
    expect((await post('fleet/x', { type: 'fleet', key: 'bike', value: [1], headers })).status).toBe(204);
    const client = await WireClient.connect(port);
    await client.subscribe('fleet/x', 100);
    const datas = (await client.entries(0, 4)).map((entry) => String(entry).replace(/^\[\d+,null,/, ''));
    expect(datas).toEqual([
      '["v\\"an",{"n":1.0, "big":12345678901234567890}]]',
      '["bus",null]]',
      '["bus"]]',
      '["bike",[1]]]',
    ]);
    expect(JSON.parse(await read('fleet/x'))).toHaveLength(4);
  });

  it('[P18] [P11] [Y2] of documents are updates, each proven to be one', async () => {
    const { server, send } = await serve();
    const one = new Y.Doc();
    const updates: Uint8Array[] = [];
    one.on('update', (update: Uint8Array) => updates.push(update));
    one.getMap('shapes').set('a', 1);
    one.getMap('shapes').set('b', 'x'.repeat(200));
    const body = Buffer.concat(updates.map(framed));
    expect((await send('POST', 'board/7', body, bytes)).status).toBe(204);
    expect(await server.readDoc('board/7')).toEqual({ shapes: { a: 1, b: 'x'.repeat(200) } });
    expect(await codeOf(await send('POST', 'board/7', framed(Uint8Array.of(1, 2, 3)), bytes))).toEqual([
      422,
      'bad_payload',
    ]);
  });

  it('is from the user who was found out, and reaches those who are subscribed', async () => {
    const stamped = defineChannels({ 'log/:id': stream({ stamp: true }) });
    const { port } = await serveChannels(stamped, {
      authenticate: ({ token }) => ({ user: token, capabilities: { '*': ['*'] } }),
    });
    const client = await WireClient.dial(port, '/sync', { headers: { Authorization: 'Bearer bob' } });
    await client.expect('welcome');
    await client.subscribe('log/1');
    const headers = { ...json, Authorization: 'Bearer ada' };
    await fetch(`http://localhost:${port}/sync/streams/log/1`, { method: 'POST', headers, body: '1' });
    expect((await client.entries(0, 1))[0]).toMatch(/^\[\d+,"ada",1\]$/);
  });
});

describe('a body', () => {
  it.each<[number, string, string, string, Record<string, string>?]>([
    [400, 'bad_frame', 'chat/x', ''],
    [400, 'bad_payload', 'chat/x', '{'],
    [400, 'bad_payload', 'chat/x', '[]'],
    [400, 'bad_payload', 'chat/x', '1 2'],
    [400, 'bad_payload', 'chat/x', '['.repeat(40) + ']'.repeat(40)],
    [409, 'unsupported_data', 'chat/x', '1', { 'Content-Type': 'text/plain' }],
    [409, 'unsupported_data', 'chat/x', '1', { 'Content-Type': 'application/json; charset=utf-16' }],
    [409, 'unsupported_data', 'board/7', '1'],
    [415, 'unsupported_data', 'chat/x', '1', { 'Content-Encoding': 'gzip' }],
    [413, 'frame_too_large', 'chat/x', `[${Array(1001).fill(0)}]`],
    [413, 'frame_too_large', 'chat/x', `"${'x'.repeat(2_000_000)}"`],
    [400, 'bad_payload', 'fleet/x', '["set","a",1]'],
    [400, 'bad_payload', 'fleet/x', '[["set","a",1]]'],
    [400, 'bad_payload', 'fleet/x', '{"type":"other","key":"a","value":1,"headers":{"operation":"insert"}}'],
    [400, 'bad_payload', 'fleet/x', '{"type":"fleet","key":"a","headers":{"operation":"insert"}}'],
    [400, 'bad_payload', 'fleet/x', '{"type":"fleet","key":"a","value":1,"headers":{"operation":"upgrade"}}'],
    [400, 'bad_payload', 'fleet/x', '{"type":"fleet","key":1,"value":1,"headers":{"operation":"insert"}}'],
    [400, 'bad_payload', 'fleet/x', '{"headers":{"control":"reset"}}'],
    [400, 'bad_payload', 'board/7', '\u0005ab', bytes],
    [400, 'bad_payload', 'board/7', '\u0000\u007f', bytes],
    [405, 'bad_frame', 'chat/x', '1', { 'Stream-Closed': 'true' }],
    [400, 'bad_frame', 'chat/x', '1', { 'Stream-Seq': 'a' }],
    [
      403,
      'forbidden',
      'chat/x%3Fpresence',
      '{"type":"chat","key":"a","value":1,"headers":{"operation":"insert"}}',
    ],
    [404, 'unknown_channel', 'no/such/one', '1'],
    [404, 'unknown_channel', 'chat%2Fx', '1'],
  ])('[P18] is refused with %i %s: %s %j', async (status, code, channel, body, headers) => {
    const { post, server } = await serve();
    expect(await codeOf(await post(channel, body, headers))).toEqual([status, code]);
    expect(server.metrics.entriesAppended).toBe(0);
  });

  it('[P18] of which one message doesn’t fit is refused as a whole', async () => {
    const { post, read } = await serve();
    expect(await codeOf(await post('said/x', ['one', 2, 'three']))).toEqual([422, 'bad_payload']);
    expect(await read('said/x')).toBe('[]');
    expect((await post('said/x', ['one', 'two'])).status).toBe(204);
  });

  it('[K7] with keys of others is refused', async () => {
    const { post } = await serve({ authenticate: () => ({ user: 'ada', capabilities: { '*': ['*'] } }) });
    const change = (key: string) => ({ type: 'mine', key, value: 1, headers: { operation: 'insert' } });
    expect((await post('mine/x', change('ada/1'))).status).toBe(204);
    expect(await codeOf(await post('mine/x', change('bob')))).toEqual([403, 'forbidden']);
  });

  it('of somebody who may not publish is refused, and of somebody who asks too much', async () => {
    const authenticate: NonNullable<Options>['authenticate'] = ({ token }) => {
      if (token === null) throw new SyncError('unauthenticated');
      return { user: token, capabilities: { '*': token === 'ada' ? ['*'] : ['subscribe'] } };
    };
    const { post } = await serve({ authenticate, requestsPerSecondMax: 1, requestsBurstMax: 20 });
    expect((await post('chat/x', 1)).status).toBe(401);
    expect((await post('chat/x', 1, { Authorization: 'Bearer bob' })).status).toBe(403);
    const ada = { Authorization: 'Bearer ada' };
    expect((await post('chat/x', 1, ada)).status).toBe(204);
    const many = await post('chat/x', Array(500).fill(0), ada);
    expect([many.status, Number(many.headers.get('retry-after')) > 0]).toEqual([429, true]);
  });
});

describe('what the contract made', () => {
  it('[P18] is there already for whoever creates it as it is', async () => {
    const { server, send } = await serve();
    const top = await server.publish('chat/x', 1);
    const found = await send('PUT', 'chat/x');
    expect([found.status, found.headers.get('stream-next-offset')]).toEqual([200, writeToken(top)]);
    expect(found.headers.get('content-type')).toBe('application/json');
    expect((await send('PUT', 'board/7', undefined, bytes)).status).toBe(200);
  });

  it.each([
    ['another type', bytes],
    ['a lifetime', { ...json, 'Stream-TTL': '60' }],
    ['an end', { ...json, 'Stream-Expires-At': '2030-01-01T00:00:00Z' }],
    ['nothing after it', { ...json, 'Stream-Closed': 'true' }],
  ])('[P18] is not what asks for %s', async (_, headers) => {
    const { send } = await serve();
    expect((await send('PUT', 'chat/x', undefined, headers)).status).toBe(409);
  });

  it('[P18] is not deleted or closed by anybody', async () => {
    const { server, send, read } = await serve();
    await server.publish('chat/x', 1);
    for (const [method, headers] of [
      ['DELETE', {}],
      ['POST', { 'Stream-Closed': 'true' }],
    ] as const) {
      const response = await send(method, 'chat/x', undefined, headers);
      expect(response.headers.get('allow')).toBe('GET, HEAD, POST, PUT, OPTIONS');
      expect(await codeOf(response)).toEqual([405, 'bad_frame']);
    }
    expect(await read('chat/x')).toBe('[1]');
  });
});

describe('a producer', () => {
  const by = (epoch: number, seq: number, id = 'orders') => ({
    'Producer-Id': id,
    'Producer-Epoch': String(epoch),
    'Producer-Seq': String(seq),
  });
  const told = (response: Response) => [
    response.status,
    ...['epoch', 'seq', 'expected-seq', 'received-seq'].map((name) =>
      response.headers.get(`producer-${name}`),
    ),
  ];

  it('[P19] stores each message of its requests once, however often they are sent', async () => {
    const { post, read } = await serve();
    expect(told(await post('chat/x', ['a', 'b', 'c'], by(0, 0)))).toEqual([200, '0', '0', null, null]);
    const again = await post('chat/x', ['a', 'b', 'c'], by(0, 0));
    expect(told(again)).toEqual([204, '0', '0', null, null]);
    expect(again.headers.get('stream-next-offset')).toMatch(/_0000000000000003_/);
    expect(told(await post('chat/x', ['d'], by(0, 1)))).toEqual([200, '0', '1', null, null]);
    expect(told(await post('chat/x', ['a', 'b', 'c'], by(0, 0)))[0]).toBe(204);
    expect(await read('chat/x')).toBe('["a","b","c","d"]');
  });

  it('[P19] stores what is missing of a request that broke off in its midst, and nothing twice', async () => {
    const { broker, meddling } = meddle(memory());
    const { post, read } = await serve({ broker });
    meddling.append = async (append, { data }) => {
      if (data === '"b"') throw new SyncError('unavailable');
      return await append();
    };
    expect((await post('chat/x', ['a', 'b', 'c'], by(0, 0))).status).toBe(503);
    meddling.append = (append) => append();
    expect(told(await post('chat/x', ['a', 'b', 'c'], by(0, 0)))).toEqual([200, '0', '0', null, null]);
    expect(told(await post('chat/x', ['a', 'b', 'c'], by(0, 0)))).toEqual([204, '0', '0', null, null]);
    expect(await read('chat/x')).toBe('["a","b","c"]');
  });

  it('[P19] whose request broke off is not done with it before all of it is stored, in its order', async () => {
    const { broker, meddling } = meddle(memory());
    const { post, read } = await serve({ broker });
    let fails = '"b"';
    meddling.append = async (append, { data }) => {
      if (data === fails) throw new SyncError('unavailable');
      return await append();
    };
    const request = () => post('chat/x', ['a', 'b', 'c', 'd'], by(0, 0));
    const next = () => post('chat/x', ['e', 'f'], by(0, 1));
    expect((await request()).status).toBe(503);
    expect((await post('chat/x', ['of another'])).status).toBe(204);
    expect(told(await next())).toEqual([409, null, null, '0', '1']);
    fails = '"d"';
    expect((await request()).status).toBe(503);
    expect(told(await next())).toEqual([409, null, null, '0', '1']);
    fails = 'nothing';
    expect(told(await request())).toEqual([200, '0', '0', null, null]);
    expect(told(await request())).toEqual([204, '0', '0', null, null]);
    expect(told(await next())).toEqual([200, '0', '1', null, null]);
    expect(await read('chat/x')).toBe('["a","of another","b","c","d","e","f"]');
  });

  it('[P19] stores its requests one after the other, however many are sent at once, by whichever node', async () => {
    const logs = lasting(memory());
    const { broker, meddling } = meddle(logs);
    const [one, other] = [await serve({ broker }), await serve({ broker: logs })];
    const held = gate();
    meddling.append = async (append, { data }) => {
      const stored = await append();
      if (data === '"a"') await held.passed;
      return stored;
    };
    const early = one.post('chat/x', ['a', 'b'], by(0, 0));
    await passes(async () => expect(await other.read('chat/x')).toBe('["a"]'));
    const late = one.post('chat/x', ['c', 'd'], by(0, 1));
    await passes(() => expect(one.server.metrics.framesReceived).toBe(4));
    expect(told(await other.post('chat/x', ['c', 'd'], by(0, 1)))).toEqual([409, null, null, '0', '1']);
    held.open();
    expect([(await early).status, (await late).status]).toEqual([200, 200]);
    expect(await other.read('chat/x')).toBe('["a","b","c","d"]');
    expect((await other.post('chat/x', ['c', 'd'], by(0, 1))).status).toBe(204);
  });

  it('whose rights end while its request waits for the one before is refused', async () => {
    const clock = fakeClock();
    const { broker, meddling } = meddle(memory({ clock }));
    const { server, post, read } = await serve({
      ...{ broker, clock },
      authenticate: () => ({ user: 'ada', capabilities: { '*': ['*'] }, expiresAt: clock.now() + 1000 }),
    });
    const held = gate();
    let storing = 0;
    meddling.append = async (append) => {
      storing++;
      await held.passed;
      return await append();
    };
    const requests = [post('chat/x', ['a'], by(0, 0)), post('chat/x', ['b'], by(0, 0))];
    await passes(() => expect([storing, server.metrics.framesReceived]).toEqual([1, 2]));
    await clock.advance(1000);
    held.open();
    const statuses = (await Promise.all(requests)).map(({ status }) => status);
    expect(statuses.toSorted()).toEqual([200, 401]);
    meddling.append = (append) => append();
    expect(JSON.parse(await read('chat/x'))).toHaveLength(1);
  });

  it('[P19] stores each message of a large request once, of which the log remembers but the last places', async () => {
    const { broker, meddling } = meddle(memory());
    const { post, read } = await serve({ broker, ...plenty });
    const many = Array.from({ length: 300 }, (_, i) => i);
    meddling.append = async (append, { data }) => {
      if (data === '150') throw new SyncError('unavailable');
      return await append();
    };
    expect((await post('chat/x', many, by(0, 0))).status).toBe(503);
    expect(JSON.parse(await read('chat/x'))).toEqual(many.slice(0, 150));
    meddling.append = (append) => append();
    expect((await post('chat/x', many, by(0, 0))).status).toBe(200);
    const again = await post('chat/x', many, by(0, 0));
    expect([again.status, readToken(again.headers.get('stream-next-offset') ?? '')?.offset]).toEqual([
      204, 300,
    ]);
    expect(JSON.parse(await read('chat/x'))).toEqual(many);
  });

  it('[P19] of large requests takes no memory of the log from another one of the same user', async () => {
    const { post } = await serve(plenty);
    expect((await post('chat/x', ['mine'], by(0, 0, 'other'))).status).toBe(200);
    const many = Array<number>(1000).fill(0);
    for (let seq = 0; seq < 11; seq++) expect((await post('chat/x', many, by(0, seq))).status).toBe(200);
    expect(told(await post('chat/x', ['mine'], by(0, 0, 'other')))).toEqual([204, '0', '0', null, null]);
    expect((await post('chat/x', ['mine'], by(0, 1, 'other'))).status).toBe(200);
  });

  it('[P19] is no other one, whatever it is called', async () => {
    const { post, read } = await serve();
    await post('chat/x', ['a', 'b'], by(3, 0, 'p'));
    for (const id of ['p.3', 'p.3.0', 'p.3%rest', 'p.3%rest.0'])
      expect([id, (await post('chat/x', [id], by(0, 0, id))).status]).toEqual([id, 200]);
    expect((await post('chat/x', ['a', 'b'], by(3, 0, 'p'))).status).toBe(204);
    expect(JSON.parse(await read('chat/x'))).toHaveLength(6);
  });

  it('[P19] that leaves a request out is told which is expected', async () => {
    const { post, read } = await serve();
    await post('chat/x', ['a'], by(0, 0));
    expect(told(await post('chat/x', ['c', 'd'], by(0, 2)))).toEqual([409, null, null, '1', '2']);
    expect(await read('chat/x')).toBe('["a"]');
  });

  it('[P19] is answered alike for what it stored so long ago that nobody remembers where', async () => {
    const { post, read } = await serve();
    for (let seq = 0; seq < 70; seq++) await post('chat/x', seq, by(0, seq));
    expect(told(await post('chat/x', 0, by(0, 0)))).toEqual([204, '0', '69', null, null]);
    expect(JSON.parse(await read('chat/x'))).toHaveLength(70);
  });

  it('[P19] that has begun anew since writes no more; it may where entries have keys of their own', async () => {
    const { post, read } = await serve();
    await post('chat/x', ['old'], by(0, 0));
    await post('chat/x', ['new'], by(1, 0));
    expect(await codeOf(await post('chat/x', ['zombie'], by(0, 1)))).toEqual([403, 'superseded']);
    expect((await post('chat/x', ['other'], by(0, 0, 'another'))).status).toBe(200);
    expect(await read('chat/x')).toBe('["old","new","other"]');
    const change = { type: 'fleet', key: 'a', value: 1, headers: { operation: 'update' } };
    await post('fleet/x', change, by(0, 0));
    await post('fleet/x', change, by(1, 0));
    expect((await post('fleet/x', change, by(0, 1))).status).toBe(200);
  });

  it('[A5] [P19] has 64 requests wait at the most where its log hangs, and holds up no other', async () => {
    const { broker, meddling } = meddle(memory());
    const { post } = await serve({ broker });
    const held = gate();
    const begun = gate();
    meddling.append = async (append) => {
      begun.open();
      await held.passed;
      return await append();
    };
    const first = post('chat/x', 0, by(0, 0));
    await begun.passed;
    const rest = Array.from({ length: 70 }, (_, i) => post('chat/x', i + 1, by(0, i + 1)));
    const refused: Response[] = [];
    for (const one of rest) void one.then((answer) => refused.push(answer));
    await eventually(() => refused.length).toBe(7);
    for (const one of refused)
      expect([one.headers.get('retry-after'), ...(await codeOf(one))]).toEqual(['1', 429, 'too_many']);
    held.open();
    await Promise.all([first, ...rest]);
    expect((await post('chat/x', 0, by(0, 0, 'q'))).status).toBe(200);
  });

  it('[P19] of one user is another than that of the same name of another one', async () => {
    const { post, server } = await serve({
      authenticate: ({ token }) => ({ user: token, capabilities: { '*': ['*'] } }),
    });
    expect((await post('chat/x', 1, { ...by(0, 0), Authorization: 'Bearer ada' })).status).toBe(200);
    expect((await post('chat/x', 2, { ...by(0, 0), Authorization: 'Bearer bob' })).status).toBe(200);
    expect((await post('chat/x', 2, { ...by(0, 0), Authorization: 'Bearer bob' })).status).toBe(204);
    expect((await post('chat/x', 3, { ...by(0, 0, 'a/b'), Authorization: 'Bearer bob' })).status).toBe(200);
    expect((await server.publish('chat/x', 0)).offset).toBe(4);
  });

  it.each([
    [{ 'Producer-Id': 'p' }],
    [{ 'Producer-Id': 'p', 'Producer-Epoch': '0' }],
    [{ 'Producer-Id': '', 'Producer-Epoch': '0', 'Producer-Seq': '0' }],
    [{ 'Producer-Id': 'p', 'Producer-Epoch': '-1', 'Producer-Seq': '0' }],
    [{ 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '1.5' }],
    [{ 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '9007199254740992' }],
    [{ 'Producer-Id': 'p'.repeat(300), 'Producer-Epoch': '0', 'Producer-Seq': '0' }],
  ])('is refused where what it says of itself is no such thing: %j', async (headers) => {
    const { post } = await serve();
    expect(await codeOf(await post('chat/x', 1, headers as unknown as Record<string, string>))).toEqual([
      400,
      'bad_frame',
    ]);
  });
});
