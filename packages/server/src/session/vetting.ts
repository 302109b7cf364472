/**
 * What is asked about a payload before it is appended, whichever way it came: what its kind makes of it, whether it fits the
 * contract, and what the server's own hook says. Sessions and posts ask here. It knows no frame, no request and no log.
 */
import type { Definition } from '@syncline/protocol';
import type { Data } from '@syncline/protocol/wire';
import type { Rights } from '../access.ts';
import type { Intake } from '../hub/admission.ts';
import type { SessionTools } from './tools.ts';

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
): Promise<Intake> {
  const { identity } = rights;
  const intake = hub.admission.take(channel, payload, definition, rights);
  if (!definition.schema && !access.screens) return intake;
  return await hub.admission.examine(channel, intake, definition, (key, data) =>
    access.screen({ identity, channel, key, data }),
  );
}
