/**
 * Where a reader's cursor begins (rules S3, S4): at the position it knows, or at the oldest place from which the log is
 * complete, and why. A channel asks when someone subscribes; it answers from what the follower holds, or reads.
 */
import { type GapReason, type Position, SyncError } from '@syncline/protocol';
import { nextCheck, origin, previousCheck, type Start } from '@syncline/protocol/wire';
import type { Slice } from '../broker/broker.ts';
import type { Follower } from './follower.ts';
import { firstAfter, type Pages } from './pages.ts';

/** Where a new cursor stands, and why that isn't where it asked to be. */
export interface Located {
  readonly position: Position;
  readonly gap: GapReason | null;
  /** False where the log was folded and can't prove the place: that reader begins with the snapshot, whatever it has (rule S9). */
  readonly proven: boolean;
}

type Beginning = Pick<Located, 'position' | 'proven'>;

/** How often a place is looked for in a log that turns into another one meanwhile. */
const triesMax = 3;

/** Finds the place. It holds as long as `follower.breaks` doesn't change. @throws SyncError `unavailable`, or the broker's. */
export async function locate(start: Start, follower: Follower, pages: Pages): Promise<Located> {
  let asked = false;
  for (let tries = 0; tries < triesMax; tries++) {
    const { breaks } = follower;
    const located =
      typeof start === 'number'
        ? { ...(await lastEntries(start, follower, pages)), gap: null }
        : await place(start, follower, pages);
    const same = breaks === follower.breaks && located.position.epoch === follower.top.epoch;
    // Before a reader is told that its place is gone the log is asked: it may be this node that is behind.
    if (same && (asked || located.gap === null || located.gap === 'trimmed')) return located;
    await follower.repair();
    asked = true;
  }
  throw new SyncError(
    'unavailable',
    'The log turned into another one while a place in it was looked for. Try again.',
  );
}

/** The place before all that a slice gives: its snapshot, its first entry, or the head of the log when it has neither. */
export function placeBefore(slice: Slice): Position {
  if (slice.snapshot) return origin(slice.epoch);
  const [first] = slice.entries;
  if (!first) return { epoch: slice.epoch, ...slice.top };
  return {
    epoch: slice.epoch,
    offset: first.offset - 1,
    check: previousCheck(first.check, first.data),
  };
}

async function place(start: Position, follower: Follower, pages: Pages): Promise<Located> {
  const gap = await gapAt(start, follower, pages);
  if (gap === 'folded') return { position: start, gap: null, proven: false };
  return gap ? { ...(await placeAfter(0, pages)), gap } : { position: start, gap, proven: true };
}

/** Why a position can't be read on from; null when it can, `folded` when a snapshot stands for what comes after it. */
async function gapAt(
  { epoch, offset, check }: Position,
  follower: Follower,
  pages: Pages,
): Promise<GapReason | 'folded' | null> {
  const { top } = follower;
  if (epoch !== top.epoch) return 'epoch';
  if (offset > top.offset) return 'ahead';
  if (offset === top.offset) return check === top.check ? null : 'diverged';
  let [next] = follower.held(offset + 1);
  if (!next) {
    if (await pages.foldedAfter(offset)) return 'folded';
    const { oldest, entries, snapshot } = await pages.after(offset);
    if (oldest > offset + 1) return snapshot ? 'folded' : 'trimmed';
    next = entries[offset + 1 - (entries[0]?.offset ?? 0)];
  }
  return next && nextCheck(check, next.data) === next.check ? null : 'diverged';
}

/** The place with `count` entries after it, or the oldest one there is. */
async function lastEntries(count: number, { top }: Follower, pages: Pages): Promise<Beginning> {
  if (count === 0 || top.offset === 0) return { position: top, proven: true };
  return await placeAfter(Math.max(0, top.offset - count), pages);
}

/** The place after `offset`, or the oldest one from which the log is complete. */
async function placeAfter(offset: number, pages: Pages): Promise<Beginning> {
  const folded = await pages.foldedAfter(offset);
  if (folded) return { position: origin(folded.epoch), proven: false };
  return { position: placeBefore(await pages.read(firstAfter(offset))), proven: true };
}
