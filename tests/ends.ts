/**
 * Ends what the tests of a file started, when all of them are over. Not with each test: where several run at once vitest doesn't know
 * whose something is. It is for files with a process of their own, and knows nothing of what it ends.
 */
import { afterAll } from 'vitest';

const ends: (() => unknown)[] = [];

afterAll(async () => {
  for (let end = ends.pop(); end; end = ends.pop()) await end();
});

/** Does this when the tests of the file are over; what came last ends first. */
export function atEnd(end: () => unknown): void {
  ends.push(end);
}
