/**
 * Plain WebSocket clients: bare payloads on a path that stands for a channel, beside clients of the SDK on the same
 * channel. What they send isn't sent back to them; what is wrong with it is told without ending the connection.
 */
import { defineChannels, errors, limits, type Schema, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import { memory } from '../broker/memory.ts';
import { gate, meddle } from '../testing/meddle.ts';
import { clientFrame, handshake, RawClient } from '../testing/raw.ts';
import { serve, serveChannels } from '../testing/serve.ts';
import { dial, type Inbox, passes, WireClient } from '../testing/wire.ts';
import { errorOfClose, room, transportSuite } from './transport.suite.ts';

const plain = { '/chat': room };

transportSuite({
  name: 'plain',
  echoes: false,
  join: async (port) => {
    const inbox = await dial(`ws://localhost:${port}/chat`);
    const { socket } = inbox;
    return {
      next: () => inbox.next(),
      publish: (payload) => socket.send(payload),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      cut: () => socket.terminate(),
      ended: async () => errorOfClose(await inbox.closed()),
    };
  },
});

/** A plain client that is subscribed: `dial` resolves before the subscription is made. */
async function enter(port: number): Promise<Inbox> {
  const inbox = await dial(`ws://localhost:${port}/chat`);
  // A refused frame waits for its turn like all others of the channel, so its answer comes after the subscription.
  inbox.socket.send('{');
  expect(JSON.parse(await inbox.next())).toMatchObject({ error: { code: 'bad_payload' } });
  return inbox;
}

describe('bare payloads', () => {
  it('[W1] each text frame is appended, and what others append arrives as one text frame per entry', async () => {
    const { port, server } = await serve({ plain });
    const [a, b] = [await enter(port), await enter(port)];
    const native = await WireClient.connect(port);
    await native.subscribe(room);
    a.socket.send(' {"text": "hi",  "n":1.0} ');
    expect(await b.next()).toBe('{"text": "hi",  "n":1.0}');
    expect(await native.entries(0, 1)).toEqual(['{"text": "hi",  "n":1.0}']);
    native.publish(room, { text: 'hello' }, 'p', 1);
    await native.expect('ack');
    await server.publish(room, [1, 2]);
    for (const inbox of [a, b]) {
      expect(await inbox.next()).toBe('{"text":"hello"}');
      expect(await inbox.next()).toBe('[1,2]');
    }
    expect(server.metrics.framesReceived).toBeGreaterThan(0);
  });

  it('[W1] begins with what comes next, and leaves stamps out', async () => {
    const { port, server } = await serve({ plain: { '/chat': 'stamped/x' } });
    await server.publish('stamped/x', 'before');
    const inbox = await enter(port);
    await server.publish('stamped/x', 'after');
    expect(await inbox.next()).toBe('"after"');
  });

  it('[W2] what a plain client sent is not sent back to it, in whatever company it is appended', async () => {
    const { port, server } = await serve({ plain });
    const [a, b] = [await enter(port), await enter(port)];
    const seen = { a: [] as number[], b: [] as number[] };
    for (let i = 0; i < 200; i++) {
      (i % 2 === 0 ? a : b).socket.send(String(i));
      if (i % 50 === 0) await server.publish(room, 1000 + i);
    }
    await passes(() => expect(server.metrics.entriesAppended).toBe(204));
    await server.publish(room, 'end');
    for (const [inbox, numbers] of [
      [a, seen.a],
      [b, seen.b],
    ] as const) {
      for (let ends = 0; ends < 1; ) {
        const text = await inbox.next();
        if (text === '"end"') ends++;
        else numbers.push(Number(text));
      }
    }
    const [even, odd] = [0, 1].map((rest) => Array.from({ length: 100 }, (_, i) => 2 * i + rest));
    expect(seen.a.filter((n) => n < 1000).every((n) => odd?.includes(n))).toBe(true);
    expect(seen.b.filter((n) => n < 1000).every((n) => even?.includes(n))).toBe(true);
    expect(new Set([...seen.a, ...seen.b]).size).toBe(204);
  });

  it('[W2] remembers only what can still come by: not what it passed over in a gap', async () => {
    const contract = defineChannels({ 'chat/:room': stream({ keep: { entries: 5 } }) });
    const { broker, meddling } = meddle(memory());
    const { port, server } = await serveChannels(contract, { plain, broker, tailEntriesMax: 1 });
    const inbox = await enter(port);
    // The announcements of its own entries are lost, and the log is trimmed before a read finds them: twice, as both times together
    // are more than is remembered.
    for (const round of [1, 2]) {
      meddling.news = () => {};
      const held = gate();
      meddling.read = (read) => held.passed.then(read);
      for (let sent = 1; sent <= 5; sent++) {
        for (let i = 0; i < 500; i++) inbox.socket.send('"own"');
        await passes(() => expect(server.metrics.entriesAppended).toBe((round - 1) * 2510 + 500 * sent));
      }
      for (let i = 0; i < 10; i++) await server.publish(room, i);
      meddling.news = (news, tell) => tell(news);
      meddling.read = (read) => read();
      held.open();
      for (let i = 5; i < 10; i++) expect(await inbox.next()).toBe(String(i));
    }
    inbox.socket.send('"own again"');
    await passes(() => expect(server.metrics.entriesAppended).toBe(5021));
    await server.publish(room, 'other');
    expect(await inbox.next()).toBe('"other"');
  });

  it('[W2] who sends more than is remembered, before any of it came by, is sent away and never told its own', async () => {
    const { broker, meddling } = meddle(memory());
    const { port, server } = await serve({ plain, broker });
    const inbox = await enter(port);
    meddling.news = () => {};
    const held = gate();
    meddling.read = (read) => held.passed.then(read);
    for (let left = limits.ownEntriesMax.default; left > 0; left -= 512) {
      for (let i = 0; i < Math.min(left, 512); i++) inbox.socket.send('"own"');
      const sent = limits.ownEntriesMax.default - Math.max(0, left - 512);
      await passes(() => expect(server.metrics.entriesAppended).toBe(sent));
    }
    expect(server.metrics.sessionsOpen).toBe(1);
    inbox.socket.send('"own"');
    expect(await inbox.closed()).toBe(errors.too_many.close);
    held.open();
    await passes(() => expect(server.metrics).toMatchObject({ sessionsOpen: 0, cursorsOpen: 0 }));
    expect(inbox.unread).toEqual([]);
  });
});

describe('refusals', () => {
  const positive: Schema<number> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        typeof value === 'number' && value > 0 ? { value } : { issues: [{ message: 'not positive' }] },
    },
  };

  it('[W3] a frame that is not JSON, or that the channel refuses, is answered with an error, and the connection goes on', async () => {
    const contract = defineChannels({ 'chat/:room': stream({ message: positive }) });
    const { port, server } = await serveChannels(contract, { plain, payloadBytesMax: 100 });
    const [inbox, other] = [await enter(port), await enter(port)];
    const wrong = { hello: 'bad_payload', '1],[2': 'bad_payload', '': 'bad_payload', '-1': 'bad_payload' };
    for (const [text, code] of Object.entries({ ...wrong, [`"${'x'.repeat(200)}"`]: 'payload_too_large' })) {
      inbox.socket.send(text);
      expect(JSON.parse(await inbox.next())).toEqual({
        error: { code, message: expect.stringMatching(/\w/) },
      });
    }
    inbox.socket.send('7');
    expect(await other.next()).toBe('7');
    expect(await server.publish(room, 8)).toMatchObject({ offset: 2 });
  });

  it('[W3] a binary frame closes with 1003, one above the size limit with 1009, and what came before is done', async () => {
    const { port, server } = await serve({ plain, frameBytesMax: 2048, payloadBytesMax: 1024 });
    const [binary, large] = [await enter(port), await enter(port)];
    binary.socket.send('1');
    binary.socket.send(Buffer.from('2'));
    expect(await binary.closed()).toBe(1003);
    large.socket.send(`"${'x'.repeat(1024 ** 2)}"`);
    expect(await large.closed()).toBe(1009);
    expect(await server.publish(room, 0)).toMatchObject({ offset: 2 });
    await passes(() => expect(server.metrics).toMatchObject({ sessionsOpen: 0, cursorsOpen: 0 }));
  });

  it('[W3] a connection that could not be subscribed is closed, so that its page connects again', async () => {
    const { broker, meddling } = meddle(memory());
    const { port } = await serve({ plain, broker });
    meddling.read = () => Promise.reject(new Error('no disk'));
    const inbox = await dial(`ws://localhost:${port}/chat`);
    expect(JSON.parse(await inbox.next())).toMatchObject({ error: { code: 'internal' } });
    expect(await inbox.closed()).toBe(1011);
    meddling.read = (read) => read();
    await enter(port);
  });

  it('[H4] a plain client that answers no pings is ended, one that does is not', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({ plain, clock, heartbeatMs: 1000 });
    const silent = await RawClient.connect(port);
    silent.socket.write(handshake(port, { 'Sec-WebSocket-Protocol': null }, 'GET /chat HTTP/1.1'));
    expect((await silent.answer()).status).toBe(101);
    const alive = await enter(port);
    for (let beat = 0; beat < 5; beat++) {
      await clock.advance(1000);
      alive.socket.send('{');
      await alive.next();
    }
    expect([
      (await silent.frame()).opcode,
      (await silent.frame()).opcode,
      (await silent.frame()).opcode,
    ]).toEqual([9, 9, 8]);
    await silent.closed();
    await passes(() => expect(server.metrics).toMatchObject({ sessionsOpen: 1, sessionsSilent: 1 }));
  });
});

describe('paths', () => {
  it('[W1] there is none unless configured, and a client without the subprotocol is told about it', async () => {
    const { port } = await serve();
    const client = async (path: string, changes = {}) => {
      const raw = await RawClient.connect(port);
      raw.socket.write(
        handshake(port, { 'Sec-WebSocket-Protocol': null, ...changes }, `GET ${path} HTTP/1.1`),
      );
      return raw.answer();
    };
    expect(await client('/chat')).toMatchObject({ status: 404 });
    const native = await client('/sync');
    expect(native.status).toBe(400);
    expect(native.body).toContain('syncline.v1');
    expect(await client('/sync', { 'Sec-WebSocket-Protocol': 'chat, other' })).toMatchObject({ status: 400 });
  });

  it('[W1] a query belongs to no path, and the frames of the handshake’s segment are taken', async () => {
    const { port, server } = await serve({ plain });
    const raw = await RawClient.connect(port);
    const request = handshake(port, { 'Sec-WebSocket-Protocol': null }, 'GET /chat?name=ada HTTP/1.1');
    raw.socket.write(Buffer.concat([Buffer.from(request), clientFrame('"early"')]));
    expect((await raw.answer()).status).toBe(101);
    await passes(() => expect(server.metrics.entriesAppended).toBe(1));
  });
});
