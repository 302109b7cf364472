/**
 * The contract: what its functions make of their options, what they refuse and in which words, and how a name finds
 * its definition. Precedence among patterns is in name.test.ts, what the compiler says in contract.types.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { SyncError } from './codes.ts';
import { type Contract, defineChannels, doc, durable, lookup, state, stream } from './contract.ts';
import type { Schema } from './schema.ts';

const schema: Schema<string> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: String(value) }) },
};

/** What any definition has where nothing is said of it, but for its companion. */
const plain = { leased: false, volatile: false, governedBy: null, signal: undefined };

describe('definitions', () => {
  test('a stream keeps 1,000 entries and 16 MiB without end, unstamped, any payload', () => {
    expect({ ...stream(), presence: null }).toEqual({
      ...plain,
      presence: null,
      kind: 'stream',
      schema: undefined,
      carries: 'json',
      keep: { entriesMax: 1000, bytesMax: 16_777_216, ageMs: Number.POSITIVE_INFINITY },
      stamped: false,
      anonymous: [],
    });
  });

  test('a stream takes its options', () => {
    const keep = { entries: 1, bytes: 2, age: '7d' } as const;
    expect(stream({ message: schema, keep, stamp: true, anonymous: ['subscribe'] })).toEqual({
      ...plain,
      presence: expect.objectContaining({ kind: 'state', leased: true }),
      kind: 'stream',
      schema,
      validate: expect.any(Function),
      carries: 'json',
      keep: { entriesMax: 1, bytesMax: 2, ageMs: 604_800_000 },
      stamped: true,
      anonymous: ['subscribe'],
    });
    expect(stream({ keep: { age: '1s' } }).keep).toMatchObject({ entriesMax: 1000, ageMs: 1000 });
  });

  test('a durable log carries bytes, keeps all, and takes its options', () => {
    expect({ ...durable(), presence: null }).toEqual({
      ...plain,
      presence: null,
      kind: 'durable',
      schema: undefined,
      carries: 'bytes',
      keep: null,
      stamped: false,
      anonymous: [],
    });
    const ageMs = Number.POSITIVE_INFINITY;
    const bytesMax = Number.MAX_SAFE_INTEGER;
    expect(durable({ keep: { entries: 5 }, anonymous: ['manage'] })).toMatchObject({
      keep: { entriesMax: 5, bytesMax, ageMs },
      anonymous: ['manage'],
    });
    expect(() => durable({ keep: { bytes: 0 } })).toThrow('Expected `keep.bytes` to be an integer from 1 up');
  });

  test('a state channel is stamped, keeps values without end, and takes its options', () => {
    const endless = {
      ...plain,
      presence: expect.objectContaining({ kind: 'state', leased: true }),
      geo: null,
      kind: 'state',
      schema: undefined,
      carries: 'json',
      keep: null,
      ttlMs: Number.POSITIVE_INFINITY,
      own: false,
      keysMax: 100_000,
      stamped: true,
      anonymous: [],
    };
    expect(state()).toEqual(endless);
    expect(state({ value: schema, ttl: '60s', own: true, keys: 7 })).toEqual({
      ...endless,
      schema,
      validate: expect.any(Function),
      ttlMs: 60_000,
      own: true,
      keysMax: 7,
    });
  });

  test('a definition with a schema validates by it, one without has nothing to validate by', async () => {
    expect([stream(), state(), doc()].map(({ validate }) => validate)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(stream({ message: schema }).validate?.(7)).toBe('7');
    const issues = [{ message: 'No.', path: ['a', 1] }];
    const never: Schema<string> = {
      '~standard': { version: 1, vendor: 'test', validate: async () => ({ issues }) },
    };
    await expect(state({ value: never }).validate?.(7)).rejects.toThrow('at "a.1": No.');
  });

  test('a doc has no schema and no stamps', () => {
    expect(doc({ anonymous: ['history'] })).toEqual({
      ...plain,
      presence: expect.objectContaining({ kind: 'state', leased: true }),
      bytesMax: 20_971_520,
      kind: 'doc',
      schema: undefined,
      carries: 'bytes',
      keep: null,
      stamped: false,
      anonymous: ['history'],
    });
  });

  test('what anybody may do is one of the actions', () => {
    const anonymous = JSON.parse('["subscribe","delete"]');
    expect(() => stream({ anonymous })).toThrow(
      'Expected `anonymous` to be a list of subscribe, publish, history, presence, manage, got "delete" in it.',
    );
  });

  test.each([
    [{ entries: 0 }, 'Expected `keep.entries` to be an integer from 1 up, got 0.'],
    [{ entries: -1 }, 'Expected `keep.entries` to be an integer from 1 up, got -1.'],
    [{ entries: 1.5 }, 'Expected `keep.entries` to be an integer from 1 up, got 1.5.'],
    [{ entries: Number.NaN }, 'Expected `keep.entries` to be an integer from 1 up, got NaN.'],
    [
      { entries: Number.POSITIVE_INFINITY },
      'Expected `keep.entries` to be an integer from 1 up, got Infinity.',
    ],
    [{ bytes: 0 }, 'Expected `keep.bytes` to be an integer from 1 up, got 0.'],
    [{ bytes: 2 ** 53 }, 'Expected `keep.bytes` to be an integer from 1 up, got 9007199254740992.'],
    [{ age: 0 }, 'Expected `keep.age` to be a time such as "60s" or "7d", got 0 (number).'],
    [{ age: '0d' as const }, 'Expected `keep.age` to be a time such as "60s" or "7d", got "0d" (string).'],
  ])('a stream with keep %o is refused', (keep, message) => {
    expect(() => stream({ keep })).toThrow(new SyncError('bad_option', message));
  });

  test('a state channel with a time to live that is none is refused', () => {
    const message = 'Expected `ttl` to be a time such as "60s" or "7d", got -5 (number).';
    expect(() => state({ ttl: -5 })).toThrow(new SyncError('bad_option', message));
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'a state channel of %s keys is refused',
    (keys) => {
      const message = `Expected \`keys\` to be an integer from 1 up, got ${keys}.`;
      expect(() => state({ keys })).toThrow(new SyncError('bad_option', message));
    },
  );
});

describe('what stands in a definition for maps, documents and members', () => {
  test('a state channel says where a value has its place, if it has one', () => {
    expect(state({ geo: { lat: 'y', lng: 'x' } }).geo).toEqual({ lat: 'y', lng: 'x' });
    const geo = JSON.parse('{"lat":"y"}');
    expect(() => state({ geo })).toThrow(
      'Expected `geo` to name two members of a value, such as { lat: "lat", lng: "lng" }.',
    );
  });

  test.each([0, -1, 1.5, Number.POSITIVE_INFINITY])('a doc of %s bytes is refused', (bytes) => {
    const message = `Expected \`bytes\` to be an integer from 1 up, got ${bytes}.`;
    expect(() => doc({ bytes })).toThrow(new SyncError('bad_option', message));
    expect(doc({ bytes: 7 }).bytesMax).toBe(7);
  });

  test('what is signalled is described by a schema, on channels of each kind', () => {
    const made = [stream({ signal: schema }), state({ signal: schema }), doc({ signal: schema })];
    for (const { signal } of made) expect(signal).toBe(schema);
  });

  test('[C4] a companion is a leased, volatile state channel of 10,000 keys, governed by the action presence', () => {
    const companion = {
      ...{ kind: 'state', carries: 'json', keep: null, stamped: true, ttlMs: Number.POSITIVE_INFINITY },
      ...{ own: false, keysMax: 10_000, geo: null, leased: true, volatile: true, governedBy: 'presence' },
      ...{ presence: null, signal: undefined, schema, validate: expect.any(Function) },
    };
    const options = { presence: schema, anonymous: ['presence'] } as const;
    for (const { presence } of [stream(options), state(options), doc(options)])
      expect(presence).toEqual({ ...companion, anonymous: ['presence'] });
    for (const { presence } of [stream(), state(), doc()])
      expect(presence).toEqual({ ...companion, anonymous: [], schema: undefined, validate: undefined });
    expect(stream({ presence: schema }).presence?.validate?.(7)).toBe('7');
  });
});

describe('defineChannels', () => {
  test('gives the definitions back under their patterns, frozen, as a copy', () => {
    const given = { 'chat/:room': stream(), 'board/:id': doc() };
    const channels = defineChannels(given);
    expect(channels).toEqual(given);
    expect(channels['chat/:room']).toBe(given['chat/:room']);
    expect(channels).not.toBe(given);
    expect(Object.isFrozen(channels)).toBe(true);
    expect(Object.isFrozen(given)).toBe(false);
  });

  test.each([
    ['a//b', 'a segment is empty, "." or ".."'],
    ['chat/*', 'it may hold only A–Z a–z 0–9 _ - = @ , . : ; and / between segments'],
    ['', 'it is empty'],
  ])('[C2] the pattern "%s" is refused', (pattern, fault) => {
    const message = `The channel pattern "${pattern}" can't be used: ${fault}.`;
    expect(() => defineChannels({ [pattern]: stream() })).toThrow(new SyncError('bad_option', message));
  });

  test.each([
    ['chat/:room', 'chat/:id'],
    ['a/:x/c/:y', 'a/:y/c/:x'],
    [':a', ':b'],
  ])('[C2] %s and %s match the same names, so one must go', (one, two) => {
    const message = `The channel patterns "${one}" and "${two}" match the same names. Keep one of them.`;
    const define = () => defineChannels({ [one]: stream(), [two]: state() });
    expect(define).toThrow(new SyncError('bad_option', message));
  });

  test('[C2] patterns that share some names but not all stand side by side', () => {
    const patterns = ['a/:x', 'a/b', ':x/b', ':x/:y', ':x', 'a/:x/c'];
    const channels = defineChannels(Object.fromEntries(patterns.map((text) => [text, stream()])));
    expect(Object.keys(channels)).toEqual(patterns);
  });

  test('[C3] a pattern called __proto__ is a pattern, and changes no prototype', () => {
    const hidden = stream();
    const channels = defineChannels({ ['__proto__']: hidden });
    expect(Object.keys(channels)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(channels)).toBe(Object.prototype);
    expect(lookup(channels)('__proto__')).toBe(hidden);
  });
});

describe('lookup', () => {
  const channels: Contract = defineChannels({
    'chat/:room': stream(),
    'chat/:room/log': stream({ stamp: true }),
    'fleet/:city': state(),
    global: stream(),
  });
  const find = lookup(channels);

  test.each([
    ['chat/lobby', 'chat/:room'],
    ['chat/lobby/log', 'chat/:room/log'],
    ['fleet/berlin', 'fleet/:city'],
    ['global', 'global'],
    ['chat/:room', 'chat/:room'],
  ])('%s is %s', (name, pattern) => {
    expect(find(name)).toBe(channels[pattern]);
  });

  test.each(['chat', 'chat/lobby/x', 'chat/lobby/log/x', 'Chat/lobby', 'globals', 'x/y'])(
    '%s is unknown',
    (name) => {
      const message = `No pattern of the contract matches "${name}". It has: chat/:room, chat/:room/log, fleet/:city, global.`;
      expect(() => find(name)).toThrow(new SyncError('unknown_channel', message));
    },
  );

  test.each([
    ['', '"" is no channel name: it is empty.'],
    ['chat/', '"chat/" is no channel name: a segment is empty, "." or "..".'],
    ['chat/..', '"chat/.." is no channel name: a segment is empty, "." or "..".'],
    ['x'.repeat(100_000), `"${'x'.repeat(255)}" is no channel name: it is longer than 255 characters.`],
  ])('[C1] what is no name is unknown: %.20s', (name, message) => {
    expect(() => find(name)).toThrow(new SyncError('unknown_channel', message));
  });

  test('[C4] a name with ?presence behind it is the companion of the channel before it', () => {
    for (const name of ['chat/lobby', 'chat/lobby/log', 'fleet/berlin', 'global']) {
      expect(find(`${name}?presence`)).toBe(find(name).presence);
    }
  });

  test.each([
    ['chat/lobby?typing', 'The channel "chat/lobby" has no companion called "typing". It has: presence.'],
    ['chat/lobby?tostring', 'The channel "chat/lobby" has no companion called "tostring". It has: presence.'],
    [
      'chat/lobby/x?presence',
      'No pattern of the contract matches "chat/lobby/x". It has: chat/:room, chat/:room/log, fleet/:city, global.',
    ],
    [
      'chat/lobby?',
      '"chat/lobby?" is no channel name: a companion is named by 1 to 16 letters a–z behind the "?".',
    ],
    [
      'chat/lobby?presence?presence',
      '"chat/lobby?presence?presence" is no channel name: a companion is named by 1 to 16 letters a–z behind the "?".',
    ],
    ['?presence', '"?presence" is no channel name: it is empty.'],
    ['chat/?presence', '"chat/?presence" is no channel name: a segment is empty, "." or "..".'],
  ])('[C4] there is no other companion: %s', (name, message) => {
    expect(() => find(name)).toThrow(new SyncError('unknown_channel', message));
  });

  test('[C4] a pattern of the contract is no companion', () => {
    expect(() => defineChannels({ 'chat/:room?presence': state() })).toThrow("can't be used");
  });

  test('an empty contract knows no channel', () => {
    expect(() => lookup(defineChannels({}))('a')).toThrow(SyncError);
  });
});
