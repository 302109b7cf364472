/**
 * The door: what makes a request a WebSocket handshake, beside what is asked of any caller. `ws` accepts old versions, doubled hosts,
 * bodies and any origin; those checks are here. It knows requests and answers, no session.
 */
import type { IncomingMessage } from 'node:http';
import { type CallerRules, checkHost, checkVisitor } from './caller.ts';
import { Refusal } from './refusal.ts';

const headersMax = 100;
/** 16 bytes in base64 (RFC 6455 section 4.1). */
const keyPattern = /^[+/0-9A-Za-z]{22}==$/;

/** Checks the request itself. @throws Refusal */
export function checkRequest(request: IncomingMessage, rules: CallerRules): void {
  if (request.method !== 'GET')
    throw new Refusal(405, 'bad_frame', 'A WebSocket handshake is a GET request.', { Allow: 'GET' });
  if (request.httpVersion !== '1.1')
    throw new Refusal(505, 'bad_frame', 'A WebSocket handshake needs HTTP/1.1.');
  if (request.rawHeaders.length / 2 > headersMax)
    throw new Refusal(431, 'frame_too_large', `More than ${headersMax} header fields.`);
  checkHost(request, rules);
  if (request.headers.upgrade?.toLowerCase() !== 'websocket')
    throw new Refusal(400, 'bad_frame', 'The Upgrade header must be "websocket".');
  if (!keyPattern.test(request.headers['sec-websocket-key'] ?? ''))
    throw new Refusal(400, 'bad_frame', 'Exactly one Sec-WebSocket-Key of 16 bytes in base64 is needed.');
  if (request.headers['sec-websocket-version'] !== '13') {
    throw new Refusal(400, 'bad_frame', 'The WebSocket version must be 13.', {
      'Sec-WebSocket-Version': '13',
    });
  }
  if (
    request.headers['transfer-encoding'] !== undefined ||
    Number(request.headers['content-length'] ?? 0) !== 0
  ) {
    throw new Refusal(400, 'bad_frame', 'A WebSocket handshake has no body.');
  }
  checkVisitor(request, rules);
}
