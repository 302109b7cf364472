/**
 * A certificate for trying out TLS on one's own machine: made when there is none, kept for the next start. `syncline serve
 * --tls-dev` asks for it. It isn't for others: nobody has vouched for it, and browsers warn until they are told.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '@syncline/protocol/wire';

/** Paths of PEM files, as the server's option `tls` takes them. */
export interface DevCertificate {
  readonly cert: string;
  readonly key: string;
}

const dayMs = 86_400_000;
const daysValid = 30;
/** What would end so soon is made anew. */
const daysLeftMin = 2;
const names = ['localhost', '127.0.0.1', '::1'];

/**
 * A certificate for localhost, 127.0.0.1 and ::1 that is good for 30 days, kept in `dir` in one file that only this user
 * can read. One that ends within two days, is damaged, or that others could have read is replaced.
 *
 * @throws an Error of the file system, when the folder can't be made or written to.
 * @example
 * createServer({ channels, tls: await devCertificate('syncline-data/tls') })
 */
export async function devCertificate(dir: string, clock: Clock = systemClock): Promise<DevCertificate> {
  const file = join(dir, 'localhost.pem');
  if (!(await isGood(file, clock.now()))) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    // Whole, and then into place: another process may start at the same time, and half of each pair would fit nothing.
    const draft = `${file}.${process.pid}`;
    await writeFile(draft, await make(clock.now()), { mode: 0o600 });
    await chmod(draft, 0o600);
    await rename(draft, file);
  }
  return { cert: file, key: file };
}

async function isGood(file: string, now: number): Promise<boolean> {
  try {
    const { mode } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) return false;
    const pem = await readFile(file);
    const certificate = new X509Certificate(pem);
    return (
      certificate.validFromDate.getTime() <= now &&
      certificate.validToDate.getTime() > now + daysLeftMin * dayMs &&
      certificate.checkHost('localhost') !== undefined &&
      certificate.checkPrivateKey(createPrivateKey(pem))
    );
  } catch {
    // Not there, or damaged.
    return false;
  }
}

/** Certificate and key as PEM. The library is large, and needed once a month. */
async function make(now: number): Promise<string> {
  const { generate } = await import('selfsigned');
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(now - dayMs),
    notAfterDate: new Date(now + daysValid * dayMs),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) =>
          /^[\d.]+$|:/.test(name) ? { type: 7 as const, ip: name } : { type: 2 as const, value: name },
        ),
      },
    ],
  });
  return `${cert.trim()}\n${key.trim()}\n`;
}
