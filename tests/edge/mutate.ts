/**
 * Good input made bad: bytes changed, left out, repeated, swapped for those of another. What is near to good input gets further
 * into a reader than noise does, so it reaches more of its branches. The property tests of this suite draw from it.
 */
import { type ClientFrame, encodeClient } from '@syncline/protocol/wire';
import fc from 'fast-check';

const position = { epoch: '0mabc-DEF_1', offset: 3, check: 7 };

/** One of each frame, and of each form that a field may have. */
export const good: readonly ClientFrame[] = [
  { type: 'subscribe', ref: 1, channel: 'chat/x', start: 0 },
  { type: 'subscribe', ref: 2_147_483_647, channel: '__proto__', start: position },
  { type: 'unsubscribe', ref: 10, channel: 'chat/@a=b;c,d.e:f' },
  {
    type: 'publish',
    ref: 7,
    channel: 'chat/x',
    producer: 'p-1_Z',
    sequence: 1,
    data: '{"a":[1,"é\\n",null,{}],"__proto__":1e3}',
  },
  { type: 'history', ref: 99, channel: 'chat/x', direction: 'before', offset: 5, limit: 500 },
  { type: 'auth', ref: 5, token: 'a.b.c' },
  { type: 'heartbeat' },
  { type: 'subscribe', ref: 11, channel: 'chat/x?presence', start: 0 },
  {
    type: 'view',
    ref: 12,
    channel: 'chat/x',
    id: 0,
    filter: { keys: ['a', '__proto__'], prefix: 'b', bbox: [170.5, -10, -170, 1e1], maxHz: 0.5 },
  },
  { type: 'view', ref: 13, channel: 'chat/x', id: 4, filter: null },
  { type: 'enter', ref: 14, channel: 'chat/x', lease: 'abcdefghij012345', data: '{"name":"é"}' },
  { type: 'leave', ref: 15, channel: 'chat/x', lease: 'abcdefghij012345' },
  { type: 'signal', ref: 16, channel: 'chat/x', lease: 'abcdefghij012345', data: '[1.0,{"a":null}]' },
];

const hostile = fc.constantFrom(
  '"',
  '\\',
  '[',
  ']',
  '{',
  '}',
  ',',
  ':',
  '0',
  '-',
  'e',
  '.',
  ' ',
  '\0',
  '\ud800',
  '\u{1f6a2}',
  '1e400',
  'null',
);

/** A good text, with one to three things done to it. */
export function damaged(texts: readonly string[]): fc.Arbitrary<string> {
  const text = fc.constantFrom(...texts);
  const harm = fc.oneof(
    fc.record({ do: fc.constant('change' as const), at: fc.nat(), by: hostile }),
    fc.record({ do: fc.constant('insert' as const), at: fc.nat(), by: hostile }),
    fc.record({ do: fc.constant('cut' as const), at: fc.nat(), by: hostile }),
    fc.record({ do: fc.constant('drop' as const), at: fc.nat(), by: hostile }),
    fc.record({ do: fc.constant('repeat' as const), at: fc.nat(), by: hostile }),
    fc.record({ do: fc.constant('splice' as const), at: fc.nat(), by: text }),
  );
  return fc.tuple(text, fc.array(harm, { minLength: 1, maxLength: 3 })).map(([start, harms]) =>
    harms.reduce((now, { do: what, at, by }) => {
      const i = at % (now.length + 1);
      if (what === 'change') return now.slice(0, i) + by + now.slice(i + 1);
      if (what === 'insert') return now.slice(0, i) + by + now.slice(i);
      if (what === 'cut') return now.slice(0, i);
      if (what === 'drop') return now.slice(0, i) + now.slice(i + 1);
      if (what === 'repeat') return now.slice(0, i) + now.slice(Math.floor(i / 2));
      return now.slice(0, i) + by.slice(at % (by.length + 1));
    }, start),
  );
}

/** The same with bytes. */
export function damagedBytes(all: readonly Uint8Array[]): fc.Arbitrary<Buffer> {
  return damaged(all.map((bytes) => Buffer.from(bytes).toString('latin1'))).map((text) =>
    Buffer.from(text, 'latin1'),
  );
}

/** Texts of clients: good frames damaged, lists of any JSON under the names of frames, any JSON, and anything. */
export const texts: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 5, arbitrary: damaged(good.map(encodeClient)) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(
          fc.constantFrom(...good.map(({ type }) => type)),
          fc.option(fc.integer({ min: 1, max: 50 })),
          fc.array(fc.json({ maxDepth: 3 }), { maxLength: 5 }),
        )
        .map(
          ([type, ref, rest]) =>
            `[${[JSON.stringify(type), ...(ref === null ? [] : [ref]), ...rest].join(',')}]`,
        ),
    },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  )
  // What the wire makes of it: half a surrogate has no UTF-8.
  .map((text) => Buffer.from(text).toString());
