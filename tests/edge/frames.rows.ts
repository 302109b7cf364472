/**
 * WebSocket frames that break RFC 6455, or keep to it and cost more than they should: what is sent after a good handshake, and
 * what it is answered with. The same over every way in that is a WebSocket.
 */
import { close, frame, opcodes } from '@syncline/server/testing';
import type { Row, Target } from './harness.ts';

type Rest = Omit<Row, 'input' | 'answer' | 'attack'>;

/** These bytes after the handshake. */
function sends(input: string, answer: Row['answer'], bytes: readonly Uint8Array[], rest: Rest = {}): Row {
  return { input, answer, ...rest, attack: (target) => enterAndSend(target, bytes) };
}

async function enterAndSend(target: Target, bytes: readonly Uint8Array[]): Promise<string> {
  const caller = await target.enter();
  caller.write(...bytes);
  return target.said(caller);
}

const { more, binary, ping, pong } = opcodes;
const text = (payload: string | Uint8Array): Buffer => frame(payload);
const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const begun = frame('[', { fin: false });
const limit = 66_560;
/** A good frame of exactly so many bytes, for which no number of a request can be found. */
const ofSize = (bytes: number): string => `["${'x'.repeat(bytes - 4)}"]`;
const unread = { native: 'error bad_frame, close 4400', plain: 'goes on' };

export const format: readonly Row[] = [
  sends('a frame without a mask', 'close 1002', [frame('[]', { masked: false })]),
  sends('the first reserved bit', 'close 1002', [frame('[]', { rsv: 4 })], {
    why: 'It means compression, which is never agreed on.',
  }),
  sends('the second reserved bit', 'close 1002', [frame('[]', { rsv: 2 })]),
  sends('the third reserved bit', 'close 1002', [frame('[]', { rsv: 1 })]),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) =>
    sends(`the opcode ${opcode}, which means nothing`, 'close 1002', [frame('[]', { opcode })]),
  ),
  sends('a frame that continues nothing', 'close 1002', [frame('[]', { opcode: more })]),
  sends('a frame in the midst of another', 'close 1002', [begun, text('[]')]),
  sends('a ping in two pieces', 'close 1002', [frame('', { opcode: ping, fin: false })]),
  sends('a ping of 126 bytes', 'close 1002', [frame('x'.repeat(126), { opcode: ping })]),
  sends(
    'a ping in the midst of a frame',
    { native: 'pong, error bad_frame, close 4400', plain: 'pong, goes on' },
    [frame('{"half":', { fin: false }), frame('edge', { opcode: ping }), frame('1}', { opcode: more })],
    { why: 'The ping is answered, then the frame is read: a good payload, but no frame of the protocol.' },
  ),
];

export const letters: readonly Row[] = [
  sends('a slash in two bytes', 'close 1007', [text(hex('22c0af22'))]),
  sends('a lone surrogate', 'close 1007', [text(hex('22eda08022'))]),
  sends('a letter beyond the last', 'close 1007', [text(hex('22f490808022'))]),
  sends('half a letter at the end', 'close 1007', [text(hex('22e282'))]),
  sends('half a letter at the end of the last piece', 'close 1007', [
    frame(hex('22e2'), { fin: false }),
    frame(hex('82'), { opcode: more }),
  ]),
  sends(
    'a letter in two pieces',
    unread,
    [frame(hex('22e2'), { fin: false }), frame(hex('82ac22'), { opcode: more })],
    { why: 'It is a good text. Native takes no frame that is not a list; on a plain path it is a payload.' },
  ),
];

export const closing: readonly Row[] = [
  sends('a close frame of one byte', 'close 1002', [frame('x', { opcode: opcodes.close })]),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map((code) =>
    sends(`the close code ${code}`, 'close 1002', [close(code)]),
  ),
  sends('a close reason that is no UTF-8', 'close 1007', [close(1000, hex('c0af'))]),
  sends('a close reason of 124 bytes', 'close 1002', [close(1000, 'x'.repeat(124))]),
  sends('frames after the close frame', 'close 1000', [close(1000), text('hello'), text('["heartbeat"]')]),
  sends('a close frame without a code', 'close without a code', [frame('', { opcode: opcodes.close })]),
];

export const sizes: readonly Row[] = [
  sends(
    'a frame of the largest size',
    { native: 'error bad_frame, close 4400', plain: 'error payload_too_large, goes on' },
    [text(ofSize(limit))],
    {
      why: 'Its size is good. What stands in it is judged by what comes next.',
    },
  ),
  sends('a frame one byte larger than the largest', 'close 1009', [text(ofSize(limit + 1))]),
  ...[2n ** 20n, 2n ** 30n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n].map((declared) =>
    sends(`a frame that says it has ${declared} bytes, and sends none`, 'close 1009', [
      frame('', { declared }),
    ]),
  ),
  sends('pieces that are too large together', 'close 1009', [
    frame('x'.repeat(40_000), { fin: false }),
    frame('x'.repeat(40_000), { opcode: more, fin: false }),
  ]),
  sends('64 pieces of one letter', unread, [
    frame('"', { fin: false }),
    ...times(62, () => frame('x', { opcode: more, fin: false })),
    frame('"', { opcode: more }),
  ]),
  sends('65 pieces of one letter', 'close 1008', [
    frame('"', { fin: false }),
    ...times(63, () => frame('x', { opcode: more, fin: false })),
    frame('"', { opcode: more }),
  ]),
  sends('5,000 empty pieces', 'close 1008', [
    frame('', { fin: false }),
    ...times(5000, () => frame('', { opcode: more, fin: false })),
  ]),
  sends('a binary frame', { native: 'error unsupported_data, close 1003', plain: 'close 1003' }, [
    frame('[]', { opcode: binary }),
  ]),
  sends('an empty binary frame', { native: 'error unsupported_data, close 1003', plain: 'close 1003' }, [
    frame('', { opcode: binary }),
  ]),
];

const binaryFrame = (...bytes: number[]): Buffer => frame(Buffer.from(bytes), { opcode: binary });
/** A publish with the number 77 of these data to a channel of that name. */
const published = (channel: string, ...data: number[]): Buffer =>
  binaryFrame(1, 77, channel.length, ...Buffer.from(channel), 1, 112, 1, ...data);
const docs = { docs: true };

export const bytes: readonly Row[] = [
  sends(
    'bytes of a frame that nobody knows',
    { native: 'error bad_frame, close 4400' },
    [binaryFrame(9)],
    docs,
  ),
  sends(
    'the same with the number of a request',
    { native: 'error bad_frame for 77, goes on' },
    [binaryFrame(9, 77)],
    docs,
  ),
  sends('no bytes at all', { native: 'error bad_frame, close 4400' }, [binaryFrame()], docs),
  sends(
    'a text in a binary frame',
    { native: 'error bad_frame for 34, goes on' },
    [frame('["heartbeat"]', { opcode: binary })],
    { docs: true, why: 'Its second byte, a quotation mark, stands where the number of a request does.' },
  ),
  sends(
    'a publish that ends in the midst of a name',
    { native: 'error bad_frame for 77, goes on' },
    [binaryFrame(1, 77, 200, 99)],
    docs,
  ),
  sends(
    'a publish to a name that is no UTF-8',
    { native: 'error bad_frame for 77, goes on' },
    [binaryFrame(1, 77, 2, 0xc0, 0xaf, 1, 112, 1)],
    docs,
  ),
  sends(
    'bytes to a stream',
    { native: 'error unsupported_data for 77, goes on' },
    [published('chat/edge', 1, 0, 0)],
    docs,
  ),
  sends(
    'a text to a doc',
    { native: 'error unsupported_data for 77, goes on' },
    [text('["publish",77,"doc/1","p",1,{}]')],
    docs,
  ),
  sends('an edit of nothing', { native: 'error bad_payload for 77, goes on' }, [published('doc/1')], docs),
  sends(
    'an edit that claims 4,294,967,296 structs',
    { native: 'error bad_payload for 77, goes on' },
    [published('doc/1', 1, 1, 128, 128, 128, 128, 16, 1, 0)],
    docs,
  ),
  sends(
    'an edit cut off',
    { native: 'error bad_payload for 77, goes on' },
    [published('doc/1', 1, 1, 1, 5, 0, 4, 1, 4)],
    docs,
  ),
  sends(
    'what only the server may write into a document',
    { native: 'error bad_payload for 77, goes on' },
    [published('doc/1', 0x10, ...Buffer.alloc(16), 0, 0)],
    docs,
  ),
];

export const pings: readonly Row[] = [
  sends(
    '9 pings at once',
    'pong (9×), goes on',
    times(9, () => frame('', { opcode: ping })),
  ),
  sends(
    '2,000 pings at once',
    'pong (11×), close 4429',
    times(2000, () => frame('', { opcode: ping })),
    { why: 'More than `pingsPerSecondMax`. The one that is too many is still answered, the rest is not.' },
  ),
  sends(
    'pongs that nobody asked for',
    'goes on',
    times(100, () => frame('', { opcode: pong })),
    {
      why: 'RFC 6455 section 5.5.3 allows them. They count as a sign of life.',
    },
  ),
  sends('a pong with another payload than the ping’s', 'goes on', [frame('other', { opcode: pong })], {
    why: 'Whatever a client sends shows that it is alive.',
  }),
];
