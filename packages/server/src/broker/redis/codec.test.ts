/** What goes into Redis comes out as it was, and what never went in is told apart: replies and messages of any kind. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Broken,
  decodeText,
  encodeText,
  Garbled,
  parseAppended,
  parseCompacted,
  parseHead,
  parseMessage,
  parsePage,
} from './codec.ts';

const text = fc.string({ unit: 'binary', maxLength: 50 });
const broken = fc.array(fc.constantFrom('\ud800', '\udfff', 'a', '\u0000', '€', '\ufeff'), { maxLength: 8 });

describe('texts as bytes', () => {
  it('[F9] come back as they were, with broken surrogates too, and no two are the same', () => {
    const all = fc.oneof(
      text,
      broken.map((units) => units.join('')),
    );
    fc.assert(
      fc.property(all, all, (one, other) => {
        const [a, b] = [one, other].map((each) => Buffer.from(encodeText(each)));
        expect(decodeText(a ?? Buffer.alloc(0))).toBe(one);
        expect(a?.equals(b ?? Buffer.alloc(0))).toBe(one === other);
      }),
    );
  });

  it('bytes that stand for no text give none', () => {
    for (const bytes of [[0xff, 0x00], [0xc3], [0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]])
      expect(decodeText(Buffer.from(bytes))).toBeUndefined();
  });
});

/** Replies as a Redis that is none might give them. */
const replies: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  reply: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, undefined, true, 0, -1, Number.NaN, 1n, 'text', new Map(), {}, Symbol.iterator),
    fc.integer(),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom('1', '+ 1 1 1', '- too_many 1 ', '1 2 3 4 5', '5-7', 'epoch')
      .map((line) => Buffer.from(line)),
    fc.array(tie('reply'), { maxLength: 6 }),
  ),
})).reply;

const id = Buffer.from('1-5');
const entry = (...fields: (string | Buffer)[]) => [id, fields.map((field) => Buffer.from(field))];
const page = (entries: unknown, numbers = '1 5 1 0 0', snapshot = '') => [
  ...['epoch', '', numbers, snapshot].map((part) => Buffer.from(part)),
  entries,
];
const whole = ['a', '9', 'n', '1', 'b', '0', 'e', '2', 'f', 'ann', 'd', '1'] as const;

describe('replies', () => {
  it('of any kind are read, or refused as what they are', () => {
    fc.assert(
      fc.property(replies, (reply) => {
        for (const parse of [
          () => parseAppended(reply, 2),
          () => parsePage(reply),
          () => parseCompacted(reply),
          () => parseHead(reply),
        ]) {
          try {
            parse();
          } catch (thrown) {
            expect(thrown instanceof Garbled || thrown instanceof Broken, String(thrown)).toBe(true);
          }
        }
      }),
      { numRuns: 2000 },
    );
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('a page of one entry', () => {
    expect(parsePage(page([entry(...whole)]))).toEqual({
      epoch: 'epoch',
      aside: '',
      top: { offset: 1, check: 5 },
      oldest: 1,
      snapshot: null,
      entries: [{ offset: 1, check: 5, at: 9, from: 'ann', data: '1' }],
    });
  });

  it('an entry that is none is the log’s fault, in its epoch', () => {
    const changed = (index: number, value: string | Buffer) =>
      whole.map((part, i) => (i === index ? value : part));
    for (const fields of [
      [],
      whole.slice(0, 10),
      [...whole, 'x', 'y'],
      changed(0, 'A'),
      changed(1, '-9'),
      changed(1, '9'.repeat(17)),
      changed(7, '4'),
      changed(7, ''),
      changed(9, Buffer.from([0x80])),
      changed(11, Buffer.from([0x80])),
    ])
      expect(() => parsePage(page([entry(...fields)]))).toThrow(
        expect.objectContaining({ name: 'Broken', epoch: 'epoch' }),
      );
    for (const snapshot of ['x', 'xtext', '{'])
      expect(() => parsePage(page([], '5 5 5 4 4', snapshot))).toThrow(Broken);
  });
});

describe('messages', () => {
  const message = (head: string, ...parts: (string | Buffer)[]) =>
    Buffer.concat([Buffer.from(`${head}\n`), ...parts.map((part) => Buffer.from(part))]);

  it('of two entries', () => {
    const bytes = Buffer.from([0, 10, 255]);
    expect(
      parseMessage(message('1 node epoch 5 8 2', '7 100 2 3 1\nann1', '8 101 1 0 3\n', bytes), 'me'),
    ).toEqual({
      sender: 'node',
      news: {
        epoch: 'epoch',
        top: { offset: 5, check: 8 },
        entries: [
          { offset: 4, check: 7, at: 100, from: 'ann', data: '1' },
          { offset: 5, check: 8, at: 101, from: null, data: new Uint8Array(bytes) },
        ],
      },
    });
  });

  it('of one’s own are not taken apart', () => {
    expect(parseMessage(message('1 me epoch 5 8 2', 'whatever'), 'me')?.news).toEqual({
      epoch: 'epoch',
      top: { offset: 5, check: 8 },
      entries: [],
    });
  });

  it('of any other kind are none', () => {
    const good = message('1 node epoch 5 8 1', '8 100 2 3 1\nann1');
    expect(parseMessage(good, 'me')).toBeDefined();
    for (let length = 0; length < good.length; length++)
      expect(parseMessage(good.subarray(0, length), 'me'), `cut at ${length}`).toBeUndefined();
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.nat(255),
        fc.uint8Array({ maxLength: 40 }),
        (at, value, junk) => {
          const changed = Buffer.from(good);
          changed[at] = value;
          parseMessage(changed, 'me');
          expect(parseMessage(Buffer.concat([good, Buffer.from(junk)]), 'me') === undefined).toBe(
            junk.length > 0,
          );
          expect(parseMessage(Buffer.from(junk), 'me')).toBeUndefined();
        },
      ),
      { numRuns: 2000 },
    );
    for (const head of [
      '1 node epoch 5 8 999',
      '1 node epoch 0 8 1',
      '1 node epoch 5 9 1',
      `1 node epoch ${'9'.repeat(17)} 8 1`,
    ])
      expect(parseMessage(message(head, '8 100 2 3 1\nann1'), 'me'), head).toBeUndefined();
  });
});
