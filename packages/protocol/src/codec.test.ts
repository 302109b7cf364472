/**
 * What the codec takes and gives: every frame of both tables there and back, where its fields stand on the wire, and
 * payloads as their authors spelled them. What it refuses is in codec.refused.test.ts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeClient,
  decodeServer,
  encodeClient,
  encodeEntries,
  encodeServer,
  readPayload,
  readWire,
  wireText,
} from './codec.ts';
import { SyncError } from './codes.ts';
import type { Entry } from './entry.ts';
import { errors } from './errors.ts';
import type { ClientFrame, ServerFrame } from './frame.ts';
import * as frames from './frames.suite.ts';

const clientTypes = Object.keys(frames.clientFrames) as ClientFrame['type'][];
const serverTypes = Object.keys(frames.serverFrames) as Exclude<ServerFrame['type'], 'entries'>[];

const position = { epoch: 'e1', offset: 5, check: 9 };

/** Payloads that JavaScript would write otherwise, or might stumble over. */
const verbatim = [
  '{"a":1,"a":2}',
  '{"b":1,"a":2,"1":3,"0":4}',
  '1e400',
  '-1e400',
  '1.0',
  '-0',
  '1E+2',
  '0.1000',
  '12345678901234567890',
  '"\\ud800"',
  '"\\u0041\\/\\u0000"',
  '"\u2028\u2029\u00a0"',
  '"\u{1f6a2}"',
  '[ 1 , { "a" :\t2 } ]',
  '{\n  "a": 1\r\n}',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"toString":1,"hasOwnProperty":2,"then":3,"toJSON":4}',
  '["],[",{"}":"\\""}]',
  '""',
  'null',
  'false',
  '0',
  '[]',
  '{ }',
];

describe('there and back', () => {
  test.each(clientTypes)(
    '[F1] a client\'s "%s" is one JSON array beginning with its name, and is read back',
    (type) => {
      fc.assert(
        fc.property(frames.clientFrames[type], (frame: ClientFrame) => {
          const text = encodeClient(frame);
          expect((JSON.parse(text) as unknown[])[0]).toBe(type);
          expect(decodeClient(text)).toEqual(frame);
        }),
      );
    },
  );

  test.each(serverTypes)(
    '[F1] a server\'s "%s" is one JSON array beginning with its name, and is read back',
    (type) => {
      fc.assert(
        fc.property(frames.serverFrames[type], (frame: Exclude<ServerFrame, { type: 'entries' }>) => {
          const text = encodeServer(frame);
          expect((JSON.parse(text) as unknown[])[0]).toBe(type);
          expect(decodeServer(text)).toEqual(frame);
        }),
      );
    },
  );

  test('[F1] a frame that begins with a number carries entries, and is read back', () => {
    fc.assert(
      fc.property(
        frames.count,
        frames.sequence,
        fc.array(frames.payload, { minLength: 1 }),
        (id, first, entries) => {
          const text = encodeEntries(id, first, entries);
          expect((JSON.parse(text) as unknown[])[0]).toBe(id);
          expect(decodeServer(text)).toEqual({ type: 'entries', id, first, entries });
        },
      ),
    );
  });

  test('[F2] extra fields at the end are ignored, in every frame of both tables', () => {
    const extra = fc.array(fc.json(), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(frames.clientFrame, frames.serverFrame, extra, (client, server, more) => {
        const longer = (text: string) => `${text.slice(0, -1)},${more.join(',')}]`;
        expect(decodeClient(longer(encodeClient(client)))).toEqual(client);
        expect(decodeServer(longer(encodeServer(server)))).toEqual(server);
      }),
    );
  });

  test('[F2] white space between the fields means nothing', () => {
    const spaced = ' [ "publish" ,\n7 , "c", "p", 1 ,\t{ "a" : 1 }\r\n] ';
    expect(decodeClient(spaced)).toMatchObject({ type: 'publish', ref: 7, data: '{ "a" : 1 }' });
  });

  test('[F2] a number is read by its value, however it is spelled', () => {
    expect(decodeClient('["subscribe",1e0,"c",-0]')).toStrictEqual({
      type: 'subscribe',
      ref: 1,
      channel: 'c',
      start: 0,
    });
    expect(decodeClient('["subscribe",1.0,"c",5e1]')).toMatchObject({ ref: 1, start: 50 });
  });
});

describe('shapes', () => {
  const client: [rule: string, text: string, frame: ClientFrame][] = [
    [
      '[S1] subscribe from a position',
      '["subscribe",1,"c",["e1",5,9]]',
      { type: 'subscribe', ref: 1, channel: 'c', start: position },
    ],
    [
      '[S1] subscribe with the last n',
      '["subscribe",1,"c",20]',
      { type: 'subscribe', ref: 1, channel: 'c', start: 20 },
    ],
    [
      '[S1] subscribe to what comes next',
      '["subscribe",1,"c",0]',
      { type: 'subscribe', ref: 1, channel: 'c', start: 0 },
    ],
    ['unsubscribe', '["unsubscribe",1,"c"]', { type: 'unsubscribe', ref: 1, channel: 'c' }],
    [
      '[S7] history',
      '["history",1,"c","before",7,50]',
      { type: 'history', ref: 1, channel: 'c', direction: 'before', offset: 7, limit: 50 },
    ],
    [
      '[A1] publish',
      '["publish",1,"c","p-1",3,{"a":1}]',
      { type: 'publish', ref: 1, channel: 'c', producer: 'p-1', sequence: 3, data: '{"a":1}' },
    ],
    ['heartbeat', '["heartbeat"]', { type: 'heartbeat' }],
  ];

  test.each(client)('%s', (_rule, text, frame) => {
    expect(encodeClient(frame)).toBe(text);
    expect(decodeClient(text)).toStrictEqual(frame);
  });

  const server: [rule: string, text: string, frame: Exclude<ServerFrame, { type: 'entries' }>][] = [
    [
      'welcome',
      '["welcome","s1",15000,65536,null,1795392000000]',
      {
        ...{ type: 'welcome', session: 's1', heartbeatMs: 15000, payloadBytesMax: 65536 },
        ...{ expiresMs: null, now: 1_795_392_000_000 },
      },
    ],
    [
      '[S2] subscribed, from where it was asked for',
      '["subscribed",1,2,["e1",5,9],8,null,false]',
      { type: 'subscribed', ref: 1, id: 2, position, top: 8, gap: null, stamped: false },
    ],
    ...(['epoch', 'trimmed', 'diverged', 'ahead'] as const).map(
      (gap): [string, string, Exclude<ServerFrame, { type: 'entries' }>] => [
        `subscribed, with the reason ${gap}`,
        `["subscribed",1,2,["e1",5,9],8,"${gap}",true]`,
        { type: 'subscribed', ref: 1, id: 2, position, top: 8, gap, stamped: true },
      ],
    ),
    ['unsubscribed', '["unsubscribed",1]', { type: 'unsubscribed', ref: 1 }],
    [
      '[S7] history',
      '["history",1,"e1",5,true,false,[{"a":1},"b"]]',
      {
        type: 'history',
        ref: 1,
        epoch: 'e1',
        first: 5,
        more: true,
        stamped: false,
        entries: ['{"a":1}', '"b"'],
      },
    ],
    ['gap', '["gap",2,["e1",5,9],8,"trimmed"]', { type: 'gap', id: 2, position, top: 8, reason: 'trimmed' }],
    ['[A1] ack', '["ack",1,["e1",5,9]]', { type: 'ack', ref: 1, position }],
    [
      'error, with the sequence number that fits',
      '["error",1,"sequence","It does not follow.",{"expected":4}]',
      { type: 'error', ref: 1, code: 'sequence', message: 'It does not follow.', detail: { expected: 4 } },
    ],
    [
      'error of no request',
      '["error",null,"too_many","Too many.",null]',
      { type: 'error', ref: null, code: 'too_many', message: 'Too many.', detail: null },
    ],
    [
      '[H1] heartbeat',
      '["heartbeat",[[1,5,9],[2,0,0]]]',
      {
        type: 'heartbeat',
        heads: [
          { id: 1, offset: 5, check: 9 },
          { id: 2, offset: 0, check: 0 },
        ],
      },
    ],
    [
      '[H5] heartbeat of a server that can’t reach its logs',
      '["heartbeat",[],1200]',
      { type: 'heartbeat', heads: [], staleMs: 1200 },
    ],
    ['[L1] bye', '["bye","restart",1500]', { type: 'bye', reason: 'restart', afterMs: 1500 }],
  ];

  test.each(server)('%s', (_rule, text, frame) => {
    expect(encodeServer(frame)).toBe(text);
    expect(decodeServer(text)).toStrictEqual(frame);
  });

  test("[D1] entries carry the channel's id, the first offset, and one element each", () => {
    expect(encodeEntries(3, 17, ['{"a":1}', '"b"'])).toBe('[3,17,{"a":1},"b"]');
    expect(decodeServer('[3,17,{"a":1},"b"]')).toEqual({
      type: 'entries',
      id: 3,
      first: 17,
      entries: ['{"a":1}', '"b"'],
    });
  });

  test('[D1] in a stamped channel an entry is its time, its author or null, and its payload', () => {
    const entry: Entry = { offset: 1, check: 0, at: 1_700_000_000_000, from: 'ann "a"', data: '{"a":1.0}' };
    expect(wireText(entry, true)).toBe('[1700000000000,"ann \\"a\\"",{"a":1.0}]');
    expect(wireText({ ...entry, from: null }, true)).toBe('[1700000000000,null,{"a":1.0}]');
    expect(wireText(entry, false)).toBe('{"a":1.0}');
  });

  test('[D1] a stamped entry is read back from how it stood on the wire', () => {
    fc.assert(
      fc.property(
        frames.count,
        fc.option(fc.string({ unit: 'binary' })),
        frames.payload,
        (at, from, data) => {
          const entry: Entry = { offset: 1, check: 0, at, from, data };
          expect(readWire(wireText(entry, true), true)).toEqual({ at, from, data });
          expect(readWire(wireText(entry, false), false)).toEqual({ at: null, from: null, data });
        },
      ),
    );
  });

  test.each(['[]', '[1]', '[1,null]', '{"at":1}', '1'])(
    '[D1] %s is no entry of a stamped channel',
    (text) => {
      expect(() => readWire(text, true)).toThrow(SyncError);
    },
  );

  test('[D4] a 100-byte payload takes at most 118 characters up to id 999 and offset 9,999,999', () => {
    const text = encodeEntries(999, 9_999_999, [JSON.stringify('x'.repeat(98))]);
    // A WebSocket header for up to 125 bytes is 2 bytes, so the whole is within the 20 that rule D4 allows.
    expect(text.length).toBeLessThanOrEqual(118);
    expect(decodeServer(text)).toMatchObject({ id: 999, first: 9_999_999 });
  });

  test('[F4] a control frame from the server with an unknown name is ignored', () => {
    for (const name of ['later', '', '__proto__', 'constructor', 'toString', 'entries', 'publish']) {
      expect(decodeServer(JSON.stringify([name, 1, 'c'])), name).toBeUndefined();
    }
  });

  test('a code that a newer server sends reads as `internal`, with its own message', () => {
    expect(decodeServer('["error",1,"from_the_future","Later.",null]')).toMatchObject({
      code: 'internal',
      message: 'Later.',
    });
  });

  test('a message too long for its reader is cut when it is written', () => {
    const message = 'é'.repeat(5000);
    const text = encodeServer({ type: 'error', ref: 1, code: 'internal', message, detail: null });
    expect(decodeServer(text)).toMatchObject({ message: message.slice(0, 1000) });
    const bye = encodeServer({ type: 'bye', reason: message, afterMs: 0 });
    expect(decodeServer(bye)).toMatchObject({ reason: message.slice(0, 1000) });
  });

  test("a detail's facts are texts, numbers and flags under any name; what is neither is left out", () => {
    const decoded = decodeServer(
      '["error",1,"internal","m",{"__proto__":1,"a":[],"b":null,"c":"x","d":true}]',
    );
    expect(decoded).toHaveProperty(
      'detail',
      Object.fromEntries([
        ['__proto__', 1],
        ['c', 'x'],
        ['d', true],
      ]),
    );
  });

  test('bytes in a text frame are refused where they are written, not sent as null', () => {
    const publish = { type: 'publish', ref: 1, channel: 'c', producer: 'p', sequence: 1 } as const;
    const data = Uint8Array.of(1);
    const error = new SyncError(
      'unsupported_data',
      "A text frame can't carry bytes; they travel in binary frames.",
    );
    expect(() => encodeClient({ ...publish, data })).toThrow(error);
    expect(() => encodeServer({ type: 'snapshot', id: 1, offset: 1, check: 1, more: false, data })).toThrow(
      error,
    );
    expect(() => wireText({ offset: 1, check: 1, at: 1, from: null, data }, false)).toThrow(error);
  });
});

describe('payloads', () => {
  test.each(verbatim)('[F9] %s is forwarded as it was sent', (payload) => {
    const published = decodeClient(`["publish",1,"c","p",1, ${payload} ]`);
    expect(published).toHaveProperty('data', payload);
    expect(decodeServer(encodeEntries(1, 1, [payload, payload]))).toHaveProperty('entries', [
      payload,
      payload,
    ]);
    const snapshot = { type: 'snapshot', id: 1, offset: 1, check: 1, more: true, data: payload } as const;
    expect(decodeServer(encodeServer(snapshot))).toHaveProperty('data', payload);
    const page = {
      type: 'history',
      ref: 1,
      epoch: 'e',
      first: 1,
      more: false,
      stamped: false,
      entries: [payload],
    } as const;
    expect(decodeServer(encodeServer(page))).toHaveProperty('entries', [payload]);
    expect(readPayload(` ${payload}\n`)).toBe(payload);
  });

  test.each(verbatim)('[F9] %s is forwarded as it was sent where extra fields follow it', (payload) => {
    expect(decodeClient(`["publish",1,"c","p",1,${payload},{"x":[1]},"]"]`)).toHaveProperty('data', payload);
    expect(decodeServer(`["snapshot",1,1,1,false,${payload},",",null]`)).toHaveProperty('data', payload);
  });

  test('[F9] what a client adds about itself stays in the payload, where it claims nothing', () => {
    const payload = '{"offset":1,"epoch":"e","at":0,"from":"root","check":0,"type":"heartbeat","ref":9}';
    const frame = decodeClient(`["publish",1,"c","p",1,${payload},99,"root",{"from":"root"}]`);
    expect(frame).toStrictEqual({
      type: 'publish',
      ref: 1,
      channel: 'c',
      producer: 'p',
      sequence: 1,
      data: payload,
    });
  });

  test.each([
    ['', 'The payload is not JSON.'],
    [' ', 'The payload is not JSON.'],
    ['1,2', 'The payload is not JSON.'],
    ['{', 'The payload is not JSON.'],
    ["{'a':1}", 'The payload is not JSON.'],
    ['NaN', 'The payload is not JSON.'],
    ['\ufeff1', 'The payload is not JSON.'],
    ['[[1],[2]', 'The payload is not JSON.'],
    ['1],[2', 'The payload is not JSON.'],
    ['"a', 'The payload is not JSON.'],
    ['['.repeat(32) + ']'.repeat(32), 'The frame nests deeper than 32 levels.'],
    [`[${'1,'.repeat(10_000)}1]`, 'The frame holds more than 10000 members.'],
  ])('a bare text that is no payload is refused: %.20s', (text, message) => {
    expect(() => readPayload(text)).toThrow(expect.objectContaining({ code: 'bad_payload', message }));
  });

  test('every error of the table can be told on the wire', () => {
    for (const [code, { message }] of Object.entries(errors)) {
      const text = JSON.stringify(['error', null, code, message, null]);
      expect(decodeServer(text)).toEqual({ type: 'error', ref: null, code, message, detail: null });
    }
  });
});
