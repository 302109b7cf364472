/**
 * Links over HTTP as the client makes them, with a server that answers as a test says and a clock that stands still: what is asked, in
 * which order, what becomes of answers that fail, and how events are read, wherever they are cut.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { httpTransport } from './http.ts';
import { polled } from './long-poll.ts';
import { streamed } from './sse.ts';
import type { Link } from './transport.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly init: RequestInit;
  readonly body: string;
  answer(status: number, body?: string | ReadableStream<Uint8Array>): void;
  fail(): void;
}

afterEach(() => vi.unstubAllGlobals());

/** A link, and what it asked for; each request waits until the test answers it. */
function scene(as: 'sse' | 'long-poll', url = 'wss://host/sync', token?: string) {
  const clock = fakeClock();
  const asked: Asked[] = [];
  vi.stubGlobal('fetch', (at: URL, init: RequestInit) => {
    const answered = new Promise<Response>((resolve, reject) => {
      const end = () => reject(new DOMException('It was ended.', 'AbortError'));
      init.signal?.addEventListener('abort', end);
      asked.push({
        method: init.method ?? 'GET',
        path: at.href,
        headers: new Headers(init.headers),
        init,
        body: String(init.body ?? ''),
        answer: (status, body) => resolve(new Response(status === 204 ? null : (body ?? ''), { status })),
        fail: () => reject(new TypeError('The network failed.')),
      });
    });
    return answered;
  });
  const told: unknown[] = [];
  const open = (): Link =>
    httpTransport(as, as === 'sse' ? streamed : polled, clock).open(url, token, {
      message: (data) => told.push(data),
      close: (code, reason) => told.push({ code, reason }),
    });
  const last = (): Asked => {
    const one = asked.at(-1);
    if (!one) throw new Error('Nothing was asked.');
    return one;
  };
  const settle = async (): Promise<void> => {
    // An answer's body comes by turns of its own.
    for (let i = 0; i < 5; i++) await clock.advance(0);
  };
  return { clock, asked, told, open, last, settle };
}

/** A stream that a test writes. */
function written() {
  let control: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      control = controller;
    },
  });
  const write = (text: string | Uint8Array) =>
    control?.enqueue(typeof text === 'string' ? new TextEncoder().encode(text) : text);
  return { stream, write, end: () => control?.close() };
}

async function streaming(url?: string) {
  const made = scene('sse', url);
  const link = made.open();
  const { stream, ...down } = written();
  made.last().answer(200, stream);
  down.write('link:node.secret\n\n');
  await made.settle();
  return { ...made, link, down };
}

async function polling() {
  const made = scene('long-poll');
  const link = made.open();
  made.last().answer(200, '{"link":"node.secret"}');
  await made.settle();
  return { ...made, link };
}

describe('opening', () => {
  test.each([
    ['wss://host/sync', 'https://host/sync/link'],
    ['ws://host:8080/sync/', 'http://host:8080/sync/link'],
    ['wss://host/', 'https://host/link'],
    ['wss://host/sync?ticket=secret', 'https://host/sync/link?ticket=secret'],
  ])('[L4] %s is asked for at %s, with the token in a header', (url, path) => {
    const { open, last } = scene('sse', url, 'token');
    open();
    expect([last().method, last().path, last().body]).toEqual(['POST', path, '{"as":"sse"}']);
    expect(last().headers.get('authorization')).toBe('Bearer token');
    expect(last().init.credentials).toBe('include');
  });

  test('a token that can’t stand in a header is thrown', () => {
    expect(() => scene('sse', 'wss://host/', '10 €').open()).toThrow(TypeError);
  });

  test('[L4] later requests show the link’s name, and neither the token nor what stood behind the path', async () => {
    const { link, last, settle } = await streaming('wss://host/sync?ticket=secret');
    link.send('["heartbeat"]');
    await settle();
    expect(last().path).toBe('https://host/sync/link/frames?n=1');
    expect(last().headers.get('syncline-link')).toBe('node.secret');
    expect(last().headers.get('authorization')).toBeNull();
  });

  test('[L2] [F11] what the server refuses is told as it would tell it on a WebSocket', async () => {
    const { open, last, settle, told } = scene('sse');
    open();
    last().answer(429, '{"error":{"code":"too_many","message":"Many.","detail":{"retryMs":380}}}');
    await settle();
    expect(told).toEqual([
      '["error",null,"too_many","Many.",{"retryMs":380}]',
      { code: 4429, reason: 'Many.' },
    ]);
  });

  test.each([
    ['what isn’t the server’s', 502, '<html>Bad gateway'],
    ['an error that nobody knows', 403, '{"error":{"code":"toString","message":"x"}}'],
    ['no error', 404, '{}'],
  ])('%s says nothing: the link could not be made', async (_, status, body) => {
    const { open, last, settle, told } = scene('long-poll');
    open();
    last().answer(status, body);
    await settle();
    expect(told).toEqual([{ code: 1006, reason: '' }]);
  });

  test('a network that fails, and a link that is closed before it is there', async () => {
    const failing = scene('sse');
    failing.open();
    failing.last().fail();
    await failing.settle();
    expect(failing.told).toEqual([{ code: 1006, reason: '' }]);
    const closed = scene('sse');
    closed.open().close();
    expect(closed.last().init.signal?.aborted).toBe(true);
    await closed.clock.advance(60_000);
    expect([closed.asked.length, closed.told, closed.clock.timers]).toEqual([1, [], 0]);
  });
});

describe('events', () => {
  const events =
    'data:["a",1]\n\n:\n\nfuture:of a later server\n\ndata:[1,\ndata: 2,\ndata:\ndata:"€ 😀"]\n\ndata:AQID/w==\n\nclose:4410 Not: you.\n\ndata:["never"]\n\n';

  test('[L5] are read alike wherever they are cut, letters of several bytes too', async () => {
    const bytes = new TextEncoder().encode(events);
    for (const step of [1, 2, 3, 7, 50, 1_000]) {
      const { told, down, settle } = await streaming();
      for (let i = 0; i < bytes.length; i += step) down.write(bytes.subarray(i, i + step));
      await settle();
      expect(told).toEqual([
        '["a",1]',
        '[1,\n 2,\n\n"€ 😀"]',
        Uint8Array.of(1, 2, 3, 255).buffer,
        { code: 4410, reason: 'Not: you.' },
      ]);
    }
  });

  test('[L6] a ping is answered, with nothing', async () => {
    const { told, down, settle, asked, last } = await streaming();
    down.write(':\n\n');
    await settle();
    expect([new URL(last().path).search, last().body]).toEqual(['?n=1', '']);
    last().answer(204);
    await settle();
    down.write('data:["a"]\n\n:\n\n');
    await settle();
    // It has no number of its own.
    expect([new URL(last().path).search, asked.length, told]).toEqual(['?n=1', 3, ['["a"]']]);
  });

  test('[L5] lines of somebody else are passed over: they are no pings, and no part of an event', async () => {
    const { told, down, settle, asked } = await streaming();
    down.write('retry: 10\n: padding\nid\ndata:[1,\n<html>\n:x\ndata:2]\n\n');
    await settle();
    expect(told).toEqual(['[1,\n2]']);
    expect(asked).toHaveLength(1);
  });

  test('[L6] a stream that ends is a link that broke', async () => {
    const { told, down, settle } = await streaming();
    down.write('data:["half"');
    down.end();
    await settle();
    expect(told).toEqual([{ code: 1006, reason: '' }]);
  });
});

describe('what is sent', () => {
  test('[L8] goes together while it waits, one post at a time, and is asked again until it is answered', async () => {
    const { link, asked, last, settle, clock } = await streaming();
    const posts = () => asked.slice(1).map(({ path, body }) => [new URL(path).search, body]);
    link.send('["a"]');
    link.send('["b"]');
    await settle();
    link.send('["c"]');
    await settle();
    expect(posts()).toEqual([['?n=1', '["a"]\n["b"]']]);
    expect(link.bufferedAmount).toBe(15);
    last().fail();
    await settle();
    await clock.advance(250);
    last().answer(503, '{"error":{"code":"unavailable","message":"Later."}}');
    await settle();
    await clock.advance(500);
    expect(posts()).toEqual([
      ['?n=1', '["a"]\n["b"]'],
      ['?n=1', '["a"]\n["b"]'],
      ['?n=1', '["a"]\n["b"]'],
    ]);
    last().answer(204);
    await settle();
    expect(posts().at(-1)).toEqual(['?n=2', '["c"]']);
    last().answer(204);
    await settle();
    expect([link.bufferedAmount, posts().length]).toEqual([0, 4]);
  });

  test('[L8] bytes are base64, and what is much goes in several posts', async () => {
    const { link, asked, last, settle } = await streaming();
    link.send(Uint8Array.of(0, 1, 254, 255));
    link.send(`["${'x'.repeat(20_000)}"]`);
    link.send('["last"]');
    await settle();
    last().answer(204);
    await settle();
    last().answer(204);
    await settle();
    const bodies = asked.slice(1).map(({ body }) => body);
    expect([bodies[0], bodies[1]?.length, bodies[2]]).toEqual(['AAH+/w==', 20_004, '["last"]']);
    expect(asked.slice(1).map(({ init }) => init.keepalive)).toEqual([true, false, true]);
  });

  test('[L9] is given up when that fails again and again, or when the link is gone', async () => {
    const often = await streaming();
    often.link.send('["a"]');
    await often.settle();
    for (let i = 0; i < 5; i++) {
      often.last().answer(502, '<html>');
      await often.settle();
      await often.clock.advance(5_000);
    }
    expect(often.told).toEqual([{ code: 1006, reason: '' }]);
    expect(often.asked.length).toBe(6);
    const gone = await streaming();
    gone.link.send('["a"]');
    await gone.settle();
    gone.last().answer(404, '{"error":{"code":"silent","message":"Gone."}}');
    await gone.settle();
    expect(gone.told).toEqual(['["error",null,"silent","Gone.",null]', { code: 4408, reason: 'Gone.' }]);
  });

  test('[L8] what was sent before the end goes with it, and the end is certain', async () => {
    const { link, last, settle, told, asked } = await streaming();
    link.send('["leave"]');
    link.close();
    await settle();
    expect([new URL(last().path).search, last().body, last().init.keepalive]).toEqual([
      '?n=1&end',
      '["leave"]',
      true,
    ]);
    expect(asked[0]?.init.signal?.aborted).toBe(false);
    last().answer(204);
    await settle();
    expect(asked[0]?.init.signal?.aborted).toBe(true);
    expect(told).toEqual([]);
    const silent = await streaming();
    silent.link.close();
    await silent.settle();
    await silent.clock.advance(2_000);
    expect(silent.asked[0]?.init.signal?.aborted).toBe(true);
  });
});

describe('polls', () => {
  test('[L7] ask for what comes after what arrived, again where nothing did', async () => {
    const { asked, last, settle, told, clock } = await polling();
    const after = () =>
      asked.filter(({ method }) => method === 'GET').map(({ path }) => new URL(path).search);
    expect(after()).toEqual(['?after=0']);
    last().answer(200, 'data:["a"]\n\n');
    await settle();
    last().answer(204);
    await settle();
    last().fail();
    await settle();
    await clock.advance(250);
    last().answer(200, 'data:["b"]\n\n');
    await settle();
    expect(after()).toEqual(['?after=0', '?after=1', '?after=1', '?after=1', '?after=2']);
    expect(told).toEqual(['["a"]', '["b"]']);
  });

  test('[L7] end with the link, and an end that is told is the last', async () => {
    const { link, last, settle, asked } = await polling();
    link.close();
    await settle();
    expect(new URL(last().path).search).toBe('?n=1&end');
    last().answer(204);
    await settle();
    expect(asked.filter(({ method }) => method === 'GET').every(({ init }) => init.signal?.aborted)).toBe(
      true,
    );
    const ended = await polling();
    ended.last().answer(200, 'data:["a"]\n\nclose:4423 No more.\n\n');
    await ended.settle();
    expect(ended.told).toEqual(['["a"]', { code: 4423, reason: 'No more.' }]);
    expect(ended.asked.length).toBe(2);
  });
});
