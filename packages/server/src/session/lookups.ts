/**
 * What somebody may look up without a session: a page of a log, and who is in a channel. It is judged and charged as what a session
 * asks. A transport asks once it knows who is asking; this room knows no request and no header.
 */
import { SyncError } from '@syncline/protocol';
import type { Direction, Entry } from '@syncline/protocol/wire';
import type { Identity } from '../access.ts';
import { type Roster, type RosterAsked, roster } from '../hub/roster.ts';
import { Allowance, type Cost, purseOf, sourceOf } from './allowance.ts';
import type { Bucket } from './bucket.ts';
import { companionOf } from './presence.ts';
import type { Sessions } from './sessions.ts';
import type { SessionTools } from './tools.ts';
import { definitionOf } from './vetting.ts';

export type { Roster } from '../hub/roster.ts';

/** Who asks. */
export interface Asker {
  readonly identity: Identity;
  /** Where it comes from: who is nobody in particular shares an allowance with all from there. */
  readonly network: string;
}

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
  async history(asked: PageAsked): Promise<Page> {
    const { access, hub } = this.#tools;
    const { identity, channel: name, direction, offset, limit } = asked;
    this.charge(asked, 'history', name);
    const definition = definitionOf(hub, name);
    await access.rights(identity).demand('history', name, definition);
    if (definition.carries === 'bytes')
      throw new SyncError('unsupported_data', `"${name}" carries bytes, which a page of JSON can't hold.`);
    const channel = await hub.open(name);
    const page = await channel.history(direction, offset, limit);
    access.good(identity);
    return { ...page, stamped: definition.stamped };
  }

  /**
   * Who is in a channel, on whichever node.
   *
   * @throws SyncError `too_many`, `unknown_channel`, `forbidden`, `expired`, `unavailable` when it takes too long, or the broker's
   */
  async members(asked: MembersAsked): Promise<Roster> {
    const { access, clock, hub } = this.#tools;
    const { identity } = asked;
    const name = companionOf(asked.channel);
    const bucket = this.charge(asked, 'view', name);
    const definition = definitionOf(hub, name);
    await access.rights(identity).demand('presence', name, definition);
    const found = await roster(hub, clock, name, asked, purseOf(bucket));
    access.good(identity);
    return found;
  }

  /** Charges a request to whoever asks. @throws SyncError `too_many`, whose detail `retryMs` says when to come again */
  charge({ identity, network }: Asker, type: Cost, channel?: string): Bucket {
    const { clock, hub, metrics } = this.#tools;
    const bucket = this.#sessions.bucketOf(identity.user, sourceOf(identity, network));
    const opens = channel !== undefined && hub.opened(channel) === undefined;
    const retryMs = new Allowance(bucket, clock).charge(type, opens);
    if (retryMs === 0) return bucket;
    metrics.requestsLimited++;
    throw new SyncError(
      'too_many',
      `You asked for more than the server takes from one. Go on in ${retryMs} ms.`,
      { retryMs },
    );
  }
}
