/**
 * Reads a range of a log as one slice, a page at a time, so that no script holds up a Redis for long however much is asked for. It
 * says which pages it needs, and that what they hold is one log's; who fetches them it doesn't know.
 */
import { SyncError } from '@syncline/protocol';
import { type Entry, nextCheck } from '@syncline/protocol/wire';
import type { Range, Slice } from '../broker.ts';
import { dataBytes } from '../head.ts';
import { Broken, type Page } from './codec.ts';

/** One page holds so much at most, and one entry at least. */
const pageEntriesMax = 512;
const pageBytesMax = 1024 * 1024;
/** How often a read begins anew because the log was trimmed, or became another one, under it. */
const triesMax = 3;

/** What one page is asked for. */
export interface Part {
  readonly direction: Range['direction'];
  readonly offset: number;
  /** The last offset to read; undefined: the top. */
  readonly until: number | undefined;
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** Whether one entry is wanted even where it is larger than all of that. */
  readonly leastOne: boolean;
  readonly keep: Range['keep'];
}

/** @throws SyncError `unavailable` when the log changes all the time; Broken; what `fetch` throws */
export async function readSlice(fetch: (part: Part) => Promise<Page>, range: Range): Promise<Slice> {
  for (let tries = 0; tries < triesMax; tries++) {
    const slice = await readOnce(fetch, range);
    if (slice) return slice;
  }
  throw new SyncError('unavailable', 'The log changed again and again while it was read. Try again.');
}

/** Undefined when the log was trimmed, or became another one, so that a page doesn't go on where the one before ended. */
async function readOnce(fetch: (part: Part) => Promise<Page>, range: Range): Promise<Slice | undefined> {
  const { direction } = range;
  const after = direction === 'after';
  let entriesLeft = range.entriesMax;
  let bytesLeft = range.bytesMax;
  const first = await fetch({
    ...range,
    ...bounded(entriesLeft, bytesLeft),
    until: undefined,
    leastOne: true,
  });
  const { epoch, top, snapshot } = first;
  let { oldest, entries } = first;
  for (let page = first; page.entries.length > 0; ) {
    // A page that had room for all that was asked for ended where the range does.
    const complete = entriesLeft <= pageEntriesMax && bytesLeft <= pageBytesMax;
    const edge = after ? entries.at(-1)?.offset === top.offset : entries[0]?.offset === oldest;
    entriesLeft -= page.entries.length;
    bytesLeft -= bytesOf(page);
    if (complete || edge || entriesLeft <= 0 || bytesLeft < 0) break;
    const offset = (after ? entries.at(-1) : entries[0])?.offset ?? 0;
    // An entry may be larger than a page, but not than what is left.
    const leastOne = bytesLeft > pageBytesMax;
    const bounds = bounded(entriesLeft, bytesLeft);
    page = await fetch({ ...bounds, direction, offset, until: top.offset, leastOne, keep: null });
    if (page.epoch !== epoch || (after && page.oldest > offset + 1)) return undefined;
    if (bytesOf(page) > bytesLeft) break;
    // What was trimmed meanwhile can't be read any more; what was read before is still true.
    if (!after) oldest = Math.min(Math.max(oldest, page.oldest), offset);
    entries = after ? [...entries, ...page.entries] : [...page.entries, ...entries];
  }
  expectChain(entries, top, epoch);
  return { epoch, top, oldest, snapshot, entries };
}

function bytesOf({ entries }: Page): number {
  return entries.reduce((sum, { data }) => sum + dataBytes(data), 0);
}

function bounded(entriesLeft: number, bytesLeft: number) {
  return { entriesMax: Math.min(entriesLeft, pageEntriesMax), bytesMax: Math.min(bytesLeft, pageBytesMax) };
}

/** Proves that entries follow each other, and lead to the head. @throws Broken */
function expectChain(entries: readonly Entry[], top: Slice['top'], epoch: string): void {
  let last: Entry | undefined;
  for (const entry of entries) {
    if (last && (entry.offset !== last.offset + 1 || entry.check !== nextCheck(last.check, entry.data)))
      throw new Broken(`entry ${entry.offset} does not follow the one before it`, epoch);
    last = entry;
  }
  if (last?.offset === top.offset && last.check !== top.check)
    throw new Broken('its newest entry is not the one that its head names', epoch);
}
