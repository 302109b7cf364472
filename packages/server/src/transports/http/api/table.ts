/**
 * Every operation of the API for backends, as one table: what is asked, by whom, what is answered, what it is refused with. Requests
 * are read by it; the description (OpenAPI) and the reference page are generated from it. It knows no request and no channel.
 */
import { type ErrorCode, errors } from '@syncline/protocol';
import { historyEntriesMax } from '@syncline/protocol/wire';
import * as s from './shape.ts';

/** One operation. */
export interface Operation {
  readonly method: 'GET' | 'POST';
  /** Below `{path}/api/`. */
  readonly path: string;
  readonly summary: string;
  readonly doc: string;
  /** What whoever asks must be allowed to do. */
  readonly needs: string;
  /** Whether `Idempotency-Key` is heeded. */
  readonly idempotent?: boolean;
  readonly query?: s.Fields;
  readonly body?: s.Shape<unknown>;
  readonly answer: s.Shape<unknown>;
  /** What it may be refused with, beside what any request may be. */
  readonly errors: readonly ErrorCode[];
}

/** Messages in one batch. */
const messagesMax = 1000;
/** Members on one page. */
const membersPageMax = 1000;

const channel = s.text(1, 255, { doc: 'the name of a channel of the contract', example: 'chat/lobby' });
const offset = s.integer(0, Number.MAX_SAFE_INTEGER, { doc: 'the number of an entry in its log, from 1' });
const time = s.integer(0, Number.MAX_SAFE_INTEGER, { doc: 'when it was stored, in ms since 1970' });
const user = s.text(1, 255, { doc: 'the name of a user, as `authenticate` gave it', example: 'ada' });
const author = s.orNull(s.text(1, 255, { doc: 'whom it is from; null for nobody in particular' }));

const message = s.object({
  channel,
  data: s.payload({
    doc: 'on a `stream` the message; on a `state` channel `["set", key, value, options?]` or `["delete", key, options?]`',
    example: { text: 'hello' },
  }),
});

const place = {
  epoch: s.text(1, 64, { doc: 'the life of the log' }),
  offset,
  check: s.integer(0, 2 ** 32 - 1, { doc: 'proves the log up to there' }),
  duplicate: s.flag({ doc: 'whether it was stored before, by an earlier request with this key' }),
};
const stored = s.object(place, { doc: 'where it was stored' });

/** An error as the body of an answer tells it. */
export const refused = s.object({
  error: s.object({
    code: s.word(Object.keys(errors), { doc: 'which error of the table it is' }),
    message: s.text(1, 10_000, { doc: 'what happened, and how to mend it' }),
    detail: s.optional(s.facts({ doc: 'facts that go with it, such as `retryMs`' })),
  }),
});

const entry = s.object({
  offset,
  at: s.optional(time),
  from: s.optional(author),
  data: s.payload({
    doc: 'the payload, as its author sent it; on a `state` channel `[key, value]` or `[key]`',
  }),
});

const member = s.object({
  key: s.text(1, 255, { doc: 'one client of that user: a reconnect keeps it' }),
  user: author,
  since: time,
  version: offset,
  data: s.payload({ doc: 'what the member says of itself' }),
});

const ended = s.object({
  ended: s.integer(0, Number.MAX_SAFE_INTEGER, { doc: 'sessions that ended on the node that answers' }),
});

const onLogs: readonly ErrorCode[] = ['unknown_channel', 'storage', 'corrupt'];
const onPayloads: readonly ErrorCode[] = ['bad_payload', 'payload_too_large', 'unsupported_data'];
const onKeys: readonly ErrorCode[] = ['precondition', 'superseded', 'sequence'];
const onBodies: readonly ErrorCode[] = ['bad_payload', 'unsupported_data', 'frame_too_large'];

export const operations = {
  publish: {
    method: 'POST',
    path: 'publish',
    summary: 'Append one message',
    doc: 'It is judged as a publish of a session: capabilities, schema, `beforePublish`. The answer comes once it is stored as durably as the broker promises.',
    needs: '`publish` on the channel',
    idempotent: true,
    body: message,
    answer: stored,
    errors: [...onLogs, ...onPayloads, ...onKeys, 'frame_too_large'],
  },
  batch: {
    method: 'POST',
    path: 'batch',
    summary: 'Append messages to any channels',
    doc: 'Those of one channel are appended in their order. One that is refused doesn’t hold the others up: there is a result for each, in the order of the messages.',
    needs: '`publish` on each channel',
    idempotent: true,
    body: s.object({ messages: s.list(message, messagesMax, { doc: 'what is to be appended' }) }),
    answer: s.object({
      results: s.list(s.either([stored.schema, refused.schema]), messagesMax, {
        doc: 'where each was stored, or why it is nowhere',
      }),
    }),
    errors: onBodies,
  },
  history: {
    method: 'GET',
    path: 'history',
    summary: 'Read a page of a log',
    doc: 'The newest entries, or those before or after an offset, oldest first. `at` and `from` are there where the contract stamps entries.',
    needs: '`history` on the channel',
    query: {
      channel,
      before: s.optional(s.integer(1, Number.MAX_SAFE_INTEGER, { doc: 'only entries before this offset' })),
      after: s.optional(s.integer(0, Number.MAX_SAFE_INTEGER, { doc: 'only entries after this offset' })),
      limit: s.optional(
        s.integer(1, historyEntriesMax, {
          doc: 'how many at most; 100 where it is left out. A page may hold fewer',
        }),
      ),
    },
    answer: s.object({
      epoch: place.epoch,
      entries: s.list(entry, historyEntriesMax, { doc: 'consecutive entries, oldest first' }),
      more: s.flag({ doc: 'whether there are more in that direction' }),
    }),
    errors: [...onLogs, 'unsupported_data'],
  },
  presence: {
    method: 'GET',
    path: 'presence',
    summary: 'Who is in a channel',
    doc: 'Members of all nodes, those who entered longest ago first. One who enters with other data anew counts as having entered then.',
    needs: '`presence` on the channel',
    query: {
      channel,
      after: s.optional(
        s.integer(0, Number.MAX_SAFE_INTEGER, {
          doc: 'only members of a later version: `next` of the page before',
        }),
      ),
      limit: s.optional(s.integer(1, membersPageMax, { doc: 'how many at most; 100 where it is left out' })),
    },
    answer: s.object({
      count: s.integer(0, Number.MAX_SAFE_INTEGER, { doc: 'members that are in, on this page or not' }),
      members: s.list(member, membersPageMax, { doc: 'the page' }),
      next: s.orNull(
        s.integer(0, Number.MAX_SAFE_INTEGER, { doc: '`after` of the next page; null: this is the last' }),
      ),
    }),
    errors: onLogs,
  },
  disconnect: {
    method: 'POST',
    path: 'disconnect',
    summary: 'Send a user away',
    doc: 'Ends all sessions of a user, on every node, for good: their clients don’t come back by themselves. Whoever must stay out is to be refused by `authenticate`.',
    needs: 'an API key that may `disconnect`',
    body: s.object({
      user,
      why: s.optional(s.text(1, 120, { doc: 'is told to the user', example: 'You were signed out.' })),
    }),
    answer: ended,
    errors: onBodies,
  },
  revoke: {
    method: 'POST',
    path: 'revoke',
    summary: 'Withdraw a token',
    doc: 'Ends the sessions of a token, on every node, and lets it in no more. It is stored with the logs: a node that restarts remembers.',
    needs: 'an API key that may `revoke`',
    body: s.object({
      tokenId: s.text(1, 255, {
        doc: 'the id of the token (`jti`), or what `authenticate` gave as `tokenId`',
      }),
      expiresAt: s.optional(
        s.integer(1, Number.MAX_SAFE_INTEGER, {
          doc: 'when it would have ended by itself, in ms since 1970; in 30 days where it is left out',
        }),
      ),
    }),
    answer: ended,
    errors: onBodies,
  },
  description: {
    method: 'GET',
    path: 'openapi.json',
    summary: 'This description',
    doc: 'The API as OpenAPI 3.1. It is the same for everybody, and tells of no channel.',
    needs: 'nothing',
    answer: s.anything({ doc: 'An OpenAPI document' }),
    errors: [],
  },
} as const satisfies Readonly<Record<string, Operation>>;

export type OperationName = keyof typeof operations;

/** What any request may be refused with. */
export const always: readonly ErrorCode[] = [
  'bad_frame',
  'unauthenticated',
  'expired',
  'revoked',
  'forbidden',
  'insecure',
  'too_many',
  'silent',
  'restart',
  'unavailable',
  'internal',
];
