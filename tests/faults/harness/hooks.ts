/**
 * Hooks of a node that go wrong in every way that hooks can: they throw, reject, never settle, settle when nobody waits any more, and
 * return junk. Each user meets each way in turn, with good answers between; what went wrong is counted, so that a scenario can ask.
 */
import { SyncError } from '@syncline/protocol';
import type { Authenticate, Authorize, BeforePublish } from '@syncline/server';

export interface Hooks {
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  readonly beforePublish: BeforePublish;
  /** From now on they go well. */
  readonly calm: () => void;
  /** How often each way was met, by hook. */
  readonly met: Readonly<Record<string, number>>;
}

type Way = 'good' | 'throws' | 'rejects' | 'refuses' | 'hangs' | 'late' | 'junk';

/** Refusals for good come twice only: a client believes the third one (rule R3). */
const atTheDoor: readonly Way[] = [
  'good',
  'throws',
  'late',
  'hangs',
  'junk',
  'late',
  'hangs',
  'good',
  'late',
];
const atWork: readonly Way[] = ['throws', 'rejects', 'refuses', 'hangs', 'late', 'junk'];
/** Of so many publishes one meets trouble. */
const troubleEvery = 8;
/** Later than anybody waits. */
const lateMs = 600;

/** @example createServer({ hookMs: 200, ...hooksInTrouble() }) */
export function hooksInTrouble(): Hooks {
  const met: Record<string, number> = {};
  const turns = new Map<string, number>();
  let over = false;
  const turn = (of: string): number => {
    const now = turns.get(of) ?? 0;
    turns.set(of, now + 1);
    return now;
  };
  const count = (hook: string, way: Way): Way => {
    if (over) return 'good';
    met[`${hook} ${way}`] = (met[`${hook} ${way}`] ?? 0) + 1;
    return way;
  };
  /** Does it that way; whoever would have it done well gets `good`. */
  const go = async <T>(way: Way, good: T, junk: T): Promise<T> => {
    if (way === 'rejects' || way === 'throws') throw new Error('planted in a hook');
    if (way === 'refuses') throw new SyncError('forbidden');
    if (way === 'hangs') return await new Promise<never>(() => {});
    if (way === 'late') await new Promise((resolve) => setTimeout(resolve, lateMs));
    return way === 'junk' ? junk : good;
  };
  const work = (hook: string): Way => {
    const now = turn(hook);
    return now % troubleEvery === 0 ? (atWork[(now / troubleEvery) % atWork.length] ?? 'good') : 'good';
  };
  return {
    met,
    calm: () => {
      over = true;
    },
    authenticate: ({ token }) => {
      const user = token ?? 'nobody';
      const way = count('authenticate', atTheDoor[turn(user)] ?? 'good');
      if (way === 'throws') throw new Error('planted in a hook');
      const identity = {
        user,
        capabilities: {
          'chat/:room': ['*' as const],
          'pad/:id': ['*' as const],
          'brief/:room': ['subscribe' as const, 'history' as const],
        },
      };
      return go(way, identity, 7 as never);
    },
    authorize: (_identity, _action, _channel) => {
      const way = count('authorize', work('authorize'));
      if (way === 'throws') throw new Error('planted in a hook');
      return go<boolean>(way, true, 'yes' as never);
    },
    beforePublish: ({ channel }) => {
      // Who is in a channel says so once: whom a hook keeps out stays out.
      if (channel.includes('?')) return undefined;
      const way = count('beforePublish', work('beforePublish'));
      if (way === 'throws') throw new Error('planted in a hook');
      return go<undefined>(way, undefined, 7 as never);
    },
  };
}
