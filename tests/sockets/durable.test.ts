/**
 * Durable logs over real HTTP: the official client of Durable Streams writes and reads them, and each rule holds for whoever asks by
 * hand. What the public suite asks for as well is in tests/conformance; here is what it doesn't know of: people, and what is lost on the way.
 */
import {
  asAsyncIterableReadableStream,
  DurableStream,
  IdempotentProducer,
  stream,
} from '@durable-streams/client';
import { createClient } from '@syncline/client';
import { defineChannels, durable, SyncError, stream as streamChannel } from '@syncline/protocol';
import { createServer, memory, type ServerOptions } from '@syncline/server';
import { afterEach, describe, expect, test } from 'vitest';

const channels = defineChannels({
  'log/:name': durable({ anonymous: [] }),
  'open/:name': durable({ anonymous: ['subscribe'] }),
  'chat/:room': streamChannel<{ n: number }>(),
});
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(options: Partial<ServerOptions<typeof channels>> = {}) {
  const server = createServer({ channels, broker: memory(), ...options });
  cleanups.push(() => server.close({ drainMs: 0 }));
  const { port } = await server.listen(0);
  return { server, port, base: `http://localhost:${port}/sync/streams` };
}

interface Told {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** Asks by hand. */
async function ask(
  method: string,
  url: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Told> {
  const given =
    body === undefined || 'Content-Type' in headers ? headers : { 'Content-Type': 'text/plain', ...headers };
  const response = await fetch(url, { method, headers: given, ...(body !== undefined && { body }) });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

const plain = { 'Content-Type': 'text/plain' };
const closed = { 'Stream-Closed': 'true' };
const by = (id: string, epoch: number, seq: number) => ({
  'Producer-Id': id,
  'Producer-Epoch': String(epoch),
  'Producer-Seq': String(seq),
});

describe('the official client', () => {
  test('writes and reads a log of messages live, and hears of its end', async () => {
    const { base } = await serve();
    const url = `${base}/log/answer`;
    const log = await DurableStream.create({ url, contentType: 'application/json' });
    await log.append(JSON.stringify({ word: 'Once' }));
    const reading = await stream<{ word: string }>({ url, offset: '-1', live: true, warnOnHttp: false });
    const words: string[] = [];
    const reader = (async () => {
      for await (const { word } of asAsyncIterableReadableStream(reading.jsonStream())) words.push(word);
    })();
    await log.append(JSON.stringify({ word: 'upon' }));
    await expect.poll(() => words).toEqual(['Once', 'upon']);
    await log.append(JSON.stringify([{ word: 'a' }]));
    await log.close({ body: JSON.stringify({ word: 'time' }) });
    await reader;
    expect(words.slice(0, 2)).toEqual(['Once', 'upon']);
    expect(words.at(-1)).toBe('time');
    expect(await DurableStream.head({ url })).toMatchObject({ exists: true, streamClosed: true });
    await expect(log.append(JSON.stringify({ word: 'x' }))).rejects.toThrow();
  });

  test('[P24] loses and doubles nothing though answers are lost on the way', async () => {
    const { base } = await serve();
    const url = `${base}/log/lossy`;
    const log = await DurableStream.create({ url, contentType: 'text/plain' });
    let calls = 0;
    // The answer to every third request is lost, and the request sent again.
    const lossy: typeof fetch = async (...asked) => {
      if (++calls % 3 === 0) await (await fetch(...asked)).text();
      return await fetch(...asked);
    };
    const faults: Error[] = [];
    const producer = new IdempotentProducer(log, 'writer', {
      fetch: lossy,
      maxBatchBytes: 40,
      onError: (error) => faults.push(error),
    });
    const lines = Array.from({ length: 100 }, (_, i) => `line ${i}\n`);
    for (const line of lines) producer.append(line);
    await producer.flush();
    await producer.close();
    expect(faults).toEqual([]);
    expect(calls).toBeGreaterThan(20);
    const { text } = await ask('GET', url);
    expect(text).toBe(lines.join(''));
  });

  test('[P24] is fenced by one that begins anew', async () => {
    const { base } = await serve();
    const log = await DurableStream.create({ url: `${base}/log/fenced`, contentType: 'text/plain' });
    const old = new IdempotentProducer(log, 'writer', { epoch: 0, onError: () => {} });
    old.append('a');
    await old.flush();
    const next = new IdempotentProducer(log, 'writer', { epoch: 1 });
    next.append('b');
    await next.flush();
    const faults: Error[] = [];
    const late = new IdempotentProducer(log, 'writer', { epoch: 0, onError: (error) => faults.push(error) });
    late.append('c');
    await late.flush().catch(() => {});
    expect(faults[0]?.name).toBe('StaleEpochError');
    expect((await ask('GET', log.url)).text).toBe('ab');
  });

  test('is told what is refused', async () => {
    const { base } = await serve();
    await expect(DurableStream.create({ url: `${base}/none/of/these` })).rejects.toMatchObject({
      status: 404,
    });
    await DurableStream.create({ url: `${base}/log/a`, contentType: 'text/plain' });
    await expect(
      DurableStream.create({ url: `${base}/log/a`, contentType: 'image/png' }),
    ).rejects.toMatchObject({ status: 409 });
  });
});

describe('by hand', () => {
  test('[P20] a log is created once, and found the same or another', async () => {
    const { base } = await serve();
    const url = `${base}/log/a`;
    const made = await ask('PUT', url, { 'Stream-TTL': '60' }, 'hello');
    expect(made.status).toBe(201);
    expect(Object.fromEntries(made.headers)).toMatchObject({ location: url, 'content-type': 'text/plain' });
    expect((await ask('PUT', url, { 'Stream-TTL': '60' }, 'again')).status).toBe(200);
    expect(
      (await ask('PUT', url, { 'Content-Type': 'TEXT/plain; charset=utf-8', 'Stream-TTL': '60' })).status,
    ).toBe(200);
    for (const other of [
      plain,
      { ...plain, 'Stream-TTL': '61' },
      { ...plain, 'Stream-TTL': '60', ...closed },
    ])
      expect((await ask('PUT', url, other)).status).toBe(409);
    expect((await ask('GET', url)).text).toBe('hello');
  });

  test('[P21] what is appended is stored whole or not at all', async () => {
    const { base } = await serve();
    const url = `${base}/log/json`;
    const json = { 'Content-Type': 'application/json' };
    expect((await ask('POST', url, json, '1')).status).toBe(404);
    await ask('PUT', url, json);
    const bodies = [
      '{"a" : 1.0}',
      '[1, [2], {"b":[]}]',
      '[]',
      '',
      '[1,',
      'undefined',
      `${'['.repeat(40)}${']'.repeat(40)}`,
    ];
    const statuses: number[] = [];
    for (const body of bodies) statuses.push((await ask('POST', url, json, body)).status);
    expect(statuses).toEqual([204, 204, 400, 400, 400, 400, 400]);
    expect((await ask('POST', url, plain, 'x')).status).toBe(409);
    // As its author wrote it.
    expect((await ask('GET', url)).text).toBe('[{"a" : 1.0},1,[2],{"b":[]}]');
  });

  test('[P22] a closed log says where it ends', async () => {
    const { base } = await serve();
    const url = `${base}/log/a`;
    await ask('PUT', url, plain);
    const end = await ask('POST', url, closed, 'all');
    expect(end.status).toBe(204);
    const refused = await ask('POST', url, {}, 'more');
    expect(refused.status).toBe(409);
    expect(refused.headers.get('stream-closed')).toBe('true');
    expect(refused.headers.get('stream-next-offset')).toBe(end.headers.get('stream-next-offset'));
    expect((await ask('POST', url, closed)).status).toBe(204);
    expect((await ask('GET', url)).text).toBe('all');
  });

  test('[P23] marks of writers go up, by their bytes', async () => {
    const { base } = await serve();
    const url = `${base}/log/a`;
    await ask('PUT', url, plain);
    const statuses: number[] = [];
    for (const mark of ['a', 'a', 'Z', 'b'])
      statuses.push((await ask('POST', url, { 'Stream-Seq': mark }, mark)).status);
    expect(statuses).toEqual([204, 409, 409, 204]);
    expect((await ask('GET', url)).text).toBe('ab');
  });

  test('[P26] a log that is created anew has nothing of the one before, and whoever read that is told so', async () => {
    const { base } = await serve();
    const url = `${base}/log/a`;
    await ask('PUT', url, { ...plain, 'Stream-Closed': 'true' }, 'old');
    const { headers } = await ask('GET', url);
    const place = headers.get('stream-next-offset');
    expect((await ask('DELETE', url)).status).toBe(204);
    for (const method of ['GET', 'HEAD', 'DELETE']) expect((await ask(method, url)).status).toBe(404);
    expect((await ask('PUT', url, plain, 'new')).status).toBe(201);
    expect((await ask('GET', url)).text).toBe('new');
    const late = await ask('GET', `${url}?offset=${place}`);
    expect(late.status).toBe(410);
    expect(late.text).toContain('gone');
    const whole = await ask('GET', `${url}?offset=-1`);
    expect(whole.text).toBe('new');
    // Places go on: nobody takes one of the new log for an earlier one of the old.
    expect((whole.headers.get('stream-next-offset') ?? '') > (place ?? '')).toBe(true);
  });
});

describe('with people', () => {
  const people = (caps: Record<string, readonly ('publish' | 'manage' | 'subscribe')[]>) => ({
    authenticate: ({ token }: { readonly token: string | null }) => {
      if (token === null) return { user: null };
      const may = caps[token];
      if (!may) throw new SyncError('unauthenticated', 'Nobody knows you.');
      return { user: token, capabilities: { 'log/:any': may } };
    },
  });
  const as = (token: string) => ({ Authorization: `Bearer ${token}` });

  test('[P28] who creates, closes and deletes manages; who appends publishes', async () => {
    const { base } = await serve(people({ boss: ['manage'], writer: ['publish'], reader: ['subscribe'] }));
    const url = `${base}/log/a`;
    const status = async (who: string, method: string, headers: Record<string, string> = {}, body?: string) =>
      (await ask(method, url, { ...as(who), ...headers }, body)).status;
    for (const who of ['writer', 'reader']) expect(await status(who, 'PUT', plain)).toBe(403);
    expect(await status('boss', 'PUT', plain)).toBe(201);
    expect(await status('boss', 'POST', {}, 'x')).toBe(403);
    expect(await status('reader', 'POST', {}, 'x')).toBe(403);
    expect(await status('writer', 'POST', {}, 'x')).toBe(204);
    expect(await status('writer', 'POST', closed)).toBe(403);
    expect(await status('writer', 'POST', closed, 'x')).toBe(403);
    expect(await status('boss', 'POST', closed, 'x')).toBe(403);
    expect(await status('writer', 'GET')).toBe(403);
    expect(await status('boss', 'POST', closed)).toBe(204);
    expect(await status('writer', 'DELETE')).toBe(403);
    expect((await ask('GET', url, as('reader'))).text).toBe('x');
    expect((await ask('GET', url)).status).toBe(403);
    expect((await ask('GET', url, as('nobody'))).status).toBe(401);
    expect(await status('boss', 'DELETE')).toBe(204);
  });

  test('[P24] a producer belongs to whoever sends it', async () => {
    const { base } = await serve(people({ ada: ['manage', 'publish', 'subscribe'], bob: ['publish'] }));
    const url = `${base}/log/a`;
    await ask('PUT', url, { ...as('ada'), ...plain });
    expect((await ask('POST', url, { ...as('ada'), ...by('w', 0, 0) }, 'a')).status).toBe(200);
    expect((await ask('POST', url, { ...as('bob'), ...by('w', 5, 0) }, 'b')).status).toBe(200);
    const again = await ask('POST', url, { ...as('ada'), ...by('w', 0, 0) }, 'a');
    expect(again.status).toBe(204);
    const next = await ask('POST', url, { ...as('ada'), ...by('w', 0, 1) }, 'c');
    expect(next.status).toBe(200);
    expect(next.headers.get('producer-seq')).toBe('1');
    const gap = await ask('POST', url, { ...as('ada'), ...by('w', 0, 5) }, 'd');
    expect(gap.status).toBe(409);
    expect(gap.headers.get('producer-expected-seq')).toBe('2');
    expect((await ask('GET', url, as('ada'))).text).toBe('abc');
  });

  test('[P28] a plain publish writes no log', async () => {
    const { base } = await serve();
    await ask('PUT', `${base}/log/a`, plain);
    const posted = await ask(
      'POST',
      base.replace('/streams', '/publish/log/a'),
      { 'Content-Type': 'application/json' },
      '1',
    );
    expect(posted).toMatchObject({ status: 415, text: expect.stringContaining('unsupported_data') });
    expect((await ask('GET', `${base}/log/a`)).text).toBe('');
  });

  test('presence and other channels go on beside them', async () => {
    const { base, port } = await serve();
    await ask('PUT', `${base}/log/a`, plain, 'hello');
    const client = createClient<typeof channels>({ url: `ws://localhost:${port}/sync` });
    cleanups.push(() => client.close());
    await client.stream('chat/lobby').publish({ n: 1 });
    expect((await ask('GET', `${base}/chat/lobby`)).text).toBe('[{"n":1}]');
  });
});
