/**
 * What the contract has for a channel's name, the client's half only. It stands in for the protocol's own search, which also
 * explains what is wrong with names and patterns and weighs ten times as much; names.test.ts proves that the two agree.
 */
import type { Contract, Definition } from '@syncline/protocol';
import { notA } from './faults.ts';

/** The characters of a name, and no segment that is empty, `.` or `..` (rule C1). Its segments the server counts. */
const names = /^(?!(.*\/)?\.{0,2}(\/|$))[\w=@,.:;/-]{1,255}$/;

/**
 * What stands behind a name; undefined without a contract, for then only the server knows.
 *
 * @throws SyncError `unknown_channel` for a name that is none, or that the contract has no channel of that kind for (rule C2).
 */
export function definitionOf(
  kind: string,
  name: string,
  channels: Contract | undefined,
): Definition | undefined {
  if (!names.test(name)) throw notA('channel name', name);
  if (!channels) return undefined;
  const parts = name.split('/');
  const fits = (pattern: string) => {
    const segments = pattern.split('/');
    return segments.length === parts.length && segments.every((s, i) => s[0] === ':' || s === parts[i]);
  };
  // Of patterns of one length the one whose first difference is a literal comes first.
  const rank = (pattern: string) => pattern.replace(/[^/]+/g, (s) => (s[0] === ':' ? '1' : '0'));
  const [found = ''] = Object.keys(channels)
    .filter(fits)
    .sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  const definition = channels[found];
  if (definition?.kind === kind) return definition;
  throw notA(`${kind} of the contract`, name);
}
