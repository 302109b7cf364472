/**
 * A position as one word, so that it can be printed, kept and given back: `tail --since` and `publish --json` use it, and HTTP
 * has the same words for the same places. It knows nothing of logs.
 */
import type { Position } from '@syncline/protocol';

const pattern = /^([\w-]{1,64})_(\d{16})_([0-9a-f]{8})$/;

/** The word for a position. */
export function writePlace({ epoch, offset, check }: Position): string {
  return `${epoch}_${String(offset).padStart(16, '0')}_${check.toString(16).padStart(8, '0')}`;
}

/** The position that a word stands for; undefined for what is no such word. */
export function readPlace(text: string): Position | undefined {
  const [, epoch, offset, check] = pattern.exec(text) ?? [];
  if (epoch === undefined || offset === undefined || check === undefined) return undefined;
  const position = { epoch, offset: Number(offset), check: Number.parseInt(check, 16) };
  return Number.isSafeInteger(position.offset) ? position : undefined;
}
