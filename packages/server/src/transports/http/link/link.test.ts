/**
 * Links over HTTP on real sockets: what every transport owes, by stream and by polls, and what is theirs alone: numbers that make a
 * repetition harmless, pieces that are given again, ends that are told, and that nobody stays who is gone.
 */
import { defineChannels, doc, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Session } from '../../../session.ts';
import { LinkClient } from '../../../testing/link.ts';
import { turns } from '../../../testing/meddle.ts';
import { everything, serve, serveChannels } from '../../../testing/serve.ts';
import { eventually } from '../../../testing/wire.ts';
import { errorOfClose, room, transportSuite } from '../../transport.suite.ts';

const ways = ['sse', 'long-poll'] as const;

for (const as of ways) {
  transportSuite({
    name: as,
    echoes: true,
    waits: as === 'sse',
    join: async (port) => {
      const client = await LinkClient.open(port, as);
      client.send({ type: 'subscribe', ref: client.nextRef(), channel: room, start: 0 });
      const told: string[] = [];
      let published = 0;
      return {
        next: async () => {
          for (;;) {
            const entry = told.shift();
            if (entry !== undefined) return entry;
            const frame = await client.frame();
            if (frame.type === 'entries') told.push(...frame.entries.map(String));
          }
        },
        publish: (data) => {
          const ref = client.nextRef();
          client.send({
            type: 'publish',
            ref,
            channel: room,
            producer: 'guest',
            sequence: ++published,
            data,
          });
        },
        pause: () => client.pause(),
        resume: () => client.resume(),
        cut: () => client.cut(),
        ended: async () => errorOfClose(await client.closed()),
      };
    },
  });
}

/** A server whose time stands still, and a link to it that has read its welcome. */
async function linked(as: (typeof ways)[number], options: Parameters<typeof serve>[0] = {}) {
  const clock = fakeClock();
  const running = await serve({ clock, ...options });
  const client = await LinkClient.open(running.port, as);
  const welcome = await client.expect('welcome');
  return { clock, client, welcome, ...running };
}

const publish = (ref: number, sequence: number, data = `${sequence}`) =>
  ({ type: 'publish', ref, channel: room, producer: 'p', sequence, data }) as const;
const lineOf = (...frame: unknown[]) => JSON.stringify(frame);

describe.each(ways)('a link as %s', (as) => {
  it('[L4] has a name of its node and 128 random bits, other than any other’s', async () => {
    const { client, port } = await linked(as);
    expect(client.id).toMatch(/^[\w-]{1,64}\.[\w-]{22}$/);
    expect((await LinkClient.open(port, as)).id).not.toBe(client.id);
  });

  it('[L5] [F9] tells a payload with line ends in it as it was written, so that its check fits', async () => {
    const { client, server } = await linked(as);
    client.send({ type: 'subscribe', ref: 1, channel: room, start: 0 });
    await client.expect('subscribed');
    const payload = '{"a":\n1,\r\n "b"\t:\n\n[2\r]}';
    const response = await client.ask(`/sync/publish/${room}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: payload,
    });
    expect(response.status).toBe(200);
    expect(await client.expect('entries')).toMatchObject({ entries: [payload] });
    expect(server.metrics.entriesAppended).toBe(1);
  });

  it('[L8] takes each post once, however often it comes, and refuses what follows none', async () => {
    const { client, server } = await linked(as);
    const body = `${lineOf('publish', 1, room, 'p', 1, 'a')}\n${lineOf('publish', 2, room, 'q', 1, 'b')}\n`;
    for (let i = 0; i < 3; i++)
      expect((await client.frames('n=1', { method: 'POST', body })).status).toBe(204);
    const astray = await client.frames('n=3', { method: 'POST', body });
    expect([astray.status, JSON.parse(astray.text).error.code]).toEqual([409, 'sequence']);
    expect((await client.frames('n=2', { method: 'POST', body: lineOf('heartbeat') })).status).toBe(204);
    expect([await client.expect('ack'), await client.expect('ack')]).toMatchObject([{ ref: 1 }, { ref: 2 }]);
    await client.expect('heartbeat');
    expect(server.metrics).toMatchObject({ entriesAppended: 2, framesReceived: 3 });
  });

  it('[L8] reads no line after one that ends the session: nobody is charged for it', async () => {
    const { client } = await linked(as, { frameBytesMax: 1024, payloadBytesMax: 512 });
    const asked = vi.spyOn(Session.prototype, 'pays');
    onTestFinished(() => asked.mockRestore());
    const body = `${lineOf('nobody')}\n`.repeat(1000);
    expect((await client.frames('n=1', { method: 'POST', body })).status).toBe(204);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('[L8] takes posts of 64 KiB however small a frame must be, and judges each line by itself', async () => {
    const { client, server } = await linked(as, { frameBytesMax: 1024, payloadBytesMax: 512 });
    const lines = Array.from({ length: 64 }, (_, i) =>
      lineOf('publish', i + 1, room, 'p', i + 1, '€'.repeat(100 + i)),
    );
    const body = lines.join('\n');
    const full = body + '\n'.repeat(65_536 - Buffer.byteLength(body));
    expect((await client.frames('n=1', { method: 'POST', body: full })).status).toBe(204);
    for (let ref = 1; ref <= 64; ref++) expect(await client.expect('ack')).toMatchObject({ ref });
    const larger = await client.frames('n=2', { method: 'POST', body: `${full}\n` });
    expect([larger.status, JSON.parse(larger.text).error.code]).toEqual([413, 'frame_too_large']);
    expect(server.metrics).toMatchObject({ sessionsOpen: 1, entriesAppended: 64 });
    const line = lineOf('publish', 65, room, 'p', 65, 'x'.repeat(1024));
    expect((await client.frames('n=2', { method: 'POST', body: line })).status).toBe(204);
    expect(await client.expect('error')).toMatchObject({ ref: null, code: 'frame_too_large' });
    expect(errorOfClose(await client.closed())).toBe('frame_too_large');
  });

  it('[L8] an empty post is a sign of life and has no number of its own', async () => {
    const { client, clock, server } = await linked(as, { heartbeatMs: 10_000 });
    for (let i = 0; i < 8; i++) {
      await clock.advance(10_000);
      await client.expect('heartbeat');
      expect((await client.frames('n=1', { method: 'POST', body: '' })).status).toBe(204);
    }
    client.send(publish(1, 1));
    await client.expect('ack');
    expect(server.metrics.sessionsOpen).toBe(1);
  });

  it('[L8] [N4] ends when its client says so, once what came with it is taken', async () => {
    const { client, server } = await linked(as);
    const body = lineOf('publish', 1, room, 'p', 1, 'last');
    expect((await client.frames('n=1&end', { method: 'POST', body })).status).toBe(204);
    await eventually(() => server.metrics.sessionsOpen).toBe(0);
    await eventually(() => server.metrics.entriesAppended).toBe(1);
    const after = await client.frames('n=2', { method: 'POST', body });
    expect([after.status, JSON.parse(after.text).error.code]).toEqual([404, 'silent']);
  });

  it.each([
    ['a text frame that is none', '["shout",7,1]', { ref: 7, code: 'bad_frame' }, undefined],
    ['a text frame without a number', '["shout"]', { ref: null, code: 'bad_frame' }, 4400],
    ['what is neither', 'hello, world!', { ref: null, code: 'bad_frame' }, 4400],
    ['base64 that is cut off', 'AAAAA', { ref: null, code: 'bad_frame' }, 4400],
    ['bytes where there are none', 'AAAA', { ref: null, code: 'unsupported_data' }, 1003],
  ])('[L8] [F5] %s is refused as on a socket', async (_, line, error, code) => {
    const { client, server } = await linked(as);
    client.sendLine(line);
    expect(await client.expect('error')).toMatchObject(error);
    if (code === undefined) return expect(server.metrics.sessionsOpen).toBe(1);
    expect(await client.closed()).toBe(code);
    await eventually(() => server.metrics.sessionsOpen).toBe(0);
  });

  it('[L5] [F8] carries documents, whose frames are binary', async () => {
    const { port } = await serveChannels(defineChannels({ 'board/:id': doc() }));
    const client = await LinkClient.open(port, as);
    await client.expect('welcome');
    client.send({ type: 'subscribe', ref: 1, channel: 'board/a', start: 0 });
    await client.expect('subscribed');
    // A publish (1) with ref 1 to board/a, by p, its first: an update (1) of Yjs that says nothing.
    const bytes = [1, 1, 7, ...Buffer.from('board/a'), 1, ...Buffer.from('p'), 1, 1, 0, 0];
    client.sendLine(Buffer.from(bytes).toString('base64'));
    await client.expect('ack');
    await eventually(() => client.unread.length).toBe(1);
    expect([...Buffer.from(client.unread[0] ?? '', 'base64')]).toEqual([0, 1, 1, 3, 1, 0, 0]);
  });

  it('[H4] [L6] a client that shows no sign of life is ended', async () => {
    const { client, clock, server } = await linked(as, { heartbeatMs: 10_000, linkGraceMs: 300_000 });
    client.pause();
    for (let ms = 0; ms < 40_000 && server.metrics.sessionsSilent === 0; ms += 500) await clock.advance(500);
    expect(server.metrics.sessionsSilent).toBe(1);
    client.resume();
    expect(errorOfClose(await client.closed())).toBe('silent');
    await eventually(() => server.metrics.sessionsOpen).toBe(0);
  });

  it('rights that end while it waits end it', async () => {
    const clock = fakeClock();
    const { client } = await linked(as, {
      clock,
      authenticate: () => ({ user: 'ada', capabilities: everything, expiresAt: clock.now() + 5_000 }),
    });
    await turns();
    await clock.advance(5_000);
    expect(errorOfClose(await client.closed())).toBe('expired');
  });
});

describe('a stream', () => {
  it('[L6] [L4] begins with its name, is not to be kept, changed or gathered, and pings with each heartbeat', async () => {
    const { port, clock } = await linked('sse');
    const client = await LinkClient.open(port, 'sse');
    const response = await client.begin('/sync/link', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"as":"sse"}',
    });
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    const [first] = await new Promise<string[]>((resolve) =>
      response.once('data', (chunk: Buffer) => resolve(String(chunk).split('\n\n'))),
    );
    expect(first).toMatch(/^link:[\w-]+\.[\w-]{22}$/);
    response.destroy();
    expect(client.pings).toBe(0);
    await clock.advance(600_000);
    await eventually(() => client.pings).toBe(1);
  });

  it('can not be polled, and whoever breaks it off is gone at once', async () => {
    const { client, server } = await linked('sse');
    expect((await client.frames('after=0')).status).toBe(409);
    client.cut();
    await eventually(() => server.metrics.sessionsOpen).toBe(0);
  });
});

describe('polls', () => {
  /** A link that nobody polls but the test, which has read its welcome: one piece. */
  async function unpolled(options: Parameters<typeof serve>[0] = {}) {
    const clock = fakeClock();
    const running = await serve({ clock, ...options });
    const client = await LinkClient.open(running.port, 'long-poll', { idle: true });
    // Who asks knows only that it asked: what came is counted where it comes in.
    let requests = 0;
    const { http } = running;
    const emit = http.emit.bind(http);
    http.emit = ((event: string, ...args: unknown[]) => {
      if (event === 'request') requests++;
      return emit(event, ...args);
    }) as typeof http.emit;
    const poll = (after: number) => client.frames(`after=${after}`);
    /** A poll that waits at the server. */
    const waiting = async (after: number, from = client) => {
      const before = requests;
      const answer = from.frames(`after=${after}`);
      answer.catch(() => {});
      await eventually(() => requests).toBe(before + 1);
      await turns();
      return { answer };
    };
    const say = (ref: number) =>
      client.frames(`n=${ref}`, { method: 'POST', body: lineOf('unsubscribe', ref, 'chat/none') });
    expect((await poll(0)).text).toMatch(/^data:\["welcome"/);
    return { ...running, clock, client, poll, say, waiting };
  }

  it('[L7] give a piece again until it arrived, and nothing after it before that', async () => {
    const { poll, say } = await unpolled();
    await say(1);
    const first = await poll(1);
    expect([first.status, first.text]).toEqual([200, 'data:["unsubscribed",1]\n\n']);
    await say(2);
    for (let i = 0; i < 3; i++) expect((await poll(1)).text).toBe(first.text);
    expect((await poll(2)).text).toBe('data:["unsubscribed",2]\n\n');
    for (const wrong of [0, 1, 4]) expect((await poll(wrong)).status).toBe(409);
  });

  it('[L7] wait for as long as the server says, and a newer one ends an older one', async () => {
    const { clock, waiting } = await unpolled({ longPollMs: 5_000 });
    const older = await waiting(1);
    const newer = await waiting(1);
    expect((await older.answer).status).toBe(204);
    await clock.advance(5_000);
    expect((await newer.answer).status).toBe(204);
  });

  it('[L7] one that nobody waits for any more gives nothing away: the next one gets it', async () => {
    const { client, port, sockets, poll, say, waiting } = await unpolled();
    const other = await LinkClient.open(port, 'long-poll', { idle: true });
    await other.frames('n=1&end', { method: 'POST', body: '' });
    other.id = client.id;
    await waiting(1, other);
    const before = sockets.filter(({ destroyed }) => destroyed).length;
    other.cut();
    await eventually(() => sockets.filter(({ destroyed }) => destroyed).length).toBeGreaterThan(before);
    await say(1);
    expect((await poll(1)).text).toBe('data:["unsubscribed",1]\n\n');
  });

  it('[L7] a client that asks for nothing more is gone after a while', async () => {
    const { clock, poll, server, waiting } = await unpolled({ linkGraceMs: 10_000 });
    await clock.advance(9_999);
    const polled = await waiting(1);
    await clock.advance(25_000);
    expect((await polled.answer).status).toBe(204);
    await clock.advance(9_999);
    expect(server.metrics.sessionsOpen).toBe(1);
    await clock.advance(1);
    expect(server.metrics.sessionsOpen).toBe(0);
    expect((await poll(1)).status).toBe(404);
  });

  it('[L5] what is said last waits for a poll, for a while', async () => {
    const authenticate = () => ({ user: 'ada', capabilities: everything });
    const { poll, server } = await unpolled({ authenticate });
    server.disconnect('ada', 'Enough.\nReally.');
    expect((await poll(1)).text).toBe('close:4410 Enough. Really.\n\n');
    expect((await poll(2)).status).toBe(404);
    expect((await poll(1)).status).toBe(404);
    const other = await unpolled({ authenticate });
    other.server.disconnect('ada');
    expect(other.server.metrics.sessionsOpen).toBe(1);
    await other.clock.advance(2_000);
    expect(other.server.metrics.sessionsOpen).toBe(0);
    expect((await other.poll(1)).status).toBe(404);
  });

  it('[L5] [L7] what is said last is given again to whoever lost it, though the session is over', async () => {
    const authenticate = () => ({ user: 'ada', capabilities: everything });
    const { clock, poll, say, server, waiting } = await unpolled({ authenticate, linkGraceMs: 10_000 });
    const lost = await waiting(1);
    server.disconnect('ada');
    const { text } = await lost.answer;
    expect(text).toMatch(/^close:4410 /);
    expect(server.metrics.sessionsOpen).toBe(0);
    await clock.advance(9_999);
    expect((await poll(1)).text).toBe(text);
    expect((await say(1)).status).toBe(204);
    expect(server.metrics.framesReceived).toBe(0);
    await clock.advance(10_000);
    expect((await poll(1)).status).toBe(404);
  });

  it('[L7] what is said last is kept within bounds: nobody is counted for it any more', async () => {
    const mebibyte = 1024 * 1024;
    const { server, port } = await serve({
      clock: fakeClock(),
      payloadBytesMax: 8 * mebibyte,
      frameBytesMax: 9 * mebibyte,
    });
    await server.publish(room, 'x'.repeat(7 * mebibyte));
    const clients: LinkClient[] = [];
    for (let i = 0; i < 3; i++) {
      const client = await LinkClient.open(port, 'long-poll', { idle: true });
      await client.frames('after=0');
      const body = lineOf('history', 1, room, 'before', 100, 1);
      await client.frames('n=1', { method: 'POST', body });
      await turns();
      await client.frames('n=2', { method: 'POST', body: lineOf('nothing') });
      expect((await client.frames('after=1')).text).toMatch(/close:4400 [^\n]*\n\n$/);
      clients.push(client);
    }
    expect(server.metrics.sessionsOpen).toBe(0);
    const statuses = [];
    for (const client of clients) statuses.push((await client.frames('after=1')).status);
    expect(statuses).toEqual([404, 200, 200]);
  });
});

it('a contract without documents has links of texts only', async () => {
  const { port } = await serveChannels(defineChannels({ 'chat/:room': stream() }));
  const client = await LinkClient.open(port, 'sse');
  await client.expect('welcome');
  client.sendLine('AAAA');
  expect(await client.expect('error')).toMatchObject({ code: 'unsupported_data' });
});
