/**
 * What both ends do by: the code of each error, how it closes a socket, and what a client does next. Everyone throws and
 * reads errors by this; the table of errors.ts adds what only servers and pages need, so that no browser loads it.
 */

/** What a client does after an error: try again, read anew from its position, fetch a new token, or give up. */
export type Then = 'retry' | 'resync' | 'reauth' | 'stop';

/** One error as both ends know it. `close` is a WebSocket close code. */
export interface Step {
  readonly close: number;
  readonly then: Then;
}

/** Of errors that close with one code, the first is what the code says to a client. */
export const steps = {
  sequence: step(4409, 'retry'),
  too_many: step(4429, 'retry'),
  silent: step(4408, 'retry'),
  restart: step(1012, 'retry'),
  unavailable: step(1013, 'retry'),
  internal: step(1011, 'retry'),
  storage: step(1011, 'retry'),
  offline: step(4600, 'retry'),
  bad_frame: step(4400, 'stop'),
  bad_payload: step(4400, 'stop'),
  disconnected: step(4410, 'stop'),
  insecure: step(4426, 'stop'),
  forbidden: step(4403, 'stop'),
  unknown_channel: step(4404, 'stop'),
  superseded: step(4419, 'stop'),
  frame_too_large: step(1009, 'stop'),
  payload_too_large: step(1009, 'stop'),
  unsupported_data: step(1003, 'stop'),
  quarantined: step(4424, 'stop'),
  closed: step(1000, 'stop'),
  bad_option: step(1011, 'stop'),
  corrupt: step(1011, 'stop'),
  precondition: step(4412, 'resync'),
  unauthenticated: step(4401, 'reauth'),
  expired: step(4440, 'reauth'),
  revoked: step(4423, 'reauth'),
} as const satisfies Record<string, Step>;

function step(close: number, then: Then): Step {
  return { close, then };
}

export type ErrorCode = keyof typeof steps;

/** Facts that go with an error on the wire, such as the sequence number that was `expected`. */
export type ErrorDetail = Readonly<Record<string, string | number | boolean>>;

/** Whether a text, from the wire say, is the code of an error in the table. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(steps, text);
}

/** The sentence of each error, for those thrown without one; errors.ts gives them where it is loaded. */
export const sentences: Partial<Record<ErrorCode, string>> = {};

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

  /** @param message default: the table's sentence, on a server; in a browser, which hasn't got the table, the code */
  constructor(code: ErrorCode, message: string = sentences[code] ?? code, detail?: ErrorDetail) {
    super(message);
    this.code = code;
    this.detail = detail;
  }

  /** What a client does next, read from the table. */
  get next(): Then {
    return steps[this.code].then;
  }
}
