/**
 * What capabilities allow, held against a second implementation that goes segment by segment and knows no patterns. Then
 * the tricks with names that prefixes and regular expressions fall for.
 */

import { SyncError } from '@syncline/protocol';
import { actions } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { compile } from './capabilities.ts';
import type { Action, Capabilities } from './identity.ts';

const segment = fc.constantFrom('a', 'b', 'user:1', 'user:10', '__proto__', 'constructor');
const name = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const pattern = fc.oneof(
  { weight: 1, arbitrary: fc.constant('*') },
  {
    weight: 9,
    arbitrary: fc
      .array(fc.oneof(segment, fc.constantFrom(':x', ':y')), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join('/')),
  },
);
const list = fc.array(fc.constantFrom<Action | '*'>(...actions, '*'), { maxLength: 3 });
const capabilities: fc.Arbitrary<Capabilities> = fc
  .array(fc.tuple(pattern, list), { maxLength: 6 })
  .map((entries) => Object.fromEntries(entries));

/** What the words of `Capabilities` say, as plainly as it can be written. */
function allows(granted: Capabilities, action: Action, channel: string): boolean {
  const asked = channel.split('/');
  return Object.keys(granted).some((text) => {
    const parts = text.split('/');
    const fits =
      text === '*' ||
      (parts.length === asked.length && parts.every((part, i) => part.startsWith(':') || part === asked[i]));
    return fits && (granted[text]?.includes(action) || granted[text]?.includes('*'));
  });
}

describe('capabilities', () => {
  it('allow what any pattern that matches allows, and nothing else', () => {
    fc.assert(
      fc.property(capabilities, name, fc.constantFrom(...actions), (granted, channel, action) => {
        expect(compile(granted)(action, channel)).toBe(allows(granted, action, channel));
      }),
      { numRuns: 2000 },
    );
  });

  it('allow nothing more when one of them is taken away', () => {
    fc.assert(
      fc.property(capabilities, name, fc.constantFrom(...actions), (granted, channel, action) => {
        const fewer = Object.fromEntries(Object.entries(granted).slice(1));
        if (compile(fewer)(action, channel)) expect(compile(granted)(action, channel)).toBe(true);
      }),
    );
  });

  it('allow nothing when there are none', () => {
    for (const action of actions) expect(compile({})(action, 'a')).toBe(false);
    for (const action of actions) expect(compile({ a: [], '*': [] })(action, 'a')).toBe(false);
  });

  it.each([
    ['user:1', 'user:10'],
    ['user:1', 'user:1/2'],
    ['user:1', 'user:1/../2'],
    ['user:1', 'user:1%00'],
    ['user:1', 'user:1\0'],
    ['user:1', 'User:1'],
    ['user:1', 'user:'],
    ['chat/:room', 'chat'],
    ['chat/:room', 'chat/'],
    ['chat/:room', 'chat/a/b'],
    ['chat/:room', 'chat/..'],
    ['chat/:room', 'xchat/a'],
    ['chat/:room', 'chat/a\n'],
    ['room/K', 'room/\u212a'],
    ['__proto__', 'toString'],
    ['*', ''],
    ['*', 'a//b'],
    ['*', '*'],
    ['*', 'r\u043e\u043em'],
  ])('for %j are none for %j', (text, channel) => {
    expect(compile({ [text]: ['*'] })('subscribe', channel)).toBe(false);
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty', 'then', 'toJSON'])(
    'know %s as an ordinary name, pattern and no action',
    (word) => {
      const may = compile({ [word]: ['publish'] });
      expect(may('publish', word)).toBe(true);
      expect(may('history', word)).toBe(false);
      expect(may(word as Action, word)).toBe(false);
    },
  );

  it('say what is wrong with a pattern or an action', () => {
    const message = 'The channel pattern "chat/*" can\'t be used: ';
    expect(() => compile({ 'chat/*': ['publish'] })).toThrow(message);
    expect(() => compile({ 'a/:': ['publish'] })).toThrow(SyncError);
    const misspelt = { chat: ['pubish' as Action] };
    expect(() => compile(misspelt)).toThrow(
      new SyncError(
        'bad_option',
        'The capability for "chat" names an action that there isn\'t. There are subscribe, publish, history, presence, manage, and "*" for all.',
      ),
    );
  });

  it('take no look at the segments of a name of 100,000 characters, which is none', () => {
    const may = compile({ '*': ['*'], ':a/:b/:c': ['*'] });
    const split = vi.spyOn(String.prototype, 'split');
    expect(may('publish', 'a/'.repeat(50_000))).toBe(false);
    expect(split).not.toHaveBeenCalled();
  });
});
