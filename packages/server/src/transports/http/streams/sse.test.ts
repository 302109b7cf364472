/**
 * Channels read on and on, as server-sent events: what each event says, how a reader resumes, that many readers cost little, and how events
 * end. Real servers and sockets.
 */
import { ServerResponse } from 'node:http';
import { defineChannels, doc, SyncError, state, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it, vi } from 'vitest';
import * as Y from 'yjs';
import { memory } from '../../../broker/memory.ts';
import { writeToken } from '../../../hub/token.ts';
import { EventReader } from '../../../testing/events.ts';
import { lasting, turns } from '../../../testing/meddle.ts';
import { RawClient } from '../../../testing/raw.ts';
import { serveChannels } from '../../../testing/serve.ts';
import { eventually } from '../../../testing/wire.ts';

const channels = defineChannels({
  'chat/:room': stream({ keep: { entries: 100_000, bytes: 1024 ** 3 } }),
  'fleet/:city': state(),
  'board/:id': doc(),
});
type Options = Parameters<typeof serveChannels<typeof channels>>[1];

async function serve(options: Options = {}) {
  const running = await serveChannels(channels, options);
  const url = (path: string) => `http://localhost:${running.port}/sync/streams/${path}`;
  const events = (path: string, headers?: Record<string, string>) =>
    EventReader.open(url(`${path}${path.includes('?') ? '&' : '?'}live=sse`), headers);
  return { ...running, url, events };
}

describe('events', () => {
  it('[P13] tell what comes, and then where the reader stands', async () => {
    const { server, events } = await serve();
    const first = await server.publish('chat/x', { n: 1 });
    const reader = await events('chat/x?offset=-1');
    expect(Object.fromEntries(reader.response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    const streamCursor = expect.stringMatching(/^\d+$/);
    const id = writeToken(first);
    expect(await reader.next()).toEqual({ event: 'data', id, data: '[{"n":1}]' });
    const control = await reader.next();
    expect(control).toMatchObject({ event: 'control', id });
    expect(JSON.parse(control?.data ?? '')).toEqual({ streamNextOffset: id, streamCursor, upToDate: true });
    const second = await server.publish('chat/x', { n: 2 });
    expect(await reader.next()).toEqual({ event: 'data', id: writeToken(second), data: '[{"n":2}]' });
  });

  it('[P13] begin with where the reader stands where there is nothing to tell', async () => {
    const { server, events } = await serve();
    const top = await server.publish('chat/x', 1);
    const reader = await events('chat/x?offset=now');
    expect(await reader.next()).toMatchObject({ event: 'control', id: writeToken(top) });
    await server.publish('chat/x', 2);
    expect((await reader.next())?.data).toBe('[2]');
  });

  it('[P13] go on after the id that a browser comes back with, wherever it began at first', async () => {
    const { server, events } = await serve();
    const positions = [];
    for (const n of [1, 2, 3]) positions.push(await server.publish('chat/x', n));
    const [, second] = positions;
    const reader = await events('chat/x?offset=-1', { 'Last-Event-ID': second ? writeToken(second) : '' });
    expect((await reader.upToDate()).data).toEqual(['[3]']);
  });

  it('[P13] can be ended or made by no payload, however it is written', async () => {
    const { port, server, events, url } = await serve();
    const body = '{"a":"\\n\\ndata: fake\\u2028",\r\n\r"b"\n:\n\n1}';
    const headers = { 'Content-Type': 'application/json' };
    expect((await fetch(url('chat/x'), { method: 'POST', headers, body })).status).toBe(204);
    const reader = await events('chat/x?offset=-1');
    const event = await reader.next();
    expect(JSON.parse(event?.data ?? '')).toEqual([{ a: '\n\ndata: fake\u2028', b: 1 }]);
    expect((await reader.next())?.event).toBe('control');
    expect([port > 0, server.metrics.entriesAppended]).toEqual([true, 1]);
  });

  it('[P13] [P11] hold bytes in base64, and say so', async () => {
    const { server, events } = await serve();
    await server.withDoc('board/7', (one) => void one.getMap('shapes').set('a', 1));
    const reader = await events('board/7?offset=-1');
    expect(reader.response.headers.get('stream-sse-data-encoding')).toBe('base64');
    const copy = new Y.Doc();
    for (const update of framesOf(Buffer.from((await reader.upToDate()).data.join(''), 'base64')))
      Y.applyUpdate(copy, update);
    expect(copy.getMap('shapes').toJSON()).toEqual({ a: 1 });
  });

  it('[P10] [P13] hold a snapshot as one, however many parts it has', async () => {
    const broker = lasting(memory());
    const first = await serve({ broker, foldEntriesMax: 50 });
    for (let i = 0; i < 120; i++) {
      await first.server.set('fleet/x', `k${i % 60}`, `${i} ${'v'.repeat(5000)}`);
      await turns();
    }
    await eventually(() => first.server.metrics.snapshotsStored).toBeGreaterThan(0);
    await first.server.close({ drainMs: 0 });
    const { server, events } = await serve({ broker });
    const reader = await events('fleet/x?offset=-1');
    const { data, next } = await reader.upToDate();
    const messages = data.map(
      (text) => JSON.parse(text) as { key?: string; headers: { control?: string } }[],
    );
    const [snapshot = []] = messages;
    expect([snapshot[0]?.headers.control, snapshot.at(-1)?.headers.control]).toEqual([
      'snapshot-start',
      'snapshot-end',
    ]);
    expect(snapshot).toHaveLength(62);
    const keys = new Set(messages.flat().flatMap(({ key }) => key ?? []));
    expect(keys.size).toBe(60);
    const { epoch, offset, check } = await server.set('fleet/x', 'last', 1);
    expect(next < writeToken({ epoch, offset, check })).toBe(true);
    expect((await reader.upToDate()).next).toBe(writeToken({ epoch, offset, check }));
  });

  it('[P13] are kept busy by heartbeats, and end after their time at a place where the reader comes back to', async () => {
    const clock = fakeClock();
    const { server, events } = await serve({
      clock,
      heartbeatMs: 16_000,
      sseMs: 60_000,
      broker: memory({ clock }),
    });
    const reader = await events('chat/x?offset=-1');
    const { id } = (await reader.next()) ?? {};
    await clock.advance(66_000);
    expect(await reader.next()).toBeUndefined();
    expect(reader.comments).toBeGreaterThanOrEqual(3);
    await server.publish('chat/x', 1);
    const again = await events('chat/x?offset=-1', { 'Last-Event-ID': id ?? '' });
    expect((await again.upToDate()).data).toEqual(['[1]']);
  });

  it('[P8] are no answer where the place leads nowhere', async () => {
    const { server, events } = await serve();
    const { offset, check } = await server.publish('chat/x', 1);
    await expect(events(`chat/x?offset=${writeToken({ epoch: 'other', offset, check })}`)).rejects.toThrow(
      /^Error: 410|^410/,
    );
    await expect(events('chat/x?offset=-1', { 'Last-Event-ID': 'garbage' })).rejects.toThrow(/400/);
  });
});

describe('many readers', () => {
  it('[P14] are written the very same bytes, made once', async () => {
    const { server, events } = await serve();
    const readers = await Promise.all(Array.from({ length: 20 }, () => events('chat/x?offset=-1')));
    for (const reader of readers) await reader.next();
    const written: unknown[] = [];
    const write = ServerResponse.prototype.write;
    vi.spyOn(ServerResponse.prototype, 'write').mockImplementation(function (
      this: ServerResponse,
      ...args: unknown[]
    ) {
      written.push(args[0]);
      return Reflect.apply(write, this, args);
    });
    const { batchesBuilt } = server.metrics;
    await server.publish('chat/x', 'to all');
    for (const reader of readers) expect((await reader.next())?.data).toBe('["to all"]');
    expect(written).toHaveLength(20);
    expect(new Set(written).size).toBe(1);
    expect(server.metrics.batchesBuilt).toBe(batchesBuilt + 1);
  });

  it('[P14] [D6] of whom one reads nothing are held up by nothing, and nothing waits for it; it reads on from its place', async () => {
    const { port, server, events, sockets } = await serve();
    const slow = await RawClient.connect(port);
    slow.socket.write(
      `GET /sync/streams/chat/x?offset=-1&live=sse HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`,
    );
    await eventually(() => server.metrics.cursorsOpen).toBe(1);
    await eventually(() => slow.received.includes('upToDate')).toBe(true);
    slow.socket.pause();
    const quick = await events('chat/x?offset=-1');
    await quick.next();
    const [socket] = sockets;
    const text = 'x'.repeat(50_000);
    let waiting = 0;
    for (let i = 0; i < 400; i++) {
      await server.publish('chat/x', `${i} ${text}`);
      expect(JSON.parse((await quick.next())?.data ?? '')).toEqual([`${i} ${text}`]);
      await quick.next();
      waiting = Math.max(waiting, socket?.writableLength ?? 0);
    }
    expect(waiting).toBeGreaterThan(0);
    expect(waiting).toBeLessThan(300_000);
    // What came is looked at as a whole only once it is whole: there is much of it.
    let tail = '';
    slow.socket.on('data', (chunk) => {
      tail = (tail + chunk.toString('latin1')).slice(-300);
    });
    slow.socket.resume();
    const last = writeToken(await server.publish('chat/x', 'last'));
    await eventually(() => tail).toContain(`{"streamNextOffset":"${last}"`);
    const numbers = [...slow.received.toString().matchAll(/"(\d+) x/g)].map(([, n]) => Number(n));
    expect(numbers).toEqual(Array.from({ length: 400 }, (_, i) => i));
  });

  it('[H4] of whom one takes nothing for two heartbeats lose that one', async () => {
    const clock = fakeClock();
    const { port, server, sockets } = await serve({
      clock,
      heartbeatMs: 16_000,
      sseMs: 600_000,
      broker: memory({ clock }),
    });
    const dead = await RawClient.connect(port);
    dead.socket.write(
      `GET /sync/streams/chat/x?offset=-1&live=sse HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`,
    );
    await eventually(() => server.metrics.cursorsOpen).toBe(1);
    dead.socket.pause();
    const [socket] = sockets;
    // Full for good: what waits in it stays for many turns.
    for (let stuck = 0, before = 0; stuck < 200; ) {
      const waiting = socket?.writableLength ?? 0;
      stuck = waiting > 0 && waiting === before ? stuck + 1 : 0;
      before = waiting;
      if (stuck === 0) await server.publish('chat/x', 'x'.repeat(60_000));
      await turns(1);
    }
    await clock.advance(4 * 16_000);
    await eventually(() => server.metrics.sessionsOpen).toBe(0);
    expect(server.metrics.sessionsSilent).toBe(1);
  });
});

describe('the end of events', () => {
  const authenticate = ({ token }: { readonly token: string | null }) => {
    if (token === null) throw new SyncError('unauthenticated');
    return { user: token, tokenId: `id-${token}`, capabilities: { '*': ['*'] } as const };
  };
  const ada = { Authorization: 'Bearer ada' };

  it.each([
    ['disconnected', (server: { disconnect(user: string): number }) => server.disconnect('ada')],
    ['revoked', (server: { revoke(id: string): number }) => server.revoke('id-ada')],
  ])('[P15] comes at once for whoever is %s', async (_, act) => {
    const { server, events } = await serve({ authenticate });
    const reader = await events('chat/x?offset=-1', ada);
    await reader.next();
    expect(act(server as never)).toBe(1);
    expect(await reader.next()).toBeUndefined();
    await eventually(() => server.metrics.sessionsOpen).toBe(0);
  });

  it('[P15] comes with the rights', async () => {
    const clock = fakeClock();
    const expiresAt = clock.now() + 5000;
    const { events } = await serve({
      clock,
      broker: memory({ clock }),
      authenticate: () => ({ user: 'ada', capabilities: { '*': ['*'] }, expiresAt }),
    });
    const reader = await events('chat/x?offset=-1');
    await reader.next();
    await clock.advance(5000);
    expect(await reader.next()).toBeUndefined();
    await expect(events('chat/x?offset=-1')).rejects.toThrow('401');
  });

  it('[P15] comes when the server leaves, within its time; who asks then is told when to come back', async () => {
    const { server, events, url } = await serve();
    const reader = await events('chat/x?offset=-1');
    await reader.next();
    const closed = server.close({ drainMs: 2000 });
    const away = await fetch(url('chat/x?offset=-1&live=sse'));
    expect([away.status, await away.text()]).toEqual([200, 'retry: 1000\n\n']);
    expect(await reader.next()).toBeUndefined();
    await closed;
  });

  it('gives back all when the reader goes', async () => {
    const { server, events } = await serve();
    const reader = await events('chat/x?offset=-1');
    await reader.next();
    expect(server.metrics).toMatchObject({ sessionsOpen: 1, cursorsOpen: 1 });
    reader.close();
    await eventually(() => [server.metrics.sessionsOpen, server.metrics.cursorsOpen]).toEqual([0, 0]);
  });
});

/** Updates, each with its length before it. */
function framesOf(bytes: Buffer): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      length |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    found.push(bytes.subarray(at, at + length));
    at += length;
  }
  return found;
}
