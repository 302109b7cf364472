/**
 * What the commands print and how they stop: results to stdout, all else to stderr, one line of progress where somebody looks at
 * it. Whoever closes the pipe ends the command, and that is no error.
 */
import { systemClock } from '@syncline/protocol/wire';

/** How a command ended, as the shell sees it. docs/guide/cli.md has what they mean. */
export const exit = { done: 0, failed: 1, unknown: 2, lost: 3 } as const;

/** Progress isn't written more often than that, in ms. */
const progressMs = 200;

/** Writes a line to stdout. */
export function writeLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Tells what isn't a result: one line to stderr, under the command's name. A server's own words may stand in it. */
export function writeNotice(text: string): void {
  clearProgress();
  process.stderr.write(`syncline: ${safe(text.replaceAll(/\s*\n\s*/g, ' '))}\n`);
}

let shown = false;

function clearProgress(): void {
  if (!shown) return;
  shown = false;
  process.stderr.write('\r\x1b[K');
}

/** One line on stderr that is written anew while work goes on; nothing where stderr is no terminal. */
export interface Progress {
  /** Shows what `line` gives, if the last time is long enough ago. */
  tick(line: () => string): void;
  /** Takes the line away. */
  end(): void;
}

/** A line of progress. */
export function progress(now: () => number = systemClock.now): Progress {
  let last = Number.NEGATIVE_INFINITY;
  if (!process.stderr.isTTY) return { tick: () => {}, end: () => {} };
  return {
    tick: (line) => {
      if (now() - last < progressMs) return;
      last = now();
      shown = true;
      // What is wider than the terminal would leave its tail behind.
      process.stderr.write(`\r\x1b[K${line().slice(0, (process.stderr.columns || 80) - 1)}`);
    },
    end: clearProgress,
  };
}

/**
 * Calls `leave` when the user or the system wants the command to end, and when nobody reads its output any more. A second signal
 * doesn't wait for what `leave` does.
 */
export function onLeave(leave: () => void): void {
  let leaving = false;
  const go = (): void => {
    if (leaving) process.exit(130);
    leaving = true;
    leave();
  };
  process.on('SIGINT', go).on('SIGTERM', go);
  process.stdout.on('error', (thrown: NodeJS.ErrnoException) => {
    if (thrown.code !== 'EPIPE') throw thrown;
    if (!leaving) go();
  });
}

/** Ends the process once all that was written is gone. */
export function leaveWith(code: number): void {
  clearProgress();
  process.exitCode = code;
  process.stdout.write('', () => process.exit(code));
}

/** Characters that a terminal would act upon instead of showing them, or that hide what stands there. */
const unsafe = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Text of others, as it may be shown in a terminal. */
export function safe(text: string): string {
  return text.replaceAll(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A count with separators. */
export function many(count: number): string {
  return Math.round(count).toLocaleString('en');
}
