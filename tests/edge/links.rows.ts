/**
 * Requests of links over HTTP that are wrong, hostile or only strange: how one is opened, what is sent and asked for on it. They come
 * as bytes of this suite's own; frames that are wrong in themselves have rows of their own, since links read them as sockets do.
 */
import type { Changes } from '@syncline/server/testing';
import { wordsOf } from './caller.ts';
import type { Row, Target } from './harness.ts';

type Rest = Omit<Row, 'input' | 'answer' | 'attack'>;

interface Asked {
  readonly line?: string;
  readonly changes?: Changes;
  readonly body?: string | Uint8Array;
}

/** A request below the path of links. */
function bytesOf(target: Target, { line = 'POST ', changes, body = '' }: Asked): Buffer {
  const [method = '', rest = ''] = line.split(' ');
  const head = target.request(
    {
      Upgrade: null,
      'Sec-WebSocket-Version': null,
      'Sec-WebSocket-Key': null,
      'Sec-WebSocket-Protocol': null,
      Connection: 'close',
      'Content-Type': 'application/json',
      ...(method === 'POST' && { 'Content-Length': String(Buffer.byteLength(body)) }),
      ...changes,
    },
    `${method} /sync/link${rest} HTTP/1.1`,
  );
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}

const polling = '{"as":"long-poll"}';

/** Opens a link by long polling; returns its name. */
async function open(target: Target): Promise<string> {
  const caller = await target.call();
  caller.write(bytesOf(target, { body: polling }));
  const answer = await caller.answer();
  const { link } = JSON.parse(answer?.body ?? '{}') as { link: string };
  await caller.closed();
  return link;
}

/** Leaves, so that nobody waits for the client. */
async function end(target: Target, link: string): Promise<void> {
  const line = 'POST /frames?n=1&end';
  await target.knock(bytesOf(target, { line, changes: { 'Syncline-Link': link } }));
}

/** How a link is asked for. */
function opens(input: string, answer: string, asked: Asked, rest: Rest = {}): Row {
  const attack = async (target: Target): Promise<string> => {
    const caller = await target.call();
    caller.write(bytesOf(target, { body: polling, ...asked }));
    const given = await caller.answer();
    const { link } = JSON.parse(given?.body || '{}') as { link?: string };
    if (link !== undefined) await end(target, link);
    return wordsOf(given);
  };
  return { input, answer: { native: answer }, ...rest, attack };
}

/** A request on a link that there is; `LINK` stands for its name. */
function asks(input: string, answer: string, asked: Asked, rest: Rest = {}): Row {
  const attack = async (target: Target): Promise<string> => {
    const link = await open(target);
    const changes = Object.entries({ 'Syncline-Link': 'LINK', ...asked.changes }).map(([name, value]) => [
      name,
      typeof value === 'string' ? value.replace('LINK', link) : value,
    ]);
    const words = await target.knock(bytesOf(target, { ...asked, changes: Object.fromEntries(changes) }));
    await end(target, link);
    return words;
  };
  return { input, answer: { native: answer }, ...rest, attack };
}

export const openings: readonly Row[] = [
  opens('a link by long polling', '200', {}),
  opens('a link by nothing that is known', '400 bad_frame', { body: '{"as":"pigeon"}' }),
  opens('a link by two ways', '400 bad_frame', { body: '{"as":["sse","long-poll"]}' }),
  opens('a link by __proto__', '400 bad_frame', { body: '{"__proto__":{"as":"sse"}}' }),
  opens('no way at all', '400 bad_frame', { body: '' }),
  opens('what is no JSON', '400 bad_frame', { body: '{' }),
  opens('null', '400 bad_frame', { body: 'null' }),
  opens('a body that says very much', '413 frame_too_large', {
    body: `{"as":"sse","x":"${'x'.repeat(300)}"}`,
  }),
  opens(
    'a form that opens a link',
    '415 unsupported_data',
    { changes: { 'Content-Type': 'text/plain' } },
    { why: 'A page elsewhere can send that with a visitor’s cookie without asking first.' },
  ),
  opens('a GET where a link is to be opened', '405 bad_frame', { line: 'GET ', body: '' }),
  opens(
    'something behind the path',
    '404',
    { line: 'POST /x' },
    { why: 'It isn’t a path of this server’s.' },
  ),
  opens('a page elsewhere that opens a link', '403 forbidden', {
    changes: { Origin: 'https://evil.example' },
  }),
  opens('a link by a foreign host', '403 forbidden', { changes: { Host: 'evil.example' } }),
  opens(
    'a link that a proxy passed on',
    '403 forbidden',
    { changes: { 'X-Forwarded-For': '192.0.2.1' } },
    {
      why: 'Without `authenticate` only this machine is served.',
    },
  ),
  {
    input: 'a stream that is broken off at once',
    answer: { native: 'nothing; others: goes on' },
    attack: async (target) => {
      const caller = await target.call();
      caller.write(bytesOf(target, { body: '{"as":"sse"}' }));
      caller.socket.resetAndDestroy();
      await caller.closed();
      return `nothing; others: ${await target.said(await target.enter())}`;
    },
  },
];

const post = (query: string): string => `POST /frames${query}`;
const poll = (query: string): string => `GET /frames${query}`;
const nobody = '404 silent';

export const linkNames: readonly Row[] = [
  asks('a post for no link', '400 bad_frame', { line: post('?n=1'), changes: { 'Syncline-Link': null } }),
  asks('a poll for no link', '400 bad_frame', { line: poll('?after=0'), changes: { 'Syncline-Link': null } }),
  asks('the name of nobody', nobody, { line: post('?n=1'), changes: { 'Syncline-Link': 'LINKx' } }),
  asks('a name without a node', nobody, { line: post('?n=1'), changes: { 'Syncline-Link': 'x' } }),
  asks('a name that climbs', nobody, {
    line: poll('?after=0'),
    changes: { 'Syncline-Link': '../../etc/passwd' },
  }),
  asks('a name called __proto__', nobody, {
    line: poll('?after=0'),
    changes: { 'Syncline-Link': '__proto__' },
  }),
  asks('a name of 8,000 letters', nobody, {
    line: post('?n=1'),
    changes: { 'Syncline-Link': 'x'.repeat(8000) },
  }),
  asks('two names at once', nobody, { line: post('?n=1'), changes: { 'Syncline-Link': ['LINK', 'LINK'] } }),
  asks(
    'the name in the address',
    '400 bad_frame',
    {
      line: post('?n=1&link=x'),
      changes: { 'Syncline-Link': null },
    },
    { why: 'Addresses stand in logs.' },
  ),
  asks('a page elsewhere that knows a name', '403 forbidden', {
    line: poll('?after=0'),
    changes: { Origin: 'https://evil.example' },
  }),
];

const ping = '["heartbeat"]';

export const linkRequests: readonly Row[] = [
  asks('a post on a link as it should be', '204', { line: post('?n=1'), body: ping }),
  asks('an empty post', '204', { line: post('?n=1') }),
  asks('a post of nothing but line ends', '204', { line: post('?n=1'), body: '\n\n\n' }),
  asks('a post without a number', '400 bad_frame', { line: post(''), body: ping }),
  asks('a post of number 0', '400 bad_frame', { line: post('?n=0'), body: ping }),
  asks('a post of a number below that', '400 bad_frame', { line: post('?n=-1'), body: ping }),
  asks('a post of half a number', '400 bad_frame', { line: post('?n=1.5'), body: ping }),
  asks('a post of a number in other letters', '400 bad_frame', { line: post('?n=0x1'), body: ping }),
  asks('a post of two numbers', '400 bad_frame', { line: post('?n=1&n=1'), body: ping }),
  asks('a post of a number without end', '400 bad_frame', {
    line: post(`?n=${'9'.repeat(400)}`),
    body: ping,
  }),
  asks('a post that follows none', '409 sequence', { line: post('?n=2'), body: ping }),
  asks('a poll without a number', '400 bad_frame', { line: poll('') }),
  asks('a poll after what was never given', '409 sequence', { line: poll('?after=7') }),
  asks('a DELETE', '405 bad_frame', { line: 'DELETE /frames?n=1' }),
  asks('frames that are no UTF-8', '400 bad_frame', {
    line: post('?n=1'),
    body: Uint8Array.of(0x5b, 0xff, 0x5d),
  }),
  asks('a body larger than any frame', '413 frame_too_large', {
    line: post('?n=1'),
    body: 'x'.repeat(200_000),
  }),
  asks('6,000 frames in one post', '204', { line: post('?n=1'), body: `${ping}\n`.repeat(6_000) }),
  {
    input: 'a post that breaks off',
    answer: { native: 'nothing; the same again: 204' },
    attack: async (target) => {
      const link = await open(target);
      const changes = { 'Syncline-Link': link };
      const caller = await target.call();
      caller.write(
        bytesOf(target, { line: post('?n=1'), changes: { ...changes, 'Content-Length': '100' }, body: '[' }),
      );
      caller.socket.end();
      await caller.closed();
      const again = await target.knock(bytesOf(target, { line: post('?n=1'), changes, body: ping }));
      await end(target, link);
      return `nothing; the same again: ${again}`;
    },
  },
  {
    input: 'a hundred polls at once on one link',
    answer: { native: '200 or 204, each' },
    why: 'Each ends the one before it; a piece is given again until one says that it arrived.',
    attack: async (target) => {
      const link = await open(target);
      const asked = { line: poll('?after=0'), changes: { 'Syncline-Link': link } };
      const words = await Promise.all(
        Array.from({ length: 100 }, () => target.knock(bytesOf(target, asked))),
      );
      await end(target, link);
      return words.every((one) => one === '200' || one === '204') ? '200 or 204, each' : words.join();
    },
  },
];
