/**
 * The requests a node makes by itself, to a key set or to a webhook: to addresses from its options only, in bounded time and
 * size, and never on to where a redirect leads. It knows nothing of what is asked.
 */
import { SyncError } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import { unreachable } from './checks.ts';

const answerMsDefault = 5000;
const answerBytesMax = 65_536;

/** An answer with a status; the text is there for 200 only. */
export interface Reply {
  readonly status: number;
  readonly text: string;
  /** After how many ms to ask again, as `Retry-After` has it in seconds; 0 where it doesn't say. */
  readonly retryAfterMs: number;
}

/** What is asked, and how. */
export interface Request {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How long the answer may take. Default 5000 ms. */
  readonly answerMs?: number;
  /** Whether nobody wants to know more than the status: then the answer may be as large as it likes, and isn't kept. */
  readonly statusOnly?: boolean;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/**
 * An address that may be asked: https, or http on this machine.
 *
 * @throws SyncError `bad_option`, which doesn't repeat the address, since some hold a key.
 */
export function addressOption(name: string, value: unknown): URL {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isThisMachine(url.hostname));
  if (url && safe && url.username === '' && url.password === '') return url;
  throw new SyncError(
    'bad_option',
    `Expected \`${name}\` to be an address that begins with https://, without a user or a password. http:// is for this machine only.`,
  );
}

/** Host names as `URL` writes them: it has brought all ways to write an address to one. */
function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/**
 * Asks, and reads the answer.
 *
 * @throws SyncError `unavailable` when there is none in time, or it is larger than 64 KiB.
 */
export async function ask(clock: Clock, url: URL, request: Request = {}): Promise<Reply> {
  const { body, headers, answerMs = answerMsDefault, statusOnly = false, signal } = request;
  const abort = new AbortController();
  const giveUp = (): void => abort.abort();
  const cancel = clock.timer(answerMs, giveUp);
  signal?.addEventListener('abort', giveUp);
  try {
    const response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { accept: 'application/json', 'accept-encoding': 'identity', ...headers },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: abort.signal,
    });
    const { status } = response;
    const retryAfterMs = 1000 * Number(/^\d{1,6}$/.exec(response.headers.get('retry-after') ?? '')?.[0] ?? 0);
    // What is read to its end leaves its connection to the next request.
    if (statusOnly) await read(response).catch(() => {});
    const text = status === 200 && !statusOnly ? await read(response) : '';
    return { status, text, retryAfterMs };
  } catch (thrown) {
    const why = abort.signal.aborted ? `gave no answer within ${answerMs} ms` : reasonOf(thrown);
    throw unreachable(`${url.origin} ${why}.`);
  } finally {
    cancel();
    signal?.removeEventListener('abort', giveUp);
    // Also ends what is still being sent, such as the rest of an answer that isn't read.
    giveUp();
  }
}

class TooLarge extends Error {}

async function read(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    bytes += part.value.length;
    if (bytes > answerBytesMax) throw new TooLarge();
    chunks.push(part.value);
  }
  return Buffer.concat(chunks).toString();
}

/** Only the code of a network error: its text could hold anything. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof TooLarge) return `answered with more than ${answerBytesMax} bytes`;
  const { cause } = thrown as { cause?: { code?: unknown } };
  const code =
    typeof cause?.code === 'string' && /^[A-Z0-9_]{1,60}$/.test(cause.code) ? cause.code : 'failed';
  return `could not be reached (${code})`;
}
