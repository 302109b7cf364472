/**
 * Which frames are answered by which, as types: how a channel asks through the connection and what it gets. The numbers that
 * match answers to requests (rule F6) stay inside the connection.
 */
import type { SyncError } from '@syncline/protocol';
import type { ClientFrame, FrameOf, ServerFrame } from '@syncline/protocol/wire';

interface Answers {
  subscribe: 'subscribed';
  unsubscribe: 'unsubscribed';
  publish: 'ack';
  history: 'history';
  auth: 'authenticated';
}

export type RequestType = keyof Answers;
/** A frame that is answered, before it has its number. */
export type Request<T extends RequestType = RequestType> = Omit<FrameOf<ClientFrame, T>, 'ref'> & {
  readonly type: T;
};
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
