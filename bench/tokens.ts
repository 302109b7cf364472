/**
 * Tokens for the connections of a run, one user each, as a file that the generator reads. They are made before anything is
 * measured: what a token costs its maker is nobody's figure here.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { mintToken } from '@syncline/server';
import type { Contender } from './contenders.ts';
import type { Rig } from './rig.ts';
import { capabilities, secret } from './servers/syncline.options.ts';

const LIFETIME_MS = 3_600_000;

/** Settings that make the generator bring tokens, for a server that asks for them. */
export async function identitySettings(
  rig: Rig,
  contender: Contender,
  users: number,
): Promise<{ readonly tokens?: string }> {
  if (contender !== 'syncline-jwt' && contender !== 'syncline-schema') return {};
  const file = path.join(rig.cache, 'tokens');
  const about = { secret, capabilities, lifetimeMs: LIFETIME_MS, issuer: 'bench', audience: 'bench' };
  const made = Array.from({ length: users }, (_, i) => mintToken({ ...about, user: `user-${i}` }));
  writeFileSync(file, (await Promise.all(made)).map((token) => `${token}\n`).join(''));
  return { tokens: file };
}
