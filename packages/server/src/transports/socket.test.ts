/**
 * How a socket is written to and ended: how much at once, whatever there is; that the close frame is one that RFC 6455 allows,
 * whatever the reason says; and that a peer that doesn't close is cut off. The WebSocket is a stand-in that keeps what it is told.
 */
import { type Duplex, PassThrough, Writable } from 'node:stream';
import { type ErrorCode, errors } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { newMetrics } from '../observe.ts';
import { turns } from '../testing/meddle.ts';
import { SocketWriter } from './socket.ts';

function writer(socket: Duplex = new PassThrough()) {
  const ws = { close: vi.fn(), terminate: vi.fn(), readyState: 1 };
  const clock = fakeClock();
  const tools = { clock, metrics: newMetrics(), socketBytesMax: 65_536 };
  const writer = new SocketWriter(ws as unknown as WebSocket, socket, tools, { drained: () => {} });
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
    if (closes) w.closed();
    await clock.advance(1_999);
    expect(ws.terminate).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(ws.terminate).toHaveBeenCalledTimes(closes ? 0 : 1);
    expect(clock.timers).toBe(0);
  }
});

describe('a socket that takes all that it is given', () => {
  /** One that does, and a session with a megabyte to write. */
  function ready() {
    let written = 0;
    const socket = new Writable({
      write: (chunk: Uint8Array, _encoding, done) => {
        written += chunk.length;
        done();
      },
    });
    // Only its writable half is used.
    const { writer: w, ws } = writer(socket as unknown as Duplex);
    let left = 1_000_000;
    const take = (): Uint8Array | undefined => {
      const bytes = Math.min(left, 20_000);
      left -= bytes;
      return bytes === 0 ? undefined : new Uint8Array(bytes);
    };
    return { pump: (last?: boolean) => w.pump({ take }, last), ws, written: () => written };
  }
  const onceMax = 65_536 + 20_000;

  it('is given no more in one turn than may wait in it, and all in the end', async () => {
    const { pump, written } = ready();
    pump();
    for (let before = 0; before < written(); ) {
      expect(written() - before).toBeLessThanOrEqual(onceMax);
      before = written();
      // Whoever pumps meanwhile gets no more out of it.
      pump();
      expect(written()).toBe(before);
      await turns(1);
    }
    expect(written()).toBe(1_000_000);
  });

  it('is given once more before it is ended', async () => {
    const { pump, written, ws } = ready();
    pump();
    const before = written();
    pump(true);
    expect(written()).toBeGreaterThan(before);
    ws.readyState = 2;
    const end = written();
    await turns();
    expect(written()).toBe(end);
  });
});
