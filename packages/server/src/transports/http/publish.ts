/**
 * `POST {base}/publish/{channel}`: a JSON body is appended to a channel, for phones and backends that keep no connection. Who is
 * asking is found out before the body is read. It knows requests and bodies; what becomes of a payload is the posts' matter.
 */
import type { IncomingMessage } from 'node:http';
import { SyncError } from '@syncline/protocol';
import { readPayload, splitList } from '@syncline/protocol/wire';
import type { Outcome, Post } from '../../session/posts.ts';
import { type Answer, type Answering, errorBody, type Route } from './answer.ts';
import { checkRequest, checkType, type ReceiveSettings, receive } from './receive.ts';
import { channelOf } from './streams/query.ts';

export interface PublishSettings extends ReceiveSettings {
  /** Appends; throws when nothing was. */
  readonly publish: (post: Omit<Post, 'network'>, address: string) => Promise<readonly Outcome[]>;
}

/** Payloads in one list. */
const batchEntriesMax = 1000;

export function publishRoute(settings: PublishSettings): Route {
  const publish: Answering = async (request, rest) => {
    checkRequest(request, settings);
    const channel = channelOf(rest);
    const batch = isBatch(request);
    checkType(request);
    const { identity, remoteAddress, text, bytes } = await receive(request, settings, true);
    const payloads = batch ? readBatch(text) : [readPayload(text)];
    const outcomes = await settings.publish({ identity, channel, payloads, bytes }, remoteAddress);
    return batch ? { status: 200, body: outcomes.map(told) } : single(outcomes);
  };
  return { headers: 'Authorization, Content-Type', methods: { POST: publish } };
}

function single([outcome]: readonly Outcome[]): Answer {
  if (!outcome || outcome instanceof SyncError) throw outcome;
  return { status: 200, body: told(outcome) };
}

function told(outcome: Outcome): unknown {
  if (outcome instanceof SyncError) return { error: errorBody(outcome) };
  const { epoch, offset, check } = outcome;
  return { epoch, offset, check };
}

function isBatch({ url = '' }: IncomingMessage): boolean {
  const [batch, ...more] = new URLSearchParams(url.split('?')[1]).getAll('batch');
  if (batch === undefined) return false;
  if (batch === '1' && more.length === 0) return true;
  throw new SyncError('bad_frame', 'Ask for a batch with "?batch=1"; the body is a list of payloads then.');
}

/** The payloads of a list, as they were written (rule F9). @throws SyncError `bad_payload`, `frame_too_large` */
function readBatch(text: string): string[] {
  const list = readPayload(text);
  if (!list.startsWith('['))
    throw new SyncError('bad_payload', 'Expected the body of a batch to be a list of payloads.');
  const payloads = splitList(list);
  if (payloads.length <= batchEntriesMax) return payloads;
  throw new SyncError(
    'frame_too_large',
    `A batch holds up to ${batchEntriesMax} payloads, not ${payloads.length}. Send several.`,
  );
}
