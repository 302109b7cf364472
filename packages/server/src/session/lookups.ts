/**
 * What somebody may look up without a session: a page of a log, and who is in a channel. It is judged and charged as what a session
 * asks. A transport asks once it knows who is asking; this room knows no request and no header.
 */
import { limits, SyncError } from '@syncline/protocol';
import { type Direction, type Entry, readStateLine, type StateValue } from '@syncline/protocol/wire';
import type { Identity } from '../access.ts';
import { Ended, Seen } from '../cursor.ts';
import { Allowance, type Cost, purseOf, sourceOf } from './allowance.ts';
import type { Bucket } from './bucket.ts';
import { companionOf } from './presence.ts';
import type { Sessions } from './sessions.ts';
import type { SessionTools } from './tools.ts';
import { definitionOf } from './vetting.ts';

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
export interface MembersAsked extends Asker {
  readonly channel: string;
  readonly after: number;
  /** Members at most. */
  readonly limit: number;
}

export type Member = readonly [key: string, value: StateValue];

export interface Members {
  /** How many are in. */
  readonly count: number;
  /** Those who entered first come first. */
  readonly members: readonly Member[];
  /** Whether there are more. */
  readonly more: boolean;
}

/** How long the members of a channel may take to be looked through. */
const lookMs = 10_000;

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
  async members(asked: MembersAsked): Promise<Members> {
    const { access, hub } = this.#tools;
    const { identity, after, limit } = asked;
    const name = companionOf(asked.channel);
    const bucket = this.charge(asked, 'view', name);
    const definition = definitionOf(hub, name);
    await access.rights(identity).demand('presence', name, definition);
    const page = new PageOf(after, limit);
    await this.#look(name, bucket, page);
    access.good(identity);
    return page.read();
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

  /** Goes through all that stands in a companion, as a view of it does (rule V4). */
  async #look(name: string, bucket: Bucket, page: PageOf): Promise<void> {
    const { clock, hub } = this.#tools;
    let wake = (): void => {};
    let late = false;
    const viewer = { onWake: () => wake(), purse: purseOf(bucket) };
    const view = await hub.view(await hub.open(name), { maxHz: limits.viewHzMax.default }, viewer);
    const cancel = clock.timer(lookMs, () => {
      late = true;
      wake();
    });
    try {
      for (let more = true; more; ) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const taken = view.take();
        if (taken instanceof Ended) throw taken.error;
        if (taken instanceof Seen) {
          page.add(taken.rows);
          more = taken.more;
        } else await woken;
        if (late) throw new SyncError('unavailable', 'It took too long to look who is in. Try again.');
      }
    } finally {
      cancel();
      view.release();
    }
  }
}

/** The first so many rows after a version, whatever the order in which they come. */
class PageOf {
  readonly #after: number;
  readonly #limit: number;
  readonly #keys = new Set<string>();
  #found: Member[] = [];

  constructor(after: number, limit: number) {
    this.#after = after;
    this.#limit = limit;
  }

  add(rows: readonly string[]): void {
    for (const row of readStateLine(`[${rows.join(',')}]`)) {
      const [key, { version }] = row;
      this.#keys.add(key);
      if (version > this.#after) this.#found.push(row);
    }
    // One more than the page has tells whether there are more.
    if (this.#found.length > 2 * this.#limit) this.#found = this.#sorted().slice(0, this.#limit + 1);
  }

  read(): Members {
    const found = this.#sorted();
    const more = found.length > this.#limit;
    return { count: this.#keys.size, members: found.slice(0, this.#limit), more };
  }

  #sorted(): Member[] {
    return this.#found.sort(([, a], [, b]) => a.version - b.version);
  }
}
