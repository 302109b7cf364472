/**
 * Requests to the API for backends that are wrong, hostile or only strange: their paths, their queries, their bodies and their keys. All
 * come as bytes of this suite's own, to a server that asks nobody who they are: what keys may do is judged later.
 */
import type { Changes } from '@syncline/server/testing';
import type { Row, Target } from './harness.ts';

interface Asked {
  readonly method?: string;
  readonly changes?: Changes;
  readonly body?: string | Uint8Array;
}

/** A request that would be answered, but for what is said of it. */
function bytesOf(target: Target, path: string, { method, changes, body = '' }: Asked): Buffer {
  const posts = body.length > 0 || method === 'POST';
  const head = target.request(
    {
      Upgrade: null,
      'Sec-WebSocket-Version': null,
      'Sec-WebSocket-Key': null,
      'Sec-WebSocket-Protocol': null,
      Connection: 'close',
      ...(posts && { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
      ...changes,
    },
    `${method ?? (posts ? 'POST' : 'GET')} /sync/api${path} HTTP/1.1`,
  );
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}

function asks(input: string, answer: string, path: string, asked: Asked = {}, why?: string): Row {
  const attack = (target: Target) => target.knock(bytesOf(target, path, asked));
  return { input, answer: { native: answer }, ...(why === undefined ? {} : { why }), attack };
}

const unreadable = '400 bad_frame';

export const apiPaths: readonly Row[] = [
  asks('the API, and nothing of it', '404 bad_frame', '/'),
  asks('an operation that there isn’t', '404 bad_frame', '/delete', { method: 'POST' }),
  asks('an operation with something behind it', '404 bad_frame', '/publish/chat/x', { method: 'POST' }),
  asks(
    'an operation that is encoded',
    '404 bad_frame',
    '/%70ublish',
    { method: 'POST' },
    'A path is compared as it is sent.',
  ),
  asks('an operation behind dots', '404 bad_frame', '/../api/publish', { method: 'POST' }),
  asks('a GET where a backend is to post', '405 bad_frame', '/publish'),
  asks('a post where a backend is to GET', '405 bad_frame', '/history?channel=chat/x', { method: 'POST' }),
  asks('a DELETE of history', '405 bad_frame', '/history?channel=chat/x', { method: 'DELETE' }),
  asks('a request for the description', '200', '/openapi.json'),
];

const query = (input: string, path: string, answer = unreadable, why?: string): Row =>
  asks(`a query ${input}`, answer, path, {}, why);

export const queries: readonly Row[] = [
  query('as it should be', '/history?channel=chat/x&before=9&limit=500', '200'),
  query('without a channel', '/history'),
  query('with an empty channel', '/history?channel='),
  query('with two channels', '/history?channel=chat/x&channel=chat/y'),
  query('with a list of channels', '/history?channel[]=chat/x'),
  query(
    'with a parameter that nobody knows',
    '/history?channel=chat/x&offset=1',
    unreadable,
    'It may be a misspelt one.',
  ),
  query('with a parameter called __proto__', '/history?channel=chat/x&__proto__=1'),
  query('with a channel called __proto__', '/history?channel=__proto__', '200'),
  query('with a NUL in the channel', '/history?channel=chat%00x'),
  query('with a channel of 7,000 letters', `/history?channel=${'x'.repeat(7000)}`),
  query('with a channel that the contract has not', '/history?channel=a/b/c', '404 unknown_channel'),
  query('with an encoding that is none', '/history?channel=%zz', '404 unknown_channel'),
  query('for the members of members', '/presence?channel=chat/x%3Fpresence', '404 unknown_channel'),
  query('with a limit of 0', '/history?channel=chat/x&limit=0'),
  query('with a limit of 501', '/history?channel=chat/x&limit=501'),
  query('with a limit below 0', '/history?channel=chat/x&limit=-1'),
  query('with a limit of 1e2', '/history?channel=chat/x&limit=1e2'),
  query('with a limit of 0x10', '/history?channel=chat/x&limit=0x10'),
  query('with an empty limit', '/history?channel=chat/x&limit='),
  query('with a limit and a space', '/history?channel=chat/x&limit=%201'),
  query('with an offset beyond what is exact', '/history?channel=chat/x&after=9007199254740993'),
  query('with an offset of 10,000 digits', `/history?channel=chat/x&after=${'9'.repeat(10_000)}`),
  query('with both ends of a page', '/history?channel=chat/x&before=9&after=1'),
  query(
    'with a token in it',
    '/history?channel=chat/x&token=canary-5f1d0c',
    unreadable,
    'Addresses end up in logs.',
  ),
];

const body = (input: string, answer: string, sent: string | Uint8Array, why?: string): Row =>
  asks(`a backend’s body ${input}`, answer, '/publish', { method: 'POST', body: sent }, why);
const sent = (input: string, path: string, value: unknown, answer = unreadable): Row =>
  asks(`a backend’s body ${input}`, answer, path, { method: 'POST', body: JSON.stringify(value) });
const deep = `${'['.repeat(40)}${']'.repeat(40)}`;

export const apiBodies: readonly Row[] = [
  body('as it should be', '200', '{"channel":"chat/x","data":1}'),
  body('with nothing in it', '422 bad_payload', ''),
  body('that is no JSON', '422 bad_payload', '{"channel":'),
  body('of two values', '422 bad_payload', '{} {}'),
  body('that is no UTF-8', '422 bad_payload', Uint8Array.of(0x7b, 0xff, 0x7d)),
  body('that is null', unreadable, 'null'),
  body('that is a list', unreadable, '[{"channel":"chat/x","data":1}]'),
  body('that is a text', unreadable, '"chat/x"'),
  body('without a channel', unreadable, '{"data":1}'),
  body('without data', unreadable, '{"channel":"chat/x"}'),
  body('whose data are null', '200', '{"channel":"chat/x","data":null}', 'It is a JSON value like others.'),
  body(
    'with data twice',
    '200',
    '{"channel":"chat/x","data":1,"data":2}',
    'The last counts, as in most parsers.',
  ),
  body('with a member that nobody knows', unreadable, '{"channel":"chat/x","data":1,"date":2}'),
  body('with a member called __proto__', unreadable, '{"channel":"chat/x","data":1,"__proto__":{}}'),
  body('whose members are written with escapes', '200', '{"\\u0063hannel":"chat/x","data":1}'),
  body('whose channel is a number', unreadable, '{"channel":7,"data":1}'),
  body('whose channel is an object', unreadable, '{"channel":{"toString":1},"data":1}'),
  body('to the members of a channel', '403 forbidden', '{"channel":"chat/x?presence","data":1}'),
  body('whose data are 40 levels deep', '422 bad_payload', `{"channel":"chat/x","data":${deep}}`),
  body('larger than a frame', '413 frame_too_large', `{"channel":"chat/x","data":"${'x'.repeat(200_000)}"}`),
  sent('whose messages are no list', '/batch', { messages: { 0: {} } }),
  sent('with a message that is none', '/batch', { messages: [null] }),
  sent(
    'of 1,001 messages',
    '/batch',
    { messages: Array(1001).fill({ channel: 'a', data: 1 }) },
    '413 frame_too_large',
  ),
  sent('whose message has no channel', '/batch', { messages: [{ channel: 'chat/x', data: 1 }, { data: 1 }] }),
  sent('that sends nobody away', '/disconnect', { user: '' }),
  sent('that sends a control character away', '/disconnect', { user: 'a\0' }),
  sent('that sends half a letter away', '/disconnect', { user: '\ud800' }),
  sent('that gives no words for it', '/disconnect', { user: 'ada', why: '' }),
  sent('that revokes null', '/revoke', { tokenId: null }),
  sent('that revokes until a text', '/revoke', { tokenId: 'x', expiresAt: '99999999999999' }),
  sent('that revokes until a part of a millisecond', '/revoke', { tokenId: 'x', expiresAt: 1.5 }),
  sent('that revokes until long ago', '/revoke', { tokenId: 'x', expiresAt: 1 }),
  asks('a backend’s form', '415 unsupported_data', '/publish', {
    body: 'channel=chat/x',
    changes: { 'Content-Type': 'application/x-www-form-urlencoded' },
  }),
];

const key = (input: string, value: string | string[], answer = unreadable, why?: string): Row =>
  asks(
    `an Idempotency-Key ${input}`,
    answer,
    '/publish',
    { body: '{"channel":"chat/x","data":1}', changes: { 'Idempotency-Key': value } },
    why,
  );

export const idempotencyKeys: readonly Row[] = [
  key('as it should be', 'a-1', '200'),
  key('of 255 letters', 'x'.repeat(255), '200'),
  key('with nothing in it', ''),
  key('of 256 letters', 'x'.repeat(256)),
  key('of two words', 'a b'),
  key('with a letter that is no ASCII', 'clé'),
  key('that comes twice', ['a', 'b'], unreadable, 'One of them may be somebody else’s.'),
  key('with slashes and dots', '../../x', '200'),
];
