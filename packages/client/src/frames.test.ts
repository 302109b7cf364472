/**
 * The client's own reading and writing of frames against the protocol's codec: what one writes the other reads, for any frame,
 * and neither takes what the other refuses for a reason that a client must care about.
 */

import {
  type ClientFrame,
  clientFrames,
  decodeClient,
  decodeServer,
  encodeClient,
  encodeEntries,
  encodeServer,
  readWire,
  type ServerFrame,
  type Signalled,
  type ViewFilter,
  wireText,
} from '@syncline/protocol/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { payloadFault, readFrame as read, readEntry, writeFrame } from './frames.ts';
import { language } from './language.ts';

const readFrame = (text: string) => read(text, language.frames);

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const ref = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const check = fc.nat({ max: 2 ** 32 - 1 });
const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
const text = fc.string({ unit: 'binary', maxLength: 30 });
const position = fc.record({ epoch: token, offset: count, check });
const channel = fc.stringMatching(/^[a-z:=@]{1,8}(\/[A-Za-z0-9_.,;-]{1,8}x){0,3}$/);
const reason = fc.constantFrom('epoch' as const, 'trimmed' as const, 'diverged' as const, 'ahead' as const);
/** JSON as someone else may have written it: with white space, escapes and brackets in texts. */
const payload = fc
  .tuple(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom(undefined, 1, '\t'))
  .map(([value, space]) => JSON.stringify(value, undefined, space));

const key = fc.string({ minLength: 1, maxLength: 30 });
const memberKey = fc.stringMatching(/^[\w-]{22}$/);
const lease = fc.stringMatching(/^[a-z0-9]{16,64}$/);
const why = fc.constantFrom('exit' as const, 'delete' as const, 'expire' as const);
const signalled: fc.Arbitrary<Signalled> = fc.tuple<[string, string | null, string]>(
  memberKey,
  fc.option(text),
  payload,
);
const filter: fc.Arbitrary<ViewFilter> = fc.record(
  {
    keys: fc.array(key),
    prefix: fc.string({ maxLength: 30 }),
    bbox: fc.constantFrom([-180, -90, 180, 90] as const, [170, -20, -170, 0.5] as const),
    maxHz: fc.integer({ min: 1, max: 1000 }),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const clientFrame: fc.Arbitrary<ClientFrame> = fc.oneof(
  fc.record({ type: fc.constant('subscribe' as const), ref, channel, start: fc.oneof(position, count) }),
  fc.record({ type: fc.constant('unsubscribe' as const), ref, channel }),
  fc.record({
    ...{ type: fc.constant('publish' as const), ref, channel, producer: token },
    ...{ sequence: fc.integer({ min: 1 }), data: payload },
  }),
  fc.record({
    ...{ type: fc.constant('history' as const), ref, channel, offset: count },
    ...{
      direction: fc.constantFrom('before' as const, 'after' as const),
      limit: fc.integer({ min: 1, max: 500 }),
    },
  }),
  fc.record({ type: fc.constant('auth' as const), ref, token }),
  fc.constant({ type: 'heartbeat' as const }),
  fc.record({ type: fc.constant('view' as const), ref, channel, id: count, filter: fc.option(filter) }),
  fc.record({ type: fc.constant('enter' as const), ref, channel, lease, data: payload }),
  fc.record({ type: fc.constant('leave' as const), ref, channel, lease }),
  fc.record({ type: fc.constant('signal' as const), ref, channel, lease, data: payload }),
);

type Control = Exclude<ServerFrame, { type: 'entries' }>;
const facts = fc.dictionary(token, fc.oneof(fc.string(), fc.integer(), fc.boolean()), {
  noNullPrototype: true,
});
const serverFrame: fc.Arbitrary<Control> = fc.oneof(
  fc.record({
    type: fc.constant('welcome' as const),
    session: token,
    heartbeatMs: count,
    payloadBytesMax: count,
    expiresMs: fc.option(count),
    now: count,
  }),
  fc.record({
    ...{ type: fc.constant('subscribed' as const), ref, id: count, position, top: count },
    ...{ gap: fc.option(reason), stamped: fc.boolean() },
  }),
  fc.record({ type: fc.constant('unsubscribed' as const), ref }),
  fc.record({
    type: fc.constant('revoked' as const),
    id: count,
    code: fc.constant('forbidden' as const),
    message: text,
  }),
  fc.record({ type: fc.constant('authenticated' as const), ref, expiresMs: fc.option(count) }),
  fc.record({ type: fc.constant('ack' as const), ref, position }),
  fc.record({
    ...{ type: fc.constant('history' as const), ref, epoch: token, first: count },
    ...{ more: fc.boolean(), stamped: fc.boolean(), entries: fc.array(payload) },
  }),
  fc.record({ type: fc.constant('gap' as const), id: count, position, top: count, reason }),
  fc.record({
    ...{ type: fc.constant('changes' as const), id: count, from: count, check },
    entries: fc.array(fc.record({ offset: fc.integer({ min: 1 }), data: payload }), { minLength: 1 }),
  }),
  fc.record({
    ...{ type: fc.constant('snapshot' as const), id: count, offset: count, check },
    ...{ more: fc.boolean(), data: payload },
  }),
  fc.record({
    type: fc.constant('heartbeat' as const),
    heads: fc.array(fc.record({ id: count, offset: count, check })),
    staleMs: count,
  }),
  fc.record({
    ...{ type: fc.constant('error' as const), ref: fc.option(ref), message: text },
    ...{
      code: fc.constantFrom('forbidden' as const, 'sequence' as const, 'internal' as const),
      detail: fc.option(facts),
    },
  }),
  fc.record({ type: fc.constant('bye' as const), reason: text, afterMs: count }),
  fc.record({ type: fc.constant('viewing' as const), ref, id: count }),
  fc.record({
    ...{ type: fc.constant('seen' as const), id: count, offset: count, more: fc.boolean() },
    ...{ rows: fc.array(payload), gone: fc.array(fc.tuple(key, why)) },
  }),
  fc.record({ type: fc.constant('entered' as const), ref, key: memberKey }),
  fc.record({ type: fc.constant('left' as const), ref }),
  fc.record({ type: fc.constant('signalled' as const), ref, key: memberKey }),
  fc.record({ type: fc.constant('signals' as const), id: count, signals: fc.array(signalled) }),
);

/** A frame as the client writes it: its fields in their order, a position as the list that it is on the wire. */
function written(frame: ClientFrame): string {
  const values = new Map<string, unknown>(Object.entries(frame));
  const fields = Object.keys(clientFrames[frame.type]).map((name) => values.get(name));
  if (frame.type === 'subscribe' && typeof frame.start === 'object') {
    const { epoch, offset, check: proof } = frame.start;
    fields.splice(2, 1, [epoch, offset, proof]);
  }
  // Only the text of what is published goes as it is; what is told of oneself is given as a value.
  if (frame.type === 'enter' || frame.type === 'signal') fields.splice(3, 1, JSON.parse(frame.data));
  return writeFrame(frame.type, ...fields);
}

/** A frame as it is read once the text of its data is as JavaScript writes it. */
function plain(frame: ClientFrame): ClientFrame {
  if (frame.type !== 'enter' && frame.type !== 'signal') return frame;
  return { ...frame, data: JSON.stringify(JSON.parse(frame.data)) };
}

test('[F1] what the client writes the codec reads as the same frame, and writes alike', () => {
  fc.assert(
    fc.property(clientFrame, (frame) => {
      expect(decodeClient(written(frame))).toEqual(decodeClient(encodeClient(plain(frame))));
      expect(decodeClient(written(frame))).toMatchObject({ type: frame.type });
    }),
  );
});

test('[F1] what the codec writes the client reads as the same frame', () => {
  fc.assert(
    fc.property(serverFrame, (frame) => {
      expect(readFrame(encodeServer(frame))).toEqual(decodeServer(encodeServer(frame)));
    }),
  );
});

test('[D1] [F9] entries keep the very text that their author sent, stamped or not', () => {
  const entry = fc.record({ at: count, from: fc.option(text), data: payload });
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1 }), count, fc.boolean(), (entries, id, stamped) => {
      const texts = entries.map((one) => wireText({ ...one, offset: 1, check: 0 }, stamped));
      const wire = encodeEntries(id, 5, texts);
      const frame = readFrame(wire);
      expect(frame).toEqual(decodeServer(wire));
      if (frame?.type !== 'entries') throw new Error('It should be entries.');
      for (const data of frame.entries) expect(readEntry(data, stamped)).toEqual(readWire(data, stamped));
    }),
  );
});

describe('frames from a newer server', () => {
  test('[F4] an unknown control frame is ignored, whatever it is called', () => {
    for (const name of ['later', 'constructor', '__proto__', 'toString']) {
      expect(readFrame(JSON.stringify([name, 1]))).toBeUndefined();
    }
  });

  test('[F2] extra fields at the end are ignored', () => {
    expect(readFrame('["unsubscribed",3,"more",{"a":[1]}]')).toEqual({ type: 'unsubscribed', ref: 3 });
  });

  test('an error whose code is unknown is internal, so it is tried again', () => {
    expect(readFrame('["error",3,"later","Oh.",null]')).toMatchObject({ code: 'internal', ref: 3 });
  });
});

test('what is of the wrong type is refused, never handed on', () => {
  const bad = [
    ...[
      '',
      '{}',
      '"x"',
      '[',
      '["welcome"]',
      '["ack",1,["e",1.5,0]]',
      '["ack",1,["e","1",0]]',
      '["ack",null,["e",1,0]]',
    ],
    ...[
      '["subscribed",1,1,null,0,null,false]',
      '["subscribed",1,1,["e",0,0],0,null,0]',
      '["heartbeat",7]',
      '["heartbeat",[[1,2]]]',
      '["heartbeat",[],"1"]',
      '["heartbeat",[],null]',
    ],
    ...[
      '["changes",1,0,0,7]',
      '["changes",1,0,0,["1",[]]]',
      '["snapshot",1,1,1,1,[]]',
      '["snapshot",1,1,1,true]',
    ],
    ...[
      '["seen",1,0,false,{},[]]',
      '["seen",1,0,false,[],[["k"]]]',
      '["seen",1,0,false,[],["k"]]',
      '["signals",1,[["k",null]]]',
      '["signals",1,[["k",7,1]]]',
      '["entered",1]',
      '["viewing",1,"2"]',
    ],
    ...['[1]', '[1.5,1,1]', '[-1,1,1]', '[1,-1,1]', '["gap",1,["e",0,-1],0,"trimmed"]'],
  ];
  for (const text of bad) expect(() => readFrame(text), text).toThrow();
  expect(() => readEntry('[1]', true)).toThrow();
  expect(() => readEntry(new Uint8Array(1), true)).toThrow();
});

test('[F3] a payload that the server could not take apart is found out before it is sent', () => {
  const around = (most: number) => fc.integer({ min: most - 3, max: most + 3 });
  const nest = (levels: number, open: string, close: string, core: string) =>
    open.repeat(levels) + core + close.repeat(levels);
  const odd = fc.constantFrom('"]}[{,\\\\\\""', '{}', '[]', '1', '[[],{}]', '{"a,":[1,"}"]}');
  const deep = fc
    .tuple(around(31), odd)
    .chain(([levels, core]) =>
      fc.constantFrom(nest(levels, '[', ']', core), nest(levels, '{"a":', '}', core)),
    );
  const many = fc
    .tuple(around(9_994), odd)
    .map(([count, core]) => `[${Array.from({ length: count }, () => '0').join()},${core}]`);
  fc.assert(
    fc.property(fc.oneof(payload, deep, many), (data) => {
      const text = JSON.stringify(JSON.parse(data));
      const frame = writeFrame('publish', 1, 'c', 'p', 1, text);
      const taken = decodeClient(frame, 1e9).type === 'publish';
      expect(payloadFault(text) === undefined, text.slice(0, 200)).toBe(taken);
    }),
    { numRuns: 300 },
  );
});
