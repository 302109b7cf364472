/**
 * Rules C1 to C3: channel names and patterns. Hostile names stand in one table with the sentence each is refused with;
 * what can't be listed is generated and held against a second implementation without regular expressions.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { SyncError } from './codes.ts';
import { defineChannels, lookup, stream } from './contract.ts';
import { byLiteralness, matches, nameFault, parsePattern } from './name.ts';

const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-=@,.:;';

const badCharacter = 'it may hold only A–Z a–z 0–9 _ - = @ , . : ; and / between segments';
const badSegment = 'a segment is empty, "." or ".."';

/** Rule C1 as the page says it. */
function isName(text: string): boolean {
  const segments = text.split('/');
  return (
    text.length >= 1 &&
    text.length <= 255 &&
    segments.length <= 16 &&
    segments.every((s) => s !== '' && s !== '.' && s !== '..' && [...s].every((c) => characters.includes(c)))
  );
}

const segment = fc
  .string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 8 })
  .filter((s) => s !== '.' && s !== '..');
const name = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join('/'));
const pattern = fc
  .array(fc.oneof(segment, fc.constantFrom(':a', ':b')), { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join('/'))
  .filter((text) => !text.split('/').includes(':'));

afterEach(() => {
  vi.restoreAllMocks();
});

describe('names', () => {
  test('[C1] every name of allowed characters and segments is one, and nothing else is', () => {
    const almost = fc.string({
      unit: fc.constantFrom(...characters, '/', '/', '.', ' ', '{', '*', 'é', '\0', '%'),
    });
    fc.assert(
      fc.property(fc.oneof(name, almost, fc.string({ unit: 'binary' })), (text) => {
        expect(nameFault(text) === undefined).toBe(isName(text));
      }),
      { numRuns: 300 },
    );
  });

  test.each([...characters])('[C1] the character %s is allowed', (character) => {
    expect(nameFault(`a${character}`)).toBeUndefined();
  });

  test('[C1] no other character below 256 is allowed', () => {
    const others = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).filter(
      (c) => !characters.includes(c) && c !== '/',
    );
    expect(others).toHaveLength(256 - 70 - 1);
    expect(others.filter((c) => nameFault(`a${c}b`) !== badCharacter)).toEqual([]);
  });

  test('[C1] a name has at most 255 characters', () => {
    expect(nameFault('a'.repeat(255))).toBeUndefined();
    expect(nameFault('a'.repeat(256))).toBe('it is longer than 255 characters');
    expect(nameFault('')).toBe('it is empty');
  });

  test('[C1] a name has at most 16 segments', () => {
    expect(nameFault(Array(16).fill('s').join('/'))).toBeUndefined();
    expect(nameFault(Array(17).fill('s').join('/'))).toBe('it has more than 16 segments');
  });

  test.each([
    ['a parent', '../../x', badSegment],
    ['a parent inside', 'a/../b', badSegment],
    ['itself', './a', badSegment],
    ['a slash at the end', 'a/', badSegment],
    ['a slash at the beginning', '/a', badSegment],
    ['two slashes', 'a//b', badSegment],
    ['an encoded parent', '%2e%2e', badCharacter],
    ['an encoded NUL', 'user:1%00', badCharacter],
    ['a drive', 'C:\\', badCharacter],
    ['a NUL', 'a\0', badCharacter],
    ['a line feed at the end', 'a\n', badCharacter],
    ['a tab', 'a\tb', badCharacter],
    ['a DEL', 'a\x7f', badCharacter],
    ['a C1 control', 'a\x85b', badCharacter],
    ['a space at the end', 'room ', badCharacter],
    ['a right-to-left override', 'a\u202eb', badCharacter],
    ['a zero-width space', 'a\u200bb', badCharacter],
    ['a byte order mark', '\ufeffa', badCharacter],
    ['a full-width slash', 'a\uff0fb', badCharacter],
    ['a one-dot leader', '\u2024\u2024', badCharacter],
    ['an emoji', '\u{1f6a2}', badCharacter],
    ['a lone surrogate', 'a\ud800', badCharacter],
    ['a Cyrillic look-alike', 'r\u043e\u043em', badCharacter],
    ['a Kelvin sign', '\u212a', badCharacter],
    ['a decomposed letter', 'e\u0301', badCharacter],
    ['a composed letter', '\u00e9', badCharacter],
    ['a Redis hash tag', '{tag}', badCharacter],
    ['half a hash tag', 'a{b}c}', badCharacter],
    ['a reversed hash tag', '}{', badCharacter],
    ['a star', 'chat/*', badCharacter],
    ['a question mark', 'a?', badCharacter],
    ['a character class', '[a-z]', badCharacter],
    ['a hash sign', 'a#', badCharacter],
    ['a dollar', '$a', badCharacter],
    ['a quote and a brace', '"\n} 1', badCharacter],
    ['a regular expression', '(a+)+', badCharacter],
  ])('[C1] %s is refused', (_what, text, fault) => {
    expect(nameFault(text)).toBe(fault);
  });

  test.each([[undefined], [null], [1], [true], [['a']], [{ length: 1 }], [new String('a')]])(
    '[C1] %o is no name',
    (value) => {
      expect(nameFault(value)).toBe('it must be a text');
    },
  );

  test('[C1] names are compared exactly: never folded, trimmed or decoded', () => {
    const one = parsePattern('room/K');
    expect(matches(one, 'room/K')).toBe(true);
    for (const other of ['room/k', 'Room/K', 'room/K ', 'room/%4B', 'room/\u212a', 'room/K\0']) {
      expect(matches(one, other), other).toBe(false);
    }
  });

  test('[C1] a name of 100,000 characters is refused by its length alone', () => {
    const work = vi.spyOn(RegExp.prototype, 'exec');
    const split = vi.spyOn(String.prototype, 'split');
    expect(nameFault('a/'.repeat(50_000))).toBe('it is longer than 255 characters');
    expect(work).not.toHaveBeenCalled();
    expect(split).not.toHaveBeenCalled();
  });
});

describe('patterns', () => {
  test('[C2] a parameter matches exactly one segment, a literal only itself', () => {
    const chat = parsePattern('chat/:room/log');
    expect(chat).toEqual({ text: 'chat/:room/log', segments: ['chat', null, 'log'] });
    const names = [
      'chat/a/log',
      'chat/:room/log',
      'chat/log',
      'chat/a/b/log',
      'chat/a/logs',
      'xchat/a/log',
      'chat',
    ];
    expect(names.map((text) => matches(chat, text))).toEqual([true, true, false, false, false, false, false]);
  });

  test('[C2] matching is by whole segments: no prefix passes', () => {
    const one = parsePattern('user:1');
    expect(
      ['user:1', 'user:10', 'user:1/2', 'user:1/../2', 'user:'].map((text) => matches(one, text)),
    ).toEqual([true, false, false, false, false]);
  });

  test('[C2] a pattern matches each name made from it, and none with a segment more or less', () => {
    fc.assert(
      fc.property(pattern, fc.array(segment, { minLength: 4, maxLength: 4 }), (text, fill) => {
        const instance = text
          .split('/')
          .map((s, i) => (s.startsWith(':') ? fill[i] : s))
          .join('/');
        expect(matches(parsePattern(text), instance)).toBe(true);
        expect(matches(parsePattern(text), `${instance}/x`)).toBe(false);
        expect(matches(parsePattern(`${text}/x`), instance)).toBe(false);
      }),
    );
  });

  test('[C2] a pattern and a name agree exactly when they do so segment by segment', () => {
    const short = fc.array(fc.constantFrom('a', 'b', ':p'), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(short, short, (left, right) => {
        const agree = left.length === right.length && left.every((s, i) => s === ':p' || s === right[i]);
        expect(matches(parsePattern(left.join('/')), right.join('/'))).toBe(agree);
      }),
    );
  });

  test.each(['a.c', 'a=', 'x-:y', 'a:b:c', 'user:1', '..a', ';,'])(
    '[C2] in %s every character is literal',
    (text) => {
      const literal = parsePattern(text);
      expect(literal.segments).toEqual([text]);
      expect(matches(literal, text)).toBe(true);
      expect(
        matches(literal, text.replace('.', 'b').replace(':', 'x').replace('=', '').replace(';', '')),
      ).toBe(false);
    },
  );

  test.each([
    ['(a+)+$', badCharacter],
    ['chat/*', badCharacter],
    ['chat/**', badCharacter],
    ['[a-z]', badCharacter],
    ['a|b', badCharacter],
    ['^a', badCharacter],
    ['a?', badCharacter],
    [':a(\\d+)', badCharacter],
    [':a?', badCharacter],
    ['a//b', badSegment],
    ['', 'it is empty'],
    ['a'.repeat(256), 'it is longer than 255 characters'],
  ])('[C2] the pattern %s is refused', (text, fault) => {
    const parse = () => parsePattern(text);
    expect(parse).toThrow(
      new SyncError('bad_option', `The channel pattern "${text}" can't be used: ${fault}.`),
    );
  });

  test.each([':', 'a/:', ':/a', 'a/:/b'])('[C2] the pattern %s has a parameter without a name', (text) => {
    const message = `The channel pattern "${text}" has a parameter without a name.`;
    expect(() => parsePattern(text)).toThrow(new SyncError('bad_option', message));
  });

  test('[C2] a segment that only begins like several parameters is one parameter', () => {
    expect(parsePattern(':a-:b-:c').segments).toEqual([null]);
  });

  test.each([
    ['one long segment', `a/${'x'.repeat(100_000)}/c`, 3],
    ['a long tail', `a/b/${'c'.repeat(100_000)}`, 3],
    ['100,000 segments', 'a/'.repeat(100_000), 0],
    ['what would make a regular expression go back', `${'a-'.repeat(50_000)}!`, 0],
  ])('[C2] matching takes time linear in the name: %s', (_what, subject, most) => {
    const { text, segments } = parsePattern('a/:b/c');
    let looks = 0;
    const counted = new Proxy(segments, {
      get: (target, key) => {
        if (typeof key === 'string' && /^\d/.test(key)) looks++;
        return Reflect.get(target, key);
      },
    });
    const split = vi.spyOn(String.prototype, 'split');
    const regex = vi.spyOn(RegExp.prototype, Symbol.split);
    matches({ text, segments: counted }, subject);
    expect(looks).toBeLessThanOrEqual(most);
    expect(split.mock.calls).toEqual([['/']]);
    expect(regex).not.toHaveBeenCalled();
  });
});

describe('precedence', () => {
  test('[C2] where several patterns match, the earlier literal segment wins, in whatever order they were written', () => {
    const winners: [string, string][] = [
      ['chat/lobby/log', 'chat/lobby/log'],
      ['chat/lobby/x', 'chat/lobby/:c'],
      ['chat/x/log', 'chat/:b/log'],
      ['chat/x/y', 'chat/:b/:c'],
      ['x/lobby/log', ':a/lobby/log'],
      ['x/y/log', ':a/:b/log'],
      ['x/y/z', ':a/:b/:c'],
    ];
    const patterns = winners.map(([, text]) => text);
    fc.assert(
      fc.property(fc.shuffledSubarray(patterns, { minLength: patterns.length }), (order) => {
        const definitions = Object.fromEntries(order.map((text) => [text, stream()]));
        const find = lookup(defineChannels(definitions));
        for (const [text, winner] of winners) expect(find(text), text).toBe(definitions[winner]);
      }),
      { numRuns: 50 },
    );
  });

  test('[C2] the order is by literal segments from the left, not by how many there are', () => {
    const sorted = [':a/b/c', 'a/:b/:c', 'a/b/:c', ':a/:b/c'].map(parsePattern).sort(byLiteralness);
    expect(sorted.map(({ text }) => text)).toEqual(['a/b/:c', 'a/:b/:c', ':a/b/c', ':a/:b/c']);
  });
});

describe('ordinary names', () => {
  const names = [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'then',
    'toJSON',
    'valueOf',
    '__defineGetter__',
  ];

  test.each(names)('[C3] %s is an ordinary channel name and an ordinary pattern', (text) => {
    expect(nameFault(text)).toBeUndefined();
    expect(matches(parsePattern(text), text)).toBe(true);
    expect(matches(parsePattern('chat/:room'), `chat/${text}`)).toBe(true);
    const only = stream();
    expect(lookup(defineChannels({ [text]: only }))(text)).toBe(only);
  });

  test.each(names)('[C3] %s is unknown where no pattern matches it', (text) => {
    const find = lookup(defineChannels({ 'chat/:room': stream() }));
    const message = `No pattern of the contract matches "${text}". It has: chat/:room.`;
    expect(() => find(text)).toThrow(new SyncError('unknown_channel', message));
  });
});
