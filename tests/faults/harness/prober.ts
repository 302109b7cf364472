/**
 * Sends a node what no good client sends, by each way in, and puts down what is answered and when. What should be answered is what the
 * tables of tests/edge prove of a server at rest; here it has just been through faults.
 */
import { close, frame, opcodes, request } from '@syncline/server/testing';
import { Caller, tell, wordsOf } from '../../edge/caller.ts';
import { stopwatch } from '../../edge/stopwatch.ts';
import type { Recorder } from './history.ts';

/** One bad input, and the answer to it. */
interface Probe {
  readonly input: string;
  readonly wants: string;
  readonly send: (asked: Asked) => Promise<string>;
}

interface Asked {
  readonly port: number;
  /** A connection of its own, whose words are put down. */
  readonly call: () => Promise<Caller>;
}

/** What a server says of its own accord. */
const unasked: readonly string[] = ['welcome', 'ping', 'heartbeat'];

/** Knocks with that request and says what is answered. */
async function knock(
  { port, call }: Asked,
  line: string,
  fields: Readonly<Record<string, string | null>> = {},
  body = '',
): Promise<string> {
  const caller = await call();
  const sized = body ? { 'Content-Length': String(Buffer.byteLength(body)) } : {};
  const typed = body ? { 'Content-Type': 'application/json' } : {};
  const head = { Host: `localhost:${port}`, Connection: 'close', ...sized, ...typed, ...fields };
  caller.write(request(`${line} HTTP/1.1`, head), body);
  const words = wordsOf(await caller.answer());
  caller.socket.destroy();
  return words;
}

const upgrade = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol': 'syncline.v1',
};

/** Shakes hands, sends that, and says what comes back until the session ends, or has answered both that and a ping. */
async function say({ port, call }: Asked, ...sent: readonly (string | Buffer)[]): Promise<string> {
  const caller = await call();
  caller.write(request('GET /sync HTTP/1.1', { Host: `localhost:${port}`, ...upgrade }));
  await caller.answer();
  const ping = frame('', { opcode: opcodes.ping });
  caller.write(...sent.map((one) => (typeof one === 'string' ? frame(one) : one)), ping);
  const words: string[] = [];
  let ponged = false;
  for (;;) {
    const came = await caller.frame();
    const said = came ? tell(came) : 'cut off';
    if (said === 'pong') ponged = true;
    else if (!unasked.includes(said)) words.push(said);
    // What is asked of the log may be answered after the ping.
    if (came && came.opcode !== opcodes.close && !(ponged && words.length > 0)) continue;
    caller.write(close(1000));
    caller.socket.end();
    return words.join(', ');
  }
}

const http = (
  input: string,
  wants: string,
  line: string,
  fields: Readonly<Record<string, string | null>> = {},
  body = '',
): Probe => ({ input, wants, send: (asked) => knock(asked, line, fields, body) });
const frames = (input: string, wants: string, ...sent: readonly (string | Buffer)[]): Probe => ({
  input,
  wants,
  send: (asked) => say(asked, ...sent),
});

const nested = `${'['.repeat(40)}${']'.repeat(40)}`;
const nobody = { Authorization: 'Bearer not-a-token' };

const probes: readonly Probe[] = [
  frames('what is no JSON', 'error bad_frame, close 4400', '{{{'),
  frames('a frame that nobody knows', 'error bad_frame for 7', '["conquer",7]'),
  frames('a frame that lacks a field', 'error bad_frame for 7', '["subscribe",7,"chat/a"]'),
  frames('a channel that is none', 'error unknown_channel for 7', '["subscribe",7,"nowhere/at/all",0]'),
  frames('a companion that is none', 'error unknown_channel for 7', '["subscribe",7,"chat/a?ghosts",0]'),
  frames(
    'a publish among members',
    'error forbidden for 7',
    '["publish",7,"chat/a?presence","p",1,["set","k",1]]',
  ),
  frames(
    'a sequence that follows none',
    'error sequence for 7',
    '["publish",7,"chat/probe","p",9,{"id":"never"}]',
  ),
  frames('values too deep', 'error bad_frame for 7', `["publish",7,"chat/probe","p",1,${nested}]`),
  frames(
    'bytes that are no frame',
    'error bad_frame for 7',
    frame(Buffer.from([9, 7]), { opcode: opcodes.binary }),
  ),
  frames('a payload that is too large', 'close 1009', frame('x'.repeat(1_200_000))),
  http('a path that nobody serves', '404 unknown_channel', 'GET /other', upgrade),
  http('a version of WebSocket that is none', '400 bad_frame', 'GET /sync', {
    ...upgrade,
    'Sec-WebSocket-Version': '12',
  }),
  http('a token that is none', '401 unauthenticated', 'GET /sync', { ...upgrade, ...nobody }),
  http('a ticket that is none', '401 unauthenticated', 'GET /sync?ticket=made-up', upgrade),
  http('a link by nothing that is known', '400 bad_frame', 'POST /sync/link', {}, '{"as":"pigeon"}'),
  http('a link that is opened by GET', '405 bad_frame', 'GET /sync/link'),
  http('a poll of a link that is gone', '404 silent', 'GET /sync/link/frames?after=0', {
    'Syncline-Link': 'made-up',
  }),
  http(
    'a post to a channel that is none',
    '404 unknown_channel',
    'POST /sync/publish/nowhere/at/all',
    {},
    '1',
  ),
  http('a post that is no JSON', '422 bad_payload', 'POST /sync/publish/chat/probe', {}, '{'),
  http(
    'a post of another type',
    '415 unsupported_data',
    'POST /sync/publish/chat/probe',
    { 'Content-Type': 'text/plain' },
    '1',
  ),
  http(
    'a post that is too large',
    '413 frame_too_large',
    'POST /sync/publish/chat/probe',
    { 'Content-Length': '9000000' },
    '1',
  ),
  http('a post by nobody known', '401 unauthenticated', 'POST /sync/publish/chat/probe', nobody, '1'),
  http('a read of a channel that is none', '404 unknown_channel', 'GET /sync/streams/nowhere/at/all'),
  http('a read from no place', '400 bad_frame', 'GET /sync/streams/chat/a?offset=yesterday'),
  http('a stream that is to be deleted', '405 bad_frame', 'DELETE /sync/streams/chat/a'),
  http('an operation that is none', '404 bad_frame', 'GET /sync/api/conquer'),
];

/** Sends one node all of it, some at a time. */
export async function probe(node: string, port: number, recorder: Recorder): Promise<void> {
  const left = [...probes];
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let one = left.shift(); one; one = left.shift()) await ask(one, node, port, recorder);
    }),
  );
}

async function ask({ input, wants, send }: Probe, node: string, port: number, recorder: Recorder) {
  const callers: Caller[] = [];
  const call = async () => {
    const caller = await Caller.connect(port);
    callers.push(caller);
    return caller;
  };
  const spentMs = stopwatch();
  const got = await send({ port, call }).catch((error: unknown) => `no answer: ${error}`);
  const ms = spentMs();
  for (const { socket } of callers) socket.destroy();
  const says = callers.map(({ transcript }) => transcript).join('\n');
  recorder.tell('prober', { type: 'probe', node, input, wants, got, ms, says });
}
