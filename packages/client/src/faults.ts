/**
 * How the client words what went wrong on its own side. Everyone who throws, rejects or reports takes the sentence from here,
 * where more than one has it to say; what the server says is handed on as it is.
 */
import { SyncError } from '@syncline/protocol';

/** An option that can't be. */
export function badOption(expected: string, got: unknown): SyncError {
  return new SyncError('bad_option', `Expected ${expected}, got ${got}.`);
}

/** A name that doesn't stand for what it is asked for. */
export function notA(what: string, name: string): SyncError {
  return new SyncError('unknown_channel', `"${name}" is no ${what}.`);
}

/** What is wrong with a payload that is beyond a bound. */
export function tooMuch(most: string): string {
  return `The payload has more than ${most}.`;
}

/** Anything thrown, as it is if it is one of ours already. */
export function toFault(thrown: unknown): SyncError {
  return thrown instanceof SyncError ? thrown : new SyncError('unavailable', String(thrown));
}

/** The server said what no server of this version says. */
export function misread(): SyncError {
  return new SyncError('bad_frame', 'Another version?');
}

/** A link on which nothing came for too long. */
export function silence(): SyncError {
  return new SyncError('silent', 'Nothing came: no network?');
}
