/**
 * `syncline token`: a token for trying out, printed and nothing else, so that a shell can use it. What a token may hold is the
 * server's to check; this file reads the words on the command line.
 */
import { mintToken } from '@syncline/server';
import { readSecret } from './secret.ts';

/** The options, as they are read. */
export interface TokenOptions {
  readonly user: string;
  readonly secretFile: string;
  readonly can: readonly string[];
  readonly for: string;
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Prints a token. @throws what keeps it from being made */
export async function token({ user, secretFile, can, for: time }: TokenOptions): Promise<void> {
  const secret = await readSecret('--secret-file', secretFile);
  const lifetimeMs = milliseconds(time);
  process.stdout.write(`${await mintToken({ secret, user, capabilities: readAll(can), lifetimeMs })}\n`);
}

type Capabilities = Parameters<typeof mintToken>[0]['capabilities'];

/** Capabilities from texts such as "chat/:room=subscribe,publish"; a name may hold "=", an action may not. */
function readAll(can: readonly string[]): Capabilities {
  const capabilities: Record<string, string[]> = {};
  for (const text of can) {
    const [, pattern, actions] = /^(.+)=([^=]+)$/.exec(text) ?? [];
    if (pattern === undefined || actions === undefined)
      throw new Error(
        `Expected --can to be a pattern and actions, such as "chat/:room=subscribe,publish", got ${JSON.stringify(text)}.`,
      );
    capabilities[pattern] = [
      ...(capabilities[pattern] ?? []),
      ...actions.split(',').map((name) => name.trim()),
    ];
  }
  // Which actions there are is checked where the token is made.
  return capabilities as Capabilities;
}

function milliseconds(time: string): number {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(time) ?? [];
  const ms = Number(count) * (unitMs[unit] ?? Number.NaN);
  if (ms > 0) return ms;
  throw new Error(`Expected --for to be a time such as 90s, 30m, 1h or 7d, got ${JSON.stringify(time)}.`);
}
