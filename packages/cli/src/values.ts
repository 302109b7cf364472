/**
 * Values as they are written on the command line: counts, times, sizes, lists. The table of commands hands these to its
 * parser, whose errors name the option; no file but that one calls them for that.
 */
import { InvalidArgumentError } from 'commander';

/** Where a server is that nobody named. */
export const urlDefault = 'ws://localhost:8080/sync';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const unitBytes: Readonly<Record<string, number>> = { '': 1, k: 1024, kb: 1024, m: 1_048_576, mb: 1_048_576 };

/** A time such as `250ms`, `90s`, `30m`, `1h` or `7d`, in ms; undefined for what is none. */
export function readTime(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(count) * (unitMs[unit] ?? Number.NaN);
  return ms > 0 ? ms : undefined;
}

/** A time as an option's value. */
export function time(text: string): number {
  const ms = readTime(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError('It must be a time such as 500ms, 90s, 30m, 1h or 7d.');
}

/** A whole number within bounds, as an option's value. */
export function whole(min: number, max: number, what: string): (text: string) => number {
  return (text) => {
    if (/^\d+$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
    throw new InvalidArgumentError(`It must be ${what} from ${min} to ${max}.`);
  };
}

/** A number above 0, which may have decimals, as an option's value. */
export function rate(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value <= 1_000_000) return value;
  throw new InvalidArgumentError('It must be a number above 0, such as 0.5 or 20.');
}

/** A size such as `100` or `4k`, in bytes, as an option's value. */
export function size(text: string): number {
  const [, count, unit = ''] = /^(\d+)\s*([a-z]*)$/i.exec(text) ?? [];
  const bytes = Number(count) * (unitBytes[unit.toLowerCase()] ?? Number.NaN);
  if (bytes >= 2 && bytes <= 16_777_216) return bytes;
  throw new InvalidArgumentError('It must be a size from 2 bytes to 16m, such as 100 or 4k.');
}

/** A payload as an option's value, with places for a number and a name in it: JSON, once they are filled. */
export function template(text: string): string {
  try {
    JSON.parse(text.replaceAll('{n}', '1').replaceAll('{run}', 'run'));
    return text;
  } catch {
    throw new InvalidArgumentError('It must be JSON; a text needs quotes of its own: \'"hello"\'.');
  }
}

/** Of an option that may be given again, all values. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
