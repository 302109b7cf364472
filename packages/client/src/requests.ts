/**
 * Which frames are answered by which, as types: how a channel asks through the connection and what it gets. The numbers that
 * match answers to requests (rule F6) stay inside the connection.
 */
import type { SyncError } from '@syncline/protocol';
import type { Direction, FrameOf, ServerFrame } from '@syncline/protocol/wire';

/** What follows the number of each request, in the order of the wire. */
export interface Requests {
  subscribe: readonly [
    channel: string,
    start: number | readonly [epoch: string, offset: number, check: number],
  ];
  unsubscribe: readonly [channel: string];
  publish: readonly [channel: string, producer: string, sequence: number, data: string];
  history: readonly [channel: string, direction: Direction, offset: number, limit: number];
  auth: readonly [token: string];
}

interface Answers {
  subscribe: 'subscribed';
  unsubscribe: 'unsubscribed';
  publish: 'ack';
  history: 'history';
  auth: 'authenticated';
}

export type RequestType = keyof Answers;
/** The answer, or the error that was the answer, or null when the link was lost before there was one. */
export type Answer<T extends RequestType = RequestType> = FrameOf<ServerFrame, Answers[T]> | SyncError | null;
/** A frame of the server that answers a request. */
export type AnswerFrame = Extract<ServerFrame, { ref: number | null }>;

/** The type of each request's answer. */
export const answers: { readonly [T in RequestType]: Answers[T] } = {
  subscribe: 'subscribed',
  unsubscribe: 'unsubscribed',
  publish: 'ack',
  history: 'history',
  auth: 'authenticated',
};
