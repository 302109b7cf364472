/**
 * The header fields of answers about streams: where a reader goes on, whether that is the end, and who may keep an answer for how long.
 * The ways of reading and writing share it. It knows places and faces, no request.
 */
import type { Position } from '@syncline/protocol';
import type { Face } from '../../../hub/face.ts';
import { writeToken } from '../../../hub/token.ts';
import type { StreamAnswer } from '../../../session/streams/request.ts';
import type { Found } from '../../../session/streams.ts';
import type { Answer } from '../answer.ts';
import { statuses } from './statuses.ts';

/** What pages of other origins may send. */
export const sendable =
  'Authorization, Cache-Control, Content-Type, If-None-Match, Last-Event-ID, Producer-Epoch, Producer-Id, Producer-Seq, Stream-Closed, Stream-Expires-At, Stream-Seq, Stream-TTL';
/** What they may read. */
export const readable =
  'ETag, Location, Producer-Epoch, Producer-Expected-Seq, Producer-Received-Seq, Producer-Seq, Retry-After, Stream-Closed, Stream-Cursor, Stream-Expires-At, Stream-Next-Offset, Stream-SSE-Data-Encoding, Stream-TTL, Stream-Up-To-Date';

/** Beside what all answers have: who asks decides what they get, and what is stored is nothing that a browser shows as a page. */
export const always: Readonly<Record<string, string>> = {
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  Vary: 'Origin, Authorization, Cookie, Sec-Fetch-Dest',
};

/** How long what will never change may be kept, and be shown while it is asked for anew. */
const keptFor = 'max-age=60, stale-while-revalidate=300';

export function typeFields({ type, form }: Face): Record<string, string> {
  return { 'Content-Type': type, ...(form !== 'json' && { 'Content-Disposition': 'attachment' }) };
}

/** Where a reader stands after an answer. */
export interface Reached {
  readonly at: Position;
  readonly upToDate: boolean;
  readonly closed: boolean;
}

export function reachedFields({ at, upToDate, closed }: Reached): Record<string, string> {
  return {
    'Stream-Next-Offset': writeToken(at),
    ...(upToDate && { 'Stream-Up-To-Date': 'true' }),
    ...(closed && { 'Stream-Closed': 'true' }),
  };
}

/**
 * What tells one answer from another one to the same address. It is weak, since fewer entries may stand for the same state.
 *
 * @param from where the reader came from; undefined: from nowhere
 */
export function etagOf(from: Position | undefined, { at, upToDate, closed }: Reached): string {
  const marks = `${upToDate ? ':u' : ''}${closed ? ':c' : ''}`;
  return `W/"${from ? writeToken(from) : '-1'}:${writeToken(at)}${marks}"`;
}

/** Whether a client has that answer already (RFC 9110 section 13.1.2). */
export function isKnown(etag: string, ifNoneMatch: string | undefined): boolean {
  const bare = (tag: string): string => tag.trim().replace(/^W\//, '');
  const known = ifNoneMatch?.split(',').map(bare) ?? [];
  return known.includes('*') || known.includes(bare(etag));
}

/**
 * Who may keep an answer: what lies between two places never changes, and may be kept for a while; what ends where the log does is asked
 * for anew each time.
 */
export function cacheFields({ open }: Pick<Found, 'open'>, isFixed: boolean): Record<string, string> {
  const whose = open ? 'public' : 'private';
  return { 'Cache-Control': `${whose}, ${isFixed ? keptFor : 'no-cache'}` };
}

/** What HEAD tells. */
export function factFields({ face, top, closed, ttlSeconds, expiresAt }: Found): Record<string, string> {
  return {
    ...always,
    ...typeFields(face),
    'Stream-Next-Offset': writeToken(top),
    ...(closed && { 'Stream-Closed': 'true' }),
    ...(ttlSeconds !== undefined && { 'Stream-TTL': String(ttlSeconds) }),
    ...(expiresAt !== undefined && { 'Stream-Expires-At': new Date(expiresAt).toISOString() }),
  };
}

/** What became of a write. @param location where it was asked for */
export function answerTo(told: StreamAnswer, location: string): Answer {
  const { outcome, why, next, type, expected, received } = told;
  const [status, code, message] = statuses[outcome];
  const number = (name: string, value: number | undefined) =>
    value !== undefined && { [name]: String(value) };
  const headers: Record<string, string> = {
    ...always,
    ...(next && { 'Stream-Next-Offset': writeToken(next) }),
    ...(told.closed && { 'Stream-Closed': 'true' }),
    ...number('Producer-Epoch', told.producerEpoch),
    ...number('Producer-Seq', told.producerSequence),
    ...number('Producer-Expected-Seq', expected),
    ...number('Producer-Received-Seq', received),
    ...(outcome === 'created' && { Location: location }),
    ...(outcome === 'fixed' && { Allow: 'GET, HEAD, POST, PUT, OPTIONS' }),
  };
  if (code === undefined) return { status, headers: { ...headers, ...(type && { 'Content-Type': type }) } };
  const detail = expected !== undefined && received !== undefined && { detail: { expected, received } };
  return { status, headers, body: { error: { code, message: why ?? message, ...detail } } };
}
