/**
 * What a list of messages and amendments comes to: whatever order they are loaded in, people see the last word of the author
 * and of each who reacted.
 */
import { describe, expect, test } from 'vitest';
import type { Message } from './channels.ts';
import { type Item, reduce } from './reduce.ts';

const author = { name: 'Ada', by: 'a' };
const other = { name: 'Mira', by: 'm' };

/** Items as a timeline gives them, stored at 1, 2, 3 …; where a status is given the last one isn't stored. */
function items(messages: readonly Message[], status: Item['status'] = 'sent'): Item[] {
  return messages.map((data, i) => {
    const last = i === messages.length - 1;
    const offset = last && status !== 'sent' ? null : i + 1;
    const still = { at: 0, from: null, own: false, retry: () => {}, discard: () => {} };
    return { key: `k${i}`, data, offset, status: last ? status : 'sent', ...still };
  });
}

function seen(messages: readonly Message[], status?: Item['status']): unknown[] {
  return reduce(items(messages, status)).map(({ post, edited, reactions }) => [
    post.text,
    edited,
    Object.fromEntries([...reactions].map(([emoji, people]) => [emoji, [...people.values()]])),
  ]);
}

const post: Message = { ...author, text: 'helo' };
const heart = { kind: 'reaction', amends: 1, emoji: '❤️', on: true } as const;

describe('reduce', () => {
  test('an edit takes the place of the text, once it is on its way', () => {
    const edit: Message = { kind: 'edit', amends: 1, text: 'hello', by: 'a' };
    expect(seen([post, edit], 'pending')).toEqual([['hello', true, {}]]);
    expect(seen([post, edit, { ...edit, text: 'hello!' }])).toEqual([['hello!', true, {}]]);
  });

  test('what its author takes back is gone, and what is said of it later too', () => {
    expect(seen([post, { kind: 'edit', amends: 1, text: null, by: 'a' }, { ...heart, ...other }])).toEqual(
      [],
    );
  });

  test("somebody else's edit changes nothing", () => {
    expect(
      seen([
        post,
        { kind: 'edit', amends: 1, text: 'mine', by: 'm' },
        { kind: 'edit', amends: 1, text: null, by: 'm' },
      ]),
    ).toEqual([['helo', false, {}]]);
  });

  test('each person counts once under an emoji, and can take it away again', () => {
    const all: Message[] = [post, { ...heart, ...other }, { ...heart, ...other }, { ...heart, ...author }];
    expect(seen(all)).toEqual([['helo', false, { '❤️': ['Mira', 'Ada'] }]]);
    const away = { ...heart, on: false };
    expect(seen([...all, { ...away, ...other }, { ...away, ...author }])).toEqual([['helo', false, {}]]);
  });

  test('an amendment whose message is not loaded is passed over', () => {
    expect(
      seen([{ kind: 'edit', amends: 7, text: 'x', by: 'a' }, { ...heart, amends: 9, ...other }, post]),
    ).toEqual([['helo', false, {}]]);
  });

  test('one that failed changes nothing, and is told with its message', () => {
    const [line] = reduce(items([post, { kind: 'edit', amends: 1, text: 'hello', by: 'a' }], 'failed'));
    expect(line?.post.text).toBe('helo');
    expect(line?.failed?.key).toBe('k1');
  });
});
