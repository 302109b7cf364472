/**
 * What can be read off the entries of a document without decoding an edit: whether another document begins, who wrote, the bytes.
 * The folder of documents asks. It knows no log.
 */
import { SyncError } from '@syncline/protocol';
import { type Data, type Entry, readDocEntry } from '@syncline/protocol/wire';

/** Whether a document begins with this entry. What can't be read is not refused here: whoever folds it finds out. */
export function begins(data: Uint8Array): boolean {
  try {
    return readDocEntry(data).type === 'beginning';
  } catch {
    return false;
  }
}

/** Who wrote most of it; null: the server itself, or people who are nobody in particular. */
export function authorOf(entries: readonly Entry[]): string | null {
  const bytes = new Map<string | null, number>();
  for (const { from, data } of entries) bytes.set(from, (bytes.get(from) ?? 0) + data.length);
  const [most] = [...bytes].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? null;
}

/** @throws SyncError `corrupt` for a text */
export function bytesOf(data: Data): Uint8Array {
  if (typeof data !== 'string') return data;
  throw new SyncError('corrupt', 'A doc channel holds a text where it should hold bytes.');
}
