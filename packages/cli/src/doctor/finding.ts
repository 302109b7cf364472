/**
 * What `doctor` finds: what is so, why it matters, how to mend it. Each check makes some, doctor.ts prints them; they know nothing of
 * how they were found.
 */

/** `fault`: clients suffer from it. `warning`: they may, or soon will. `skipped`: nobody could look. */
export type Level = 'good' | 'skipped' | 'warning' | 'fault';

export interface Finding {
  /** What was looked at, in a word. */
  readonly check: string;
  readonly level: Level;
  readonly what: string;
  readonly why?: string;
  /** Each by itself is a way to mend it. */
  readonly mend?: readonly string[];
}

export function good(check: string, what: string): Finding {
  return { check, level: 'good', what };
}

export function skipped(check: string, what: string): Finding {
  return { check, level: 'skipped', what };
}

export function fault(check: string, what: string, why: string, mend: readonly string[]): Finding {
  return { check, level: 'fault', what, why, mend };
}

export function warning(check: string, what: string, why: string, mend: readonly string[]): Finding {
  return { check, level: 'warning', what, why, mend };
}
