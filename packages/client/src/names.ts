/**
 * What the contract has for a channel's name. The contract brings its own search, so that who knows it by its types alone loads
 * none; whether a text can be a name at all is asked here.
 */
import type { Contract, Definition } from '@syncline/protocol';
import { type Lookup, search } from '@syncline/protocol/wire';
import { notA } from './faults.ts';

/** The characters of a name, and no segment that is empty, `.` or `..` (rule C1). Its segments the server counts. */
const names = /^(?!(.*\/)?\.{0,2}(\/|$))[\w=@,.:;/-]{1,255}$/;

/**
 * What stands behind a name; undefined without a contract, for then only the server knows.
 *
 * @throws SyncError `unknown_channel` for a name that is none, or that the contract has no channel of that kind for (rule C2): none
 * at all where `defineChannels` didn't make it, or it was taken apart since.
 */
export function definitionOf(
  kind: string,
  name: string,
  channels: (Contract & { readonly [search]?: Lookup }) | undefined,
): Definition | undefined {
  if (!names.test(name)) throw notA('channel name', name);
  if (!channels) return undefined;
  const definition = channels[search]?.(name);
  if (definition?.kind === kind) return definition;
  throw notA(`${kind} of the contract`, name);
}
