/**
 * How a request is refused: a status, a code of the errors table, a sentence. Whatever is served over HTTP throws it, handshakes
 * included; who answers makes a response of it. It knows no session, and nothing of why.
 */
import type { Duplex } from 'node:stream';
import { type ErrorDetail, errors } from '@syncline/protocol';
import { toSyncError } from '@syncline/protocol/wire';

/** An answer to a request that doesn't get what it asks for. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Facts that go with it, such as after how many ms to come again. */
  readonly detail: ErrorDetail | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    detail?: ErrorDetail,
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
    this.detail = detail;
  }

  /** A SyncError as the HTTP answer that the errors table gives it. */
  static from(thrown: unknown): Refusal {
    if (thrown instanceof Refusal) return thrown;
    const error = toSyncError(thrown);
    return new Refusal(errors[error.code].http || 500, error.code, error.message, {}, error.detail);
  }
}

/** Answers on a bare socket, where there is no response to write to: a status, a JSON body, and the end. */
export function refuse(socket: Duplex, refusal: Refusal, statusText: string): void {
  if (socket.destroyed || !socket.writable) return;
  const body = JSON.stringify({ error: { code: refusal.code, message: refusal.message } });
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...refusal.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${refusal.status} ${statusText}\r\n${lines.join('\r\n')}\r\n\r\n${body}`, () =>
    socket.destroy(),
  );
}
