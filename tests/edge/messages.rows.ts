/**
 * Frames that are sound WebSocket and no sound message: not JSON, out of bounds, unknown, with fields that are missing or of
 * the wrong kind. What the protocol's rules say of each is what is answered.
 */
import { frame } from '@syncline/server/testing';
import type { Row, Target } from './harness.ts';

type Rest = Omit<Row, 'input' | 'answer' | 'attack'>;

/** These texts, one frame each. */
function says(input: string, answer: Row['answer'], texts: string | readonly string[], rest: Rest = {}): Row {
  const attack = async (target: Target): Promise<string> => {
    const caller = await target.enter();
    caller.write(...[texts].flat().map((text) => frame(text)));
    return target.said(caller);
  };
  return { input, answer, ...rest, attack };
}

/** The same, of a native client only. */
function native(input: string, answer: string, texts: string | readonly string[], rest: Rest = {}): Row {
  return says(input, { native: answer }, texts, rest);
}

const noJson = { native: 'error bad_frame, close 4400', plain: 'error bad_payload, goes on' };
const noFrame = { native: 'error bad_frame, close 4400', plain: 'goes on' };
const refused = 'error bad_frame for 7, goes on';
const closed = 'error bad_frame, close 4400';
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const zeros = (count: number): string => Array<string>(count).fill('0').join(',');
const publish = (payload: string): string => `["publish",7,"chat/x","p",1,${payload}]`;

export const json: readonly Row[] = [
  says('an empty frame', noJson, '', {
    why: 'A native client that doesn’t speak the protocol is told to stop; there is no request that could be answered.',
  }),
  says('white space', noJson, ' \n'),
  says('a word', noJson, 'hello'),
  says('a list that ends too early', noJson, '["subscribe",7,"chat/x"'),
  says('a comma too many', noJson, '["subscribe",7,"chat/x",0,]'),
  says('two values', noJson, '["heartbeat"] ["heartbeat"]'),
  says('two payloads that look like one list’s', noJson, '1],[2'),
  says('a byte order mark', noJson, '\ufeff["heartbeat"]'),
  says('NaN', noJson, '[NaN]'),
  says('Infinity', noJson, '[-Infinity]'),
  says('quotes of the wrong kind', noJson, "['heartbeat']"),
  says('a comment', noJson, '["heartbeat"/**/]'),
  says('a line end inside a text', noJson, '["heart\nbeat"]'),
  ...['null', 'true', '42', '"x"', '{}', '[]', '{"type":"subscribe"}'].map((value) =>
    says(`the value ${value}`, noFrame, value, { why: 'On a plain path each JSON value is a payload.' }),
  ),
];

export const bounds: readonly Row[] = [
  says('33 levels of lists', { native: refused, plain: 'error bad_payload, goes on' }, publish(nested(32))),
  says(
    '20,000 levels of lists',
    { native: refused, plain: 'error bad_payload, goes on' },
    publish(nested(20_000)),
    {
      why: 'It is told by one pass over the text; nothing is built. The number of the request is found in the text too.',
    },
  ),
  native('20,000 levels of lists and no number', closed, nested(20_000)),
  says(
    '10,001 members',
    { native: refused, plain: 'error bad_payload, goes on' },
    publish(`[${zeros(9_995)}]`),
  ),
  says(
    '100,000 keys',
    'close 1009',
    publish(`{${Array.from({ length: 100_000 }, (_, i) => `"${i}":0`).join(',')}}`),
  ),
  native(
    '4,000 keys that look like numbers',
    'ack for 7, goes on',
    publish(`{${Array.from({ length: 4000 }, (_, i) => `"${i * 65_536}":0`).join(',')}}`),
    { why: 'The bounds on size and members come first; within them any JSON is a payload.' },
  ),
  native('the name of a frame, 60 kB long', refused, `["${'x'.repeat(60_000)}",7]`),
  says(
    'a number of 60,000 digits',
    { native: closed, plain: 'goes on' },
    `["unsubscribe",${'9'.repeat(60_000)},"x"]`,
  ),
];

export const unknown: readonly Row[] = [
  ...[
    'shout',
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'welcome',
    'ack',
    'entries',
    'SUBSCRIBE',
    '',
  ].map((name) => native(`a frame called “${name}”`, refused, `["${name}",7,"chat/x",0]`)),
  native('an unknown frame without a number', closed, '["shout"]'),
  native('a number instead of a name, as in a server’s frames', refused, '[1,7,"x"]'),
  native('null instead of a name', refused, '[null,7]'),
  native('a list instead of a name', refused, '[["subscribe"],7]'),
  native(
    'fields at the end that nobody knows',
    'unsubscribed for 7, goes on',
    '["unsubscribe",7,"x",{"user":"ada"},{"offset":9}]',
    {
      why: 'They are ignored, so that later versions may add some. What a client says of itself is never believed.',
    },
  ),
  native('a publish as the very first frame', 'ack for 7, goes on', publish('1'), {
    why: 'The handshake said all there is to say; there is no hello to wait for.',
  }),
];

export const numbers: readonly Row[] = [
  native('a request without a number', closed, '["unsubscribe"]'),
  ...[
    '""',
    '0',
    '-1',
    '1.5',
    '2147483648',
    '9007199254740992',
    '1e400',
    '"7"',
    '{}',
    '[]',
    'null',
    'true',
  ].map((ref) => native(`the number ${ref}`, closed, `["unsubscribe",${ref},"x"]`)),
  native('the largest number', 'unsubscribed for 2147483647, goes on', '["unsubscribe",2147483647,"x"]'),
  native('a number spelled 7.0e0', 'unsubscribed for 7, goes on', '["unsubscribe",7.0e0,"x"]'),
  native(
    'one number for two requests',
    'unsubscribed for 7 (2×), goes on',
    ['["unsubscribe",7,"x"]', '["unsubscribe",7,"x"]'],
    {
      why: 'Each request gets its one answer. Which is which is the client’s own business.',
    },
  ),
];

const epoch = (text: string): string => `["${text}",1,1]`;

export const fields: readonly Row[] = [
  ...[
    '-1',
    '1.5',
    '"5"',
    'null',
    '{}',
    '[]',
    '["e"]',
    '["e",1]',
    epoch(''),
    epoch('e'.repeat(65)),
    epoch('e e'),
    epoch('é'),
  ].map((start) =>
    native(`a subscribe from ${start.slice(0, 30)}`, refused, `["subscribe",7,"chat/x",${start}]`),
  ),
  ...[
    '["e",-1,1]',
    '["e",1.5,1]',
    '["e","5",1]',
    '["e",9007199254740992,1]',
    '["e",1,-1]',
    '["e",1,4294967296]',
    '[{},1,1]',
  ].map((start) => native(`a subscribe from ${start}`, refused, `["subscribe",7,"chat/x",${start}]`)),
  native('a subscribe without a start', refused, '["subscribe",7,"chat/x"]'),
  ...[
    '"sideways",1,1',
    'null,1,1',
    '"before",-1,1',
    '"before",1.5,1',
    '"before","5",1',
    '"after",1,0',
    '"after",1,-1',
    '"after",1,501',
    '"after",1,1e9',
    '"after",1,1.5',
    '"after",1',
  ].map((rest) => native(`a page of history ${rest}`, refused, `["history",7,"chat/x",${rest}]`)),
  ...['""', '"a b"', '"ä"', 'null', '7', `"${'p'.repeat(65)}"`].map((id) =>
    native(
      `the producer ${id.slice(0, 12)}${id.length > 12 ? '… of 65 letters' : ''}`,
      refused,
      `["publish",7,"chat/x",${id},1,1]`,
    ),
  ),
  native('the producer __proto__', 'ack for 7, goes on', '["publish",7,"chat/x","__proto__",1,1]'),
  ...['0', '-1', '1.5', '"1"', 'null', '9007199254740992'].map((sequence) =>
    native(`the sequence number ${sequence}`, refused, `["publish",7,"chat/x","p",${sequence},1]`),
  ),
  native(
    'a sequence number that leaves some out',
    'error sequence for 7, goes on',
    '["publish",7,"chat/x","p",3,1]',
  ),
  native('a publish without a payload', refused, '["publish",7,"chat/x","p",1]'),
];

const text = (bytes: number): string => `"${'x'.repeat(bytes - 2)}"`;

export const payloads: readonly Row[] = [
  says('a payload of the largest size', { native: 'ack for 7, goes on' }, publish(text(65_536))),
  native('a payload one byte larger', 'error payload_too_large for 7, goes on', publish(text(65_537))),
  says('a payload one byte larger, bare', { plain: 'error payload_too_large, goes on' }, text(65_537)),
  native('a NUL in a payload', 'ack for 7, goes on', publish('"\\u0000"')),
  native('half a surrogate in a payload, as an escape', 'ack for 7, goes on', publish('"\\ud800"')),
  native('one key twice in a payload', 'ack for 7, goes on', publish('{"a":1,"a":2}'), {
    why: 'A payload is forwarded as the text that it is; nothing is decided by what stands in it.',
  }),
  native(
    '__proto__ and constructor in a payload',
    'ack for 7, goes on',
    publish('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
  ),
  native(
    'a number repeated with another payload',
    'ack for 7, ack for 8, goes on',
    [publish('"one"'), '["publish",8,"chat/x","p",1,"two"]'],
    {
      why: 'It is answered with the first one’s position, and nothing is stored: to compare payloads the log would have to keep them all.',
    },
  ),
];

export const insistence: readonly Row[] = [
  native(
    'ten bad frames one after another',
    'error bad_frame for 7 (10×), goes on',
    Array<string>(10).fill('["shout",7]'),
    {
      why: 'Each has its answer. A client that is newer than the server may well try some things in vain.',
    },
  ),
  native(
    '1,100 bad frames one after another',
    'error bad_frame for 7 (about 1000×), close 4429',
    Array<string>(1100).fill('["shout",7]'),
  ),
];

const view = (rest: string): string => `["view",7,"chat/x",${rest}]`;
const lease = '"abcdefghij012345"';

export const views: readonly Row[] = [
  ...[
    '0',
    '-1,{}',
    '"0",{}',
    '0,7',
    '0,[]',
    '0,{"keys":"a"}',
    '0,{"keys":[""]}',
    '0,{"keys":[7]}',
    '0,{"prefix":7}',
    '0,{"bbox":[1,2,3]}',
    '0,{"bbox":[1,2,3,"4"]}',
    '0,{"bbox":[1,9,3,4]}',
    '0,{"bbox":[1,2,1e400,4]}',
    '0,{"maxHz":0}',
    '0,{"maxHz":1e9}',
  ].map((rest) => native(`a view ${rest}`, refused, view(rest))),
  native('a view of 1,001 keys', refused, view(`0,{"keys":[${Array<string>(1001).fill('"k"').join()}]}`)),
  native('a view of a stream', 'error unsupported_data for 7, goes on', view('0,{"__proto__":{"keys":1}}')),
  native('moving a view that there is none of', 'error bad_payload for 7, goes on', view('4,{}')),
  native('ending a view that there is none of', 'viewing for 7, goes on', view('4,null'), {
    why: 'As unsubscribing where nothing is subscribed.',
  }),
];

export const members: readonly Row[] = [
  ...['', '"short"', '7', 'null', '"ABCDEFGHIJKLMNOP"', `"${'x'.repeat(65)}"`, '"abcdefghij-12345"'].flatMap(
    (secret) =>
      ['enter', 'leave', 'signal'].map((type) =>
        native(
          `${type} with the lease ${secret.slice(0, 20) || 'left out'}`,
          refused,
          `["${type}",7,"chat/x"${secret && `,${secret},1`}]`,
        ),
      ),
  ),
  native('entering without data', refused, `["enter",7,"chat/x",${lease}]`),
  native('a signal without data', refused, `["signal",7,"chat/x",${lease}]`),
  native(
    'entering a companion',
    'error unknown_channel for 7, goes on',
    `["enter",7,"chat/x?presence",${lease},1]`,
  ),
  native('leaving where nobody entered', 'left for 7, goes on', `["leave",7,"chat/x",${lease}]`),
  native(
    'data of more than 8,192 bytes',
    'error payload_too_large for 7 (2×), goes on',
    ['enter', 'signal'].map((type) => `["${type}",7,"chat/x",${lease},${text(8193)}]`),
  ),
  native(
    'one lease for two channels, and again with other data',
    'entered for 7 (3×), goes on',
    ['"chat/x",L,1', '"chat/y",L,1', '"chat/x",L,{"__proto__":1}'].map(
      (rest) => `["enter",7,${rest.replace('L', lease)}]`,
    ),
  ),
];
