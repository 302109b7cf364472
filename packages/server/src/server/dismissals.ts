/**
 * Who is sent away: a user, or whoever came with a token, on this node at once and on the others through the broker. The front asks, for
 * its caller and for the API; what other nodes told comes in here too. It knows sessions, rights and leases, and no request.
 */
import { SyncError } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import type { Access, Identity } from '../access.ts';
import type { WithdrawalHooks, Withdrawals } from '../hub/withdrawals.ts';
import type { Hub } from '../hub.ts';
import { type Logger, reason } from '../observe.ts';
import { show } from '../options/show.ts';
import type { Sessions } from '../session/sessions.ts';

/** How long a revoked token is remembered when nobody says when it ends. */
const tokenLifeMsMax = 30 * 86_400_000;

export interface DismissalTools {
  readonly access: Access;
  readonly hub: Hub;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Somebody was sent away. */
export interface Withdrawn {
  /** How many sessions ended on this node. */
  readonly ended: number;
  /** Resolves with whether that is stored, for the other nodes; undefined where there is nobody to tell. */
  readonly stored: Promise<boolean> | undefined;
}

export class Dismissals implements WithdrawalHooks {
  readonly #tools: DismissalTools;
  readonly #withdrawals: Withdrawals | undefined;

  /** @param withdrawals what tells the other nodes; undefined where there is nobody to send away */
  constructor(tools: DismissalTools, withdrawals: Withdrawals | undefined) {
    this.#tools = tools;
    this.#withdrawals = withdrawals;
  }

  disconnect(user: string, why = 'The server ended this session.'): Withdrawn {
    const stored = this.#withdrawals?.disconnect(user, why);
    return { ended: this.#sendAway(user, why), stored };
  }

  /** @throws SyncError `bad_option`, `too_many` */
  revoke(tokenId: string, untilMs = this.#tools.clock.now() + tokenLifeMsMax): Withdrawn {
    if (!(untilMs > this.#tools.clock.now()))
      throw new SyncError(
        'bad_option',
        `Expected \`untilMs\` to be a time to come, in ms since 1970, got ${show(untilMs)}. The claim \`exp\` counts seconds: multiply it by 1000.`,
      );
    const ended = this.#withdrawToken(tokenId, untilMs);
    return { ended, stored: this.#withdrawals?.revoke(tokenId, untilMs) };
  }

  disconnected(user: string, why: string, at: number): void {
    this.#sendAway(user, why, at);
  }

  revoked(tokenId: string, untilMs: number): void {
    try {
      this.#withdrawToken(tokenId, untilMs);
    } catch (thrown) {
      const said = { reason: reason(thrown) };
      this.#tools.logger.error(said, 'A token that another node revoked is still taken.');
    }
  }

  /** @param at whoever was let in later may stay */
  #sendAway(user: string, why: string, at = Number.POSITIVE_INFINITY): number {
    const { access, hub, sessions } = this.#tools;
    access.withdraw(user, at);
    hub.leases.withdraw({ user });
    const meant = (identity: Identity) => access.foundBy(identity, at);
    return sessions.end({ user }, 'disconnected', why, meant);
  }

  #withdrawToken(tokenId: string, untilMs: number): number {
    const { access, hub, sessions } = this.#tools;
    const why = 'The token that this session came with was revoked.';
    const ended = sessions.end({ tokenId }, 'revoked', why);
    access.revoke(tokenId, untilMs);
    hub.leases.withdraw({ tokenId });
    return ended;
  }
}
