/**
 * Positions as one word, as addresses and header fields carry them: `<epoch>_<offset>_<check>`, which sorts as text as the positions
 * do. Whatever is read by plain HTTP names its places so. It knows positions and nothing of logs.
 */
import type { Position } from '@syncline/protocol';

/** As many digits as the largest offset has. */
const offsetDigits = 16;
const checkDigits = 8;
const pattern = /^([A-Za-z0-9_-]{1,64})_(\d{16})_([0-9a-f]{8})$/;

/**
 * The word for a position: the place after the entry at its offset.
 *
 * @example
 * writeToken({ epoch: 'm3x', offset: 7, check: 255 }) // 'm3x_0000000000000007_000000ff'
 */
export function writeToken({ epoch, offset, check }: Position): string {
  const digits = String(offset).padStart(offsetDigits, '0');
  return `${epoch}_${digits}_${check.toString(16).padStart(checkDigits, '0')}`;
}

/** The position that a word stands for; undefined for what `writeToken` never wrote. */
export function readToken(token: string): Position | undefined {
  const [, epoch, digits, check] = pattern.exec(token) ?? [];
  const offset = Number(digits);
  if (epoch === undefined || check === undefined || !Number.isSafeInteger(offset)) return undefined;
  return { epoch, offset, check: Number.parseInt(check, 16) };
}
