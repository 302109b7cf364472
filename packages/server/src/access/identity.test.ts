/**
 * What is believed of somebody's word on who someone is: each field at its limits, past them, and of the wrong type. What is
 * refused is named, and never repeated.
 */
import { SyncError } from '@syncline/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readIdentity } from './identity.ts';

const nameShape = 'a text of 1 to 255 characters, none of them a control character';

function faultOf(value: unknown): string {
  try {
    readIdentity(value);
  } catch (thrown) {
    if (thrown instanceof SyncError && thrown.code === 'unauthenticated') return thrown.message;
    throw thrown;
  }
  throw new Error('It was not refused.');
}

describe('an identity', () => {
  it.each<[string, unknown]>([
    ['a user', { user: 'ada' }],
    ['nobody', { user: null }],
    ['255 characters', { user: 'u'.repeat(255) }],
    ['names of other languages and of objects', { user: 'Łódź 🚢 __proto__' }],
    ['all of it', { user: 'a', capabilities: { 'a/:b': ['*'], '*': [] }, expiresAt: -1.5, tokenId: 't' }],
  ])('is taken: %s', (_, value) => {
    expect(readIdentity(value)).toEqual(value);
    expect(Object.isFrozen(readIdentity(value))).toBe(true);
  });

  it('is only what is known of it', () => {
    const given = JSON.parse('{"user":"a","admin":true,"__proto__":{"tokenId":"x"}}');
    expect(readIdentity(given)).toStrictEqual({ user: 'a' });
  });

  it('changes no more when what it was made of does', () => {
    const given = { user: 'a', capabilities: { a: ['publish'] } };
    const identity = readIdentity(given);
    given.capabilities.a.push('history');
    expect(identity.capabilities).toEqual({ a: ['publish'] });
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'missing'],
    ['null', null, 'null'],
    ['a text', 'ada', 'another string'],
    ['a list', [{ user: 'ada' }], 'a list'],
    ['a function', () => ({ user: 'ada' }), 'another function'],
  ])('is not %s', (_, value, got) => {
    expect(faultOf(value)).toBe(`An identity must be an object such as { user: "ada" }, and is ${got}.`);
  });

  it.each<[string, unknown, string]>([
    ['missing', undefined, 'missing'],
    ['empty', '', 'another string'],
    ['longer than 255 characters', 'u'.repeat(256), 'another string'],
    ['10 kB', 'u'.repeat(10_240), 'another string'],
    ['with a NUL', 'ada\0', 'another string'],
    ['with a line feed', 'a\n{"level":"info"}', 'another string'],
    ['with a C1 control', 'a\x85b', 'another string'],
    ['with half a surrogate pair', 'a\ud800', 'another string'],
    ['an object', { name: 'ada' }, 'an object'],
    ['a number', 7, 'another number'],
  ])('has no user that is %s', (_, user, got) => {
    expect(faultOf({ user })).toBe(`\`user\` must be ${nameShape}, or null, and is ${got}.`);
  });

  it('has a user that is compared byte by byte, never folded or normalised', () => {
    for (const user of ['Ada', 'ada ', 'e\u0301', '\u00e9', '\u212a'])
      expect(readIdentity({ user }).user).toBe(user);
  });

  it.each([[null], [''], [7], ['t'.repeat(256)], ['a\0']])('has no tokenId %j', (tokenId) => {
    expect(faultOf({ user: 'a', tokenId })).toMatch(`\`tokenId\` must be ${nameShape}, and is `);
  });

  it.each([[null], ['1795392000000'], [Number.NaN], [Number.POSITIVE_INFINITY], [new Date(0)]])(
    'has no expiresAt %s',
    (expiresAt) => {
      expect(faultOf({ user: 'a', expiresAt })).toMatch(
        '`expiresAt` must be a number of milliseconds since 1970',
      );
    },
  );
});

describe('capabilities', () => {
  const of = (capabilities: unknown) => faultOf({ user: 'a', capabilities });

  it('may name patterns as objects name theirs, and stay data', () => {
    const capabilities = JSON.parse('{"__proto__":["publish"],"constructor":["*"]}');
    const read = readIdentity({ user: 'a', capabilities }).capabilities ?? {};
    expect(Object.entries(read)).toEqual([
      ['__proto__', ['publish']],
      ['constructor', ['*']],
    ]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(Object.hasOwn(Object.prototype, 'publish')).toBe(false);
  });

  it('are up to 100 patterns', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`c/${i}`, ['publish']]));
    expect(Object.keys(readIdentity({ user: 'a', capabilities: many(100) }).capabilities ?? {})).toHaveLength(
      100,
    );
    expect(of(many(101))).toBe(
      '`capabilities` has 101 patterns, and may have 100. Use patterns such as "chat/:room".',
    );
  });

  it.each([[null], ['*'], [['publish']], [1]])('are no %j', (capabilities) => {
    expect(of(capabilities)).toMatch(
      '`capabilities` must be an object such as { "chat/:room": ["subscribe"] }',
    );
  });

  it.each([
    ['', 'it is empty'],
    ['chat/*', 'it may hold only A–Z a–z 0–9 _ - = @ , . : ; and / between segments'],
    ['**', 'it may hold only A–Z a–z 0–9 _ - = @ , . : ; and / between segments'],
    ['(a+)+$', 'it may hold only A–Z a–z 0–9 _ - = @ , . : ; and / between segments'],
    ['a/../b', 'a segment is empty, "." or ".."'],
    ['a/:', 'it has a parameter without a name'],
    ['a'.repeat(256), 'it is longer than 255 characters'],
  ])('have no pattern %j', (pattern, fault) => {
    expect(of({ fine: ['publish'], [pattern]: ['publish'] })).toBe(
      `Pattern 2 of \`capabilities\` can't be used: ${fault}.`,
    );
  });

  it.each([
    ['publish'],
    [{ 0: 'publish' }],
    [['Publish']],
    [['toString']],
    [[1]],
    [Array(17).fill('publish')],
  ])('allow no %j', (list) => {
    expect(of({ a: list })).toMatch(
      'What pattern 1 of `capabilities` allows must be a list of "subscribe", "publish", "history", "presence", "manage", "*"',
    );
  });
});

it('reads anything at all as an identity or refuses it, and what it has read it reads the same', () => {
  const parts = {
    user: fc.oneof(fc.string({ unit: 'binary' }), fc.anything()),
    capabilities: fc.oneof(
      fc.dictionary(fc.string(), fc.array(fc.constantFrom('publish', '*', 'no'))),
      fc.anything(),
    ),
    expiresAt: fc.oneof(fc.double(), fc.anything()),
    tokenId: fc.anything(),
  };
  const value = fc.oneof(fc.record(parts, { requiredKeys: [] }), fc.anything({ withNullPrototype: true }));
  fc.assert(
    fc.property(value, (given) => {
      try {
        const identity = readIdentity(given);
        expect(readIdentity(identity)).toStrictEqual(identity);
      } catch (thrown) {
        expect(thrown).toMatchObject({ name: 'SyncError', code: 'unauthenticated' });
      }
    }),
    { numRuns: 200 },
  );
});
