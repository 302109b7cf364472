/**
 * Requests of streams that are wrong, hostile or only strange: paths, methods, offsets, header fields, bodies, waits and events. They come
 * as bytes of this suite's own, since no HTTP client would send most of them.
 */
import type { Changes } from '@syncline/server/testing';
import { expect } from 'vitest';
import { wordsOf } from './caller.ts';
import type { Row, Target } from './harness.ts';

type Rest = Omit<Row, 'input' | 'answer' | 'attack'>;

interface Asked {
  readonly method?: string;
  /** The channel, and what follows it. */
  readonly path?: string;
  readonly version?: string;
  readonly changes?: Changes;
  readonly body?: string | Uint8Array;
}

const byNode = 'Node answers that before anyone is asked.';
const token = (offset: number, epoch = 'e'): string =>
  `${epoch}_${String(offset).padStart(16, '0')}_00000000`;

/** A request that would be answered with 200 or 204, but for what is said of it. */
function bytesOf(target: Target, { method = 'GET', path = 'chat/x', version, changes, body }: Asked): Buffer {
  const sent = body ?? (method === 'POST' ? '1' : '');
  const head = target.request(
    {
      Upgrade: null,
      'Sec-WebSocket-Version': null,
      'Sec-WebSocket-Key': null,
      'Sec-WebSocket-Protocol': null,
      Connection: 'close',
      ...(sent.length > 0 && {
        'Content-Type': 'application/json',
        'Content-Length': String(Buffer.byteLength(sent)),
      }),
      ...changes,
    },
    `${method} /sync/streams/${path} HTTP/${version ?? '1.1'}`,
  );
  return Buffer.concat([Buffer.from(head), Buffer.from(sent)]);
}

function asks(input: string, answer: string, asked: Asked, rest: Rest = {}): Row {
  const attack = (target: Target) => target.knock(bytesOf(target, asked));
  return { input, answer: { native: answer }, ...rest, attack };
}

export const streamPaths: readonly Row[] = [
  asks('a read that is as it should be', '200', {}),
  asks('a read of no channel', '404 unknown_channel', { path: '' }),
  asks('a read of a channel that the contract has not', '404 unknown_channel', { path: 'a/b/c' }),
  asks('a stream whose slash is encoded', '404 unknown_channel', { path: 'chat%2Fx' }),
  asks('a stream that is encoded twice', '404 unknown_channel', { path: 'chat%252Fx' }),
  asks('a stream in an encoding that is none', '404 unknown_channel', { path: 'chat/%zz' }),
  asks('a stream with an encoded NUL', '404 unknown_channel', { path: 'chat/%00' }),
  asks('a stream with dots that climb', '404 unknown_channel', { path: 'chat/../x' }),
  asks('a stream with encoded dots that climb', '404 unknown_channel', { path: '%2e%2e/x' }),
  asks('a name of 8,000 characters', '404 unknown_channel', { path: `chat/${'x'.repeat(8000)}` }),
  asks('the members of a channel', '200', { path: 'chat/x%3Fpresence' }),
  asks('HEAD', '200', { method: 'HEAD' }),
  asks('a preflight of nobody in particular', '204', { method: 'OPTIONS' }),
  asks('a preflight of a page elsewhere', '403 forbidden', {
    method: 'OPTIONS',
    changes: { Origin: 'https://evil.example' },
  }),
  asks('PATCH', '405 bad_frame', { method: 'PATCH', body: '1' }),
  asks('a DELETE of what the contract made', '405 bad_frame', { method: 'DELETE' }),
  asks('a PUT of what is there', '200', { method: 'PUT' }),
  asks('a PUT of it with another type', '409 precondition', {
    method: 'PUT',
    changes: { 'Content-Type': 'text/plain' },
  }),
  asks('TRACE', '405 bad_frame', { method: 'TRACE' }),
];

export const offsets: readonly Row[] = [
  asks('an offset from the beginning', '200', { path: 'chat/x?offset=-1' }),
  asks('an offset at the head', '200', { path: 'chat/x?offset=now' }),
  asks('an offset that is empty', '400 bad_frame', { path: 'chat/x?offset=' }),
  asks('an offset of another log', '410 precondition', { path: `chat/x?offset=${token(7)}` }),
  asks('an offset that is a number', '400 bad_frame', { path: 'chat/x?offset=7' }),
  asks('an offset with a sign', '400 bad_frame', { path: `chat/x?offset=e_-000000000000001_00000000` }),
  asks('an offset beyond every number', '400 bad_frame', {
    path: 'chat/x?offset=e_9999999999999999_00000000',
  }),
  asks('an offset whose epoch is too long', '400 bad_frame', {
    path: `chat/x?offset=${token(1, 'e'.repeat(65))}`,
  }),
  asks('an offset with a line end in it', '400 bad_frame', { path: `chat/x?offset=${token(1)}%0d%0aX:y` }),
  asks('two offsets', '400 bad_frame', { path: 'chat/x?offset=-1&offset=now' }),
  asks('a way to read that there isn’t', '400 bad_frame', { path: 'chat/x?offset=-1&live=websocket' }),
  asks('a wait without an offset', '400 bad_frame', { path: 'chat/x?live=long-poll' }),
  asks('events without an offset', '400 bad_frame', { path: 'chat/x?live=sse' }),
  asks('events after an id that is none', '400 bad_frame', {
    path: 'chat/x?live=sse&offset=-1',
    changes: { 'Last-Event-ID': 'garbage' },
  }),
  asks('events after an id of another log', '410 precondition', {
    path: 'chat/x?live=sse&offset=-1',
    changes: { 'Last-Event-ID': token(3) },
  }),
  asks(
    'a cursor that is no number',
    '200',
    { path: 'chat/x?offset=-1&cursor=%27%22' },
    {
      why: 'It is there for caches: what isn’t one counts as none.',
    },
  ),
  asks('a query of 7,000 characters', '200', { path: `chat/x?${'x'.repeat(7000)}` }),
  asks('awareness of a document', '400 bad_frame', { path: 'chat/x?awareness=default' }),
  asks(
    'a function to be called with the answer',
    '200',
    { path: 'chat/x?callback=alert' },
    {
      why: 'The answer is JSON all the same.',
    },
  ),
];

export const streamFields: readonly Row[] = [
  asks('a read with two hosts', '400 bad_frame', { changes: { Host: ['localhost', 'localhost'] } }),
  asks('a read with a foreign host, of a server that asks nobody who they are', '403 forbidden', {
    changes: { Host: 'evil.example' },
  }),
  asks('a read of a page elsewhere', '403 forbidden', { changes: { Origin: 'https://evil.example' } }),
  asks('a read of a page without an origin', '403 forbidden', { changes: { Origin: 'null' } }),
  asks('a read that a proxy passed on', '403 forbidden', { changes: { 'X-Forwarded-For': '192.0.2.1' } }),
  asks('a read of HTTP/1.0', '200', { version: '1.0' }),
  asks('a read of any state', '304', { changes: { 'If-None-Match': '*' } }),
  asks('a thousand states that are none', '200', {
    changes: { 'If-None-Match': Array.from({ length: 1000 }, (_, i) => `"${i}"`).join(',') },
  }),
  asks('a read with a body', '200', { body: 'x'.repeat(100) }, { why: 'Nobody reads it.' }),
  asks('a producer without a number', '400 bad_frame', { method: 'POST', changes: { 'Producer-Id': 'p' } }),
  asks('a producer twice', '400 bad_frame', {
    method: 'POST',
    changes: { 'Producer-Id': ['p', 'q'], 'Producer-Epoch': '0', 'Producer-Seq': '0' },
  }),
  asks('a producer whose number is none', '400 bad_frame', {
    method: 'POST',
    changes: { 'Producer-Id': 'p', 'Producer-Epoch': '1e3', 'Producer-Seq': '0' },
  }),
  asks('a producer called __proto__', '200', {
    method: 'POST',
    changes: { 'Producer-Id': '__proto__', 'Producer-Epoch': '0', 'Producer-Seq': '0' },
  }),
  asks('an append that closes what the contract made', '405 bad_frame', {
    method: 'POST',
    changes: { 'Stream-Closed': 'true' },
  }),
  asks('a fork', '400 bad_frame', {
    method: 'PUT',
    changes: { 'Stream-Forked-From': '/sync/streams/chat/y' },
  }),
  asks('an append in an order of its own', '400 bad_frame', {
    method: 'POST',
    changes: { 'Stream-Seq': '1' },
  }),
];

const chunked = { 'Content-Length': null, 'Transfer-Encoding': 'chunked' };
const post = { method: 'POST' } as const;

export const streamBodies: readonly Row[] = [
  asks('an append that is as it should be', '204', post),
  asks('an append to the members of a channel', '400 bad_payload', { ...post, path: 'chat/x%3Fpresence' }),
  asks('an append without a body', '400 bad_frame', { ...post, body: '' }),
  asks('an append without a type', '400 bad_frame', { ...post, changes: { 'Content-Type': null } }),
  asks('an append of a form', '409 unsupported_data', {
    ...post,
    body: 'a=1',
    changes: { 'Content-Type': 'application/x-www-form-urlencoded' },
  }),
  asks('an append of plain text', '409 unsupported_data', {
    ...post,
    changes: { 'Content-Type': 'text/plain' },
  }),
  asks('an append of JSON in UTF-16', '409 unsupported_data', {
    ...post,
    changes: { 'Content-Type': 'application/json; charset=utf-16' },
  }),
  asks('an append that says it is compressed', '415 unsupported_data', {
    ...post,
    changes: { 'Content-Encoding': 'gzip, gzip' },
  }),
  asks('an append of no JSON', '400 bad_payload', { ...post, body: '{' }),
  asks('an append of two values', '400 bad_payload', { ...post, body: '1 2' }),
  asks('an append of no UTF-8', '400 bad_payload', { ...post, body: Uint8Array.of(0x22, 0xff, 0x22) }),
  asks('an append with a byte order mark', '400 bad_payload', { ...post, body: '\ufeff1' }),
  asks('an append of an empty list', '400 bad_payload', { ...post, body: '[]' }),
  asks('an append of 1,001 messages', '413 frame_too_large', { ...post, body: `[${Array(1001).fill(0)}]` }),
  asks('an append of 20,000 levels', '400 bad_payload', {
    ...post,
    body: '['.repeat(20_000) + ']'.repeat(20_000),
  }),
  asks('an append larger than a frame', '413 frame_too_large', { ...post, body: `"${'x'.repeat(200_000)}"` }),
  asks('an append larger than a frame, without a length', '413 frame_too_large', {
    ...post,
    changes: chunked,
    body: `30d42\r\n"${'x'.repeat(200_000)}"\r\n0\r\n\r\n`,
  }),
  asks(
    'an append with a length and chunks',
    '400',
    { ...post, changes: { 'Transfer-Encoding': 'chunked' } },
    {
      why: byNode,
    },
  ),
  asks(
    'an append with two lengths',
    '400',
    { ...post, changes: { 'Content-Length': ['1', '2'] } },
    { why: byNode },
  ),
  asks(
    'an append in chunks whose size is no number',
    '400',
    { ...post, changes: chunked, body: 'x\r\n1\r\n0\r\n\r\n' },
    {
      why: byNode,
    },
  ),
  asks(
    'an append of no updates to a document',
    '400 bad_payload',
    {
      ...post,
      path: 'doc/x',
      body: Uint8Array.of(255, 255, 255, 255, 255, 255, 1),
      changes: { 'Content-Type': 'application/octet-stream' },
    },
    { docs: true },
  ),
  {
    input: 'a request that is hidden in the body of an append',
    answer: { native: '204, and one entry' },
    why: 'A body ends where its length says, whatever stands in it.',
    attack: async (target) => {
      const hidden = JSON.stringify(String(bytesOf(target, { method: 'POST', body: '2' })));
      const words = await target.knock(bytesOf(target, { method: 'POST', body: hidden }));
      const { offset } = await target.server.publish('chat/x', 0);
      return `${words}, and ${offset === 2 ? 'one entry' : `${offset - 1} entries`}`;
    },
  },
  {
    input: 'a second request behind the body of a read',
    answer: { native: '200, and no entry' },
    why: 'The connection ends with the answer.',
    attack: async (target) => {
      const second = bytesOf(target, { method: 'POST', body: '2' });
      const caller = await target.call();
      const read = bytesOf(target, {
        changes: { 'Content-Length': String(second.length), Connection: 'keep-alive' },
      });
      caller.write(read, second);
      const words = wordsOf(await caller.answer());
      caller.socket.destroy();
      await caller.closed();
      const { offset } = await target.server.publish('chat/x', 0);
      return `${words}, and ${offset === 1 ? 'no entry' : `${offset - 1} entries`}`;
    },
  },
];

const events = 'chat/x?live=sse&offset=-1';

export const liveReads: readonly Row[] = [
  {
    input: 'a payload that looks like an event',
    answer: { native: '200, and one event' },
    why: 'Each of its lines is marked as a line of the one event.',
    attack: async (target) => {
      await target.knock(
        bytesOf(target, {
          method: 'POST',
          body: '["a\\r\\n\\r\\ndata: fake\\r\\n",\r\r"b"\n\nevent: fake\n]',
        }),
      );
      await target.knock(bytesOf(target, { method: 'POST', body: '[\r\n\r\n"data: fake"\r]' }));
      const caller = await target.call();
      caller.write(bytesOf(target, { path: events }));
      const words = wordsOf(await caller.answer());
      await expect.poll(() => caller.transcript, { interval: 5 }).toContain('upToDate');
      const count = caller.transcript.match(/^event: ?data$/gm)?.length;
      const forged = /^(event: ?fake|data: ?fake)/m.test(caller.transcript);
      return `${words}, and ${count === 1 && !forged ? 'one event' : 'more'}`;
    },
  },
  {
    input: 'a reader of events that is cut off',
    answer: { native: '200, and all is given back' },
    attack: async (target) => {
      const caller = await target.call();
      caller.write(bytesOf(target, { path: events }));
      const words = wordsOf(await caller.answer());
      caller.socket.resetAndDestroy();
      return `${words}, and all is given back`;
    },
  },
  {
    input: 'a wait that is cut off before its answer',
    answer: { native: 'nothing; others: goes on' },
    attack: async (target) => {
      const caller = await target.call();
      const { cursorsOpen } = target.server.metrics;
      caller.write(bytesOf(target, { path: 'chat/quiet?live=long-poll&offset=now' }));
      await expect.poll(() => target.server.metrics.cursorsOpen, { interval: 5 }).toBe(cursorsOpen + 1);
      caller.socket.resetAndDestroy();
      await expect.poll(() => target.server.metrics.cursorsOpen, { interval: 5 }).toBe(cursorsOpen);
      return `nothing; others: ${await target.said(await target.enter())}`;
    },
  },
  {
    input: 'a wait, and bytes behind it that are no request',
    answer: { native: '400' },
    why: byNode,
    attack: async (target) => {
      const caller = await target.call();
      caller.write(bytesOf(target, { path: 'chat/quiet?live=long-poll&offset=now' }), 'GARBAGE\r\n\r\n');
      const words = wordsOf(await caller.answer());
      await caller.closed();
      return words;
    },
  },
  {
    input: 'more events than one address may read',
    answer: { native: '200 (3×), 429 too_many' },
    options: { sessionsPerIpMax: 4 },
    attack: async (target) => {
      const words: string[] = [];
      for (let i = 0; i < 4; i++) {
        const caller = await target.call();
        caller.write(bytesOf(target, { path: events }));
        words.push(wordsOf(await caller.answer()));
      }
      return words.slice(0, 3).every((one) => one === '200') ? `200 (3×), ${words[3]}` : words.join();
    },
  },
];
