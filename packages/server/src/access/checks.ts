/**
 * What the ways to tell who someone is have in common: how their options are checked and how they refuse. Nothing here
 * repeats what it was given where that may be a secret.
 */
import { SyncError } from '@syncline/protocol';
import { show } from '../options/show.ts';

const secretBytesMin = 32;

/** A credential that isn't one. */
export function refused(message: string): SyncError {
  return new SyncError('unauthenticated', message);
}

/** Whoever knows couldn't be asked. Clients are told no more than that; `cause` says to the operator what happened. */
export function unreachable(cause: string): SyncError {
  const error = new SyncError('unavailable', 'Who you are could not be checked just now. Try again later.');
  error.cause = new Error(cause);
  return error;
}

/** A number among options. @throws SyncError `bad_option` */
export function numberOption(name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new SyncError(
    'bad_option',
    `Expected \`${name}\` to be a whole number from ${min} to ${max}, got ${show(value)}.`,
  );
}

/** A secret as bytes: a text's are those of UTF-8. @throws SyncError `bad_option` when it is too short to withstand guessing */
export function secretOption(name: string, value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  if (bytes instanceof Uint8Array && endsLikeFile(bytes))
    throw new SyncError(
      'bad_option',
      `\`${name}\` ends in a line feed, as files do, and whoever signs has probably left that out: readFileSync(file, 'utf8').trim()`,
    );
  if (bytes instanceof Uint8Array && bytes.length >= secretBytesMin) return bytes;
  throw new SyncError(
    'bad_option',
    `Expected \`${name}\` to be a text or bytes, at least ${secretBytesMin} bytes long. A good one: openssl rand -base64 32`,
  );
}

/** Whether bytes are printable text and then the end of a line. Random bytes hardly ever are. */
function endsLikeFile(bytes: Uint8Array): boolean {
  return (
    bytes.at(-1) === 10 && bytes.subarray(0, -1).every((byte) => byte === 13 || (byte >= 32 && byte < 127))
  );
}
