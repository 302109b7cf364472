/**
 * The scan before the parse (rules F3 and F9). JSON.parse is the oracle: whatever it calls an array, the scan cuts into
 * the texts of its elements, and the bounds are held against a walk over the parsed value.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { SyncError } from './codes.ts';
import { elements, unbounded } from './scan.ts';

const notAnArray = 'A text frame must be one JSON array.';

/** Nesting and number of members, counted on the parsed value. */
function measure(value: unknown): { depth: number; members: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, members: 0 };
  const inner = Object.values(value).map(measure);
  return {
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
    members: inner.reduce((sum, { members }) => sum + members, inner.length),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fault(run: () => unknown): string {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof SyncError && thrown.code === 'bad_frame') return thrown.message;
    throw thrown;
  }
  return 'nothing was thrown';
}

const value = fc.jsonValue({ maxDepth: 5 });
const list = fc.array(value, { maxLength: 8 });
const indent = fc.constantFrom(undefined, 1, 2, '\t', '\n\r ');
/** Texts made of what JSON is made of: many are arrays, many are nearly so. */
const nearly = fc
  .array(
    fc.constantFrom(
      '[',
      ']',
      '{',
      '}',
      ',',
      ':',
      '"',
      '\\',
      '"a"',
      '1',
      ' ',
      '\n',
      'null',
      '""',
      '[]',
      '"\\""',
    ),
    {
      maxLength: 14,
    },
  )
  .map((parts) => parts.join(''));

afterEach(() => {
  vi.restoreAllMocks();
});

describe('elements', () => {
  test('[F9] each piece of an array is the text of its element', () => {
    fc.assert(
      fc.property(list, indent, (items, space) => {
        const text = JSON.stringify(items, null, space);
        const pieces = elements(text, unbounded).map((piece) => JSON.parse(piece) as unknown);
        expect(pieces).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  test('[F9] a piece stands in the array as it is, without the white space around it', () => {
    fc.assert(
      fc.property(fc.array(fc.json()), indent, (texts, space) => {
        const pad = typeof space === 'string' ? space : ' ';
        const text = `${pad}[${pad}${texts.join(`${pad},${pad}`)}${pad}]${pad}`;
        expect(elements(text, unbounded)).toEqual(texts);
      }),
    );
  });

  test('[F9] whatever JSON.parse calls an array is cut into its elements; what it calls another value is refused', () => {
    let arrays = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          nearly,
          nearly.map((inner) => `[${inner}]`),
          fc.json(),
        ),
        (text) => {
          const whole = parsed(text);
          if (Array.isArray(whole)) {
            arrays++;
            expect(elements(text, unbounded).map((piece) => JSON.parse(piece) as unknown)).toEqual(whole);
          } else if (whole !== undefined) {
            expect(fault(() => elements(text, unbounded))).toBe(notAnArray);
          }
        },
      ),
      { numRuns: 3000, seed: 9 },
    );
    expect(arrays).toBeGreaterThan(100);
  });

  test.each([
    ['an empty array', '[]', []],
    ['an empty array with white space', ' [ \n ] ', []],
    ['an empty array in an array', '[[]]', ['[]']],
    ['empty containers', '[{},[ ],""]', ['{}', '[ ]', '""']],
    ['brackets and commas in texts', '["],[",{"}":"{"}]', ['"],["', '{"}":"{"}']],
    ['quotes in texts', '["\\"","\\\\","\\\\\\""]', ['"\\""', '"\\\\"', '"\\\\\\""']],
    ['white space in elements', '[{ "a" : [ 1 , 2 ] } , 3]', ['{ "a" : [ 1 , 2 ] }', '3']],
    ['line separators in texts', '["\u2028,\u2029"]', ['"\u2028,\u2029"']],
  ])('[F9] %s', (_what, text, pieces) => {
    expect(elements(text, unbounded)).toEqual(pieces);
  });

  test.each([
    ['nothing', ''],
    ['white space', ' \n\t'],
    ['a literal', 'null'],
    ['a text', '"[]"'],
    ['an object', '{"a":[1]}'],
    ['an array in an object', '{"a":1}[1]'],
    ['something before it', '1[2]'],
    ['something after it', '[1]2'],
    ['two arrays', '[1][2]'],
    ['a comma after it', '[1],'],
    ['no end', '[1,[2]'],
    ['only ends', ']]]]'],
    ['ends before beginnings', ']][[1]'],
  ])('[F1] a text that is no array is refused: %s', (_what, text) => {
    expect(fault(() => elements(text, unbounded))).toBe(notAnArray);
  });

  test.each(['["', '["a', '["a\\"', '["a\\\\\\"', '"'])(
    '[F1] a text that ends inside a string is refused: %s',
    (text) => {
      expect(fault(() => elements(text, unbounded))).toBe('The frame ends inside a string.');
    },
  );

  test('[F3] any text is cut or refused, and never anything else', () => {
    const bounds = { depthMax: 4, membersMax: 6 };
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string({ unit: 'binary' })), (text) => {
        try {
          elements(text, bounds);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(SyncError);
          expect(thrown).toMatchObject({ code: 'bad_frame' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('bounds', () => {
  test('[F3] nesting and members are counted exactly', () => {
    fc.assert(
      fc.property(list, indent, (items, space) => {
        const text = JSON.stringify(items, null, space);
        const { depth, members } = measure(items);
        const bounds = { depthMax: depth, membersMax: members };
        expect(elements(text, bounds)).toHaveLength(items.length);
        const shallower = { ...bounds, depthMax: depth - 1 };
        expect(fault(() => elements(text, shallower))).toMatch(/^The frame nests deeper than/);
        if (members === 0) return;
        const fewer = { ...bounds, membersMax: members - 1 };
        expect(fault(() => elements(text, fewer))).toBe(`The frame holds more than ${members - 1} members.`);
      }),
    );
  });

  test('[F3] brackets and commas inside texts count for nothing', () => {
    const text = JSON.stringify(['[[[[,,,,{{{{'.repeat(100), '\\"[,']);
    expect(elements(text, { depthMax: 1, membersMax: 2 })).toHaveLength(2);
  });

  test('[F3] what is too deep or too much is refused where it becomes so, without reading on', () => {
    const reads = vi.spyOn(String.prototype, 'charCodeAt');
    const bounds = { depthMax: 32, membersMax: 40 };
    expect(fault(() => elements('['.repeat(100_000), bounds))).toBe('The frame nests deeper than 32 levels.');
    expect(reads.mock.calls.length).toBe(33);
    reads.mockClear();
    expect(fault(() => elements(`[${'1,'.repeat(100_000)}1]`, bounds))).toBe(
      'The frame holds more than 40 members.',
    );
    expect(reads.mock.calls.length).toBeLessThan(85);
  });

  test.each([
    ['escaped quotes', `["${'\\"'.repeat(20_000)}"]`],
    ['backslashes', `["${'\\\\'.repeat(20_000)}"]`],
    ['short texts', `[${Array(10_000).fill('""').join(',')}]`],
    ['backslashes before each quote', `["${'\\\\\\\\\\"'.repeat(5_000)}"]`],
  ])('[F3] the work is linear in the text: %s', (_what, text) => {
    let work = 0;
    const { charCodeAt, indexOf } = String.prototype;
    vi.spyOn(String.prototype, 'charCodeAt').mockImplementation(function (this: string, i) {
      work++;
      return charCodeAt.call(this, i);
    });
    vi.spyOn(String.prototype, 'indexOf').mockImplementation(function (this: string, what, from = 0) {
      const found = indexOf.call(this, what, from);
      work += (found === -1 ? this.length : found) - from + 1;
      return found;
    });
    elements(text, unbounded);
    vi.restoreAllMocks();
    expect(work).toBeGreaterThan(text.length / 2);
    expect(work).toBeLessThan(text.length * 4);
  });
});
