/**
 * What a session answers: frames and refusals, subscriptions and their starts, history, limits, heartbeats, leaving.
 * Real sockets throughout; only time is the test's own where a rule speaks of it.
 */
import { defineChannels, errors, type Position, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { nextCheck, type ServerFrame } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import { memory } from './broker/memory.ts';
import { gate, meddle } from './testing/meddle.ts';
import { clientFrame, RawClient } from './testing/raw.ts';
import { everything, serve, serveChannels } from './testing/serve.ts';
import { passes, WireClient } from './testing/wire.ts';

const room = 'chat/x';

/** Publishes 1 … count and returns the positions of all of them, the place before the first included. */
async function publishMany(publish: (data: number) => Promise<Position>, count: number): Promise<Position[]> {
  const positions: Position[] = [];
  for (let i = 1; i <= count; i++) positions.push(await publish(i));
  const [first] = positions;
  return [{ epoch: first?.epoch ?? '', offset: 0, check: 0 }, ...positions];
}

function placeAt(positions: readonly Position[], offset: number): Position {
  const position = positions[offset];
  if (!position) throw new Error(`No position ${offset}.`);
  return position;
}

describe('frames', () => {
  it('[F7] begins with a welcome, for which the client need not wait', async () => {
    const { port } = await serve({ heartbeatMs: 7000, payloadBytesMax: 1000 });
    const client = await WireClient.dial(port);
    client.send({ type: 'subscribe', ref: 1, channel: room, start: 0 });
    expect(await client.expect('welcome')).toMatchObject({ heartbeatMs: 7000, payloadBytesMax: 1000 });
    expect(await client.expect('subscribed')).toMatchObject({ ref: 1 });
  });

  it('[F5] answers a refused frame that has a ref, and goes on', async () => {
    const { port } = await serve();
    const client = await WireClient.connect(port);
    client.sendText('["subscribe",7,"chat//x",0]');
    const error = await client.expect('error');
    expect(error).toMatchObject({ ref: 7, code: 'bad_frame' });
    expect(error.message).toMatch(/"subscribe".*`channel`/);
    client.sendText('["shout",8]');
    expect(await client.expect('error')).toMatchObject({ ref: 8, code: 'bad_frame' });
    expect(await client.subscribe(room)).toMatchObject({ gap: null });
  });

  it.each([
    ['no JSON', 'hello', 'bad_frame'],
    ['no array', '{"a":1}', 'bad_frame'],
    ['no ref', '["subscribe"]', 'bad_frame'],
  ] as const)(
    '[F5] closes with the code of the error when there is no ref to answer: %s',
    async (_, text, code) => {
      const { port } = await serve();
      const client = await WireClient.connect(port);
      client.sendText(text);
      expect(await client.expect('error')).toMatchObject({ ref: null, code });
      expect(await client.inbox.closed()).toBe(errors[code].close);
    },
  );

  it('[L2] closes with 1003 after a binary frame, and with 1009 after one that is too large', async () => {
    const { port, server } = await serve({ frameBytesMax: 2048, payloadBytesMax: 1024 });
    const binary = await WireClient.connect(port);
    binary.inbox.socket.send(Buffer.from([1, 2, 3]));
    expect(await binary.expect('error')).toMatchObject({ ref: null, code: 'unsupported_data' });
    expect(await binary.inbox.closed()).toBe(1003);
    const large = await WireClient.connect(port);
    large.sendText(`["publish",1,"chat/x","p",1,"${'x'.repeat(1024 * 1024)}"]`);
    expect(await large.inbox.closed()).toBe(1009);
    await passes(() => expect(server.metrics.sessionsOpen).toBe(0));
  });

  it('[F5] does nothing that comes after the frame which ended the session', async () => {
    const { port, server } = await serve();
    const publish = '["publish",1,"chat/x","p",1,"late"]';
    const client = await RawClient.open(port, Buffer.concat([clientFrame('nonsense'), clientFrame(publish)]));
    await client.frame();
    await client.frame();
    const close = await client.frame();
    expect([close.opcode, close.payload.readUInt16BE()]).toEqual([8, errors.bad_frame.close]);
    expect(await server.publish(room, 'first')).toMatchObject({ offset: 1 });
  });

  it('[F6] answers each request exactly once, under its ref', async () => {
    const { port } = await serve();
    const client = await WireClient.connect(port);
    client.send({ type: 'subscribe', ref: 11, channel: room, start: 0 });
    client.send({ type: 'publish', ref: 12, channel: room, producer: 'p', sequence: 1, data: '1' });
    client.send({ type: 'publish', ref: 13, channel: room, producer: 'p', sequence: 9, data: '2' });
    client.send({ type: 'history', ref: 14, channel: room, direction: 'before', offset: 9, limit: 5 });
    client.send({
      type: 'history',
      ref: 15,
      channel: 'nobody/knows',
      direction: 'after',
      offset: 0,
      limit: 1,
    });
    client.send({ type: 'unsubscribe', ref: 16, channel: room });
    client.send({ type: 'subscribe', ref: 17, channel: 'nobody/knows', start: 0 });
    const answers = new Map<number, string>();
    while (answers.size < 7) {
      const frame = await client.frame();
      if (frame.type === 'entries') continue;
      const ref = 'ref' in frame ? frame.ref : null;
      expect(ref === null || answers.has(ref), JSON.stringify(frame)).toBe(false);
      if (ref !== null) answers.set(ref, frame.type === 'error' ? frame.code : frame.type);
    }
    expect([...answers].sort(([a], [b]) => a - b)).toEqual([
      [11, 'subscribed'],
      [12, 'ack'],
      [13, 'sequence'],
      [14, 'history'],
      [15, 'unknown_channel'],
      [16, 'unsubscribed'],
      [17, 'unknown_channel'],
    ]);
    expect((await client.flush()).filter((frame) => frame.type !== 'entries')).toEqual([]);
  });

  it('[F3] takes frames up to the size that the option allows', async () => {
    const { port } = await serve({ frameBytesMax: 300_000, payloadBytesMax: 250_000 });
    const client = await WireClient.connect(port);
    client.publish(room, 'x'.repeat(200_000), 'p', 1);
    expect(await client.expect('ack')).toMatchObject({ position: { offset: 1 } });
  });
});

describe('subscribing', () => {
  it('[S1] [S2] begins with the last n entries, and tells the place, the id and the head', async () => {
    const { port, server } = await serve();
    const positions = await publishMany((i) => server.publish(room, i), 10);
    const client = await WireClient.connect(port);
    const { position, top, gap, stamped, id } = await client.subscribe(room, 3);
    expect({ position, top, gap, stamped }).toEqual({
      position: placeAt(positions, 7),
      top: 10,
      gap: null,
      stamped: false,
    });
    expect(await client.expect('entries')).toEqual({
      type: 'entries',
      id,
      first: 8,
      entries: ['8', '9', '10'],
    });
    const fresh = await WireClient.connect(port);
    expect(await fresh.subscribe(room, 0)).toMatchObject({ position: placeAt(positions, 10), top: 10 });
    await server.publish(room, 'next');
    expect(await fresh.entries(10, 11)).toEqual(['"next"']);
  });

  it('[S1] gives all there is when more entries are asked for, and as many as are asked for, however large', async () => {
    const { port, server } = await serve({ tailBytesMax: 1024 });
    const client = await WireClient.connect(port);
    expect(await client.subscribe(room, 5)).toMatchObject({ position: { offset: 0 }, top: 0 });
    for (let i = 0; i < 700; i++) await server.publish(room, 'x'.repeat(2000));
    const late = await WireClient.connect(port);
    expect(await late.subscribe(room, 650)).toMatchObject({ position: { offset: 50 }, gap: null });
    expect(await late.entries(50, 700)).toHaveLength(650);
    const all = await WireClient.connect(port);
    expect(await all.subscribe(room, 2 ** 40)).toMatchObject({ position: { offset: 0 }, gap: null });
  });

  it('[S3] goes on from a position that is in the log', async () => {
    const { port, server } = await serve();
    const positions = await publishMany((i) => server.publish(room, i), 300);
    for (const offset of [0, 1, 127, 128, 299, 300]) {
      const client = await WireClient.connect(port);
      const start = placeAt(positions, offset);
      expect(await client.subscribe(room, start)).toMatchObject({ position: start, gap: null, top: 300 });
      expect(await client.entries(offset, 300)).toHaveLength(300 - offset);
    }
  });

  it.each([
    ['epoch', { epoch: 'another', offset: 25, check: 7 }, 0],
    ['diverged', { offset: 25, check: 1 }, 0],
    ['diverged', { offset: 30, check: 1 }, 0],
    ['ahead', { offset: 31, check: 7 }, 0],
    ['trimmed', { offset: 9 }, 10],
  ] as const)(
    '[S4] tells the gap %s for %o, and goes on from the oldest complete place',
    async (gap, changes, oldest) => {
      const keep = { entries: oldest === 0 ? 1000 : 20 };
      const { port, server } = await serveChannels(defineChannels({ 'chat/:room': stream({ keep }) }), {
        tailEntriesMax: 5,
      });
      const positions = await publishMany((i) => server.publish(room, i), 30);
      const client = await WireClient.connect(port);
      const start = { ...placeAt(positions, Math.min(changes.offset, 30)), ...changes };
      expect(await client.subscribe(room, start)).toMatchObject({
        gap,
        position: placeAt(positions, oldest),
        top: 30,
      });
      expect(await client.entries(oldest, 30)).toEqual(
        Array.from({ length: 30 - oldest }, (_, i) => String(oldest + i + 1)),
      );
    },
  );

  it('[S4] takes a position for good whose next entry is the oldest one kept', async () => {
    const { port, server } = await serveChannels(
      defineChannels({ 'chat/:room': stream({ keep: { entries: 20 } }) }),
      { tailEntriesMax: 5 },
    );
    const positions = await publishMany((i) => server.publish(room, i), 30);
    const client = await WireClient.connect(port);
    expect(await client.subscribe(room, placeAt(positions, 10))).toMatchObject({
      gap: null,
      position: { offset: 10 },
    });
    expect(await client.entries(10, 30)).toHaveLength(20);
  });

  it('[S5] moves the one subscription to the new start', async () => {
    const { port, server } = await serve();
    await publishMany((i) => server.publish(room, i), 5);
    const client = await WireClient.connect(port);
    const first = await client.subscribe(room, 5);
    await client.entries(0, 5);
    const second = await client.subscribe(room, 2);
    expect(second.id).toBe(first.id);
    expect(await client.entries(3, 5)).toEqual(['4', '5']);
    await server.publish(room, 6);
    expect(await client.entries(5, 6)).toEqual(['6']);
    expect(await client.flush()).toEqual([]);
    expect(server.metrics.cursorsOpen).toBe(1);
  });

  it('[S6] sends nothing of a channel after unsubscribed, and answers alike where nothing is subscribed', async () => {
    const { port, server } = await serve();
    const client = await WireClient.connect(port);
    await client.unsubscribe(room);
    await client.unsubscribe('nobody/knows');
    await client.subscribe(room);
    await client.subscribe('chat/y');
    await client.unsubscribe(room);
    await server.publish(room, 'unheard');
    await server.publish('chat/y', 'heard');
    expect(await client.expect('entries')).toMatchObject({ entries: ['"heard"'] });
    expect(await client.flush()).toEqual([]);
    expect(server.metrics.cursorsOpen).toBe(1);
  });

  it('[S5] [S6] ends in the right state after subscribing and unsubscribing in one burst, and leaks no cursor', async () => {
    const { port, server } = await serve();
    const client = await WireClient.connect(port);
    for (let i = 0; i < 20; i++) {
      client.send({ type: 'subscribe', ref: 3 * i + 1, channel: room, start: 0 });
      client.send({ type: 'unsubscribe', ref: 3 * i + 2, channel: room });
      client.send({ type: 'subscribe', ref: 3 * i + 3, channel: room, start: 0 });
    }
    const answers: ServerFrame['type'][] = [];
    for (let i = 0; i < 60; i++) answers.push((await client.frame()).type);
    expect(answers).toEqual(
      Array.from({ length: 60 }, (_, i) => (i % 3 === 1 ? 'unsubscribed' : 'subscribed')),
    );
    expect(server.metrics.cursorsOpen).toBe(1);
    await server.publish(room, 'once');
    expect(await client.flush()).toMatchObject([{ type: 'entries', first: 1, entries: ['"once"'] }]);
    client.close();
    await passes(() => expect(server.metrics.cursorsOpen).toBe(0));
  });
});

describe('history', () => {
  it('[S7] pages through the log in both directions to its ends', async () => {
    const { port, server } = await serve();
    const positions = await publishMany((i) => server.publish(room, i), 25);
    const client = await WireClient.connect(port);
    const pages = async (direction: 'before' | 'after', from: number) => {
      const seen: [first: number, count: number, more: boolean][] = [];
      for (let offset = from, more = true; more; ) {
        const page = await client.history(room, direction, offset, 10);
        expect(page.epoch).toBe(placeAt(positions, 0).epoch);
        expect(page.entries).toEqual(page.entries.map((_, i) => String(page.first + i)));
        seen.push([page.first, page.entries.length, page.more]);
        ({ more } = page);
        offset = direction === 'before' ? page.first : page.first + page.entries.length - 1;
      }
      return seen;
    };
    expect(await pages('before', 26)).toEqual([
      [16, 10, true],
      [6, 10, true],
      [1, 5, false],
    ]);
    expect(await pages('before', 2 ** 50)).toHaveLength(3);
    expect(await pages('after', 0)).toEqual([
      [1, 10, true],
      [11, 10, true],
      [21, 5, false],
    ]);
  });

  it('[S7] says that there is no more where a direction holds nothing', async () => {
    const clock = fakeClock();
    const contract = defineChannels({ 'chat/:room': stream({ keep: { age: '1s' } }) });
    const { port, server } = await serveChannels(contract, {
      clock,
      broker: memory({ clock }),
    });
    const client = await WireClient.connect(port);
    expect(await client.history(room, 'before', 5, 10)).toMatchObject({ entries: [], more: false });
    expect(await client.history(room, 'after', 0, 10)).toMatchObject({ entries: [], more: false });
    await server.publish(room, 1);
    expect(await client.history(room, 'after', 7, 10)).toMatchObject({ entries: [], more: false });
    expect(await client.history(room, 'before', 1, 10)).toMatchObject({ entries: [], more: false });
    await clock.advance(2000);
    expect(await client.history(room, 'after', 0, 10)).toMatchObject({ entries: [], more: false });
    expect(await client.history(room, 'before', 9, 10)).toMatchObject({ entries: [], more: false });
  });

  it('[S7] [D1] holds stamped entries as they are delivered: time, author, payload', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({
      clock,
      broker: memory({ clock }),
      authenticate: () => ({ user: 'ada', capabilities: everything }),
    });
    const client = await WireClient.connect(port);
    expect(await client.subscribe('stamped/x', 0)).toMatchObject({ stamped: true });
    client.publish('stamped/x', { a: 1 }, 'p', 1);
    await client.expect('ack');
    const entry = `[${clock.now()},"ada",{"a":1}]`;
    expect(await client.entries(0, 1)).toEqual([entry]);
    await server.publish('stamped/x', 2);
    expect(await client.entries(1, 2)).toEqual([`[${clock.now()},null,2]`]);
    expect(await client.history('stamped/x', 'before', 2, 1)).toMatchObject({
      stamped: true,
      entries: [entry],
    });
  });
});

describe('limits', () => {
  it('lets a session subscribe to so many channels, also when it asks for all at once', async () => {
    const { port, server } = await serve({ channelsPerSessionMax: 3 });
    const client = await WireClient.connect(port);
    for (let i = 1; i <= 6; i++) client.send({ type: 'subscribe', ref: i, channel: `chat/${i}`, start: 0 });
    const answers: ServerFrame[] = [];
    for (let i = 0; i < 6; i++) answers.push(await client.frame());
    expect(answers.filter(({ type }) => type === 'subscribed')).toHaveLength(3);
    const refused = answers.find(({ type }) => type === 'error');
    expect(refused).toMatchObject({ code: 'too_many' });
    expect(refused).toHaveProperty('message', expect.stringContaining('`channelsPerSessionMax`'));
    expect(server.metrics.cursorsOpen).toBe(3);
    await client.subscribe('chat/1', 0);
    await client.unsubscribe('chat/1');
    await client.subscribe('chat/6');
  });

  it('[F6] refuses requests beyond those that may wait for an answer, and takes more when some are answered', async () => {
    const { broker, meddling } = meddle(memory());
    const { port } = await serve({ requestsPerSessionMax: 4, broker });
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    const held = gate();
    meddling.append = (append) => held.passed.then(append);
    for (let i = 1; i <= 6; i++) client.publish(room, i, 'p', i);
    expect(await client.expect('error')).toMatchObject({ ref: 6, code: 'too_many' });
    expect(await client.expect('error')).toMatchObject({ ref: 7, code: 'too_many' });
    held.open();
    for (let i = 1; i <= 4; i++)
      expect(await client.expect('ack')).toMatchObject({ position: { offset: i } });
    await client.entries(0, 4);
    client.publish(room, 5, 'p', 5);
    expect(await client.expect('ack')).toMatchObject({ position: { offset: 5 } });
  });

  it('ends a session that sends on and on and reads none of its answers', async () => {
    const clock = fakeClock();
    const { port, server, sockets } = await serve({
      clock,
      requestsPerSessionMax: 100,
      frameBytesMax: 2048,
      payloadBytesMax: 1024,
      socketBytesMax: 65_536,
    });
    const client = await RawClient.open(port);
    client.socket.pause();
    // Each answer is a refusal that repeats the name, so that what isn't read fills the socket.
    const burst = Buffer.concat(
      Array.from({ length: 50 }, () => clientFrame(`["subscribe",1,"${'x/'.repeat(500)}x",0]`)),
    );
    const pump = (): void => {
      while (client.socket.write(burst));
    };
    client.socket.on('drain', pump);
    pump();
    const ended = async (): Promise<void> => {
      await clock.advance(100);
      expect(server.metrics.sessionsOpen).toBe(0);
    };
    await passes(ended);
    expect(sockets.every((socket) => socket.destroyed)).toBe(true);
  });
});

describe('large answers', () => {
  it('[S7] pages of history are read one by one, as the client reads them', async () => {
    const { broker, meddling } = meddle(memory());
    const { port, server, sockets } = await serve({ broker, socketBytesMax: 65_536 });
    for (let i = 0; i < 20; i++) await server.publish(room, 'x'.repeat(20_000));
    const client = await RawClient.open(port);
    await client.frame();
    client.socket.pause();
    const before = meddling.reads;
    for (let i = 1; i <= 200; i++) client.send(`["history",${i},"${room}","after",0,500]`);
    // Each page has a quarter of a mebibyte; the kernel's buffers take some, the server's one.
    let reads = 0;
    await passes(() => {
      const still = meddling.reads === reads && (sockets[0]?.writableLength ?? 0) > 0;
      reads = meddling.reads;
      expect(still).toBe(true);
    });
    expect(reads - before).toBeLessThan(150);
    expect(sockets[0]?.writableLength).toBeLessThan(600_000);
    client.socket.resume();
    for (let i = 1; i <= 200; ) {
      const { opcode, payload } = await client.frame();
      if (opcode !== 1) continue;
      expect(payload.subarray(0, 20).toString()).toContain(`["history",${i++},`);
    }
    expect(meddling.reads - before).toBe(200);
  });
});

describe('heartbeats', () => {
  it('[H1] tells the head of each subscribed channel at least every heartbeatMs', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({ clock, heartbeatMs: 16_000 });
    const client = await WireClient.connect(port);
    const x = await client.subscribe(room);
    const y = await client.subscribe('chat/y');
    const { offset, check } = await server.publish(room, 'one');
    expect(check).toBe(nextCheck(0, '"one"'));
    await client.entries(0, 1);
    for (let beats = 0; beats < 3; beats++) {
      await clock.advance(16_000);
      const { heads } = await client.expect('heartbeat');
      expect(heads).toEqual([
        { id: x.id, offset, check },
        { id: y.id, offset: 0, check: 0 },
      ]);
      await client.flush();
    }
  });

  it('[H3] answers a heartbeat at once', async () => {
    const { port } = await serve({ clock: fakeClock() });
    const client = await WireClient.connect(port);
    client.send({ type: 'heartbeat' });
    expect(await client.expect('heartbeat')).toEqual({ type: 'heartbeat', heads: [] });
  });

  it('[H4] ends a session that answers neither pings nor anything else for two heartbeats, and no other', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({ clock, heartbeatMs: 1000 });
    const silent = await RawClient.open(port);
    const answers = await WireClient.connect(port);
    const talks = await RawClient.open(port);
    for (let beat = 0; beat < 6; beat++) {
      await clock.advance(1000);
      talks.send('["heartbeat"]');
      await answers.flush();
      await passes(() => expect(server.metrics.framesReceived).toBe(2 * (beat + 1)));
      expect(server.metrics.sessionsSilent).toBe(beat < 2 ? 0 : 1);
    }
    const frames: number[] = [];
    for (let opcode = 0; opcode !== 8; ) {
      const frame = await silent.frame();
      ({ opcode } = frame);
      frames.push(opcode);
      if (opcode === 8) expect(frame.payload.readUInt16BE()).toBe(errors.silent.close);
    }
    // The welcome, two heartbeats each with its ping, and the end.
    expect(frames).toEqual([1, 1, 9, 1, 9, 8]);
    await silent.closed();
    await passes(() => expect(server.metrics.sessionsOpen).toBe(2));
  });
});

describe('leaving', () => {
  it('[L1] [L2] says bye, serves on until the time is nearly over, answers what is under way then, and closes with 1012', async () => {
    const clock = fakeClock();
    const { broker, meddling } = meddle(memory({ clock }));
    const { port, server } = await serve({ broker, clock });
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    const closed = server.close({ drainMs: 4000 });
    const bye = await client.expect('bye');
    expect(bye.reason).toContain('restarting');
    expect(bye.afterMs).toBeLessThan(2000);
    client.publish(room, 'in time', 'p', 1);
    expect(await client.expect('ack')).toMatchObject({ position: { offset: 1 } });
    const held = gate();
    meddling.append = (append) => held.passed.then(append);
    client.publish(room, 'just in time', 'p', 2);
    await client.flush();
    await clock.advance(3000);
    client.publish(room, 'too late', 'p', 3);
    expect(await client.expect('error')).toMatchObject({ code: 'restart' });
    held.open();
    expect(await client.expect('ack')).toMatchObject({ position: { offset: 2 } });
    expect(await client.inbox.closed()).toBe(1012);
    await closed;
  });
});
