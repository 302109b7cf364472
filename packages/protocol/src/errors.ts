/**
 * The one table of errors: what each is called, how it closes a socket or answers an HTTP request, and what a client
 * does next. Both ends throw and read it; the reference page is generated from it. It must not know who raises what.
 */

/** What a client does after an error: try again, read anew from its position, fetch a new token, or give up. */
export type Then = 'retry' | 'resync' | 'reauth' | 'stop';

/** One row of the table. `close` is a WebSocket close code, `http` a status. */
export interface ErrorRow {
  readonly code: number;
  readonly close: number;
  readonly http: number;
  readonly then: Then;
  readonly message: string;
}

export const errors = {
  bad_frame: row(4400, 4400, 400, 'stop', 'The frame could not be read.'),
  bad_payload: row(4422, 4400, 422, 'stop', 'The payload does not fit what the channel carries.'),
  unauthenticated: row(4401, 4401, 401, 'reauth', 'Who you are could not be established.'),
  expired: row(4440, 4440, 401, 'reauth', 'The rights of this session have ended.'),
  revoked: row(4423, 4423, 401, 'reauth', 'The rights of this session were withdrawn.'),
  disconnected: row(4410, 4410, 403, 'stop', 'The server ended this session for good.'),
  insecure: row(4426, 4426, 426, 'stop', 'This server speaks TLS only.'),
  forbidden: row(4403, 4403, 403, 'stop', 'You may not do this on that channel.'),
  unknown_channel: row(4404, 4404, 404, 'stop', 'No pattern of the contract matches that channel name.'),
  sequence: row(4409, 4409, 409, 'retry', 'The sequence number does not follow the last one stored.'),
  precondition: row(4412, 4412, 412, 'resync', 'The log moved on: the condition no longer holds.'),
  frame_too_large: row(4414, 1009, 413, 'stop', 'The frame is larger than the server takes.'),
  payload_too_large: row(4413, 1009, 413, 'stop', 'The payload is larger than the channel takes.'),
  unsupported_data: row(4415, 1003, 415, 'stop', 'This channel does not carry that kind of data.'),
  too_many: row(4429, 4429, 429, 'retry', 'A limit of the server is reached.'),
  silent: row(4408, 4408, 408, 'retry', 'The connection stayed silent for too long.'),
  restart: row(4503, 1012, 503, 'retry', 'The server is leaving; come back.'),
  unavailable: row(4504, 1013, 503, 'retry', 'The log could not be reached; the outcome is unknown.'),
  internal: row(4500, 1011, 500, 'retry', 'Something went wrong on the server.'),
  storage: row(4507, 1011, 507, 'retry', 'The log could not store the entry.'),
  offline: row(4600, 4600, 0, 'retry', 'The queue of unsent messages is full, or one waited too long.'),
  closed: row(4601, 1000, 0, 'stop', 'It was closed on this side.'),
  bad_option: row(4602, 1011, 500, 'stop', 'An option has a value that it cannot take.'),
  corrupt: row(4603, 1011, 500, 'stop', 'The stored log is damaged.'),
} as const satisfies Record<string, ErrorRow>;

function row(code: number, close: number, http: number, then: Then, message: string): ErrorRow {
  return { code, close, http, then, message };
}

export type ErrorCode = keyof typeof errors;

/** Facts that go with an error on the wire, such as the sequence number that was `expected`. */
export type ErrorDetail = Readonly<Record<string, string | number | boolean>>;

/** Whether a text, from the wire say, is the code of an error in the table. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errors, text);
}

/**
 * The one error that Syncline throws, on both ends. Its message says what happened, the likely cause and the mend.
 *
 * @example
 * try { await room.publish(text) } catch (error) { if (error instanceof SyncError && error.next === 'retry') … }
 */
export class SyncError extends Error {
  override readonly name = 'SyncError';
  readonly code: ErrorCode;
  readonly detail: ErrorDetail | undefined;

  constructor(code: ErrorCode, message?: string, detail?: ErrorDetail) {
    super(message ?? errors[code].message);
    this.code = code;
    this.detail = detail;
  }

  /** What a client does next, read from the table. */
  get next(): Then {
    return errors[this.code].then;
  }
}

/** Any thrown value as a SyncError. What isn't one becomes `internal` with the table's text, so that nothing private leaks. */
export function toSyncError(thrown: unknown): SyncError {
  return thrown instanceof SyncError ? thrown : new SyncError('internal');
}
