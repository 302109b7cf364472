/**
 * How the commands that are clients find their server and say who they are: the same options, the same words for what is wrong. It
 * must not know what is done with the connection.
 */
import { readFile } from 'node:fs/promises';
import { createLogClient, type LogClient, type Status } from '@syncline/client/log';
import { links } from './link.ts';
import { writeNotice } from './output.ts';

/** Options that all of them have. */
export interface ConnectOptions {
  readonly url: string;
  readonly tokenFile?: string;
  readonly ca?: string;
}

/** What an address without a path means; one with a path means what it says. @throws Error for what is no address */
export function addressOf(text: string): URL {
  // "localhost:8080" is taken for what it is meant to be: an address without its scheme.
  const whole = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `ws://${text}`;
  const url = URL.parse(whole.replace(/^http/i, 'ws'));
  if (!url || !/^wss?:$/.test(url.protocol))
    throw new Error(`Expected an address such as wss://app.example/sync, got ${JSON.stringify(text)}.`);
  if (url.pathname === '/') url.pathname = '/sync';
  url.hash = '';
  return url;
}

/** What gives the token at each handshake: a file, which is read anew each time, or the environment; undefined: nobody gave one. */
export function tokens({
  tokenFile,
}: Pick<ConnectOptions, 'tokenFile'>): (() => Promise<string>) | undefined {
  if (tokenFile !== undefined)
    return async () => (await readText('--token-file', tokenFile, 'Make one: syncline token --help')).trim();
  const token = process.env['SYNCLINE_TOKEN']?.trim();
  return token ? () => Promise.resolve(token) : undefined;
}

/** Whether an address means this machine only. */
export function isLocal({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** A token that travels in the clear belongs to whoever is on the way. @throws Error */
export function refuseClear(url: URL): void {
  if (url.protocol === 'wss:' || isLocal(url)) return;
  throw new Error(
    `The token would travel to ${url.host} unencrypted, where others can read it. Give the address as wss://, or no token.`,
  );
}

/** A file that an option names. @throws an Error that names both */
async function readText(option: string, file: string, mend: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new Error(`${option} ${file} can't be read: ${why}. ${mend}`);
  }
}

/** The certificate to trust besides those that Node trusts, as PEM. @throws Error */
export async function readCa({ ca }: Pick<ConnectOptions, 'ca'>): Promise<string | undefined> {
  if (ca === undefined) return undefined;
  const pem = await readText('--ca', ca, 'It is the PEM file of whoever signed the server’s certificate.');
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  throw new Error(
    `--ca ${ca} holds no certificate. It is a PEM file: it begins with -----BEGIN CERTIFICATE-----`,
  );
}

/**
 * A client of the server that the options name. What happens to the connection is written to stderr, once for each time it breaks.
 *
 * @param waitMs how long a payload may wait for its answer
 * @param retried what is said of how long it is tried again
 * @throws an Error when a file can't be read or the address is none
 */
export async function connect(
  options: ConnectOptions,
  {
    waitMs,
    entriesMax,
    retried,
  }: { readonly waitMs: number; readonly entriesMax: number; readonly retried: string },
): Promise<LogClient> {
  const url = addressOf(options.url);
  const { href } = url;
  const getToken = tokens(options);
  if (getToken) refuseClear(url);
  // Once here, so that a file that can't be read is told at once and not as a connection that fails.
  await getToken?.();
  const client = createLogClient({
    url: href,
    transport: links(await readCa(options)),
    getToken,
    outboxAgeMs: waitMs,
    outboxEntriesMax: entriesMax,
    // What can't go on is told to whoever waits for it; what is repeated is shown by the status.
    onError: () => {},
  });
  tellOutages(client, href, retried);
  return client;
}

/** Says that the connection is gone, and that it is back. */
function tellOutages({ status }: LogClient, href: string, retried: string): void {
  let told = '';
  status.subscribe(() => {
    const now: Status = status.get();
    if (now.state === 'waiting' && told === '') {
      // A client gives up when it is refused a third time.
      const more = now.error.next === 'reauth' ? 'It is tried twice more at most.' : retried;
      told = `There is no connection to ${href}: ${sentence(now.error.message)} ${more}`;
      writeNotice(told);
    } else if (now.state === 'open' && told !== '') {
      told = '';
      writeNotice(`Connected to ${href}.`);
    }
  });
}

/** A text that ends as sentences do. */
export function sentence(text: string): string {
  return /[.!?)]$/.test(text) ? text : `${text}.`;
}
