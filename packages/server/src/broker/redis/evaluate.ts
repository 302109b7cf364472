/**
 * Runs a script by its digest, and by its text where that Redis doesn't know it yet: after a restart, a failover or SCRIPT FLUSH.
 * A place and its watch run theirs through it; it must not know what they do.
 */
import type { Argument } from './connection.ts';
import { Refused } from './faults.ts';
import type { Script } from './scripts.ts';

export type Send = (args: readonly Argument[]) => Promise<unknown>;

/** @throws what `send` throws */
export async function evaluate(
  send: Send,
  script: Script,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<unknown> {
  const rest = [String(keys.length), ...keys, ...args];
  try {
    return await send(['EVALSHA', script.sha, ...rest]);
  } catch (thrown) {
    if (!(thrown instanceof Refused && thrown.word === 'NOSCRIPT')) throw thrown;
  }
  return send(['EVAL', script.text, ...rest]);
}
