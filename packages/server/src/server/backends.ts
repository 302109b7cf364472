/**
 * What the API for backends asks of a node, beside what sessions ask too: look-ups, and the power to send people away, which only API
 * keys have. The server's front puts it together; it knows no request.
 */
import { SyncError } from '@syncline/protocol';
import type { Power } from '../access/apikeys.ts';
import type { Access, Identity } from '../access.ts';
import type { Lookups } from '../session/lookups.ts';
import { networkOf } from '../transports/crowd.ts';
import type { ApiSettings } from '../transports/http/api.ts';

export interface BackendTools {
  readonly access: Access;
  readonly lookups: Lookups;
  /** Sends a user away, on every node; returns how many sessions there were on this one. */
  readonly disconnect: (user: string, why: string | undefined) => Promise<number>;
  /** Withdraws a token, on every node. */
  readonly revoke: (tokenId: string, untilMs: number | undefined) => Promise<number>;
}

/** What the API is given of a node. */
export function backends(
  tools: BackendTools,
): Pick<ApiSettings, 'history' | 'members' | 'disconnect' | 'revoke'> {
  const { lookups, disconnect, revoke } = tools;
  /** @throws SyncError `forbidden`, `too_many` */
  const demand = (identity: Identity, power: Power): void => {
    if (!tools.access.allows(identity, power))
      throw new SyncError(
        'forbidden',
        `Only an API key that may \`${power}\` may do this: say so in \`apiKeys\`.`,
      );
    lookups.charge({ identity, network: '' }, 'auth');
  };
  return {
    history: (asked, address) => lookups.history({ ...asked, network: networkOf(address) }),
    members: (asked, address) => lookups.members({ ...asked, network: networkOf(address) }),
    disconnect: async (identity, user, why) => {
      demand(identity, 'disconnect');
      return await disconnect(user, why);
    },
    revoke: async (identity, tokenId, untilMs) => {
      demand(identity, 'revoke');
      return await revoke(tokenId, untilMs);
    },
  };
}
