/**
 * The one table of errors: what each is called, how it closes a socket or answers an HTTP request, what a client does next,
 * and its sentence. Servers answer by it and the reference page is generated from it. It must not know who raises what.
 */
import { type ErrorCode, SyncError, sentences, steps, type Then } from './codes.ts';

/** One row of the table. `close` is a WebSocket close code, `http` a status; 0 where it never answers a request. */
export interface ErrorRow {
  readonly code: number;
  readonly close: number;
  readonly http: number;
  readonly then: Then;
  readonly message: string;
}

/** Number, HTTP status and sentence; the rest of a row is what both ends do by. */
const rows: { readonly [C in ErrorCode]: readonly [code: number, http: number, message: string] } = {
  bad_frame: [4400, 400, 'The frame could not be read.'],
  bad_payload: [4422, 422, 'The payload does not fit what the channel carries.'],
  unauthenticated: [4401, 401, 'Who you are could not be established.'],
  expired: [4440, 401, 'The rights of this session have ended.'],
  revoked: [4423, 401, 'The rights of this session were withdrawn.'],
  disconnected: [4410, 403, 'The server ended this session for good.'],
  insecure: [4426, 426, 'This server speaks TLS only.'],
  forbidden: [4403, 403, 'You may not do this on that channel.'],
  unknown_channel: [4404, 404, 'No pattern of the contract matches that channel name.'],
  sequence: [4409, 409, 'The sequence number does not follow the last one stored.'],
  precondition: [4412, 412, 'The log moved on: the condition no longer holds.'],
  superseded: [4419, 409, 'A newer value of that key is stored.'],
  frame_too_large: [4414, 413, 'The frame is larger than the server takes.'],
  payload_too_large: [4413, 413, 'The payload is larger than the channel takes.'],
  unsupported_data: [4415, 415, 'This channel does not carry that kind of data.'],
  quarantined: [4424, 423, 'The document could not be folded and takes no edits until it is replaced.'],
  too_many: [4429, 429, 'A limit of the server is reached.'],
  silent: [4408, 408, 'The connection stayed silent for too long.'],
  restart: [4503, 503, 'The server is leaving; come back.'],
  unavailable: [4504, 503, 'The log could not be reached; the outcome is unknown.'],
  internal: [4500, 500, 'Something went wrong on the server.'],
  storage: [4507, 507, 'The log could not store the entry.'],
  offline: [4600, 0, 'The queue of unsent messages is full, or one waited too long.'],
  closed: [4601, 0, 'It was closed on this side.'],
  bad_option: [4602, 500, 'An option has a value that it cannot take.'],
  corrupt: [4603, 500, 'The stored log is damaged.'],
};

export const errors = Object.fromEntries(
  Object.entries(rows).map(([name, [code, http, message]]): [string, ErrorRow] => {
    const { close, then } = steps[name as ErrorCode];
    sentences[name as ErrorCode] = message;
    return [name, { code, close, http, then, message }];
  }),
) as { readonly [C in ErrorCode]: ErrorRow };

/**
 * Any thrown value as a SyncError. What isn't one, or has a code that isn't in the table, becomes `internal` with the table's
 * text, so that nothing private leaks.
 */
export function toSyncError(thrown: unknown): SyncError {
  try {
    if (thrown instanceof SyncError && Object.hasOwn(errors, thrown.code)) return thrown;
  } catch {
    // A proxy may throw at the very question.
  }
  return new SyncError('internal', errors.internal.message);
}
