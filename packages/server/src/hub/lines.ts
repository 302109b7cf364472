/**
 * What is done for members: for each one thing after the other, and what failed again a little later. Leases have it done here, so that
 * what a member's entries say is what was asked for last; what is done isn't known here.
 */
import type { Clock } from '@syncline/protocol/wire';
import { type Logger, reason } from '../observe.ts';
import type { Member } from './members.ts';

export interface LineTools {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long after a failure something is tried again. */
const retryMs = 1000;

export class Lines {
  readonly #tools: LineTools;
  readonly #onEmpty: (member: Member) => void;
  #closed = false;

  /** @param onEmpty called when nothing is left to do for a member */
  constructor(tools: LineTools, onEmpty: (member: Member) => void) {
    this.#tools = tools;
    this.#onEmpty = onEmpty;
  }

  /** Does something for a member after what was begun before. @throws what it throws */
  do(member: Member, work: () => Promise<void>): Promise<void> {
    member.begun++;
    const done = member.line.then(work).finally(() => {
      member.begun--;
      if (member.begun === 0) this.#onEmpty(member);
    });
    member.line = done.catch(() => {});
    return done;
  }

  /** The same for what nobody waits for: it sees to its failures itself. */
  later(member: Member, work: () => Promise<void>): void {
    this.do(member, work).catch(() => {});
  }

  /** Something failed, which is told to the operator: it is done again, unless the member is let go of before. */
  again(member: Member, what: string, thrown: unknown, work: () => Promise<void>): void {
    if (this.#closed) return;
    const { clock, logger } = this.#tools;
    logger.error({ channel: member.room.name, reason: reason(thrown) }, `${what}; it is tried again.`);
    member.stopRetrying();
    member.stopRetrying = clock.timer(retryMs, () => this.later(member, work));
  }

  /** Nothing is tried again any more. */
  close(): void {
    this.#closed = true;
  }
}
