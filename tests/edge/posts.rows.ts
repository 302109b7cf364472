/**
 * Posts that are wrong, hostile or only strange: their paths, their header fields, and bodies that aren't what they say. All come by
 * the path of the SDK, as bytes of this suite's own, since no HTTP client would send most of them.
 */
import type { Changes } from '@syncline/server/testing';
import type { Row, Target } from './harness.ts';

type Rest = Omit<Row, 'input' | 'answer' | 'attack'>;

interface Post {
  readonly channel?: string;
  readonly method?: string;
  readonly version?: string;
  readonly changes?: Changes;
  readonly body?: string | Uint8Array;
}

const byNode = 'Node answers that before anyone is asked.';

/** A post that would be stored, but for what is said of it. */
function bytesOf(target: Target, { channel = 'chat/x', method, version, changes, body = '1' }: Post): Buffer {
  const head = target.request(
    {
      Upgrade: null,
      'Sec-WebSocket-Version': null,
      'Sec-WebSocket-Key': null,
      'Sec-WebSocket-Protocol': null,
      Connection: 'close',
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(body)),
      ...changes,
    },
    `${method ?? 'POST'} /sync/publish/${channel} HTTP/${version ?? '1.1'}`,
  );
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}

function posts(input: string, answer: string, post: Post, rest: Rest = {}): Row {
  const attack = (target: Target) => target.knock(bytesOf(target, post));
  return { input, answer: { native: answer }, ...rest, attack };
}

const chunked = { 'Content-Length': null, 'Transfer-Encoding': 'chunked' };
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

export const paths: readonly Row[] = [
  posts('a post that is as it should be', '200', {}),
  posts('a post to no channel', '404 unknown_channel', { channel: '' }),
  posts('a post to a channel that the contract has not', '404 unknown_channel', { channel: 'a/b/c' }),
  posts(
    'a channel whose slash is encoded',
    '404 unknown_channel',
    { channel: 'chat%2Fx' },
    {
      why: 'One channel has one path, so that what a proxy allows for a path holds.',
    },
  ),
  posts('a channel that is encoded twice', '404 unknown_channel', { channel: 'chat%252Fx' }),
  posts('an encoding that is none', '404 unknown_channel', { channel: 'chat/%zz' }),
  posts('an encoding that is no UTF-8', '404 unknown_channel', { channel: 'chat/%ff' }),
  posts('an encoded NUL', '404 unknown_channel', { channel: 'chat/%00' }),
  posts('dots that climb', '404 unknown_channel', { channel: 'chat/../x' }),
  posts('encoded dots that climb', '404 unknown_channel', { channel: '%2e%2e/x' }),
  posts('a post to the members of a channel', '403 forbidden', { channel: 'chat/x%3Fpresence' }),
  posts('a GET where a post is meant', '405 bad_frame', { method: 'GET', body: '' }),
  posts('a DELETE where a post is meant', '405 bad_frame', { method: 'DELETE' }),
];

export const fields: readonly Row[] = [
  posts('a post with two hosts', '400 bad_frame', { changes: { Host: ['localhost', 'localhost'] } }),
  posts('a post without a host', '400', { changes: { Host: null } }, { why: byNode }),
  posts('a post with a foreign host, to a server that asks nobody who they are', '403 forbidden', {
    changes: { Host: 'evil.example' },
  }),
  posts('a post of a page elsewhere', '403 forbidden', { changes: { Origin: 'https://evil.example' } }),
  posts('a post of a page without an origin', '403 forbidden', { changes: { Origin: 'null' } }),
  posts(
    'a post that a proxy passed on',
    '403 forbidden',
    { changes: { 'X-Forwarded-For': '192.0.2.1' } },
    {
      why: 'Without `authenticate` only this machine is served.',
    },
  ),
  posts('a post of HTTP/1.0', '200', { version: '1.0' }),
  posts('a body without a type', '415 unsupported_data', { changes: { 'Content-Type': null } }),
  posts(
    'a form',
    '415 unsupported_data',
    {
      changes: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: 'a=1',
    },
    { why: 'A page elsewhere can send forms and plain text with a visitor’s cookie, but not JSON.' },
  ),
  posts('plain text', '415 unsupported_data', { changes: { 'Content-Type': 'text/plain' } }),
  posts('JSON in UTF-16', '415 unsupported_data', {
    changes: { 'Content-Type': 'application/json; charset=utf-16' },
  }),
  posts(
    'a body that says it is compressed',
    '415 unsupported_data',
    { changes: { 'Content-Encoding': 'gzip' } },
    {
      why: 'A few bytes could become many.',
    },
  ),
];

export const bodies: readonly Row[] = [
  posts('an empty body', '422 bad_payload', { body: '' }),
  posts('a body that is no JSON', '422 bad_payload', { body: '{' }),
  posts('a body of two values', '422 bad_payload', { body: '1 2' }),
  posts('a body that is no UTF-8', '422 bad_payload', { body: Uint8Array.of(0x22, 0xff, 0x22) }),
  posts('a body with a byte order mark', '422 bad_payload', { body: '\ufeff1' }),
  posts('a body of 33 levels', '422 bad_payload', { body: nested(33) }),
  posts('a body of 20,000 levels', '422 bad_payload', { body: nested(20_000) }),
  posts('a body of 10,001 members', '422 bad_payload', { body: `[${Array(10_001).fill(0)}]` }),
  posts('a list that is a batch of none', '422 bad_payload', { channel: 'chat/x?batch=1', body: '{}' }),
  posts('a batch of 1,001', '413 frame_too_large', {
    channel: 'chat/x?batch=1',
    body: `[${Array(1001).fill(0)}]`,
  }),
  posts(
    'a body larger than a frame',
    '413 frame_too_large',
    { body: `"${'x'.repeat(200_000)}"` },
    {
      why: 'What its length says is enough: none of it is held.',
    },
  ),
  posts('the same without a length', '413 frame_too_large', {
    changes: chunked,
    body: `30d42\r\n"${'x'.repeat(200_000)}"\r\n0\r\n\r\n`,
  }),
  posts(
    'a post with a length and chunks',
    '400',
    { changes: { 'Transfer-Encoding': 'chunked' } },
    { why: byNode },
  ),
  posts('a post with two lengths', '400', { changes: { 'Content-Length': ['1', '2'] } }, { why: byNode }),
  posts('a length that is no number', '400', { changes: { 'Content-Length': 'x' } }, { why: byNode }),
  posts('a post with a negative length', '400', { changes: { 'Content-Length': '-1' } }, { why: byNode }),
  posts(
    'a chunk whose size is no number',
    '400',
    { changes: chunked, body: 'x\r\n1\r\n0\r\n\r\n' },
    { why: byNode },
  ),
  {
    input: 'a body that breaks off',
    answer: { native: 'nothing; others: goes on' },
    attack: async (target) => {
      const caller = await target.call();
      caller.write(bytesOf(target, { changes: { 'Content-Length': '100' } }));
      caller.socket.end();
      await caller.closed();
      return `nothing; others: ${await target.said(await target.enter())}`;
    },
  },
  {
    input: 'ten posts on one connection, all at once',
    answer: { native: '200 (10×)' },
    attack: async (target) => {
      const caller = await target.call();
      for (let i = 0; i < 9; i++) caller.write(bytesOf(target, { changes: { Connection: 'keep-alive' } }));
      caller.write(bytesOf(target, {}));
      await caller.closed();
      const answers = caller.transcript.match(/HTTP\/1\.1 \d+/g) ?? [];
      const [first = ''] = answers;
      const alike = answers.every((one) => one === first);
      return alike ? `${first.slice('HTTP/1.1 '.length)} (${answers.length}×)` : answers.join();
    },
  },
  {
    input: 'a request that is hidden in a body',
    answer: { native: '200, and one entry' },
    why: 'A body ends where its length says, whatever stands in it.',
    attack: async (target) => {
      const hidden = JSON.stringify(String(bytesOf(target, { body: '2' })));
      const words = await target.knock(bytesOf(target, { body: hidden }));
      const { entriesAppended } = target.server.metrics;
      const { offset } = await target.server.publish('chat/x', 0);
      return `${words}, and ${offset === 2 && entriesAppended > 0 ? 'one entry' : `${offset - 1} entries`}`;
    },
  },
];
