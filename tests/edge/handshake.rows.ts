/**
 * Requests that are no good handshake: what is wrong with each, and what it is answered with. The tests run them over every
 * way in, and the page of bad input lists them.
 */
import type { Changes } from '@syncline/server/testing';
import type { Row, Target } from './harness.ts';

type Rest = Omit<Row, 'input' | 'answer' | 'attack'>;

/** A request with these changes. */
function asks(input: string, answer: Row['answer'], changes: Changes, rest: Rest = {}): Row {
  return { input, answer, ...rest, attack: (target) => target.knock(target.request(changes)) };
}

/** A request with this request line, made from the entry's path. */
function line(input: string, answer: string, make: (path: string) => string, rest: Rest = {}): Row {
  const attack = (target: Target) => target.knock(target.request({}, make(target.entry.path)));
  return { input, answer, ...rest, attack };
}

/** Bytes made from a good request. */
function bytes(
  input: string,
  answer: string,
  make: (good: string) => string | Uint8Array,
  rest: Rest = {},
): Row {
  return { input, answer, ...rest, attack: (target) => target.knock(make(target.request())) };
}

/** A page's origin, in which PORT stands for the server's own port. */
function origin(input: string, answer: string, value: string | readonly string[], rest: Rest = {}): Row {
  const attack = (target: Target): Promise<string> => {
    const real = [value].flat().map((one) => one.replace('PORT', String(target.port)));
    return target.knock(target.request({ Origin: real }));
  };
  return { input, answer, ...rest, attack };
}

const fields = (count: number): Changes =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`X-${i}`, 'y']));
const byNode = 'Node’s parser refuses it before anyone else sees it, without a body.';
const offer = (value: string): Changes => ({ 'Sec-WebSocket-Protocol': value });
const notOurs =
  'One way in has one spelling. Nothing is decoded or normalised, so no two parts of a server can read it differently.';

export const paths: readonly Row[] = [
  line('a path that nobody serves', '404 unknown_channel', () => 'GET /other HTTP/1.1'),
  line('a path with a slash at its end', '404 unknown_channel', (p) => `GET ${p}/ HTTP/1.1`, {
    why: notOurs,
  }),
  line('a path with two slashes before it', '404 unknown_channel', (p) => `GET /${p} HTTP/1.1`),
  line('a path in capitals', '404 unknown_channel', (p) => `GET ${p.toUpperCase()} HTTP/1.1`),
  line(
    'a path with a letter in percent signs',
    '404 unknown_channel',
    (p) => `GET /%${hex(p)}${p.slice(2)} HTTP/1.1`,
  ),
  line('a path that climbs', '404 unknown_channel', (p) => `GET ${p}/../admin HTTP/1.1`),
  line('a path that climbs and comes back', '404 unknown_channel', (p) => `GET /admin/..${p} HTTP/1.1`),
  line('a path that climbs in percent signs', '404 unknown_channel', (p) => `GET ${p}/%2e%2e/admin HTTP/1.1`),
  line('a whole URL instead of a path', '404 unknown_channel', (p) => `GET http://evil.example${p} HTTP/1.1`),
  line('an asterisk instead of a path', '404 unknown_channel', () => 'GET * HTTP/1.1'),
  line('a POST', '405 bad_frame', (p) => `POST ${p} HTTP/1.1`),
  line('a PUT', '405 bad_frame', (p) => `PUT ${p} HTTP/1.1`),
  line('a TRACE', '405 bad_frame', (p) => `TRACE ${p} HTTP/1.1`),
  line('a CONNECT', 'cut off', () => 'CONNECT evil.example:443 HTTP/1.1', {
    why: 'Node ends it: nobody here serves tunnels.',
  }),
  line('a method that does not exist', '400', (p) => `SYNC ${p} HTTP/1.1`, { why: byNode }),
];

function hex(path: string): string {
  return path.charCodeAt(1).toString(16);
}

export const versions: readonly Row[] = [
  line('HTTP/1.0', '505 bad_frame', (p) => `GET ${p} HTTP/1.0`),
  line('HTTP/0.9', '505 bad_frame', (p) => `GET ${p}`),
  line('HTTP/3.0', '400', (p) => `GET ${p} HTTP/3.0`, { why: byNode }),
  bytes('the preface of HTTP/2', '400', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', { why: byNode }),
  asks('an upgrade to h2c', '400 bad_frame', { Upgrade: 'h2c' }),
  asks('an upgrade to websocket or h2c', '400 bad_frame', { Upgrade: 'websocket, h2c' }),
  ...['8', '12', '99', '13, 8', '', '013', '13.0', '+13'].map((version) =>
    asks(`the WebSocket version “${version}”`, '400 bad_frame', { 'Sec-WebSocket-Version': version }),
  ),
  asks('no WebSocket version', '400 bad_frame', { 'Sec-WebSocket-Version': null }),
  asks('two WebSocket versions', '400 bad_frame', { 'Sec-WebSocket-Version': ['13', '13'] }),
  asks('no key', '400 bad_frame', { 'Sec-WebSocket-Key': null }),
  asks('a key that is too short', '400 bad_frame', { 'Sec-WebSocket-Key': 'c2hvcnQ=' }),
  asks('a key that is no base64', '400 bad_frame', { 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' }),
  asks('two keys', '400 bad_frame', {
    'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZQ=='],
  }),
];

export const headers: readonly Row[] = [
  asks('no Host', '400 bad_frame', { Host: null }),
  asks('two Hosts', '400 bad_frame', { Host: ['localhost', 'localhost'] }),
  asks('an empty Host', '400 bad_frame', { Host: '' }),
  asks('a Host with a user in it', '400 bad_frame', { Host: 'ada@localhost' }),
  asks('a Host with a path', '400 bad_frame', { Host: 'localhost/sync' }),
  asks('a Host with a strange port', '400 bad_frame', { Host: 'localhost:80:80' }),
  asks('a foreign Host, where only this machine is served', '403 forbidden', { Host: 'rebound.example' }),
  asks('101 header fields', '431 frame_too_large', fields(101)),
  asks('900 short header fields', '431 frame_too_large', { X: Array<string>(900).fill('y') }),
  asks('17 KiB of header fields', '431', { 'X-Long': 'x'.repeat(17 * 1024) }, { why: byNode }),
  asks(
    'fields named __proto__ and constructor',
    '101',
    { ['__proto__']: 'x', constructor: 'y' },
    {
      why: 'They are names like others.',
    },
  ),
  asks('a length of 5', '400 bad_frame', { 'Content-Length': '5' }),
  asks('a negative length', '400', { 'Content-Length': '-5' }, { why: byNode }),
  asks(
    'a length of 0',
    '101',
    { 'Content-Length': '0' },
    { why: 'Some clients send it, and it says that there is no body.' },
  ),
  asks('a body in chunks', '400 bad_frame', { 'Transfer-Encoding': 'chunked' }),
  asks(
    'a length and chunks',
    '400',
    { 'Content-Length': '5', 'Transfer-Encoding': 'chunked' },
    { why: byNode },
  ),
  asks(
    'what only a proxy adds, where none is trusted',
    '403 forbidden',
    { 'X-Forwarded-For': '127.0.0.1' },
    {
      why: 'Without `authenticate` only this machine is served. With it the answer is 426, since nobody knows whether the client came over TLS.',
    },
  ),
  asks('1,000 addresses in X-Forwarded-For', '403 forbidden', {
    'X-Forwarded-For': '10.0.0.1,'.repeat(1000),
  }),
  bytes('lines that end without a carriage return', '400', (good) => good.replaceAll('\r\n', '\n'), {
    why: byNode,
  }),
  bytes('a folded line', '400', (good) => good.replace('Upgrade: w', 'Upgrade:\r\n w'), { why: byNode }),
  bytes('a NUL in a value', '400', (good) => good.replace('session=', 'session=\0'), { why: byNode }),
  bytes('a space before the colon', '400', (good) => good.replace('Host:', 'Host :'), { why: byNode }),
  bytes('a line without a colon', '400', (good) => good.replace('Host:', 'Host'), { why: byNode }),
  bytes('the beginning of a TLS handshake', '400', () => Buffer.from('16030100f8010000f40303', 'hex'), {
    why: byNode,
  }),
  bytes('noise', '400', () => Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 193 + 7) & 255)), {
    why: byNode,
  }),
];

export const origins: readonly Row[] = [
  origin('the server’s own origin', '101', 'http://localhost:PORT'),
  origin('a page of another site', '403 forbidden', 'https://evil.example'),
  origin('the origin null, as of a sandboxed frame', '403 forbidden', 'null'),
  origin(
    'an origin that begins like the server’s own',
    '403 forbidden',
    'http://localhost:PORT.evil.example',
  ),
  origin('an origin that ends like the server’s own', '403 forbidden', 'http://evillocalhost:PORT'),
  origin('the server’s own name at another port', '403 forbidden', 'http://localhost:1'),
  origin('the server’s own name with a dot at its end', '403 forbidden', 'http://localhost.:PORT'),
  origin('the server’s own origin in capitals', '403 forbidden', 'HTTP://LOCALHOST:PORT', {
    why: 'Browsers write origins in one way; who writes another is none.',
  }),
  origin('an origin with a path', '403 forbidden', 'http://localhost:PORT/'),
  origin('an origin with a user', '403 forbidden', 'http://ada@localhost:PORT'),
  origin('a name that only looks alike', '403 forbidden', 'http://xn--lcalhost-5fh:PORT'),
  origin('an IPv6 address that is not what the server was called', '403 forbidden', 'http://[::1]:PORT'),
  origin('the origin of a file', '403 forbidden', 'file://'),
  origin('the origin of a browser extension', '403 forbidden', 'chrome-extension://abcdefghijklmnop'),
  origin('two origins', '403 forbidden', ['http://localhost:PORT', 'http://localhost:PORT']),
  origin('a list of origins', '403 forbidden', 'http://localhost:PORT, https://evil.example'),
  origin('an origin of 64 kB', '431', `http://${'x'.repeat(64_000)}`, { why: byNode }),
  asks(
    'no origin',
    '101',
    {},
    {
      why: 'Browsers always send one, so who sends none is no page that could act for a visitor.',
    },
  ),
];

export const subprotocols: readonly Row[] = [
  asks('a gap in the list of subprotocols', '400 bad_frame', offer('syncline.v1,,other')),
  asks('a subprotocol twice', '400 bad_frame', offer('syncline.v1, syncline.v1')),
  asks('a subprotocol that is no name', '400 bad_frame', offer('syncline.v1, a b')),
  asks('a subprotocol with 8,000 spaces in it', '400 bad_frame', offer(`a${' '.repeat(8000)}b`)),
  asks('an empty list of subprotocols', '400 bad_frame', offer('')),
  asks(
    '1,000 subprotocols',
    '400 bad_frame',
    offer(Array.from({ length: 1000 }, (_, i) => `p${i}`).join(',')),
  ),
  asks(
    'only subprotocols that nobody knows',
    { native: '400 bad_frame', plain: '101' },
    offer('syncline.v2, graphql-ws'),
    {
      why: 'A plain path speaks no subprotocol, and tells so by choosing none.',
    },
  ),
  asks('a subprotocol of 4 kB', { native: '400 bad_frame', plain: '101' }, offer('x'.repeat(4096))),
  ...(
    [
      'permessage-deflate; =',
      'constructor',
      'permessage-deflate; server_max_window_bits=7',
      'x,'.repeat(1000),
    ] as const
  ).map((value) =>
    asks(
      `the extensions “${value.slice(0, 50)}”`,
      '101',
      { 'Sec-WebSocket-Extensions': value },
      {
        why: 'None is served, so none is looked at, and the answer names none.',
      },
    ),
  ),
];
