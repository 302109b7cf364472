/**
 * Which frames are answered by which, as types: how a channel asks through the connection and what it gets. The numbers that
 * match answers to requests (rule F6) stay inside the connection.
 */
import type { SyncError } from '@syncline/protocol';
import type { Data, Direction, FrameOf, ServerFrame, ViewFilter } from '@syncline/protocol/wire';
import { frames, type Vocabulary } from './frames.ts';

/** What follows the number of each request, in the order of the wire. */
export interface Requests {
  subscribe: readonly [
    channel: string,
    start: number | readonly [epoch: string, offset: number, check: number],
  ];
  unsubscribe: readonly [channel: string];
  publish: readonly [channel: string, producer: string, sequence: number, data: Data];
  history: readonly [channel: string, direction: Direction, offset: number, limit: number];
  auth: readonly [token: string];
  view: readonly [channel: string, id: number, filter: ViewFilter | null];
  /** `data` is a value, not its text. */
  enter: readonly [channel: string, lease: string, data: unknown];
  leave: readonly [channel: string, lease: string];
  /** `data` is a value, not its text. */
  signal: readonly [channel: string, lease: string, data: unknown];
}

interface Answers {
  subscribe: 'subscribed';
  unsubscribe: 'unsubscribed';
  publish: 'ack';
  history: 'history';
  auth: 'authenticated';
  view: 'viewing';
  enter: 'entered';
  leave: 'left';
  signal: 'signalled';
}

export type RequestType = keyof Answers;
/** The answer, or the error that was the answer, or null when the link was lost before there was one. */
export type Answer<T extends RequestType = RequestType> = FrameOf<ServerFrame, Answers[T]> | SyncError | null;
/** A frame of the server that answers a request. */
export type AnswerFrame = Extract<ServerFrame, { ref: number | null }>;

/** What a client understands: how frames are read, and which answers each request. What it doesn't know it passes over (rule F4). */
export interface Language {
  readonly frames: Vocabulary;
  readonly answers: { readonly [T in RequestType]?: Answers[T] };
  /** How frames that carry bytes are read and written (rule F8), for clients with documents. */
  readonly bytes?: BinaryFrames;
}

/** Reads and writes what isn't text. */
export interface BinaryFrames {
  /** What a frame says; undefined for one that this client has no use for. @throws SyncError `bad_frame` */
  read(frame: unknown): ServerFrame | undefined;
  /** A request as bytes; undefined for one that goes as text. */
  write(frame: readonly unknown[]): Uint8Array<ArrayBuffer> | undefined;
}

/** What every client understands. language.ts has the rest, for clients with more than streams. */
export const basic: Language = {
  frames,
  answers: {
    subscribe: 'subscribed',
    unsubscribe: 'unsubscribed',
    publish: 'ack',
    history: 'history',
    auth: 'authenticated',
  },
};
