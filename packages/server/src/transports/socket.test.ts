/**
 * How a socket is ended: whatever the reason says, the close frame is one that RFC 6455 allows, and a peer that doesn't close
 * is cut off. The WebSocket is a stand-in that keeps what it is told.
 */
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { type ErrorCode, errors } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { newMetrics } from '../observe.ts';
import { type Connection, SocketWriter } from './socket.ts';

function writer() {
  const ws = Object.assign(new EventEmitter(), { close: vi.fn(), terminate: vi.fn(), readyState: 1 });
  const clock = fakeClock();
  const writer = new SocketWriter({
    ws: ws as unknown as Connection['ws'],
    socket: new PassThrough(),
    clock,
    metrics: newMetrics(),
    frameBytesMax: 1024,
    socketBytesMax: 65_536,
  });
  return { ws, clock, writer };
}

it('[L2] closes with the code of the error and a reason that fits into a close frame, whatever it says', () => {
  const code = fc.constantFrom(...(Object.keys(errors) as ErrorCode[]));
  const reason = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ unit: 'grapheme', minLength: 60, maxLength: 200 }),
    fc.constantFrom('', '\u{1f6a2}'.repeat(100), `x${'€'.repeat(100)}`),
  );
  fc.assert(
    fc.property(code, reason, (error, why) => {
      const { ws, writer: w } = writer();
      w.end(error, why);
      expect(ws.close).toHaveBeenCalledOnce();
      const [closeCode, told] = ws.close.mock.calls[0] ?? [];
      expect(closeCode).toBe(errors[error].close);
      expect(closeCode === 1000 || closeCode === 1003 || closeCode >= 1007).toBe(true);
      expect(Buffer.byteLength(told)).toBeLessThanOrEqual(123);
      expect(why.startsWith(told)).toBe(true);
      // Nothing is cut that would have fitted, but for what one letter takes.
      if (Buffer.byteLength(why) <= 123) expect(told).toBe(why);
      else expect(Buffer.byteLength(told)).toBeGreaterThan(119);
    }),
  );
});

it('[L2] cuts off a peer that has not closed after 2 seconds, and leaves one alone that has', async () => {
  for (const closes of [false, true]) {
    const { ws, clock, writer: w } = writer();
    w.end('restart', 'Come back.');
    if (closes) ws.emit('close');
    await clock.advance(1_999);
    expect(ws.terminate).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(ws.terminate).toHaveBeenCalledTimes(closes ? 0 : 1);
    expect(clock.timers).toBe(0);
  }
});
