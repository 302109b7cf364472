/**
 * `POST {base}/publish/{channel}`: a JSON body is appended to a channel, for phones and backends that keep no connection. Who is
 * asking is found out before the body is read. It knows requests and bodies; what becomes of a payload is the posts' matter.
 */
import type { IncomingMessage } from 'node:http';
import { SyncError } from '@syncline/protocol';
import { type Clock, readPayload, splitList } from '@syncline/protocol/wire';
import type { Credentials, Identity } from '../../access.ts';
import type { Outcome, Post } from '../../session/posts.ts';
import { type CallerRules, checkCaller, credentials } from '../caller.ts';
import { Refusal } from '../refusal.ts';
import { checkSecure, clientAddress, type SecureRules } from '../secure.ts';
import { type Answer, type Answering, errorBody, type Route } from './answer.ts';
import { readBody } from './body.ts';
import { leaving } from './leaving.ts';

export interface PublishSettings extends CallerRules, SecureRules {
  /** Finds out who is asking, in time; throws to refuse. */
  readonly identify: (credentials: Credentials) => Promise<Identity>;
  /** Appends; throws when nothing was. */
  readonly publish: (post: Omit<Post, 'network'>, address: string) => Promise<readonly Outcome[]>;
  /** Counts a request that waits for its answer, by address; throws when there are too many. */
  readonly wait: (address: string) => () => void;
  readonly ready: () => boolean;
  readonly clock: Clock;
  /** Size of a body. */
  readonly frameBytesMax: number;
}

/** Payloads in one list. */
const batchEntriesMax = 1000;

export function publishRoute(settings: PublishSettings): Route {
  const publish: Answering = async (request, rest) => {
    checkCaller(request, settings);
    checkSecure(request, settings);
    if (!settings.ready()) throw leaving();
    const channel = channelOf(rest);
    const batch = isBatch(request);
    checkType(request);
    const { identity, remoteAddress, text, bytes } = await receive(request, settings);
    const payloads = batch ? readBatch(text) : [readPayload(text)];
    const outcomes = await settings.publish({ identity, channel, payloads, bytes }, remoteAddress);
    return batch ? { status: 200, body: outcomes.map(told) } : single(outcomes);
  };
  return { headers: 'Authorization, Content-Type', methods: { POST: publish } };
}

/** Who is asking, and then what they send. */
async function receive(
  request: IncomingMessage,
  settings: PublishSettings,
): Promise<{ identity: Identity; remoteAddress: string; text: string; bytes: number }> {
  const remoteAddress = clientAddress(request, settings.trustProxy);
  const leave = settings.wait(remoteAddress);
  try {
    const identity = await settings.identify({ ...credentials(request), remoteAddress });
    const body = await readBody(request, { clock: settings.clock, bytesMax: settings.frameBytesMax });
    return { identity, remoteAddress, text: textOf(body), bytes: body.length };
  } finally {
    leave();
  }
}

function single([outcome]: readonly Outcome[]): Answer {
  if (outcome instanceof SyncError) throw outcome;
  return { status: 200, body: outcome };
}

function told(outcome: Outcome): unknown {
  return outcome instanceof SyncError ? { error: errorBody(outcome) } : outcome;
}

/** The name of a channel as it stands in a path: each of its segments may be percent-encoded. @throws SyncError `unknown_channel` */
function channelOf(rest: string): string {
  try {
    const segments = rest.split('/').map(decodeURIComponent);
    // Else one channel would have two paths, and what a proxy allows for one of them would hold for another.
    if (!segments.some((segment) => segment.includes('/'))) return segments.join('/');
  } catch {
    // What is no percent-encoding is no name.
  }
  throw new SyncError('unknown_channel', 'The path holds no channel name: encode each segment by itself.');
}

function isBatch({ url = '' }: IncomingMessage): boolean {
  const [batch, ...more] = new URLSearchParams(url.split('?')[1]).getAll('batch');
  if (batch === undefined) return false;
  if (batch === '1' && more.length === 0) return true;
  throw new SyncError('bad_frame', 'Ask for a batch with "?batch=1"; the body is a list of payloads then.');
}

function checkType({ headers }: IncomingMessage): void {
  const type = headers['content-type'] ?? '';
  // Pages can't send this type to another origin without asking first, so a form on one can't publish with a visitor's cookie.
  if (!/^application\/json[\t ]*(?:;[\t ]*charset="?utf-8"?[\t ]*)?$/i.test(type))
    throw new SyncError('unsupported_data', 'Send JSON, with "Content-Type: application/json".');
  if (headers['content-encoding'] !== undefined)
    throw new SyncError('unsupported_data', 'Send the body as it is, without a Content-Encoding.');
}

/** @throws SyncError `bad_payload` */
function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new SyncError('bad_payload', 'The body is not UTF-8.');
  }
}

/** The payloads of a list, as they were written (rule F9). @throws SyncError `bad_payload`, `too_many` */
function readBatch(text: string): string[] {
  const list = readPayload(text);
  if (!list.startsWith('['))
    throw new SyncError('bad_payload', 'Expected the body of a batch to be a list of payloads.');
  const payloads = splitList(list);
  if (payloads.length <= batchEntriesMax) return payloads;
  throw new Refusal(
    413,
    'frame_too_large',
    `A batch holds up to ${batchEntriesMax} payloads, not ${payloads.length}. Send several.`,
  );
}
