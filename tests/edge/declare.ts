/**
 * Turns subjects and their rows into tests: one for each row and each way in that knows its input. The title begins with
 * what is sent and says what is answered.
 */
import { describe, it } from 'vitest';
import { entries } from './entries.ts';
import { answerOf, withstand } from './harness.ts';
import type { Subject } from './rows.ts';

/** Declares the tests of these subjects. */
export function declare(subjects: readonly Subject[]): void {
  for (const { title, rows } of subjects) {
    describe(title, () => {
      for (const row of rows) {
        for (const entry of entries) {
          const answer = answerOf(row, entry);
          if (answer === undefined) continue;
          it(`${row.input}: ${answer} (${entry.name})`, () => withstand(entry, row));
        }
      }
    });
  }
}
