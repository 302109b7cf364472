/**
 * What somebody may look up without a session: a page of a log, and who is in a channel. It is judged and charged as what a session
 * asks. A transport asks once it knows who is asking; this room knows no request and no header.
 */
import { SyncError } from '@syncline/protocol';
import type { Direction, Entry } from '@syncline/protocol/wire';
import { type Roster, type RosterAsked, roster } from '../hub/roster.ts';
import { type Cost, purseOf } from './allowance.ts';
import { type Asker, charge } from './asking.ts';
import { companionOf } from './presence.ts';
import type { Sessions } from './sessions.ts';
import { told } from './told.ts';
import type { SessionTools } from './tools.ts';
import { definitionOf } from './vetting.ts';

export type { Roster } from '../hub/roster.ts';

/** Which page of a log. */
export interface PageAsked extends Asker {
  readonly channel: string;
  readonly direction: Direction;
  readonly offset: number;
  /** Entries at most. */
  readonly limit: number;
}

export interface Page {
  readonly epoch: string;
  /** Oldest first. */
  readonly entries: readonly Entry[];
  /** Whether readers are told when entries were stored, and by whom. */
  readonly stamped: boolean;
  /** Whether there are more in that direction. */
  readonly more: boolean;
}

/** Which members: those whose entry stands after an offset. */
export interface MembersAsked extends Asker, RosterAsked {
  readonly channel: string;
}

export class Lookups {
  readonly #tools: SessionTools;
  readonly #sessions: Sessions;

  constructor(tools: SessionTools, sessions: Sessions) {
    this.#tools = tools;
    this.#sessions = sessions;
  }

  /**
   * One page of a log.
   *
   * @throws SyncError `too_many`, `unknown_channel`, `forbidden`, `expired`, `unsupported_data` where payloads are bytes, or the broker's
   */
  history(asked: PageAsked): Promise<Page> {
    return this.#tell(() => this.#history(asked));
  }

  /**
   * Who is in a channel, on whichever node.
   *
   * @throws SyncError `too_many`, `unknown_channel`, `forbidden`, `expired`, `unavailable` when it takes too long, or the broker's
   */
  members(asked: MembersAsked): Promise<Roster> {
    return this.#tell(() => this.#members(asked));
  }

  /** Charges a request that looks nothing up. @throws SyncError `too_many` */
  charge(asker: Asker, type: Cost): void {
    charge(this.#tools, this.#sessions, asker, { type });
  }

  /** Errors are told as to sessions. */
  async #tell<T>(look: () => Promise<T>): Promise<T> {
    try {
      return await look();
    } catch (thrown) {
      throw told(this.#tools, thrown);
    }
  }

  async #history(asked: PageAsked): Promise<Page> {
    const { access, hub } = this.#tools;
    const { identity, channel: name, direction, offset, limit } = asked;
    charge(this.#tools, this.#sessions, asked, { type: 'history', channel: name });
    const definition = definitionOf(hub, name);
    await access.rights(identity).demand('history', name, definition);
    if (definition.carries === 'bytes')
      throw new SyncError('unsupported_data', `"${name}" carries bytes, which a page of JSON can't hold.`);
    const channel = await hub.open(name);
    const page = await channel.history(direction, offset, limit);
    access.good(identity);
    return { ...page, stamped: definition.stamped };
  }

  async #members(asked: MembersAsked): Promise<Roster> {
    const { access, clock, hub } = this.#tools;
    const { identity } = asked;
    const name = companionOf(asked.channel);
    const bucket = charge(this.#tools, this.#sessions, asked, { type: 'view', channel: name });
    const definition = definitionOf(hub, name);
    await access.rights(identity).demand('presence', name, definition);
    const found = await roster(hub, clock, name, asked, purseOf(bucket));
    access.good(identity);
    return found;
  }
}
