/**
 * The short way to read a publish: what it reads the codec reads alike, and what the codec refuses it leaves to the codec. Frames
 * come whole, and broken at any place.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from './limits.ts';
import { ackBytesMax, decodeClient, encodeClient, encodeServer, readPublish, writeAck } from './wire.ts';

function read(text: string) {
  const bytes = Buffer.from(text);
  return readPublish(bytes, 66_560, (_, from, to, ascii) =>
    bytes.toString(ascii ? 'latin1' : 'utf8', from, to),
  );
}

/** Whatever the short way says is what the codec says. */
function agrees(text: string): void {
  const frame = read(text);
  if (frame) expect(frame).toEqual(decodeClient(text));
}

const frame = fc.record({
  ref: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  channel: fc.constantFrom('chat/lobby', 'a', 'a.b/..c/d', '@:;,=/-_'),
  producer: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
  sequence: fc.integer({ min: 1, max: 10 ** 15 - 1 }),
  data: fc.json({ maxDepth: 8 }),
});

describe('a small publish', () => {
  it('[F2] [F9] is read as the codec reads it, and hardly one is left to the codec', () => {
    let left = 0;
    fc.assert(
      fc.property(frame, (fields) => {
        const text = encodeClient({ type: 'publish', ...fields });
        agrees(text);
        if (!read(text) && !text.includes('\\u')) left++;
      }),
    );
    expect(left).toBe(0);
  });

  it('[F2] [F3] that is broken anywhere is read as the codec reads it, if at all', () => {
    const bits = fc.constantFrom(
      '',
      '"',
      ',',
      '[',
      ']',
      '{',
      '}',
      '\\',
      '0',
      '-',
      '.',
      'e',
      ':',
      ' ',
      '/',
      '\n',
      'é',
    );
    const cut = fc.record({ at: fc.nat(400), drop: fc.nat(3), bit: bits });
    fc.assert(
      fc.property(frame, cut, (fields, { at, drop, bit }) => {
        const text = encodeClient({ type: 'publish', ...fields });
        const place = at % text.length;
        agrees(text.slice(0, place) + bit + text.slice(place + drop));
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['a name of nothing', '["publish",1,"","p",1,1]'],
    ['a segment of nothing', '["publish",1,"a//b","p",1,1]'],
    ['a name that ends in a slash', '["publish",1,"a/","p",1,1]'],
    ['a segment of one dot', '["publish",1,"a/.","p",1,1]'],
    ['a segment of two dots', '["publish",1,"../a","p",1,1]'],
    ['a companion', '["publish",1,"a?presence","p",1,1]'],
    ['seventeen segments', `["publish",1,"${Array(17).fill('a').join('/')}","p",1,1]`],
    ['a name too long', `["publish",1,"${'a'.repeat(256)}","p",1,1]`],
    ['a producer too long', `["publish",1,"a","${'p'.repeat(65)}",1,1]`],
    ['no producer', '["publish",1,"a","",1,1]'],
    ['a number too large', '["publish",2147483648,"a","p",1,1]'],
    ['a number with a zero before it', '["publish",01,"a","p",1,1]'],
    ['no number', '["publish",0,"a","p",1,1]'],
    ['a sequence that is not exact', '["publish",1,"a","p",9007199254740993,1]'],
    ['a payload too deep', `["publish",1,"a","p",1,${'['.repeat(32)}${']'.repeat(32)}]`],
    ['no payload', '["publish",1,"a","p",1,]'],
    ['something behind it', '["publish",1,"a","p",1,1,2]'],
    ['two payloads', '["publish",1,"a","p",1,[1][2]]'],
    ['a key without a value', '["publish",1,"a","p",1,{"a"}]'],
    ['a key that is none', '["publish",1,"a","p",1,{1:2}]'],
    ['a comma too many', '["publish",1,"a","p",1,[1,]]'],
    ['what closes something else', '["publish",1,"a","p",1,[1}]'],
    ['a number that ends early', '["publish",1,"a","p",1,1.]'],
    ['an exponent of nothing', '["publish",1,"a","p",1,1e+]'],
    ['a zero before a number', '["publish",1,"a","p",1,-01]'],
    ['a sign alone', '["publish",1,"a","p",1,-]'],
    ['half a word', '["publish",1,"a","p",1,tru]'],
    ['a character that must be escaped', '["publish",1,"a","p",1,"\n"]'],
    ['an escape that is none', '["publish",1,"a","p",1,"\\x"]'],
    ['a text that does not end', '["publish",1,"a","p",1,"\\"]'],
    ['white space', '["publish", 1,"a","p",1,1]'],
    ['another frame', '["history",1,"a","p",1,1]'],
    ['more bytes than are few', `["publish",1,"a","p",1,"${'x'.repeat(5000)}"]`],
    ['nothing', ''],
  ])('[F2] [F3] is left to the codec when it has %s', (_, text) => {
    expect(read(text)).toBeUndefined();
  });

  it.each([
    ['a payload of the greatest depth', `["publish",1,"a","p",1,${'['.repeat(31)}${']'.repeat(31)}]`],
    ['objects and lists in each other', '["publish",1,"a","p",1,[{"a":[1,{"b":{}}],"c":[]},[[]],"x"]]'],
    ['numbers of every sort', '["publish",1,"a","p",1,[0,-0,1.5,-2e10,3E-7,0.1e+1,123456789012345678901]]'],
    ['letters beyond ASCII', '["publish",1,"a","p",1,{"größe":"日本 🚢"}]'],
    ['escapes', '["publish",1,"a","p",1,"\\"\\\\\\/\\b\\f\\n\\r\\t"]'],
    ['a key of prototypes', '["publish",1,"a","p",1,{"__proto__":{"a":1}}]'],
    ['sixteen segments', `["publish",1,"${Array(16).fill('a').join('/')}","p",1,null]`],
  ])('[F3] [F9] is read by itself with %s', (_, text) => {
    expect(read(text)).toEqual(decodeClient(text));
    expect(read(text)).toMatchObject({ type: 'publish' });
  });
});

it('[A1] its answer is written as the codec writes it, and never longer than is said', () => {
  const offset = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 9, 10, 99, 100, Number.MAX_SAFE_INTEGER));
  const check = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const ref = fc.integer({ min: 1, max: limits.refMax.default });
  fc.assert(
    fc.property(
      ref,
      fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
      offset,
      check,
      (number, epoch, place, proof) => {
        const ack = { type: 'ack', ref: number, position: { epoch, offset: place, check: proof } } as const;
        const bytes = Buffer.alloc(ackBytesMax + 3, '.');
        const end = writeAck(bytes, 3, ack);
        expect(end - 3).toBeLessThanOrEqual(ackBytesMax);
        expect(bytes.toString('latin1', 0, end)).toBe(`...${encodeServer(ack)}`);
      },
    ),
  );
});
