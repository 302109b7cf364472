/**
 * What is asked before a payload is appended, whichever way it came: what stands behind the channel's name, what its kind makes of
 * the payload, whether it fits the contract, and what the server's own hook says. Sessions and posts ask here. It knows no frame,
 * no request and no log.
 */
import { type Definition, SyncError } from '@syncline/protocol';
import type { Data } from '@syncline/protocol/wire';
import type { Rights } from '../access.ts';
import type { Intake, Look } from '../hub/admission.ts';
import type { Hub } from '../hub.ts';
import type { SessionTools } from './tools.ts';

/** What is to be appended, and what it would be if nobody had put anything into its place. */
export interface Vetted extends Intake {
  readonly asSent: Data;
}

/** What the contract says of a channel. Which patterns it has is not everybody's business. @throws SyncError `unknown_channel` */
export function definitionOf(hub: Pick<Hub, 'definition'>, name: string): Definition {
  try {
    return hub.definition(name);
  } catch {
    throw new SyncError('unknown_channel', `This server has no channel called ${JSON.stringify(name)}.`);
  }
}

/**
 * What is to be appended for a payload of somebody with these rights. Whether they may publish at all is to be asked before.
 *
 * @throws SyncError `payload_too_large`, `unsupported_data`, `bad_payload`, `forbidden`, or what the hook threw
 * @example
 * const { append } = await vet(tools, rights, 'chat/lobby', definition, '{"text":"hello"}')
 */
export async function vet(
  { access, hub }: Pick<SessionTools, 'access' | 'hub'>,
  rights: Rights,
  channel: string,
  definition: Definition,
  payload: Data,
): Promise<Vetted> {
  const { identity } = rights;
  const taken = hub.admission.take(channel, payload, definition, rights);
  const look: Look = (key, data) => access.screen({ identity, channel, key, data });
  const examines = definition.schema || access.screens;
  const intake = examines ? await hub.admission.examine(channel, taken, definition, look) : taken;
  return { ...intake, asSent: taken.append.data };
}
