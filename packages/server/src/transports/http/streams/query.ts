/**
 * What a request for a stream says, in its path, its query and its header fields, read and judged; and how places and moments are written
 * in answers. The routes of streams call it. It knows requests, no stream.
 */
import type { IncomingMessage } from 'node:http';
import { type Position, SyncError } from '@syncline/protocol';
import { readToken } from '../../../hub/token.ts';
import type { Producing } from '../../../session/streams/request.ts';

/** Where a reader wants to begin: at the first that is kept, at the head as it is, or after a place. */
export type From = 'start' | 'now' | Position;

/** How long a reader wants to read: what is there, until something comes, or on and on. */
export type Live = 'no' | 'long-poll' | 'sse';

export interface Query {
  readonly from: From;
  readonly live: Live;
  /** The last `Stream-Cursor` that the client was given. */
  readonly cursor: number | undefined;
}

/**
 * What extensions of the protocol ask for that isn't here: what is passed over would be taken for done.
 *
 * @throws SyncError `bad_frame`
 */
export function refuseExtensions({ url, headers }: IncomingMessage): void {
  if (new URLSearchParams(url?.split('?')[1]).has('awareness'))
    throw new SyncError(
      'bad_frame',
      'Awareness doesn’t travel here: a channel has presence and signals, on sockets and links.',
    );
  if (headers['stream-forked-from'] !== undefined)
    throw new SyncError(
      'bad_frame',
      'This server has no forks: create a stream of its own, and copy what it begins with.',
    );
}

/** The query of a GET, and the header field with which a browser's EventSource resumes. @throws SyncError `bad_frame` */
export function readQuery(request: IncomingMessage): Query {
  const query = new URLSearchParams(request.url?.split('?')[1]);
  const live = only(query, 'live') ?? 'no';
  if (live !== 'no' && live !== 'long-poll' && live !== 'sse')
    throw new SyncError('bad_frame', '`live` is "long-poll" or "sse"; leave it out to read what is there.');
  const offset = lastEventId(request) ?? only(query, 'offset');
  if (offset === undefined && live !== 'no')
    throw new SyncError('bad_frame', 'Say with `offset` where to begin: a token, "-1" or "now".');
  const cursor = only(query, 'cursor') ?? '';
  return { from: fromOf(offset), live, cursor: /^\d{1,15}$/.test(cursor) ? Number(cursor) : undefined };
}

/** @throws SyncError `bad_frame` for one that is there twice, since a proxy may go by the other */
function only(query: URLSearchParams, name: string): string | undefined {
  const [value, ...more] = query.getAll(name);
  if (more.length === 0) return value;
  throw new SyncError('bad_frame', `\`${name}\` is there more than once.`);
}

function fromOf(offset: string | undefined): From {
  if (offset === undefined || offset === '-1') return 'start';
  if (offset === 'now') return 'now';
  const position = readToken(offset);
  if (position) return position;
  throw new SyncError(
    'bad_frame',
    'The offset is none of this server: send a Stream-Next-Offset as you got it, "-1" for all that is kept, or "now".',
  );
}

/** An EventSource sends it when it comes back, and goes on to ask for where it began at first. */
function lastEventId({ headers }: IncomingMessage): string | undefined {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}

/** The name of a channel as it stands in a path: each of its segments may be percent-encoded. @throws SyncError `unknown_channel` */
export function channelOf(rest: string): string {
  try {
    const segments = rest.split('/').map(decodeURIComponent);
    // Else one channel would have two paths, and what a proxy allows for one of them would hold for another.
    if (!segments.some((segment) => segment.includes('/'))) return segments.join('/');
  } catch {
    // What is no percent-encoding is no name.
  }
  throw new SyncError('unknown_channel', 'The path holds no channel name: encode each segment by itself.');
}

/** A header field that may be sent once. @throws SyncError `bad_frame` */
export function fieldOf({ headersDistinct }: IncomingMessage, name: string): string | undefined {
  const [value, ...more] = headersDistinct[name] ?? [];
  if (more.length === 0) return value;
  throw new SyncError('bad_frame', `The header field ${name} is there more than once.`);
}

/** Who repeats what, by the three fields that say so. @throws SyncError `bad_frame` unless all are there, or none */
export function producerOf(request: IncomingMessage): Producing | undefined {
  const id = fieldOf(request, 'producer-id');
  const epoch = numberOf(fieldOf(request, 'producer-epoch'));
  const sequence = numberOf(fieldOf(request, 'producer-seq'));
  if (id === undefined && epoch === undefined && sequence === undefined) return undefined;
  if (id && epoch !== undefined && sequence !== undefined) return { id, epoch, sequence };
  throw new SyncError(
    'bad_frame',
    'Producer-Id, Producer-Epoch and Producer-Seq go together: a name, and two whole numbers from 0 up.',
  );
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new SyncError(
    'bad_frame',
    'Producer-Epoch and Producer-Seq are whole numbers from 0 up to 2^53 - 1.',
  );
}

/** Cursors count intervals from this moment on, as the protocol has it: 9 October 2024. */
const cursorsSince = 1_728_432_000_000;
const cursorMs = 20_000;
/** How far a cursor is put on for a client that came back with one as new as any: an hour at the most. */
const jitterMax = 180;

/**
 * What a client sends back with its next request, so that what a cache answers to one is not what it answers to the next.
 *
 * @param given what this client sent
 */
export function cursorAt(now: number, given: number | undefined, random: () => number): number {
  const current = Math.max(0, Math.floor((now - cursorsSince) / cursorMs));
  return given === undefined || given < current ? current : given + 1 + Math.floor(random() * jitterMax);
}
