/**
 * Certificates of nodes that serve TLS themselves: made on the spot, put where the node reads them, and changed for others while it
 * goes on. Clients trust all of them; which one a node shows is asked by its fingerprint.
 */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { generate } from 'selfsigned';
import type { Beside } from './beside.ts';
import type { Quirks } from './quirks.ts';

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** A name of its own, or clients would take one for another's issuer. */
async function pair(name: string): Promise<Pair> {
  const names = [
    { type: 2, value: 'localhost' },
    { type: 7, ip: '127.0.0.1' },
  ] as const;
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [...names] }],
  });
  return { cert, key };
}

export class Certificates implements Beside {
  readonly quirks: Quirks;
  readonly env: Readonly<Record<string, string>>;
  readonly #pairs: readonly Pair[];
  readonly #files: Pair;

  constructor(dir: string, pairs: readonly Pair[]) {
    const folder = join(dir, 'tls');
    mkdirSync(folder, { recursive: true });
    this.#pairs = pairs;
    this.#files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    this.quirks = { tls: this.#files };
    const trusted = join(folder, 'trusted.pem');
    writeFileSync(trusted, pairs.map(({ cert }) => cert).join('\n'));
    this.env = { NODE_EXTRA_CA_CERTS: trusted };
    this.use(0);
  }

  static async make(dir: string): Promise<Certificates> {
    return new Certificates(dir, await Promise.all(['one', 'two', 'three'].map(pair)));
  }

  /** How many there are. */
  get count(): number {
    return this.#pairs.length;
  }

  /** Puts that one in its place. */
  use(which: number): void {
    const one = this.#pairs[which];
    if (!one) throw new Error(`There is no certificate ${which}.`);
    this.#put(one);
  }

  /** Puts a certificate there that is none, with the key of that one. */
  spoil(which: number): void {
    this.#put({ cert: 'not a certificate', key: this.#pairs[which]?.key ?? '' });
  }

  /** Which one a node shows to whoever comes now. */
  async shownAt(port: number): Promise<number> {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return this.#pairs.findIndex(({ cert }) => new X509Certificate(cert).fingerprint256 === fingerprint256);
  }

  async close(): Promise<void> {}

  #put({ cert, key }: Pair): void {
    for (const [path, text] of [
      [this.#files.key, key],
      [this.#files.cert, cert],
    ] as const) {
      writeFileSync(`${path}.new`, text, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    }
  }
}
