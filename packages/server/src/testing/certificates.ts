/**
 * Certificates for tests: made on the spot, for localhost, in a folder that goes when the test is over. Clients trust one
 * by naming it as their authority, so that tests check it as browsers would. It is no part of what the package exports.
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@syncline/protocol/wire';
import { generate } from 'selfsigned';
import { onTestFinished } from 'vitest';

/** A certificate and its key, as PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

const day = 86_400_000;

/** A certificate for localhost that is good from yesterday to `days` after `now`, in ms since 1970. */
export async function makePair(days = 30, now = systemClock.now()): Promise<Pair> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(now - day),
    notAfterDate: new Date(now + days * day),
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { cert, key };
}

/** A pair as files, and a way to put another in its place. */
export interface PairFiles {
  readonly dir: string;
  readonly tls: { readonly cert: string; readonly key: string };
  /** Writes both as an administrator's tool would: whole, and then into place. */
  replace(pair: Pair): void;
}

export function filesOf(pair: Pair): PairFiles {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-tls-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const tls = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  const replace = (next: Pair): void => {
    for (const name of ['cert', 'key'] as const) {
      writeFileSync(`${tls[name]}.new`, next[name], { mode: 0o600 });
      renameSync(`${tls[name]}.new`, tls[name]);
    }
  };
  replace(pair);
  return { dir, tls, replace };
}
