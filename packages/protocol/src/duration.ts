/**
 * Spans of time as people write them in a contract: `'60s'`, `'7d'`, or a number of milliseconds. The contract reads
 * them once, when it is defined; everything else counts in milliseconds.
 */
import { SyncError } from './codes.ts';
import { describe } from './field.ts';

/** A number of milliseconds, or a text such as `'250ms'`, `'30s'`, `'5m'`, `'12h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A duration in milliseconds. @throws SyncError `bad_option` naming `where` it stands. */
export function milliseconds(duration: Duration, where: string): number {
  const parts =
    typeof duration === 'number'
      ? [duration, 'ms']
      : /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration)?.slice(1);
  const ms = Number(parts?.[0]) * unitMs[(parts?.[1] ?? 'ms') as keyof typeof unitMs];
  if (Number.isFinite(ms) && ms > 0) return ms;
  throw new SyncError(
    'bad_option',
    `Expected ${where} to be a time such as "60s" or "7d", got ${describe(duration)}.`,
  );
}
