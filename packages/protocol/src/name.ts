/**
 * Channel names and the patterns that match them. The codec refuses bad names with it, the contract finds a channel's
 * definition with it. No regular expression comes from outside: matching walks segments.
 */
import { SyncError } from './codes.ts';
import { nameCharsMax, nameSegmentsMax } from './limits.ts';

const characters = /^[A-Za-z0-9_\-=@,.:;/]+$/;

/** What is wrong with a channel name (rule C1), as a half sentence; undefined when it is fine. */
export function nameFault(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'it must be a text';
  if (name.length === 0) return 'it is empty';
  if (name.length > nameCharsMax) return `it is longer than ${nameCharsMax} characters`;
  if (!characters.test(name)) return 'it may hold only A–Z a–z 0–9 _ - = @ , . : ; and / between segments';
  const segments = name.split('/');
  if (segments.length > nameSegmentsMax) return `it has more than ${nameSegmentsMax} segments`;
  if (segments.some((s) => s === '' || s === '.' || s === '..')) return 'a segment is empty, "." or ".."';
  return undefined;
}

/** The names of a channel and of its companion, if it is one's (rule C4): `chat/lobby?presence` stands beside `chat/lobby`. */
export function splitName(name: string): readonly [base: string, companion: string | undefined] {
  const at = name.indexOf('?');
  return at < 0 ? [name, undefined] : [name.slice(0, at), name.slice(at + 1)];
}

/** What is wrong with the name of a channel or of a companion, as a half sentence; undefined when it is fine. */
export function channelFault(name: unknown): string | undefined {
  if (typeof name !== 'string') return nameFault(name);
  const [base, companion] = splitName(name);
  if (companion !== undefined && !/^[a-z]{1,16}$/.test(companion))
    return 'a companion is named by 1 to 16 letters a–z behind the "?"';
  return nameFault(base);
}

/** A pattern, taken apart once. A null segment matches any one segment. */
export interface Pattern {
  readonly text: string;
  readonly segments: readonly (string | null)[];
}

/** Takes a pattern such as `chat/:room` apart; throws `bad_option` when it isn't one (rule C2). */
export function parsePattern(text: string): Pattern {
  const fault = nameFault(text);
  if (fault) throw new SyncError('bad_option', `The channel pattern "${text}" can't be used: ${fault}.`);
  const segments = text.split('/').map((s) => (s.startsWith(':') ? null : s));
  if (/\/:(\/|$)|^:(\/|$)/.test(text))
    throw new SyncError('bad_option', `The channel pattern "${text}" has a parameter without a name.`);
  return { text, segments };
}

/** Whether `name` is an instance of `pattern`, segment by segment, in time linear in the name. */
export function matches(pattern: Pattern, name: string): boolean {
  const parts = name.split('/');
  return (
    parts.length === pattern.segments.length && pattern.segments.every((s, i) => s === null || s === parts[i])
  );
}

/** Orders patterns so that the first match is the most literal one, reading from the left (rule C2). */
export function byLiteralness(a: Pattern, b: Pattern): number {
  for (let i = 0; i < Math.min(a.segments.length, b.segments.length); i++) {
    const left = a.segments[i] === null ? 1 : 0;
    const right = b.segments[i] === null ? 1 : 0;
    if (left !== right) return left - right;
  }
  return 0;
}
