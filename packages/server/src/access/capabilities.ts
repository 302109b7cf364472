/**
 * Capabilities made ready for asking: may this action be done on that channel? Sessions ask at each use, so patterns are
 * taken apart once. Matching walks segments, as the contract's does; no regular expression comes from outside.
 */
import { SyncError } from '@syncline/protocol';
import { actions, nameFault, type Pattern, parsePattern } from '@syncline/protocol/wire';
import type { Action, Capabilities } from './identity.ts';

/** Whether an action is allowed on a channel. */
export type May = (action: Action, channel: string) => boolean;

/**
 * Takes capabilities apart. Where several patterns match a channel, what any of them allows is allowed; what is no channel
 * name is allowed nothing.
 *
 * @throws SyncError `bad_option` for a pattern that can't be one, or an action that there isn't.
 * @example
 * compile({ 'chat/:room': ['subscribe'] })('subscribe', 'chat/lobby') // true
 */
export function compile(capabilities: Capabilities): May {
  const rules = Object.entries(capabilities).map(([text, list]) => ({
    segments: text === '*' ? null : parsePattern(text).segments,
    allowed: allowedBy(text, list),
  }));
  return (action, channel) => {
    if (nameFault(channel)) return false;
    const asked = channel.split('/');
    return rules.some(
      ({ segments, allowed }) => allowed.has(action) && (segments === null || fits(segments, asked)),
    );
  };
}

/** As `matches` of the protocol, for a name that is taken apart once for all patterns: this is asked for each publish. */
function fits(segments: Pattern['segments'], asked: readonly string[]): boolean {
  return segments.length === asked.length && segments.every((s, i) => s === null || s === asked[i]);
}

function allowedBy(text: string, list: readonly (Action | '*')[]): ReadonlySet<Action> {
  const unknown = list.find((name) => name !== '*' && !actions.includes(name));
  if (unknown === undefined) return new Set(list.flatMap((name) => (name === '*' ? actions : name)));
  throw new SyncError(
    'bad_option',
    `The capability for "${text}" names an action that there isn't. There are ${actions.join(', ')}, and "*" for all.`,
  );
}
