/**
 * Who is in a channel, for those who ask once: what stands in its companion, read by a view that ends when all was looked at. Whoever
 * asks is charged for the looking as a session is. It knows members and versions; not who asks, nor whether they may.
 */
import { limits, SyncError } from '@syncline/protocol';
import { type Clock, readStateLine } from '@syncline/protocol/wire';
import { Ended, type Purse, Seen } from '../cursor.ts';
import type { Hub } from '../hub.ts';

/** Which page. */
export interface RosterAsked {
  /** Only members whose entry stands after this offset. */
  readonly after: number;
  /** Members at most. */
  readonly limit: number;
}

export interface RosterMember {
  readonly key: string;
  /** What it says of itself, as it was written. */
  readonly data: string;
  readonly user: string | null;
  /** When its entry was stored, in ms since 1970, and where. */
  readonly since: number;
  readonly version: number;
}

export interface Roster {
  /** How many are in, on the page or not. */
  readonly count: number;
  /** Those whose entry is oldest come first. */
  readonly members: readonly RosterMember[];
  /** Whether there are more. */
  readonly more: boolean;
}

/** How long the members of a channel may take to be looked through. */
const lookMs = 10_000;

/**
 * One page of who is in.
 *
 * @param name of the companion
 * @throws SyncError `unavailable` when it takes too long, or what the hub threw
 * @example
 * await roster(hub, clock, 'chat/lobby?presence', { after: 0, limit: 100 }, purse)
 */
export async function roster(
  hub: Pick<Hub, 'open' | 'view'>,
  clock: Clock,
  name: string,
  asked: RosterAsked,
  purse: Purse,
): Promise<Roster> {
  const page = new Page(asked);
  let wake = (): void => {};
  let late = false;
  const filter = { maxHz: limits.viewHzMax.default };
  const view = await hub.view(await hub.open(name), filter, { onWake: () => wake(), purse });
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
    return page.read();
  } finally {
    cancel();
    view.release();
  }
}

/** The first so many members after a version, in whatever order they come. */
class Page {
  readonly #asked: RosterAsked;
  readonly #keys = new Set<string>();
  #found: RosterMember[] = [];

  constructor(asked: RosterAsked) {
    this.#asked = asked;
  }

  add(rows: readonly string[]): void {
    const { after, limit } = this.#asked;
    for (const [key, { text: data, from: user, since, version }] of readStateLine(`[${rows.join(',')}]`)) {
      this.#keys.add(key);
      if (version > after) this.#found.push({ key, user, since, version, data });
    }
    // One more than the page has tells whether there are more.
    if (this.#found.length > 2 * limit) this.#found = this.#sorted().slice(0, limit + 1);
  }

  read(): Roster {
    const { limit } = this.#asked;
    const found = this.#sorted();
    return { count: this.#keys.size, members: found.slice(0, limit), more: found.length > limit };
  }

  #sorted(): RosterMember[] {
    return this.#found.sort((a, b) => a.version - b.version);
  }
}
