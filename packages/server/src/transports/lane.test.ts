/**
 * The short way beside `ws` alone: whatever a client sends, right or wrong, cut anywhere, both hear the same messages, pings and
 * errors in the same order, and both answer with the same bytes. The sockets are streams that are told what to hear, so that each cut is
 * where it should be.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { close, type FrameOptions, frame, opcodes } from '../testing/bytes.ts';
import { turns } from '../testing/meddle.ts';
import { layLane } from './lane.ts';
import { Guest } from './socket.ts';

const bytesMax = 70_000;
/** More pieces of one frame than this may not wait. */
const piecesMax = 256;
/** As WebSockets listen in a server of ours. */
const listening = (maxPayload: number) =>
  new WebSocketServer({
    WebSocket: Guest,
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    maxFragments: 4,
    maxBufferedChunks: piecesMax,
  });
const request = {
  method: 'GET',
  headers: {
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  },
} as unknown as IncomingMessage;

/** A socket that hears what it is told to, a chunk at a time, and keeps what is written to it. */
function silentSocket(): { readonly socket: Duplex; readonly written: Buffer[] } {
  const written: Buffer[] = [];
  const socket = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk);
      done();
    },
  });
  return { socket, written };
}

/** What a server hears in these pieces and what it answers; and how many messages came by the short way. */
async function heard(pieces: readonly Uint8Array[], laid: boolean, most: number) {
  const { socket, written } = silentSocket();
  const events: string[] = [];
  let direct = 0;
  const message = (data: Buffer, isBinary: boolean): void => {
    events.push(`${isBinary ? 'binary' : 'text'} ${data.toString('latin1')}`);
  };
  const told = (what: string) => () => void events.push(what);
  listening(most).handleUpgrade(request, socket, Buffer.alloc(0), (ws) => {
    ws.serving = {
      message,
      ping: told('ping'),
      pong: told('pong'),
      broke: told('broke'),
      closed: told('closed'),
    };
    const hearing = {
      message: (data: Buffer, isBinary: boolean) => {
        direct++;
        message(data, isBinary);
      },
    };
    if (laid) layLane(socket, hearing, most);
  });
  for (const piece of pieces) {
    // The bytes are whoever's hears them, so each server gets its own.
    socket.push(Buffer.from(piece));
    await turns(2);
  }
  const closed = once(socket, 'close');
  socket.push(null);
  await closed;
  const [, ...answers] = Buffer.concat(written).toString('latin1').split('\r\n\r\n');
  return { events, answers, direct };
}

/** As long as they are alike, what both hear. */
async function alike(pieces: readonly Uint8Array[], most = bytesMax) {
  const { direct, ...short } = await heard(pieces, true, most);
  const { direct: none, ...long } = await heard(pieces, false, most);
  expect(short).toEqual(long);
  expect(none).toBe(0);
  return { ...short, direct };
}

function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...cuts]
    .map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length))
    .filter(({ length }) => length > 0);
}

const lengths = [0, 1, 2, 3, 4, 5, 125, 126, 127, 65_535];

describe('whole messages', () => {
  it.each(lengths)('[F1] of %i bytes, text and binary, one after another in one chunk', async (length) => {
    const bytes = randomBytes(length);
    const text = Buffer.from('\u20ac'.repeat(length / 3) + 'x'.repeat(length % 3)).toString();
    const { events, direct } = await alike([
      Buffer.concat([frame(bytes, { opcode: opcodes.binary }), frame(text), frame('end')]),
    ]);
    expect(direct).toBe(3);
    expect(events).toEqual([
      `binary ${bytes.toString('latin1')}`,
      `text ${Buffer.from(text).toString('latin1')}`,
      'text end',
      'closed',
    ]);
  });

  it('[F1] cut at every byte, with a ping between: what a chunk holds whole comes by the short way', async () => {
    const bytes = Buffer.concat([
      frame('x'.repeat(130)),
      frame('', { opcode: opcodes.ping }),
      frame('y'),
      frame('z'.repeat(126)),
    ]);
    const events = [`text ${'x'.repeat(130)}`, 'ping', 'text y', `text ${'z'.repeat(126)}`, 'closed'];
    for (let at = 1; at < bytes.length; at++) {
      const both = await alike([bytes.subarray(0, at), bytes.subarray(at)]);
      expect(both.events).toEqual(events);
      expect(both.direct).toBeGreaterThanOrEqual(2);
    }
    const byOne = await alike(Array.from(bytes, (byte) => Buffer.from([byte])));
    expect(byOne.events).toEqual(events);
  });
});

/** What `ws` judges; what follows it, it reads as well. */
const unusual: Record<string, Buffer> = {
  'no mask': frame('x', { masked: false }),
  'a reserved bit': frame('x', { rsv: 4 }),
  'an opcode that is none': frame('x', { opcode: 3 }),
  'a text that is no UTF-8': frame(Buffer.from([0xc3, 0x28])),
  'a text that ends within a character': frame(Buffer.from('\u20ac').subarray(0, 2)),
  'a message that is too large': frame('x'.repeat(bytesMax + 1)),
  'a length that needs eight bytes': frame('x'.repeat(65_536)),
  'bytes whose length needs eight bytes': frame('x'.repeat(65_536), { opcode: opcodes.binary }),
  'a length of eight bytes that is none': frame('x', { declared: 2n ** 63n }),
  'a continuation of nothing': frame('x', { opcode: opcodes.more }),
  'a ping that is too large': frame('x'.repeat(126), { opcode: opcodes.ping }),
  'a ping that is too large, after another': Buffer.concat([
    frame('', { opcode: opcodes.ping }),
    frame('x'.repeat(130), { opcode: opcodes.ping }),
  ]),
  'a ping in pieces': frame('x', { opcode: opcodes.ping, fin: false }),
  'a message in two pieces': Buffer.concat([
    frame('x', { fin: false }),
    frame('y', { opcode: opcodes.more }),
  ]),
  'a message within a message': Buffer.concat([frame('x', { fin: false }), frame('y')]),
  'more pieces than may be': Buffer.concat([
    frame('x', { fin: false }),
    ...Array.from({ length: 9 }, () => frame('y', { opcode: opcodes.more, fin: false })),
  ]),
  'a close': close(1000, 'bye'),
  'a close without a code': frame('', { opcode: opcodes.close }),
  'a close with half a code': frame('x', { opcode: opcodes.close }),
};

describe('what is unusual', () => {
  it.each(Object.entries(unusual))(
    '[F1] %s is judged by `ws`, between messages and at the beginning',
    async (_what, bytes) => {
      for (const before of [[], [frame('before')]])
        expect((await alike([Buffer.concat([...before, bytes, frame('after')])])).direct).toBe(before.length);
      // After it nothing comes by the short way any more.
      expect((await alike([frame('before'), bytes, frame('after')])).direct).toBe(1);
    },
  );

  it.each(Object.entries(unusual))(
    '[F1] %s is judged by `ws` wherever it is cut, and what follows it in the same piece too',
    async (_what, bytes) => {
      const all = Buffer.concat([frame('before'), bytes, frame('after')]);
      const from = frame('before').length;
      const places = Array.from({ length: Math.min(bytes.length, 24) }, (_, i) => from + 1 + i);
      for (const at of [...places, all.length - 8]) {
        await alike([all.subarray(0, at), all.subarray(at), frame('more')]);
        // And where nothing follows.
        await alike([all.subarray(0, at)]);
      }
    },
  );

  it.each([99, 100, 125, 126, 200, 65_534])(
    '[F1] messages may have up to %i bytes, and pings what they always may',
    async (most) => {
      const fits = Buffer.concat([
        frame('x'.repeat(most)),
        frame('y'.repeat(125), { opcode: opcodes.ping }),
        frame('z'),
      ]);
      expect((await alike([fits], most)).direct).toBe(2);
      // The length is known before the mask has come, and judged then.
      const tooLarge = frame('x'.repeat(most + 1));
      for (let at = 1; at < 10; at++) await alike([fits, tooLarge.subarray(0, at)], most);
      expect((await alike([fits, Buffer.concat([tooLarge, frame('after')])], most)).direct).toBe(2);
    },
  );

  it('[F1] a message in more pieces than may wait is judged by `ws`, which hears nothing after it', async () => {
    const bytes = Array.from(frame('x'.repeat(piecesMax + 9)), (byte) => Buffer.from([byte]));
    const { events } = await alike([frame('before'), ...bytes, frame('after'), frame('more')]);
    expect(events).toEqual(['text before', 'broke', 'closed']);
  });

  it('[F1] whatever is sent, cut anywhere, is heard and answered as by `ws` alone', async () => {
    const options: fc.Arbitrary<FrameOptions> = fc.record(
      {
        opcode: fc.constantFrom(...Object.values(opcodes), opcodes.text, opcodes.text, opcodes.binary, 3, 11),
        fin: fc.boolean(),
        rsv: fc.constantFrom(0, 0, 0, 0, 1, 4),
        masked: fc.constantFrom(true, true, true, true, false),
        declared: fc.constantFrom(0n, 125n, 126n, 200n, 65_536n, 2n ** 40n),
      },
      { requiredKeys: [] },
    );
    const whole = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }),
    );
    const sent = fc.oneof(
      { weight: 40, arbitrary: fc.string({ maxLength: 200 }).map((text) => frame(text)) },
      {
        weight: 10,
        arbitrary: fc.uint8Array({ maxLength: 140 }).map((it) => frame(it, { opcode: opcodes.binary })),
      },
      { weight: 10, arbitrary: fc.constant(frame('', { opcode: opcodes.pong })) },
      { weight: 3, arbitrary: fc.constant(frame(Buffer.from([0x61, 0xc3, 0x28, 0x61]))) },
      { weight: 10, arbitrary: fc.tuple(whole, options).map(([payload, how]) => frame(payload, how)) },
      { weight: 3, arbitrary: fc.uint8Array({ maxLength: 20 }).map((it) => Buffer.from(it)) },
    );
    let direct = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(sent, { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        fc.constantFrom(100, 190, bytesMax, bytesMax),
        async (all, cuts, most) => {
          direct += (await alike(cutAt(Buffer.concat(all), cuts), most)).direct;
        },
      ),
      { numRuns: 300 },
    );
    expect(direct).toBeGreaterThan(300);
  });

  it('[F1] where somebody else listens to the socket, all of it is left to `ws`', async () => {
    const { socket } = silentSocket();
    const both = [(): void => {}, (): void => {}];
    for (const listener of both) socket.on('data', listener);
    layLane(socket, { message: () => {} }, bytesMax);
    expect(socket.listeners('data')).toEqual(both);
  });
});

describe('what it costs and what goes wrong', () => {
  /** A socket with a short way, and the pieces that are left to whoever listened first. */
  async function laidBeside(message: (data: Buffer) => void) {
    const { socket } = silentSocket();
    const left: Buffer[] = [];
    socket.on('data', (piece) => left.push(piece));
    layLane(socket, { message }, bytesMax);
    // Once it flows, what is pushed is heard at once.
    await turns(1);
    return { socket, left };
  }

  it('[F1] pings and pongs that follow one another are left to `ws` in one piece', async () => {
    const texts: string[] = [];
    const { socket, left } = await laidBeside((data) => texts.push(String(data)));
    const flood = Buffer.concat(
      Array.from({ length: 500 }, (_, i) => frame('p', { opcode: i % 2 ? opcodes.ping : opcodes.pong })),
    );
    socket.push(Buffer.concat([flood, frame('x'), flood, frame('y')]));
    expect(left).toEqual([flood, flood]);
    expect(texts).toEqual(['x', 'y']);
  });

  it('[F1] where whoever is told of a message throws, the connection ends: what follows it was heard by nobody', async () => {
    const texts: string[] = [];
    const { socket } = await laidBeside((data) => {
      texts.push(String(data));
      throw new RangeError('told');
    });
    const closed = once(socket, 'close');
    const bytes = Buffer.concat([frame('x'), frame('y'), frame(frame('within'))]);
    // Read on after this, the rest of the last frame would be taken for frames.
    expect(() => socket.push(bytes.subarray(0, -frame('within').length))).toThrow('told');
    socket.push(bytes.subarray(-frame('within').length));
    await closed;
    expect(texts).toEqual(['x']);
    expect(socket.destroyed).toBe(true);
  });
});
