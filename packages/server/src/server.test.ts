/**
 * The server's front: listening, publishing from the server itself, closing, and that many of them live in one process
 * without knowing of each other.
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { defineChannels, type Schema, SyncError, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Broker } from './broker/broker.ts';
import { memory } from './broker/memory.ts';
import { createServer, type Server, type ServerOptions } from './server.ts';
import { gate, meddle, turns } from './testing/meddle.ts';
import { RawClient } from './testing/raw.ts';
import { channels, serve, serveChannels } from './testing/serve.ts';
import { WireClient } from './testing/wire.ts';

const room = 'chat/x';
type Channels = typeof channels;

function create(options: Partial<ServerOptions<Channels>> = {}): Server<Channels> {
  const server = createServer({ channels, broker: memory(), ...options });
  onTestFinished(() => server.close({ drainMs: 0 }));
  return server;
}

/** A port that somebody holds. */
async function takenPort(): Promise<number> {
  const holder = createTcpServer();
  holder.listen(0, 'localhost');
  await once(holder, 'listening');
  onTestFinished(() => void holder.close());
  const address = holder.address();
  if (address === null || typeof address === 'string') throw new Error('No port.');
  return address.port;
}

describe('listening', () => {
  it('takes a free port, serves WebSockets, and tells plain HTTP what it is', async () => {
    const server = create();
    const { port } = await server.listen(0);
    await WireClient.connect(port);
    const response = await fetch(`http://localhost:${port}/`);
    expect([response.status, response.headers.get('upgrade')]).toEqual([426, 'websocket']);
  });

  it('says so when the port is taken, and may listen elsewhere then', async () => {
    const server = create();
    const port = await takenPort();
    await expect(server.listen(port)).rejects.toMatchObject({
      code: 'unavailable',
      message: `The server can't listen on port ${port} of localhost: another program listens there. Stop it, or choose another port.`,
    });
    const free = await server.listen(0);
    await WireClient.connect(free.port);
  });

  it.each([70_000, -1, 1.5, Number.NaN, '80' as never])('refuses %o as a port', async (port) => {
    await expect(create().listen(port)).rejects.toMatchObject({
      code: 'bad_option',
      message: expect.stringMatching(/from 0 to 65535, got /),
    });
  });

  it.each(['0.0.0.0', '::', '192.0.2.1', 'app.example'])(
    'refuses to be reached from outside (%s) by people it can’t tell apart',
    async (host) => {
      await expect(create().listen(0, host)).rejects.toMatchObject({
        code: 'bad_option',
        message: expect.stringContaining('`authenticate`'),
      });
    },
  );

  it('may be reached from outside when it asks who is there, behind a proxy that serves TLS', async () => {
    const server = create({ authenticate: () => ({ user: 'ada' }), trustProxy: true });
    const { port } = await server.listen(0, '0.0.0.0');
    await WireClient.dial(port, '/sync', { headers: { 'X-Forwarded-Proto': 'https' } });
  });

  it('waits for the broker, and passes on what keeps it from starting', async () => {
    const held = gate();
    const server = create({ broker: { ...bound(memory()), ready: held.passed } });
    let listens = false;
    const listening = server.listen(0).then(() => {
      listens = true;
    });
    await turns(10);
    expect(listens).toBe(false);
    held.open();
    await listening;
    const broken = create({
      broker: { ...bound(memory()), ready: Promise.reject(new SyncError('corrupt', 'Damaged.')) },
    });
    await expect(broken.ready).rejects.toMatchObject({ code: 'corrupt' });
    await expect(broken.listen(0)).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('is refused after close, and while closing overtakes it', async () => {
    const server = create();
    const overtaken = server.listen(0);
    await server.close();
    await expect(overtaken).rejects.toMatchObject({ code: 'closed' });
    await expect(server.listen(0)).rejects.toMatchObject({
      code: 'closed',
      message: expect.stringContaining('createServer()'),
    });
    expect(() => server.attach(createHttpServer())).toThrow('was closed');
  });

  it('leaves no port open when it is closed in the middle of opening it', async () => {
    for (let late = 0; late < 6; late++) {
      const server = create();
      const listening = server.listen(0).then(
        ({ port }) => port,
        (error: unknown) => error,
      );
      await turns(late);
      await server.close();
      const outcome = await listening;
      if (typeof outcome !== 'number') expect(outcome).toMatchObject({ code: 'closed' });
      else await expect(fetch(`http://localhost:${outcome}/`)).rejects.toThrow();
    }
  });
});

/** A broker's functions, to be put together with others. */
function bound(broker: Broker): Broker {
  return meddle(broker).broker;
}

describe('publishing', () => {
  it('[A1] resolves with the position, in the order of the calls', async () => {
    const { server, port } = await serve();
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    const positions = await Promise.all([1, 2, 3].map((n) => server.publish(room, { n })));
    expect(positions.map(({ offset }) => offset)).toEqual([1, 2, 3]);
    expect(await client.entries(0, 3)).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
    const later = await WireClient.connect(port);
    expect(await later.subscribe(room, positions[1])).toMatchObject({ gap: null });
  });

  it.each<[string, () => unknown, RegExp]>([
    ['undefined', () => undefined, /JSON value, got nothing/],
    ['a function', () => () => {}, /JSON value, got /],
    ['a bigint', () => 5n, /can't be written as JSON/],
    [
      'a circle',
      () => {
        const a: unknown[] = [];
        a.push(a);
        return a;
      },
      /can't be written as JSON/,
    ],
    [
      'what throws',
      () => ({
        toJSON: () => {
          throw new Error('no');
        },
      }),
      /can't be written as JSON: no/,
    ],
    ['what nests too deep', () => JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`), /nests deeper/],
  ])('refuses %s as bad_payload', async (_, make, message) => {
    const server = create();
    await expect(server.publish(room, make())).rejects.toMatchObject({
      code: 'bad_payload',
      message: expect.stringMatching(message),
    });
    expect(await server.publish(room, null)).toMatchObject({ offset: 1 });
  });

  it('refuses what is too large, and channels that the contract has not', async () => {
    const server = create({ payloadBytesMax: 10 });
    await expect(server.publish(room, 'ééééé')).rejects.toMatchObject({
      code: 'payload_too_large',
      message: 'The payload has 12 bytes; this server takes up to 10.',
    });
    expect(await server.publish(room, 'éééé')).toMatchObject({ offset: 1 });
    for (const name of ['news/x', 'chat/', 'chat/a b', '', 'chat/x/y']) {
      await expect(server.publish(name as 'chat/x', 1)).rejects.toMatchObject({ code: 'unknown_channel' });
    }
  });

  it('validates what travels, not what was given', async () => {
    const seen: unknown[] = [];
    const message: Schema<unknown> = {
      '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: seen.push(value) }) },
    };
    const { server } = await serveChannels(defineChannels({ 'log/:x': stream({ message }) }));
    await server.publish('log/x', { at: new Date(0), none: undefined });
    expect(seen).toEqual([{ at: '1970-01-01T00:00:00.000Z' }]);
  });

  it('tells the broker’s failures', async () => {
    const { broker, meddling } = meddle(memory());
    const server = create({ broker });
    meddling.append = () => Promise.reject(new SyncError('storage', 'The disk is full.'));
    await expect(server.publish(room, 1)).rejects.toMatchObject({ code: 'storage' });
    meddling.append = (append) => append();
    expect(await server.publish(room, 1)).toMatchObject({ offset: 1 });
  });

  it('refuses more channels than a node may hold open, and has room again when idle ones are closed', async () => {
    const clock = fakeClock();
    const server = create({ clock, channelsOpenMax: 2, channelIdleMs: 1000 });
    await server.publish('chat/1', 1);
    await server.publish('chat/2', 1);
    await expect(server.publish('chat/3', 1)).rejects.toMatchObject({
      code: 'too_many',
      message: expect.stringContaining('`channelsOpenMax`'),
    });
    await clock.advance(2000);
    expect(await server.publish('chat/3', 1)).toMatchObject({ offset: 1 });
  });
});

describe('closing', () => {
  it('[L1] tells everyone, closes with 1012, releases everything, and is the same however often it is called', async () => {
    const clock = fakeClock();
    const closed = vi.fn();
    const inner = memory();
    const { server, port } = await serve({
      clock,
      broker: { ...bound(inner), close: () => inner.close().then(closed) },
    });
    const clients = await Promise.all([1, 2, 3].map(() => WireClient.connect(port)));
    for (const client of clients) await client.subscribe(room);
    const first = server.close();
    expect(server.close()).toBe(first);
    const returns: number[] = [];
    for (const client of clients) {
      const { afterMs } = await client.expect('bye');
      returns.push(afterMs);
    }
    expect(returns.every((ms) => ms >= 0 && ms < 2500)).toBe(true);
    expect(new Set(returns).size).toBeGreaterThan(1);
    await clock.advance(4000);
    for (const client of clients) expect(await client.inbox.closed()).toBe(1012);
    await first;
    expect(server.metrics).toMatchObject({ sessionsOpen: 0, cursorsOpen: 0, channelsOpen: 0 });
    expect(clock.timers).toBe(0);
    expect(closed).toHaveBeenCalledOnce();
  });

  it('[L1] waits for clients who take their time, and no longer than drainMs', async () => {
    const clock = fakeClock();
    const { server, port, sockets } = await serve({ clock });
    const stubborn = await RawClient.open(port);
    let done = false;
    const closing = server.close({ drainMs: 500 }).then(() => {
      done = true;
    });
    await stubborn.frame();
    expect(JSON.parse((await stubborn.frame()).payload.toString())[0]).toBe('bye');
    await clock.advance(374);
    stubborn.send('["heartbeat"]');
    expect((await stubborn.frame()).payload.toString()).toBe('["heartbeat",[]]');
    await clock.advance(1);
    while ((await stubborn.frame()).opcode !== 8);
    await clock.advance(124);
    expect(done).toBe(false);
    await clock.advance(1);
    await closing;
    expect(sockets.every(({ destroyed }) => destroyed)).toBe(true);
    expect(server.metrics.sessionsOpen).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it('[A1] publishes in flight are answered, or rejected with an error', async () => {
    const { broker, meddling } = meddle(memory());
    const server = create({ broker });
    await server.publish(room, 0);
    const held = gate();
    meddling.append = (append) => held.passed.then(append);
    const inFlight = [server.publish(room, 1), server.publish('chat/other', 1)];
    const outcomes = Promise.allSettled(inFlight);
    await turns();
    const closing = server.close();
    held.open();
    // One had reached its channel, the other was still opening its own.
    const [begun, opening] = await outcomes;
    expect(begun).toMatchObject({ status: 'fulfilled', value: { offset: 2 } });
    expect(opening).toMatchObject({ status: 'fulfilled', value: { offset: 1 } });
    await closing;
    await expect(server.publish(room, 2)).rejects.toMatchObject({ code: 'restart' });
    await expect(server.publish('chat/new', 2)).rejects.toMatchObject({ code: 'restart' });
  });

  it('[A1] a channel that is opening when the server is closed leaves its publisher with an error', async () => {
    const { broker, meddling } = meddle(memory());
    const server = create({ broker });
    const held = gate();
    meddling.read = (read) => held.passed.then(read);
    const publish = server.publish(room, 1);
    const outcome = publish.catch((error: unknown) => error);
    await turns();
    await server.close();
    held.open();
    expect(await outcome).toBeInstanceOf(SyncError);
    expect(server.metrics.channelsOpen).toBe(0);
  });
});

describe('many servers', () => {
  it('in one process keep to themselves', async () => {
    const running = await Promise.all(Array.from({ length: 5 }, () => serve()));
    const clients = await Promise.all(running.map(({ port }) => WireClient.connect(port)));
    for (const client of clients) await client.subscribe(room);
    await Promise.all(running.map(({ server }, i) => server.publish(room, i)));
    for (const [i, client] of clients.entries()) expect(await client.entries(0, 1)).toEqual([String(i)]);
    await running[0]?.server.close();
    await running[1]?.server.publish(room, 'on');
    expect(await clients[1]?.entries(1, 2)).toEqual(['"on"']);
    expect(running.slice(1).map(({ server }) => server.metrics.sessionsOpen)).toEqual([1, 1, 1, 1]);
  });

  it('on one broker see each other’s entries', async () => {
    const broker = memory();
    const shared: Broker = { ...bound(broker), close: async () => {} };
    const [a, b] = [await serve({ broker: shared }), await serve({ broker: shared })];
    const client = await WireClient.connect(b.port);
    await client.subscribe(room);
    await a.server.publish(room, 'from a');
    expect(await client.entries(0, 1)).toEqual(['"from a"']);
    await b.server.publish(room, 'from b');
    expect(await client.entries(1, 2)).toEqual(['"from b"']);
  });
});
