/**
 * What the codec refuses, and in which words: bad inputs as tables of text and message, each field of each frame left out
 * or of the wrong type, the bounds of a frame, and whatever fast-check thinks of. Nothing throws, nothing is polluted.
 */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import {
  clientFrames,
  decodeClient,
  decodeServer,
  encodeClient,
  encodeServer,
  serverFrames,
} from './codec.ts';
import { SyncError } from './codes.ts';
import * as frames from './frames.suite.ts';

const notJson = 'The frame is not JSON.';
const notAnArray = 'A text frame must be one JSON array.';
const insideString = 'The frame ends inside a string.';

/** What decodeClient says of a text: the ref it could read, the code and the message. */
function refusal(text: string, bytesMax?: number): { ref: number | null; code: string; message: string } {
  const frame = decodeClient(text, bytesMax);
  if (frame.type !== 'refused') throw new Error(`It was taken: ${JSON.stringify(frame)}`);
  return { ref: frame.ref, code: frame.error.code, message: frame.error.message };
}

const cannot = (frame: string, field: string, expected: string, got: string) =>
  `The frame "${frame}" can't be read: expected \`${field}\` to be ${expected}, got ${got}.`;

const aRef = 'an integer from 1 to 2147483647';
const aName = (fault: string) => `a channel name (${fault})`;
const aCharacter = 'it may hold only A–Z a–z 0–9 _ - = @ , . : ; and / between segments';
const anEpoch = 'an epoch of up to 64 characters of A–Z a–z 0–9 _ -';
const aProducer = 'a producer id of up to 64 characters of A–Z a–z 0–9 _ -';

describe('texts that are no frame', () => {
  test.each([
    ['nothing', '', notAnArray],
    ['white space', ' \n', notAnArray],
    ['null', 'null', notAnArray],
    ['true', 'true', notAnArray],
    ['a number', '42', notAnArray],
    ['a text', '"x"', notAnArray],
    ['an object', '{"type":"publish"}', notAnArray],
    ['two arrays', '["heartbeat"]["heartbeat"]', notAnArray],
    ['two arrays on two lines', '["heartbeat"]\n["heartbeat"]', notAnArray],
    ['an array cut off', '["subscribe",1,"c"', notAnArray],
    ['a text cut off', '["subscribe",1,"c', insideString],
    ['an escape cut off', '["subscribe\\', insideString],
    ['a byte order mark', '\ufeff["heartbeat"]', notJson],
    ['a comma at the end', '["heartbeat",]', notJson],
    ['two commas', '["subscribe",,1]', notJson],
    ['NaN', '["subscribe",NaN,"c",0]', notJson],
    ['Infinity', '["subscribe",1,"c",Infinity]', notJson],
    ['a leading zero', '["subscribe",01,"c",0]', notJson],
    ['a hexadecimal number', '["subscribe",0x1,"c",0]', notJson],
    ['single quotes', "['heartbeat']", notJson],
    ['a comment', '["heartbeat"/* */]', notJson],
    ['a line feed in a text', '["heart\nbeat"]', notJson],
    ['a bad escape', '["heart\\beat\\x"]', notJson],
    ['brackets that cross', '["publish",1,"c","p",1,[{]}]', notJson],
    ['a space that is no JSON space', '["heartbeat"\u00a0]', notJson],
    ['an undefined payload', '["publish",1,"c","p",1,undefined]', notJson],
  ])('[F1] %s', (_what, text, message) => {
    expect(refusal(text)).toEqual({ ref: null, code: 'bad_frame', message });
  });

  test.each([
    ['an empty array', '[]', 'nothing', null],
    ['no name', '[null,3]', 'null', 3],
    ['a number for a name', '[7,3]', '7 (number)', 3],
    ['an array for a name', '[["heartbeat"],3]', 'an array', 3],
    ['an object for a name', '[{"toString":"heartbeat"},3]', 'an object', 3],
    ['an unknown name', '["rpc",3,"c"]', '"rpc" (string)', 3],
    ['an empty name', '["",3]', '"" (string)', 3],
    ['another case', '["Heartbeat"]', '"Heartbeat" (string)', null],
    ['a frame of the server', '["ack",3,["e",1,1]]', '"ack" (string)', 3],
    ['entries', '[1,3,{}]', '1 (number)', 3],
    ['__proto__', '["__proto__",3]', '"__proto__" (string)', 3],
    ['constructor', '["constructor",3]', '"constructor" (string)', 3],
    ['toString', '["toString",3]', '"toString" (string)', 3],
    ['a name of 1,000 characters', `["${'x'.repeat(1000)}",3]`, `"${'x'.repeat(40)}" (string)`, 3],
  ])('[F4] %s is no frame of a client', (_what, text, got, ref) => {
    expect(refusal(text)).toEqual({ ref, code: 'bad_frame', message: `No frame is called ${got}.` });
  });
});

describe('fields', () => {
  /** Frame, field, what is expected there; then texts of such frames with what stands there instead. */
  const bad: [frame: string, field: string, expected: string, rows: [text: string, got: string][]][] = [
    [
      'subscribe',
      'channel',
      aName('it must be a text'),
      [
        ['["subscribe",1]', 'nothing'],
        ['["subscribe",1,null,0]', 'null'],
        ['["subscribe",1,["c"],0]', 'an array'],
        ['["subscribe",1,{"toString":"c"},0]', 'an object'],
      ],
    ],
    [
      'subscribe',
      'channel',
      aName(aCharacter),
      [
        ['["subscribe",1,"chat/*",0]', '"chat/*" (string)'],
        ['["subscribe",1,"a\\u0000b",0]', '"a\0b" (string)'],
        ['["subscribe",1,"\\ud800",0]', '"\ud800" (string)'],
      ],
    ],
    ['subscribe', 'channel', aName('it is empty'), [['["subscribe",1,"",0]', '"" (string)']]],
    [
      'subscribe',
      'channel',
      aName('a segment is empty, "." or ".."'),
      [['["subscribe",1,"a/../b",0]', '"a/../b" (string)']],
    ],
    [
      'subscribe',
      'channel',
      aName('it is longer than 255 characters'),
      [[`["subscribe",1,"${'c'.repeat(256)}",0]`, `"${'c'.repeat(40)}" (string)`]],
    ],
    [
      'subscribe',
      'start',
      'a position [epoch, offset, check]',
      [
        ['["subscribe",1,"c"]', 'nothing'],
        ['["subscribe",1,"c",null]', 'null'],
        ['["subscribe",1,"c","5"]', '"5" (string)'],
        ['["subscribe",1,"c",{"epoch":"e","offset":1,"check":1}]', 'an object'],
      ],
    ],
    [
      'subscribe',
      'start',
      'an integer from 0 up',
      [
        ['["subscribe",1,"c",-1]', '-1 (number)'],
        ['["subscribe",1,"c",1.5]', '1.5 (number)'],
        ['["subscribe",1,"c",9007199254740992]', '9007199254740992 (number)'],
        ['["subscribe",1,"c",1e400]', 'Infinity (number)'],
      ],
    ],
    [
      'subscribe',
      'start',
      anEpoch,
      [
        ['["subscribe",1,"c",[]]', 'nothing'],
        ['["subscribe",1,"c",["",1,1]]', '"" (string)'],
        ['["subscribe",1,"c",[7,1,1]]', '7 (number)'],
        ['["subscribe",1,"c",[{},1,1]]', 'an object'],
        ['["subscribe",1,"c",["e e",1,1]]', '"e e" (string)'],
        [`["subscribe",1,"c",["${'e'.repeat(65)}",1,1]]`, `"${'e'.repeat(40)}" (string)`],
        [`["subscribe",1,"c",["${'e'.repeat(10_000)}",1,1]]`, `"${'e'.repeat(40)}" (string)`],
      ],
    ],
    [
      'subscribe',
      'start',
      'an offset from 0 up',
      [
        ['["subscribe",1,"c",["e"]]', 'nothing'],
        ['["subscribe",1,"c",["e",-1,1]]', '-1 (number)'],
        ['["subscribe",1,"c",["e",1.5,1]]', '1.5 (number)'],
        ['["subscribe",1,"c",["e","5",1]]', '"5" (string)'],
        ['["subscribe",1,"c",["e",9007199254740993,1]]', '9007199254740992 (number)'],
        ['["subscribe",1,"c",["e",null,1]]', 'null'],
      ],
    ],
    [
      'subscribe',
      'start',
      'a check from 0 to 4294967295',
      [
        ['["subscribe",1,"c",["e",1]]', 'nothing'],
        ['["subscribe",1,"c",["e",1,-1]]', '-1 (number)'],
        ['["subscribe",1,"c",["e",1,4294967296]]', '4294967296 (number)'],
        ['["subscribe",1,"c",["e",1,"9"]]', '"9" (string)'],
      ],
    ],
    [
      'publish',
      'producer',
      aProducer,
      [
        ['["publish",1,"c","",1,0]', '"" (string)'],
        ['["publish",1,"c",5,1,0]', '5 (number)'],
        ['["publish",1,"c","a b",1,0]', '"a b" (string)'],
        ['["publish",1,"c","a/b",1,0]', '"a/b" (string)'],
        [`["publish",1,"c","${'p'.repeat(65)}",1,0]`, `"${'p'.repeat(40)}" (string)`],
        [`["publish",1,"c","${'p'.repeat(10_000)}",1,0]`, `"${'p'.repeat(40)}" (string)`],
      ],
    ],
    [
      'publish',
      'sequence',
      'an integer from 1 up',
      [
        ['["publish",1,"c","p",0,0]', '0 (number)'],
        ['["publish",1,"c","p",-1,0]', '-1 (number)'],
        ['["publish",1,"c","p",1.5,0]', '1.5 (number)'],
        ['["publish",1,"c","p","1",0]', '"1" (string)'],
        ['["publish",1,"c","p",9007199254740992,0]', '9007199254740992 (number)'],
      ],
    ],
    ['publish', 'data', 'a payload', [['["publish",1,"c","p",1]', 'nothing']]],
    [
      'history',
      'direction',
      '"before" or "after"',
      [
        ['["history",1,"c","around",0,1]', '"around" (string)'],
        ['["history",1,"c","__proto__",0,1]', '"__proto__" (string)'],
        ['["history",1,"c",null,0,1]', 'null'],
      ],
    ],
    [
      'history',
      'offset',
      'an offset from 0 up',
      [
        ['["history",1,"c","after",-1,1]', '-1 (number)'],
        ['["history",1,"c","after",["e",1,1],1]', 'an array'],
      ],
    ],
    [
      'history',
      'limit',
      'an integer from 1 to 500',
      [
        ['["history",1,"c","after",0]', 'nothing'],
        ['["history",1,"c","after",0,-1]', '-1 (number)'],
        ['["history",1,"c","after",0,0]', '0 (number)'],
        ['["history",1,"c","after",0,501]', '501 (number)'],
        ['["history",1,"c","after",0,1e9]', '1000000000 (number)'],
        ['["history",1,"c","after",0,true]', 'true (boolean)'],
      ],
    ],
  ];

  test.each(
    bad.flatMap(([frame, field, expected, rows]) =>
      rows.map(([text, got]) => ({ text, message: cannot(frame, field, expected, got) })),
    ),
  )('[F2] $text', ({ text, message }) => {
    expect(refusal(text)).toEqual({ ref: 1, code: 'bad_frame', message });
  });

  test.each([
    ['nothing', '["unsubscribe"]', 'nothing'],
    ['null', '["unsubscribe",null,"c"]', 'null'],
    ['an empty text', '["unsubscribe","","c"]', '"" (string)'],
    ['a text', '["unsubscribe","1","c"]', '"1" (string)'],
    [
      'a text of 50,000 characters',
      `["unsubscribe","${'1'.repeat(50_000)}","c"]`,
      `"${'1'.repeat(40)}" (string)`,
    ],
    ['0', '["unsubscribe",0,"c"]', '0 (number)'],
    ['-0', '["unsubscribe",-0,"c"]', '0 (number)'],
    ['-1', '["unsubscribe",-1,"c"]', '-1 (number)'],
    ['1.5', '["unsubscribe",1.5,"c"]', '1.5 (number)'],
    ['2^31', '["unsubscribe",2147483648,"c"]', '2147483648 (number)'],
    ['2^53', '["unsubscribe",9007199254740992,"c"]', '9007199254740992 (number)'],
    ['1e400', '["unsubscribe",1e400,"c"]', 'Infinity (number)'],
    ['true', '["unsubscribe",true,"c"]', 'true (boolean)'],
    ['an array', '["unsubscribe",[1],"c"]', 'an array'],
    ['an object', '["unsubscribe",{"valueOf":1},"c"]', 'an object'],
  ])('[F6] %s is no ref, so no answer can name it', (_what, text, got) => {
    expect(refusal(text)).toEqual({
      ref: null,
      code: 'bad_frame',
      message: cannot('unsubscribe', 'ref', aRef, got),
    });
  });

  test('[F6] the smallest and the largest ref are taken', () => {
    for (const ref of [1, 2 ** 31 - 1])
      expect(decodeClient(`["unsubscribe",${ref},"c"]`)).toMatchObject({ ref });
  });

  test.each([
    [2147483647, '["unsubscribe",2147483647,""]'],
    [7, '["nonsense",7]'],
    [7, '[null,7]'],
    [7, '["publish",7,"c","p",1]'],
    [null, '["nonsense","7"]'],
    [null, '["nonsense",7'],
    [null, `["nonsense",7,${'['.repeat(40)}${']'.repeat(40)}]`],
    [null, '{"0":"nonsense","1":7,"length":2}'],
  ])('[F5] the ref that an answer can name is %s', (ref, text) => {
    expect(refusal(text)).toMatchObject({ ref, code: 'bad_frame' });
  });

  const fields = (tables: object) =>
    Object.entries(tables).flatMap(([type, fieldsOf]) =>
      Object.keys(fieldsOf as object).map((name, i): [string, string, number] => [type, name, i + 1]),
    );
  /** Of each JSON type, what no field but a payload, a start or a text takes. */
  const wrong = ['null', 'true', '-1', '0.5', '"\\u0000"', '{}', '[]', '[[]]'];

  const anyText = ['"\\u0000"'];
  /** What else a field takes: null stands for nothing there, lists may be empty, facts have any name. */
  const alsoRight: Record<string, readonly string[]> = {
    ...{ data: wrong, gap: ['null'], expiresMs: ['null'], detail: ['null', '{}'], filter: ['null', '{}'] },
    ...{ entries: ['[]', '[[]]'], rows: ['[]', '[[]]'], heads: ['[]'], gone: ['[]'], signals: ['[]'] },
    ...{
      stamped: ['true'],
      more: ['true'],
      session: anyText,
      code: anyText,
      message: anyText,
      reason: anyText,
    },
  };

  test.each(fields(clientFrames))(
    "[F2] a client's %s without `%s` is refused by name, and so are wrong types",
    (type, name, at) => {
      fc.assert(
        fc.property(
          frames.clientFrames[type as keyof typeof frames.clientFrames],
          fc.constantFrom(...wrong),
          (frame, bad) => {
            const tuple = JSON.parse(encodeClient(frame)) as unknown[];
            const beginning = `The frame "${type}" can't be read: expected \`${name}\` to be `;
            expect(refusal(JSON.stringify(tuple.slice(0, at))).message.slice(0, beginning.length)).toBe(
              beginning,
            );
            if (alsoRight[name]?.includes(bad)) return;
            const text = JSON.stringify(tuple.with(at, JSON.parse(bad)));
            expect(refusal(text).message.slice(0, beginning.length)).toBe(beginning);
          },
        ),
        { numRuns: 30 },
      );
    },
  );

  test.each(fields(serverFrames))(
    "[F2] a server's %s without `%s` is refused by name, and so are wrong types",
    (type, name, at) => {
      const right = name === 'ref' && type === 'error' ? ['null'] : (alsoRight[name] ?? []);
      const bads = wrong.filter((text) => !right.includes(text) || (type === 'gap' && name === 'reason'));
      fc.assert(
        fc.property(frames.serverFrames[type as keyof typeof frames.serverFrames], (frame) => {
          const tuple = JSON.parse(encodeServer(frame)) as unknown[];
          const beginning = `The frame "${type}" can't be read: expected \`${name}\` to be `;
          const without = name === 'staleMs' ? [] : [tuple.slice(0, at)];
          for (const text of [...without, ...bads.map((bad) => tuple.with(at, JSON.parse(bad)))]) {
            expect(() => decodeServer(JSON.stringify(text))).toThrow(beginning);
          }
        }),
        { numRuns: 10 },
      );
    },
  );

  test.each([
    ['two words', 's3cret s3cret'],
    ['not ASCII', 's3crét-s3cret'],
    ['a line feed', 's3cret\n'],
    ['8,193 characters', `s3cret${'x'.repeat(8187)}`],
  ])('[I2] a token that can be none is refused without being repeated: %s', (_what, token) => {
    const { ref, code, message } = refusal(JSON.stringify(['auth', 3, token]));
    const expected = 'a token of 1 to 8192 printable ASCII characters without spaces';
    expect([ref, code, message]).toEqual([
      3,
      'bad_frame',
      cannot('auth', 'token', expected, 'something else'),
    ]);
  });

  test('[I2] a token that stands where the number should is not repeated either', () => {
    const { ref, message } = refusal(JSON.stringify(['auth', 's3cret-s3cret']));
    expect([ref, message.includes('s3cret')]).toEqual([null, false]);
  });

  test('[I2] a token has up to 8,192 characters', () => {
    const token = `!~${'x'.repeat(8190)}`;
    expect(decodeClient(JSON.stringify(['auth', 3, token]))).toEqual({ type: 'auth', ref: 3, token });
  });

  test.each([
    ['[-1,1,0]', cannot('entries', 'id', 'an integer from 0 up', '-1 (number)')],
    ['[1.5,1,0]', cannot('entries', 'id', 'an integer from 0 up', '1.5 (number)')],
    ['[1,0,0]', cannot('entries', 'first', 'an integer from 1 up', '0 (number)')],
    ['[1]', cannot('entries', 'first', 'an integer from 1 up', 'nothing')],
    ['[1,"1",0]', cannot('entries', 'first', 'an integer from 1 up', '"1" (string)')],
    ['[1,1,{"a"}]', notJson],
    ['{}', notAnArray],
    ['', notAnArray],
    ['["ack', insideString],
    ['["heartbeat",[[1,2]]]', cannot('heartbeat', 'heads', 'a check from 0 to 4294967295', 'nothing')],
    ['["heartbeat",[],null]', cannot('heartbeat', 'staleMs', 'an integer from 0 up', 'null')],
    ['["heartbeat",[[1,2,3],7]]', cannot('heartbeat', 'heads', 'a head [id, offset, check]', '7 (number)')],
  ])("[F2] what is wrong with a server's %s is thrown as bad_frame", (text, message) => {
    expect(() => decodeServer(text)).toThrow(new SyncError('bad_frame', message));
  });
});

describe('bounds', () => {
  const nested = (levels: number) =>
    `["publish",1,"c","p",1,${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}]`;
  const nestedObjects = (levels: number) =>
    `["publish",1,"c","p",1,${'{"a":'.repeat(levels - 1)}0${'}'.repeat(levels - 1)}]`;
  const publish = (payload: string) => `["publish",1,"c","p",1,${payload}]`;

  test.each([
    ['arrays', nested],
    ['objects', nestedObjects],
  ])('[F3] a frame nests 32 levels, its own array included: %s', (_what, of) => {
    expect(decodeClient(of(32)).type).toBe('publish');
    const message = 'The frame nests deeper than 32 levels.';
    for (const levels of [33, 34, 8_000])
      expect(refusal(of(levels))).toEqual({ ref: null, code: 'bad_frame', message });
  });

  test('[F3] 20,000 levels are refused, not parsed', () => {
    expect(refusal(nested(20_000)).message).toBe('The frame nests deeper than 32 levels.');
  });

  test.each([
    ['items', (n: number) => `[${Array(n).fill('0').join(',')}]`],
    [
      'members',
      (n: number) => JSON.stringify(Object.fromEntries(Array.from({ length: n }, (_, i) => [i, 0]))),
    ],
    ['empty containers', (n: number) => `[${Array(n).fill('[]').join(',')}]`],
    [
      'lists of one',
      (n: number) => `[${'[0],'.repeat(Math.floor((n - 1) / 2))}${n % 2 === 0 ? '[0]' : '0'}]`,
    ],
  ])('[F3] a frame holds 10,000 members, its own six included: %s', (_what, of) => {
    expect(decodeClient(publish(of(9_994)), Infinity).type).toBe('publish');
    const refused = { ref: null, code: 'bad_frame', message: 'The frame holds more than 10000 members.' };
    expect(refusal(publish(of(9_995)), Infinity)).toEqual(refused);
    expect(refusal(publish(of(100_000)), Infinity)).toEqual(refused);
  });

  test('[F3] commas and brackets in texts are no members and no levels', () => {
    expect(decodeClient(publish(JSON.stringify(',[{'.repeat(15_000)))).type).toBe('publish');
  });

  const tooLarge = {
    ref: null,
    code: 'frame_too_large',
    message: 'The frame is larger than the 66560 bytes that the server takes.',
  };

  test.each([
    ['one byte a character', 'x', 1],
    ['two bytes a character', 'é', 2],
    ['three bytes a character', '€', 3],
    ['four bytes for two code units', '\u{1f6a2}', 4],
  ])('[F3] a frame has 66,560 bytes as UTF-8: %s', (_what, character, bytes) => {
    const room = 66_560 - publish('""').length;
    const fill = character.repeat(Math.floor(room / bytes)) + 'x'.repeat(room % bytes);
    const fits = publish(`"${fill}"`);
    expect(new TextEncoder().encode(fits)).toHaveLength(66_560);
    expect(decodeClient(fits).type).toBe('publish');
    expect(refusal(publish(`"${fill}x"`))).toEqual(tooLarge);
  });

  test('[F3] a payload at its limit fits into a frame, whatever stands before it', () => {
    const longest = [
      'publish',
      2 ** 31 - 1,
      'c'.repeat(255),
      'p'.repeat(64),
      Number.MAX_SAFE_INTEGER,
      'x'.repeat(65_534),
    ];
    expect(decodeClient(JSON.stringify(longest)).type).toBe('publish');
  });

  test('[F3] the size is looked at first: a frame too large is refused unread', () => {
    for (const text of [
      'x'.repeat(66_561),
      '['.repeat(70_000),
      `["nonsense",7,"${'x'.repeat(70_000)}"]`,
      '"'.repeat(66_561),
    ]) {
      expect(refusal(text)).toEqual(tooLarge);
    }
    expect(refusal(`{${'"k":0,'.repeat(100_000)}}`)).toEqual(tooLarge);
  });

  test('[F3] a text that must be too large, or can not be, is not even encoded to be measured', () => {
    const encoded = vi.spyOn(TextEncoder.prototype, 'encode');
    expect(refusal('x'.repeat(5_000_000))).toEqual(tooLarge);
    decodeClient('["heartbeat"]');
    decodeClient('x'.repeat(66_560 / 3));
    expect(encoded).not.toHaveBeenCalled();
    encoded.mockRestore();
  });

  test('[F3] a server may take larger frames, or only smaller ones', () => {
    const text = publish(`"${'x'.repeat(80_000)}"`);
    expect(decodeClient(text, 100_000).type).toBe('publish');
    expect(refusal(publish('"xxxx"'), 20)).toMatchObject({
      code: 'frame_too_large',
      message: 'The frame is larger than the 20 bytes that the server takes.',
    });
  });

  test('[F3] what a server sends is not bounded: a history page may nest deeper by its frame', () => {
    const payload = '['.repeat(31) + ']'.repeat(31);
    expect(decodeServer(`["history",1,"e",1,false,false,[${payload}]]`)).toHaveProperty('entries', [payload]);
    const many = Array(20_000).fill('0');
    expect(decodeServer(`[1,1,${many.join(',')}]`)).toHaveProperty('entries', many);
  });
});

describe('whatever comes', () => {
  const prototype = Object.getOwnPropertyNames(Object.prototype);
  const spliced = fc
    .tuple(
      frames.clientFrame,
      fc.nat(),
      fc.nat(4),
      fc.oneof(fc.string(), fc.constantFrom('[', ']', '"', ',', '\\', '{')),
    )
    .map(([frame, at, cut, insert]) => {
      const text = encodeClient(frame);
      const i = at % (text.length + 1);
      return text.slice(0, i) + insert + text.slice(i + cut);
    });
  const hostile = fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'polluted',
  );
  const objects = fc.dictionary(hostile, fc.dictionary(hostile, fc.anything({ maxDepth: 1 })));
  const nested = objects.map((o) => JSON.stringify(o));
  const polluting = fc
    .tuple(
      fc.constantFrom('subscribe', 'publish', 'history', 'heartbeat', '__proto__', 'constructor'),
      // More than any frame has fields.
      fc.array(fc.oneof(fc.json(), nested), { maxLength: 8 }),
    )
    .map(([type, rest]) => `[${[`"${type}"`, ...rest].join(',')}]`);

  test('[F2] any text is a frame or refused as bad_frame; it never throws', () => {
    const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), spliced, polluting);
    fc.assert(
      fc.property(texts, (text) => {
        const frame = decodeClient(text);
        if (frame.type === 'refused') {
          expect(frame.error).toBeInstanceOf(SyncError);
          expect(frame.error.code).toBe('bad_frame');
          expect(frame.error.message.length).toBeLessThan(300);
        } else {
          expect(decodeClient(encodeClient(frame))).toEqual(frame);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("[F2] any text is a server's frame, ignored, or thrown as bad_frame", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json(), spliced, polluting), (text) => {
        try {
          decodeServer(text);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(SyncError);
          expect(thrown).toMatchObject({ code: 'bad_frame' });
        }
      }),
      { numRuns: 500 },
    );
  });

  test('[C3] no frame changes what every object has', () => {
    fc.assert(
      fc.property(polluting, (text) => {
        decodeClient(text);
        try {
          decodeServer(text.replace(/^\["[a-z_]+"/, '["error",1,"internal","m"'));
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(SyncError);
        }
        expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototype);
        expect(Reflect.get({}, 'polluted')).toBeUndefined();
      }),
    );
  });
});
