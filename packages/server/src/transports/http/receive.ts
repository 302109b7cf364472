/**
 * What any request that needs somebody goes through: by whom the server may be called, who is asking, and then, within bounds, what
 * they send. Routes call it; it knows requests and bodies, not what is done with them.
 */
import type { IncomingMessage } from 'node:http';
import { SyncError } from '@syncline/protocol';
import { type Clock, readText } from '@syncline/protocol/wire';
import type { Credentials, Identity } from '../../access.ts';
import { type CallerRules, checkCaller, credentials } from '../caller.ts';
import { checkSecure, clientAddress, type SecureRules } from '../secure.ts';
import { readBody } from './body.ts';
import { leaving } from './leaving.ts';

export interface ReceiveSettings extends CallerRules, SecureRules {
  /** Finds out who is asking, in time; throws to refuse. */
  readonly identify: (credentials: Credentials) => Promise<Identity>;
  /** Counts a request that waits for its answer, by address; throws when there are too many. */
  readonly wait: (address: string) => () => void;
  readonly ready: () => boolean;
  readonly clock: Clock;
  /** Size of a body. */
  readonly frameBytesMax: number;
}

/** Who is asking, and what they sent: no text where no body is read. */
export interface Received {
  readonly identity: Identity;
  readonly remoteAddress: string;
  readonly text: string;
  readonly bytes: number;
}

/** What is asked of a request before anybody is asked who it is. @throws Refusal */
export function checkRequest(request: IncomingMessage, settings: ReceiveSettings): void {
  checkCaller(request, settings);
  checkSecure(request, settings);
  if (!settings.ready()) throw leaving();
}

/** Who is asking, and then what they send: a body is read for nobody whom the server doesn't know. @throws SyncError, Refusal */
export async function receive(
  request: IncomingMessage,
  settings: ReceiveSettings,
  withBody: boolean,
): Promise<Received> {
  const { body, ...from } = await receiveBytes(request, settings, withBody);
  return { ...from, text: readText(body), bytes: body.length };
}

/** The same, with the body as it came. @throws SyncError, Refusal */
export async function receiveBytes(
  request: IncomingMessage,
  settings: ReceiveSettings,
  withBody: boolean,
): Promise<Pick<Received, 'identity' | 'remoteAddress'> & { readonly body: Uint8Array }> {
  const remoteAddress = clientAddress(request, settings.trustProxy);
  const leave = settings.wait(remoteAddress);
  try {
    const identity = await settings.identify({ ...credentials(request), remoteAddress });
    const bytesMax = settings.frameBytesMax;
    const body = withBody ? await readBody(request, { clock: settings.clock, bytesMax }) : new Uint8Array();
    return { identity, remoteAddress, body };
  } finally {
    leave();
  }
}

/** Whether the body is JSON as it is sent. @throws SyncError `unsupported_data` */
export function checkType({ headers }: IncomingMessage): void {
  const type = headers['content-type'] ?? '';
  // Pages can't send this type to another origin without asking first, so a form on one can't publish with a visitor's cookie.
  if (!/^application\/json[\t ]*(?:;[\t ]*charset="?utf-8"?[\t ]*)?$/i.test(type))
    throw new SyncError('unsupported_data', 'Send JSON, with "Content-Type: application/json".');
  if (headers['content-encoding'] !== undefined)
    throw new SyncError('unsupported_data', 'Send the body as it is, without a Content-Encoding.');
}
