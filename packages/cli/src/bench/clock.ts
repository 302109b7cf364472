/**
 * The stopwatch of `syncline bench`: time that only goes forward, finer than a millisecond. Wall clocks jump, so nothing is
 * measured by them; this is the one file of the command that asks the machine for it.
 */

/** Milliseconds since some fixed moment. */
export const stopwatch = (): number => performance.now();
