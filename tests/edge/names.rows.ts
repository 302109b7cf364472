/**
 * Channel names: what is none, what is one although it looks odd, and what the contract doesn't have. Each is tried with
 * every frame that carries a name.
 */
import { frame } from '@syncline/server/testing';
import type { Row, Target } from './harness.ts';

/** What is answered to all four frames that name a channel. */
function names(input: string, answer: string, name: unknown, why?: string): Row {
  const text = JSON.stringify(name);
  const attack = async (target: Target): Promise<string> => {
    const caller = await target.enter();
    for (const rest of [
      `"subscribe",7,${text},0`,
      `"publish",7,${text},"p",1,1`,
      `"history",7,${text},"after",0,1`,
    ]) {
      caller.write(frame(`[${rest}]`));
    }
    caller.write(frame(`["unsubscribe",7,${text}]`));
    return target.said(caller);
  };
  return { input, answer: { native: answer }, ...(why === undefined ? {} : { why }), attack };
}

const none = 'error bad_frame for 7 (4×), goes on';
const works = 'subscribed for 7, ack for 7, unsubscribed for 7, history for 7, goes on';
const bad = (input: string, name: unknown, why?: string): Row =>
  names(`the channel ${input}`, none, name, why);
const good = (input: string, name: unknown, why?: string): Row =>
  names(`the channel ${input}`, works, name, why);
const elsewhere = 'error unknown_channel for 7 (3×), unsubscribed for 7, goes on';
const exactly =
  'Names are compared as they are: never folded, trimmed or decoded. These letters are not among those that names have.';

export const channelNames: readonly Row[] = [
  bad('with an empty name', ''),
  bad('whose name is a number', 7),
  bad('whose name is null', null),
  bad('whose name is a list', ['chat/x']),
  bad('with a name of 256 letters', 'x'.repeat(256)),
  bad('with a name of 60,000 letters', 'x'.repeat(15_000), 'It is told by its length alone.'),
  bad('../../x', '../../x'),
  bad('chat/../x', 'chat/../x'),
  bad('chat/./x', 'chat/./x'),
  bad('chat//x', 'chat//x'),
  bad('/chat/x', '/chat/x'),
  bad('chat/x/', 'chat/x/'),
  bad('chat/%2e%2e', 'chat/%2e%2e'),
  bad('C:\\x', 'C:\\x'),
  bad('with 17 segments', Array<string>(17).fill('x').join('/')),
  bad('with a NUL in its name', 'chat/\0'),
  bad('with a line end in its name', 'chat/x\n'),
  bad('with a tab in its name', 'chat/\tx'),
  bad('with a DEL in its name', 'chat/\x7f'),
  bad('with a C1 control in its name', 'chat/\x9b'),
  bad('with a space at its end', 'chat/x ', exactly),
  bad('with a mark that turns the writing round', 'chat/\u202ex'),
  bad('with a letter of no width', 'chat/\u200bx'),
  bad('with an emoji', 'chat/\u{1f6a2}'),
  bad('with half a surrogate', 'chat/\ud800'),
  bad('with a Cyrillic о', 'chat/r\u043eom', exactly),
  bad('with the sign for kelvin', 'chat/\u212a', exactly),
  bad('with é in one letter', 'chat/\u00e9', exactly),
  bad('with é in two letters', 'chat/e\u0301', exactly),
  bad('{tag}', '{tag}', 'It would choose the slot in a Redis Cluster.'),
  bad('}{', '}{'),
  bad('*', '*', 'It would be a pattern for Redis.'),
  bad('chat/?', 'chat/?'),
  bad('[a-z]', '[a-z]'),
  bad('#', '#'),
  bad('$SYS', '$SYS'),
  bad('"\\n} 1', '"\n} 1', 'It would break out of a metric’s label.'),
  bad('<script>', '<script>'),
];

const companion = 'error unknown_channel for 7 (3×), unsubscribed for 7, goes on';

export const companions: readonly Row[] = [
  bad('with a ? and nothing behind it', 'chat/x?'),
  bad('with a ? and nothing before it', '?presence'),
  bad('with a ? inside its name', 'chat?presence/x'),
  bad('with a companion of a companion', 'chat/x?presence?presence'),
  bad('with a companion in capitals', 'chat/x?Presence'),
  bad('with a companion of 17 letters', `chat/x?${'p'.repeat(17)}`),
  names('a companion that there is none of', companion, 'chat/x?typing'),
  names('the companion of a channel that the contract hasn’t got', companion, 'chat/x/y?presence'),
  names(
    'the companion that there is',
    'subscribed for 7, error forbidden for 7, unsubscribed for 7, history for 7, goes on',
    'chat/x?presence',
    'Members enter; nobody publishes there.',
  ),
];

export const oddNames: readonly Row[] = [
  ...['__proto__', 'constructor', 'hasOwnProperty', 'then', 'toJSON', 'prototype'].map((name) =>
    good(name, name, 'It is a name like others.'),
  ),
  good('of one letter', 'x'),
  good('with a name of 255 letters', 'x'.repeat(255)),
  good('of dots', '...', 'Only “.” and “..” mean something elsewhere.'),
  good('meta:x', 'meta:x', 'A colon divides nothing here.'),
  good(':x', ':x', 'It begins like a parameter of a pattern; as a name it is one.'),
  good('__control', '__control', 'Nothing of our own lives under a name that clients can say.'),
  names(
    'a channel that no pattern of the contract has',
    elsewhere,
    'news/today/late',
    'Unsubscribing from what one isn’t subscribed to is always answered alike.',
  ),
  names('a channel whose pattern has a parameter less', elsewhere, 'chat/x/y'),
  names('a channel that differs in one capital', elsewhere, 'Chat/x'),
];
