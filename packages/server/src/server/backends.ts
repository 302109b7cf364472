/**
 * What the API for backends asks of a node, beside what sessions ask too: look-ups, and the power to send people away, which only API
 * keys have. The server's front puts it together; it knows no request.
 */
import { SyncError } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import type { Power } from '../access/apikeys.ts';
import type { Access, Identity } from '../access.ts';
import type { Lookups } from '../session/lookups.ts';
import { networkOf } from '../transports/crowd.ts';
import type { ApiSettings } from '../transports/http/api.ts';
import type { Withdrawn } from './dismissals.ts';

export interface BackendTools {
  readonly access: Access;
  readonly lookups: Lookups;
  /** Sends a user away, on every node. */
  readonly disconnect: (user: string, why: string | undefined) => Withdrawn;
  /** Withdraws a token, on every node. */
  readonly revoke: (tokenId: string, untilMs: number | undefined) => Withdrawn;
  readonly clock: Clock;
  /** How long somebody is kept waiting until it is stored. */
  readonly hookMs: number;
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
  /** @throws SyncError `unavailable` where it couldn't be stored in time: it is tried again all the same */
  const stored = async ({ ended, stored: storing = Promise.resolve(true) }: Withdrawn): Promise<number> => {
    const { clock, hookMs } = tools;
    const late = new Promise<boolean>((resolve) => {
      const cancel = clock.timer(hookMs, () => resolve(false));
      void storing.then(cancel);
    });
    if (await Promise.race([storing, late])) return ended;
    throw new SyncError(
      'unavailable',
      'It is done on this node; the others are told when the logs can be reached again. Ask again to be sure.',
    );
  };
  return {
    history: (asked, address) => lookups.history({ ...asked, network: networkOf(address) }),
    members: (asked, address) => lookups.members({ ...asked, network: networkOf(address) }),
    disconnect: async (identity, user, why) => {
      demand(identity, 'disconnect');
      return await stored(disconnect(user, why));
    },
    revoke: async (identity, tokenId, untilMs) => {
      demand(identity, 'revoke');
      return await stored(revoke(tokenId, untilMs));
    },
  };
}
