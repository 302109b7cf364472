/**
 * The server's own certificate: reads it, says what is wrong with it, and takes a new one while connections go on. Only a
 * server that listens by itself needs it. It knows files and whoever takes a new certificate, no request.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { SyncError } from '@syncline/protocol';
import type { Cancel, Clock } from '@syncline/protocol/wire';
import { type Logger, reason } from '../observe.ts';

/** A certificate with its chain, and its private key: paths of PEM files, or the PEM itself. */
export interface Tls {
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
}

/** What a TLS server is made with, and when the certificate ends, in ms since 1970. */
export interface Certificate {
  readonly context: SecureContextOptions;
  readonly endsAt: number;
}

/** How long files must rest before they are judged: certificate and key are seldom written in one go. */
const settleMs = 500;
/** Some file systems tell of no change, so the files are looked at from time to time too. */
const lookMs = 60_000;
/** So long before its end a certificate that nobody renewed is complained of. */
const renewMs = 14 * 86_400_000;

/**
 * Reads a certificate and its key, and holds them against each other.
 *
 * @throws SyncError `bad_option`: one sentence with the file and the mend.
 * @example
 * const { context } = await readCertificate({ cert: 'fullchain.pem', key: 'privkey.pem' }, Date.now())
 */
export async function readCertificate(tls: Tls, now: number): Promise<Certificate> {
  return judge(tls, await readBoth(tls), now);
}

/** Follows the files of a certificate, and hands on each new one that is sound; of others the log tells once. */
export class CertificateFiles {
  readonly #tls: Tls;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #use: (context: SecureContextOptions) => void;
  readonly #watchers: FSWatcher[] = [];
  #endsAt: number;
  #complained = false;
  /** What was judged last, taken or not. */
  #judged: string;
  /** What was read last. */
  #read: string;
  #looking = false;
  #cancelSettle: Cancel | undefined;
  #cancelLook: Cancel = () => {};
  #stopped = false;

  constructor(
    tls: Tls,
    { context, endsAt }: Certificate,
    { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
    use: (context: SecureContextOptions) => void,
  ) {
    this.#tls = tls;
    this.#endsAt = endsAt;
    this.#judged = this.#read = `${context.cert}${context.key}`;
    this.#clock = clock;
    this.#logger = logger;
    this.#use = use;
    const folders = new Set([tls.cert, tls.key].filter(isPath).map((path) => dirname(path)));
    for (const folder of folders) this.#follow(folder);
    this.#lookAgain();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelSettle?.();
    this.#cancelLook();
    for (const watcher of this.#watchers) watcher.close();
  }

  /** The folder, not the file: what is renamed into its place, or linked anew, would go unseen otherwise. */
  #follow(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#lookSoon());
      watcher.on('error', () => watcher.close());
      this.#watchers.push(watcher);
    } catch {
      // A system out of watches: looking from time to time has to do.
    }
  }

  #lookSoon(): void {
    this.#cancelSettle?.();
    if (this.#stopped) return;
    this.#cancelSettle = this.#clock.timer(settleMs, () => {
      this.#cancelSettle = undefined;
      void this.#look();
    });
  }

  #lookAgain(): void {
    this.#cancelLook = this.#clock.timer(lookMs, () => {
      this.#lookAgain();
      // Where they settle they are looked at anyway, and not before that: two readings agree only when they are apart.
      if (!this.#cancelSettle) void this.#look();
    });
  }

  async #look(): Promise<void> {
    if (this.#looking) return this.#lookSoon();
    this.#looking = true;
    const read = await readBoth(this.#tls).catch(toError);
    this.#looking = false;
    if (this.#stopped) return;
    const text = read instanceof Error ? read.message : `${read.cert}${read.key}`;
    const rests = text === this.#read;
    this.#read = text;
    if (!rests) this.#lookSoon();
    else if (text !== this.#judged) {
      this.#judged = text;
      this.#take(read);
    }
    const days = Math.floor((this.#endsAt - this.#clock.now()) / 86_400_000);
    if (this.#endsAt - this.#clock.now() > renewMs || this.#complained) return;
    this.#complained = true;
    this.#logger.error({ days }, 'The TLS certificate ends soon, and no newer one was found: renew it.');
  }

  #take(read: Pems | Error): void {
    try {
      if (read instanceof Error) throw read;
      const { context, endsAt } = judge(this.#tls, read, this.#clock.now());
      this.#use(context);
      this.#endsAt = endsAt;
      this.#complained = false;
    } catch (thrown) {
      this.#logger.error(
        { reason: reason(thrown) },
        'The TLS files changed and can’t be used; the server goes on with the certificate it has.',
      );
    }
  }
}

interface Pems {
  readonly cert: string;
  readonly key: string;
}

async function readBoth({ cert, key }: Tls): Promise<Pems> {
  return { cert: await read('cert', cert), key: await read('key', key) };
}

async function read(name: keyof Tls, given: string | Uint8Array): Promise<string> {
  if (!isPath(given)) return String(typeof given === 'string' ? given : Buffer.from(given));
  try {
    return await readFile(given, 'utf8');
  } catch (thrown) {
    const { code = '', message } = thrown as NodeJS.ErrnoException;
    const why = whyUnread[code] ?? message;
    throw wrong(
      `Expected \`tls.${name}\` to be the path of a PEM file, got ${JSON.stringify(given)}: ${why}.`,
    );
  }
}

const whyUnread: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this process may not read it',
  EISDIR: 'that is a folder',
};

/** @throws SyncError `bad_option` */
function judge(given: Tls, { cert, key }: Pems, now: number): Certificate {
  const [certName, keyName] = [nameOf('cert', given.cert), nameOf('key', given.key)];
  const leaf = attempt(
    () => new X509Certificate(cert),
    (why) =>
      `${certName} holds no certificate in PEM form (${why}). Give the file that begins with BEGIN CERTIFICATE.`,
  );
  const secret = attempt(
    () => createPrivateKey(key),
    (why) =>
      /ENCRYPTED/.test(key)
        ? `${keyName} is locked with a passphrase. Give a key without one, readable only by the server.`
        : `${keyName} holds no private key in PEM form (${why}). Give the file that begins with BEGIN PRIVATE KEY.`,
  );
  if (!leaf.checkPrivateKey(secret))
    throw wrong(`${keyName} is not the key of ${certName}. Give the two that were made together.`);
  const endsAt = leaf.validToDate.getTime();
  if (endsAt <= now)
    throw wrong(`The certificate of ${certName} ended on ${leaf.validToDate.toISOString()}. Renew it.`);
  const context: SecureContextOptions = { cert, key, minVersion: 'TLSv1.2' };
  attempt(
    () => createSecureContext(context),
    (why) => `${certName} and ${keyName} can’t be used together (${why}). Give a whole chain and its key.`,
  );
  return { context, endsAt };
}

function nameOf(name: keyof Tls, given: string | Uint8Array): string {
  return isPath(given) ? `\`tls.${name}\` (${given})` : `\`tls.${name}\``;
}

function attempt<T>(run: () => T, message: (why: string) => string): T {
  try {
    return run();
  } catch (thrown) {
    // OpenSSL says much in one line; the end of it is what people understand.
    throw wrong(message(reason(thrown).split(':').at(-1) ?? ''));
  }
}

function isPath(given: string | Uint8Array): given is string {
  return typeof given === 'string' && !given.includes('-----BEGIN ');
}

function wrong(message: string): SyncError {
  return new SyncError('bad_option', message);
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
