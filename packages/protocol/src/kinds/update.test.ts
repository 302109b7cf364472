/**
 * Whether bytes are a Yjs update (rule Y2): whatever Yjs writes is taken, whatever is taken Yjs can read, and what was made to hang
 * or to fill whoever believes it is refused, byte for byte and in which words.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as Y from 'yjs';
import { session, updatesOf } from './edits.suite.ts';
import { updateFault } from './update.ts';

// Yjs says on the console that a subdocument was integrated twice, which merging does.
const said = vi.spyOn(console, 'error');
beforeAll(() => void said.mockImplementation(() => {}));
afterAll(() => said.mockRestore());

/** Numbers are bytes, texts their UTF-8 behind its length. */
function raw(...parts: readonly (number | string | readonly number[])[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => {
      if (typeof part !== 'string') return part;
      const letters = new TextEncoder().encode(part);
      return [...varint(letters.length), ...letters];
    }),
  );
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

type Parts = readonly (number | string | readonly number[])[];
/** An update of one item in the shared type `t`, by client 7 from clock 0 on. */
const itemOf = (type: number, ...content: Parts) => raw(1, 1, 7, 0, type, 1, 't', ...content, 0);
/** What a Y.Doc holds after it. */
const applied = (update: Uint8Array): Y.Doc => {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, update);
  return doc;
};

describe('what Yjs writes', () => {
  test('[Y2] is taken, whoever wrote what, merged, with holes, and cut to differences', () => {
    let taken = 0;
    fc.assert(
      fc.property(session, fc.nat(100), (given, at) => {
        for (const update of updatesOf(given, at)) {
          expect(updateFault(update)).toBeUndefined();
          taken++;
        }
      }),
      { numRuns: 100 },
    );
    expect(taken).toBeGreaterThan(2000);
  });

  test('[Y2] in its second encoding is refused, also where nothing was written', () => {
    fc.assert(
      fc.property(session, (given) => {
        for (const doc of given.docs) expect(updateFault(Y.encodeStateAsUpdateV2(doc))).toBeDefined();
      }),
      { numRuns: 100 },
    );
    expect(updateFault(Y.encodeStateAsUpdateV2(new Y.Doc()))).toBeDefined();
    expect(updateFault(Y.encodeStateAsUpdate(new Y.Doc()))).toBeUndefined();
  });

  test('[Y2] with anything behind it, or with its end cut off, is refused', () => {
    fc.assert(
      fc.property(session, fc.nat(), fc.integer({ min: 1, max: 5 }), ({ updates }, at, more) => {
        for (const update of updates) {
          expect(updateFault(update.subarray(0, at % update.length))).toBeDefined();
          const longer = new Uint8Array(update.length + more);
          longer.set(update);
          expect(updateFault(longer)).toBe(`${more} bytes follow its end, at byte ${update.length}`);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('[Y2] may be a view of a larger block of bytes', () => {
    const block = Buffer.concat([Buffer.from([9, 9]), itemOf(4, 'abc'), Buffer.from([9])]);
    expect(updateFault(block.subarray(2, -1))).toBeUndefined();
    expect(updateFault(block.subarray(2))).toBe('1 bytes follow its end, at byte 13');
  });
});

describe('what is taken', () => {
  /** Changes of a few bytes: another one, one less, one more. */
  const change = fc.record({ how: fc.constantFrom('set', 'cut', 'add'), at: fc.nat(), byte: fc.nat(255) });
  const changed = (update: Uint8Array, changes: readonly { how: string; at: number; byte: number }[]) => {
    const bytes = [...update];
    for (const { how, at, byte } of changes) {
      const place = at % (bytes.length + 1);
      if (how === 'set') bytes.splice(place, 1, byte);
      else bytes.splice(place, how === 'cut' ? 1 : 0, ...(how === 'cut' ? [] : [byte]));
    }
    return Uint8Array.from(bytes);
  };

  test('[Y2] Yjs can read, whatever became of the bytes that it wrote, and write, merge and cut again', () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(
        session,
        fc.nat(100),
        fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { minLength: 10, maxLength: 20 }),
        (given, at, all) => {
          for (const [i, update] of updatesOf(given, at).entries()) {
            const bytes = changed(update, all[i % all.length] ?? []);
            if (updateFault(bytes) !== undefined) {
              seen.refused++;
              continue;
            }
            seen.taken++;
            const doc = applied(bytes);
            Y.encodeStateAsUpdate(doc);
            Y.encodeStateAsUpdateV2(doc);
            Y.mergeUpdates([bytes, update]);
            Y.diffUpdate(bytes, Y.encodeStateVector(doc));
          }
        },
      ),
      { numRuns: 150 },
    );
    // Otherwise what is drawn is too far from updates, or not far enough, to show anything.
    expect(seen.taken).toBeGreaterThan(200);
    expect(seen.refused).toBeGreaterThan(200);
  });

  test('[Y2] is never more than bytes: any other are refused without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        if (updateFault(bytes) === undefined) applied(bytes);
      }),
      { numRuns: 5000 },
    );
  });

  test('[Y2] JSON is what JSON.parse takes, up to 32 levels', () => {
    const nearly = fc
      .tuple(fc.json({ maxDepth: 3 }), fc.nat(), fc.constantFrom(...'"\\{}[],:0-+.eEu1atrfn \n\u0001é', ''))
      .map(([text, at, letter]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + letter + text.slice(place + (at % 2));
      });
    const odd = fc.constantFrom(
      ...[
        '',
        ' ',
        '-',
        '01',
        '1.',
        '.5',
        '1e',
        '1e+5',
        '-0',
        '"\\u00e"',
        '"\\u00eG"',
        '"\\uD800"',
        '"\\x"',
        'nul',
      ],
      ...[
        '{"a":1,}',
        '[1,]',
        '[,1]',
        '{,}',
        '{"a"}',
        '{a:1}',
        '[1 2]',
        '\t[ ]\r\n',
        '"\t"',
        '\ufeff1',
        'undefined',
        '[',
      ],
    );
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(fc.oneof(fc.json(), nearly, odd), (text) => {
        const taken = updateFault(itemOf(5, text)) === undefined;
        seen[taken ? 'taken' : 'refused']++;
        expect(taken, text).toBe(isJson(text));
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(300);
    const nested = (levels: number) => itemOf(5, '['.repeat(levels) + ']'.repeat(levels));
    expect(updateFault(nested(32))).toBeUndefined();
    expect(updateFault(nested(33))).toBe('a value nests deeper than 32 levels, at byte 41');
  });

  function isJson(text: string): boolean {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  }

  test('[Y2] text is UTF-8, and as long as JavaScript counts it', () => {
    const edges = [
      0x00, 0x7f, 0x80, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0x9f, 0xa0, 0x8f,
      0x90,
    ];
    const letters = fc.oneof(
      fc.array(fc.constantFrom(...edges), { minLength: 1, maxLength: 5 }),
      fc.string({ unit: 'binary', minLength: 1 }).map((text) => [...new TextEncoder().encode(text)]),
    );
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(letters, (bytes) => {
        const text = decoded(bytes);
        seen[text === undefined ? 'refused' : 'taken']++;
        const update = itemOf(4, bytes.length, bytes);
        expect(updateFault(update) === undefined).toBe(text !== undefined);
        if (text === undefined) return;
        // An item that stands beside the text's last unit is behind it; one beside the next unit would be beside itself.
        const beside = (clock: number) =>
          raw(1, 2, 7, 0, 4, 1, 't', bytes.length, bytes, 0x84, 7, varint(clock), 'x', 0);
        expect(updateFault(beside(text.length - 1))).toBeUndefined();
        expect(updateFault(beside(text.length))).toContain('beside one that comes after it');
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(200);
  });

  function decoded(bytes: readonly number[]): string | undefined {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
    } catch {
      return undefined;
    }
  }
});

describe('content', () => {
  test.each<[string, Uint8Array]>([
    ['deleted', itemOf(1, 5)],
    ['JSON, with what it can’t say', itemOf(2, 3, '{"a":[1]}', 'undefined', ' null ')],
    ['bytes', itemOf(3, 2, [0, 255])],
    ['text', itemOf(4, 'abc')],
    ['embedded', itemOf(5, '{"image":"x"}')],
    ['a format', itemOf(6, 'bold', 'true')],
    ['a list', itemOf(7, 0)],
    ['a map', itemOf(7, 1)],
    ['a text', itemOf(7, 2)],
    ['an XML element', itemOf(7, 3, 'p')],
    ['an XML fragment', itemOf(7, 4)],
    ['an XML hook', itemOf(7, 5, 'h')],
    ['an XML text', itemOf(7, 6)],
    [
      'every value',
      itemOf(
        8,
        12,
        [127, 126, 125, 0xbf, 0x7f, 124, 0, 0, 0, 0, 123],
        Array(8).fill(0),
        122,
        Array(8).fill(0),
        121,
        120,
        119,
        'x',
        118,
        1,
        'k',
        126,
        117,
        2,
        126,
        126,
        116,
        1,
        9,
      ),
    ],
    ['a document', itemOf(9, 'guid', 118, 1, 'autoLoad', 120)],
    ['garbage, a hole and more garbage', raw(1, 3, 7, 0, 0, 5, 10, 9, 0, 2, 0)],
    ['deletions of two clients', raw(0, 2, 7, 2, 0, 1, 5, 3, 6, 1, 0, 1)],
    ['deletions of one client in two parts', raw(0, 2, 7, 1, 0, 1, 7, 1, 5, 3)],
  ])('[Y2] is taken, and by Yjs too: %s', (_what, update) => {
    expect(updateFault(update)).toBeUndefined();
    applied(update);
  });

  const max = varint(Number.MAX_SAFE_INTEGER);
  test.each<[string, Uint8Array, string]>([
    ['nothing at all', raw(), 'it ends too early, at byte 0'],
    ['no deletions', raw(0), 'it ends too early, at byte 1'],
    ['2^53 - 1 clients', raw(max), `${Number.MAX_SAFE_INTEGER} of something can't be in 0 bytes, at byte 8`],
    [
      '2^53 - 1 structs',
      raw(1, max, 7, 0, 0, 1, 0),
      `${Number.MAX_SAFE_INTEGER} structs can't be in 3 bytes, at byte 11`,
    ],
    [
      '2^32 structs',
      raw(1, varint(2 ** 32), 7, 0, 0, 1, 0),
      "4294967296 structs can't be in 3 bytes, at byte 8",
    ],
    ['one struct too many', raw(1, 3, 7, 0, 0, 1, 0, 1, 0), "3 structs can't be in 5 bytes, at byte 4"],
    ['no struct', raw(1, 0, 7, 0, 0, 0), "0 structs can't be in 2 bytes, at byte 4"],
    [
      '2^40 values',
      itemOf(8, varint(2 ** 40), 126),
      "1099511627776 of something can't be in 2 bytes, at byte 14",
    ],
    [
      'a list of 2^40 values',
      itemOf(8, 1, 117, varint(2 ** 40)),
      "1099511627776 of something can't be in 1 bytes, at byte 16",
    ],
    [
      'an object of more members than bytes',
      itemOf(8, 1, 118, 3, 'k', 126),
      "3 of something can't be in 4 bytes, at byte 11",
    ],
    [
      'a text of 2^53 - 1 bytes',
      itemOf(4, max),
      `${Number.MAX_SAFE_INTEGER} of something can't be in 1 bytes, at byte 16`,
    ],
    ['bytes of 2^31', itemOf(3, varint(2 ** 31)), "2147483648 of something can't be in 1 bytes, at byte 13"],
    [
      '2^40 clients with deletions',
      raw(0, varint(2 ** 40)),
      "1099511627776 of something can't be in 0 bytes, at byte 7",
    ],
    [
      '2^40 deletions',
      raw(0, 1, 7, varint(2 ** 40)),
      "1099511627776 of something can't be in 0 bytes, at byte 9",
    ],
    ['a number without end', raw(Array(100).fill(0x80)), 'a number is above 2^53 - 1, at byte 8'],
    [
      'a number of 54 bits',
      raw(1, 1, [...Array(7).fill(0xff), 0x1f], 0, 0, 1, 0),
      'a number is above 2^53 - 1, at byte 10',
    ],
    [
      'an integer without end',
      itemOf(8, 1, 125, Array(100).fill(0xff)),
      'a number is above 2^53 - 1, at byte 18',
    ],
    [
      'an integer of 54 bits',
      itemOf(8, 1, 125, [...Array(7).fill(0xff), 0x3f]),
      'a number is above 2^53 - 1, at byte 18',
    ],
    ['a clock beyond all numbers', raw(1, 1, 7, max, 0, 1, 0), 'a clock is above 2^53 - 1, at byte 13'],
    ['a deletion beyond all numbers', raw(0, 1, 7, 1, max, 1), 'a clock is above 2^53 - 1, at byte 13'],
    ['garbage of no length', raw(1, 1, 7, 0, 0, 0, 0), 'something has no length, at byte 6'],
    ['an empty text', itemOf(4, ''), 'something has no length, at byte 9'],
    ['no values', itemOf(8, 0), 'something has no length, at byte 9'],
    ['a deletion of nothing', raw(0, 1, 7, 1, 0, 0), 'something has no length, at byte 6'],
    [
      'a client twice',
      raw(2, 1, 7, 0, 0, 1, 1, 7, 0, 0, 1, 0),
      'its clients are not in descending order, at byte 9',
    ],
    [
      'clients that ascend',
      raw(2, 1, 7, 0, 0, 1, 1, 8, 0, 0, 1, 0),
      'its clients are not in descending order, at byte 9',
    ],
    [
      'a parent of neither sort',
      raw(1, 1, 7, 0, 4, 2, 't', 'x', 0),
      'a parent is neither named nor numbered, at byte 6',
    ],
    [
      'an item inside itself',
      raw(1, 1, 7, 5, 4, 0, 7, 5, 'x', 0),
      'an item stands beside one that comes after it, at byte 8',
    ],
    [
      'an item right of itself',
      raw(1, 1, 7, 5, 0x84, 7, 5, 'x', 0),
      'an item stands beside one that comes after it, at byte 7',
    ],
    [
      'an item left of a later one',
      raw(1, 1, 7, 5, 0x44, 7, 9, 'x', 0),
      'an item stands beside one that comes after it, at byte 7',
    ],
    ['unknown content', itemOf(11, 1), 'no struct holds content of type 11, at byte 8'],
    ['a hole with a place', itemOf(0x8a, 1), 'no struct holds content of type 10, at byte 7'],
    ['garbage with a place', itemOf(0x20, 't', 1), 'no struct holds content of type 0, at byte 10'],
    ['an unknown shared type', itemOf(7, 7), 'no shared type is of type 7, at byte 9'],
    ['an unknown value', itemOf(8, 1, 115), 'no value is of type 115, at byte 10'],
    [
      'a document whose options are null',
      itemOf(9, 'guid', 126),
      'the options of a document are no object, at byte 13',
    ],
    ['a format whose value is no JSON', itemOf(6, 'bold', 'yes'), 'a text is no JSON, at byte 14'],
    ['JSON with more behind it', itemOf(5, '{} {}'), 'a text holds more than it should, at byte 12'],
    ['a letter that ends with its text', itemOf(4, 1, 0xc3), 'it ends too early, at byte 10'],
    [
      'a JSON text that reaches beyond its length',
      itemOf(5, 1, [0x22, 0x22]),
      'a text is no JSON, at byte 10',
    ],
  ])('[Y2] is refused, with where it goes wrong: %s', (_what, update, fault) => {
    expect(updateFault(update)).toBe(fault);
  });

  test('[Y2] values nest up to 32 levels, and no deeper, whatever they hold', () => {
    const lists = (levels: number) => itemOf(8, 1, Array(levels).fill([117, 1]).flat(), 126);
    const objects = (levels: number) => itemOf(8, 1, Array(levels).fill([118, 1, 1, 0x6b]).flat(), 126);
    for (const nested of [lists, objects]) {
      expect(updateFault(nested(32))).toBeUndefined();
      expect(updateFault(nested(33))).toContain('a value nests deeper than 32 levels');
      expect(updateFault(nested(15_000))).toContain('a value nests deeper than 32 levels');
    }
  });
});
