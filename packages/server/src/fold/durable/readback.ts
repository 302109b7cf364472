/**
 * What is known of a durable log at its head, found out by reading it backwards up to the newest entry that says all, and no further: a log
 * may be large. The ledger begins with it; it follows nothing.
 */
import { type Position, SyncError } from '@syncline/protocol';
import { type DurableState, durableKind, type Entry } from '@syncline/protocol/wire';
import type { Channel } from '../../channel.ts';

/** Entries that are read at a time to find one that says all. */
const pageEntries = 64;

/**
 * What is known at the head of a log; undefined: it has turned into another one.
 *
 * @throws SyncError `corrupt` where nothing that is kept says what the log is, or the broker's
 */
export async function readBack(
  channel: Channel,
  { epoch, offset, check }: Position,
): Promise<DurableState | undefined> {
  const empty = durableKind.empty();
  let found: readonly Entry[] = [];
  for (let before = offset + 1; before > 1; ) {
    const page = await channel.history('before', before, pageEntries);
    if (page.epoch !== epoch) return undefined;
    found = [...page.entries, ...found];
    if (found.length > 0 && found.at(-1)?.check !== check) return undefined;
    const from = page.entries.map(saysAll).lastIndexOf(true);
    const [first] = page.entries;
    if (from >= 0) return durableKind.apply(empty, found.slice(from));
    if (!first || !page.more) break;
    before = first.offset;
  }
  // Nothing was ever stored, or what was is dropped.
  if (found.length === 0) return { ...empty, offset };
  throw new SyncError(
    'corrupt',
    `The durable log "${channel.settings.name}" keeps no entry that says what it is. Was \`keep\` lowered by much? Delete its data, or raise it.`,
  );
}

/** Whether a fold may begin with an entry. */
function saysAll(entry: Entry): boolean {
  return durableKind.apply({ ...durableKind.empty(), offset: entry.offset - 1 }, [entry]).mark > 0;
}
