/**
 * How entries travel: what they cost on the wire, that a turn is one frame, that each subscriber gets each entry once and
 * in order, however slowly it reads, and what publishing answers. Real sockets; bytes are counted as TCP delivers them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineChannels, type Schema, stream } from '@syncline/protocol';
import { decodeServer, type ServerFrame } from '@syncline/protocol/wire';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Broker } from './broker/broker.ts';
import { disk } from './broker/disk.ts';
import { memory } from './broker/memory.ts';
import { Batch } from './cursor.ts';
import { type Gate, gate, meddle } from './testing/meddle.ts';
import { clientFrame, RawClient } from './testing/raw.ts';
import { channels, everything, serve, serveChannels } from './testing/serve.ts';
import { WireClient } from './testing/wire.ts';
import { nativeBatch } from './transports/websocket.ts';

const room = 'chat/x';

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function rawSubscriber(port: number): Promise<RawClient> {
  const client = await RawClient.open(port);
  client.send(`["subscribe",1,"${room}",0]`);
  await client.frame();
  await client.frame();
  return client;
}

function frameOf(payload: Buffer): ServerFrame | undefined {
  return decodeServer(payload.toString());
}

describe('on the wire', () => {
  const payload = JSON.stringify('x'.repeat(98));

  it('[D1] [D4] delivers a payload of 100 bytes with at most 20 bytes above it, header included', async () => {
    const { port, server } = await serve();
    const client = await rawSubscriber(port);
    await server.publish(room, JSON.parse(payload));
    const { payload: text, wireBytes } = await client.frame();
    expect(text.toString()).toBe(`[1,1,${payload}]`);
    expect(wireBytes - Buffer.byteLength(payload)).toBeLessThanOrEqual(20);
  });

  it.each([
    [1, 9_999_999_999_999],
    [999_999, 99_999_999],
    [9_999_999, 9_999_999],
  ])('[D4] keeps to the 20 bytes while id and offset together have 14 digits: %i, %i', (id, offset) => {
    const entry = { offset, check: 1, at: 1, from: null, data: payload };
    const bytes = nativeBatch(new Batch(id, false, offset - 1, [entry]));
    expect(bytes.length - Buffer.byteLength(payload)).toBe(20);
  });

  it('[D5] sends what is appended in one turn as one frame, the very same bytes to all subscribers, built once', async () => {
    const { port, server } = await serve();
    const author = await RawClient.open(port);
    await author.frame();
    const readers = await Promise.all([rawSubscriber(port), rawSubscriber(port), rawSubscriber(port)]);
    const publishes = Array.from({ length: 10 }, (_, i) =>
      clientFrame(`["publish",${i + 1},"${room}","p",${i + 1},${i}]`),
    );
    const before = server.metrics.batchesBuilt;
    author.socket.write(Buffer.concat(publishes));
    const frames = await Promise.all(readers.map((reader) => reader.frame()));
    for (const frame of frames) expect(frame.payload.toString()).toBe('[1,1,0,1,2,3,4,5,6,7,8,9]');
    expect(server.metrics.batchesBuilt - before).toBe(1);
    expect(server.metrics.entriesSent).toBe(30);
  });

  it('[D5] splits what is too much for one frame, and keeps the order', async () => {
    const { port, server } = await serve();
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    await Promise.all(Array.from({ length: 8 }, (_, i) => server.publish(room, `${i}${'x'.repeat(30_000)}`)));
    const entries = await client.entries(0, 8);
    expect(entries.map((entry) => String(entry)[1])).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    expect(server.metrics.batchesBuilt).toBe(4);
  });

  it('[F9] forwards a payload as the text that its author sent', async () => {
    const { port } = await serve();
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    const text = '{"b":1.0, "a":[ 1e3 ],"a":"\\u00e9","__proto__":{}}';
    client.sendText(`[ "publish", 9, "${room}", "p", 1,  ${text}  ]`);
    await client.expect('ack');
    expect(await client.entries(0, 1)).toEqual([text]);
  });
});

describe('publishing', () => {
  it('[A1] [A6] is acknowledged with the position of the entry, without a subscription', async () => {
    const { port } = await serve();
    const author = await WireClient.connect(port);
    const ref = author.publish(room, 'hello', 'p', 1);
    const ack = await author.expect('ack');
    expect(ack).toMatchObject({ ref, position: { offset: 1 } });
    const reader = await WireClient.connect(port);
    expect(await reader.subscribe(room, 1)).toMatchObject({
      position: { epoch: ack.position.epoch, offset: 0 },
    });
    expect(await reader.entries(0, 1)).toEqual(['"hello"']);
    expect(await author.flush()).toEqual([]);
  });

  it('[A2] [A3] answers a repeated number with its first position, refuses one that does not fit, and burns none', async () => {
    const { port } = await serve();
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    client.publish(room, 'one', 'p', 1);
    const first = await client.expect('ack');
    await client.entries(0, 1);
    client.publish(room, 'one', 'p', 1);
    expect((await client.expect('ack')).position).toEqual(first.position);
    client.publish(room, 'three', 'p', 3);
    expect(await client.expect('error')).toMatchObject({ code: 'sequence', detail: { expected: 2 } });
    client.publish(room, 'x'.repeat(70_000).slice(0, 66_000), 'p', 2);
    expect(await client.expect('error')).toMatchObject({ code: 'payload_too_large' });
    client.publish(room, 'two', 'p', 2);
    expect(await client.expect('ack')).toMatchObject({ position: { offset: 2 } });
    expect(await client.entries(1, 2)).toEqual(['"two"']);
    expect(await client.flush()).toEqual([]);
  });

  it('[A5] remembers the last 64 numbers of a producer', async () => {
    const { port } = await serve();
    const client = await WireClient.connect(port);
    for (let i = 1; i <= 70; i++) client.publish(room, i, 'p', i);
    for (let i = 1; i <= 70; i++) await client.expect('ack');
    client.publish(room, 7, 'p', 7);
    expect(await client.expect('ack')).toMatchObject({ position: { offset: 7 } });
    client.publish(room, 6, 'p', 6);
    expect(await client.expect('error')).toMatchObject({ code: 'sequence', detail: { expected: 71 } });
  });

  it('[A2] keeps the numbers of one user from another', async () => {
    const { port } = await serve({
      authenticate: ({ url }) => ({ user: url.endsWith('ada') ? 'ada' : 'bob', capabilities: everything }),
    });
    const ada = await WireClient.connect(port, '/sync?ada');
    const bob = await WireClient.connect(port, '/sync?bob');
    ada.publish(room, 1, 'p', 1);
    expect(await ada.expect('ack')).toMatchObject({ position: { offset: 1 } });
    bob.publish(room, 2, 'p', 1);
    expect(await bob.expect('ack')).toMatchObject({ position: { offset: 2 } });
  });

  it.each<[string, () => Broker]>([
    ['in memory', () => memory()],
    ['on disk', () => disk({ dir: folder() })],
  ])(
    '[A4] tells the author its ack before the entry, on several channels at once, stored %s',
    async (_, make) => {
      const { port, server } = await serve({ broker: make() });
      const client = await WireClient.connect(port);
      await client.subscribe(room);
      await client.subscribe('chat/y');
      const acked = new Map<string, Set<number>>([
        ['1', new Set()],
        ['2', new Set()],
      ]);
      for (let i = 1; i <= 50; i++) {
        client.publish(room, 'own', 'p', i);
        client.publish('chat/y', 'own', 'p', i);
        void server.publish(room, 'other');
      }
      let [acks, own] = [0, 0];
      while (own < 100) {
        const frame = await client.frame();
        if (frame.type === 'ack') acked.get(++acks % 2 === 1 ? '1' : '2')?.add(frame.position.offset);
        if (frame.type !== 'entries') continue;
        frame.entries.forEach((entry, i) => {
          if (entry !== '"own"') return;
          own++;
          expect(
            acked.get(String(frame.id))?.has(frame.first + i),
            `offset ${frame.first + i} of ${frame.id}`,
          ).toBe(true);
        });
      }
    },
  );
});

describe('validation', () => {
  /** A schema that takes numbers up to 9, and validates each when its gate, if it has one, is opened. */
  function numbers(gates: ReadonlyMap<unknown, Gate>): Schema<number> {
    const judge = (value: unknown) =>
      typeof value === 'number' && value <= 9
        ? { value }
        : { issues: [{ message: 'too much', path: ['n'] }] };
    const validate = (value: unknown) => gates.get(value)?.passed.then(() => judge(value)) ?? judge(value);
    return { '~standard': { version: 1, vendor: 'test', validate } };
  }

  it.each([
    ['at once', new Map()],
    [
      'in its own time',
      new Map([
        [1, gate()],
        [77, gate()],
        [3, gate()],
      ]),
    ],
  ])(
    '[A3] refuses what the schema refuses, appends the rest in order: a schema that validates %s',
    async (_, gates) => {
      const contract = defineChannels({ 'chat/:room': stream({ message: numbers(gates) }) });
      const { port, server } = await serveChannels(contract);
      const client = await WireClient.connect(port);
      await client.subscribe(room);
      const refs = [1, 77, 'no', 2].map((n, i) => client.publish(room, n, 'p', i === 3 ? 2 : i + 1));
      for (const { open } of [...gates.values()].reverse()) open();
      const answers = [
        await client.frame(),
        await client.frame(),
        await client.frame(),
        await client.frame(),
      ];
      const told = answers
        .filter((frame) => frame.type !== 'entries')
        .map((frame) => 'ref' in frame && frame.ref);
      expect(told).toEqual(refs.slice(0, told.length));
      const all = [...answers, ...(await client.flush())];
      expect(all.filter(({ type }) => type === 'ack')).toHaveLength(2);
      const refused = all.filter((frame) => frame.type === 'error');
      expect(refused).toMatchObject([{ code: 'bad_payload' }, { code: 'bad_payload' }]);
      expect(refused[0]?.message).toContain('at "n": too much');
      expect(all.flatMap((frame) => (frame.type === 'entries' ? frame.entries : []))).toEqual(['1', '2']);
      await expect(server.publish(room, 10)).rejects.toMatchObject({ code: 'bad_payload' });
      expect(await server.publish(room, 5)).toMatchObject({ offset: 3 });
    },
  );

  it('[A3] takes a schema that throws for a fault of its own, says nothing private, and goes on', async () => {
    const message: Schema<unknown> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw new Error('secret');
        },
      },
    };
    const error = vi.fn();
    const { port } = await serveChannels(defineChannels({ ...channels, 'odd/:x': stream({ message }) }), {
      logger: { error },
    });
    const client = await WireClient.connect(port);
    client.publish('odd/x', 1, 'p', 1);
    const answer = await client.expect('error');
    expect(answer.code).toBe('internal');
    expect(answer.message).not.toContain('secret');
    expect(error).toHaveBeenCalledWith(expect.objectContaining({ reason: 'secret' }), expect.any(String));
    client.publish(room, 1, 'p', 1);
    await client.expect('ack');
  });
});

describe('slow readers', () => {
  const payload = 'x'.repeat(60_000);

  /** A subscriber that reads nothing, a neighbour that does, and all that was published meanwhile. */
  async function lag(entries: number) {
    const contract = defineChannels({ 'chat/:room': stream({ keep: { entries, bytes: 1024 ** 3 } }) });
    const { port, server, sockets } = await serveChannels(contract, { socketBytesMax: 65_536 });
    const slow = await rawSubscriber(port);
    const [serverEnd] = sockets;
    const neighbour = await WireClient.connect(port);
    await neighbour.subscribe(room);
    slow.socket.pause();
    // The kernel's buffers take some first, more on some machines than on others; then the socket is stuck.
    let [count, stuck, most] = [0, 0, 0];
    while (stuck < 100 && count < 2000) {
      await server.publish(room, [++count, payload]);
      await neighbour.entries(count - 1, count);
      const waiting = serverEnd?.writableLength ?? Number.POSITIVE_INFINITY;
      stuck = waiting > 0 ? stuck + 1 : 0;
      most = Math.max(most, waiting);
    }
    expect(stuck).toBe(100);
    // The bound, and the one frame that found it not yet reached.
    expect(most).toBeLessThanOrEqual(2 * 65_536 + 1000);
    slow.socket.resume();
    return { slow, server, count };
  }

  const numberOf = (entry: unknown): number => Number(/^\[(\d+),/.exec(String(entry))?.[1]);

  it('[D2] [D6] costs the server a bounded number of bytes, its neighbours nothing, and misses no entry', async () => {
    const { slow, server, count } = await lag(2000);
    for (let next = 1; next <= count; ) {
      const frame = frameOf((await slow.frame()).payload);
      if (frame?.type !== 'entries') throw new Error(`Expected entries, got ${frame?.type}`);
      expect(frame.first).toBe(next);
      for (const entry of frame.entries) expect(numberOf(entry)).toBe(next++);
    }
    expect(server.metrics.gapsTold).toBe(0);
    expect(server.metrics.readsBehind).toBeGreaterThan(0);
  });

  it('[D6] [S8] is told the gap when the log was trimmed meanwhile, and gets everything after it', async () => {
    const { slow, server, count } = await lag(20);
    let next = 1;
    let gaps = 0;
    while (next <= count) {
      const frame = frameOf((await slow.frame()).payload);
      if (frame?.type === 'gap') {
        expect(frame).toMatchObject({ reason: 'trimmed', top: count });
        expect(frame.position.offset).toBeGreaterThan(next);
        next = frame.position.offset + 1;
        gaps++;
      } else if (frame?.type === 'entries') {
        expect(frame.first).toBe(next);
        for (const entry of frame.entries) expect(numberOf(entry)).toBe(next++);
      }
    }
    expect(gaps).toBe(1);
    expect(server.metrics.gapsTold).toBe(1);
  });

  it('[D6] writes on when there is room, also where sockets of the HTTP server hold more than a session may', async () => {
    const { port, server } = await serveChannels(
      channels,
      { socketBytesMax: 65_536 },
      { highWaterMark: 1024 ** 2 },
    );
    for (let i = 1; i <= 40; i++) await server.publish(room, [i, 'x'.repeat(20_000)]);
    const client = await WireClient.connect(port);
    await client.subscribe(room, 40);
    expect((await client.entries(0, 40)).map(numberOf)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  });
});

describe('coming back', () => {
  it('[D2] serves 200 clients who come back to one old place with few reads', async () => {
    const { broker, meddling } = meddle(memory());
    const { port, server } = await serve({ broker, tailEntriesMax: 10 });
    const start = await server.publish(room, 1);
    for (let i = 2; i <= 1000; i++) await server.publish(room, i);
    const clients = await Promise.all(Array.from({ length: 200 }, () => WireClient.connect(port)));
    const before = meddling.reads;
    await Promise.all(
      clients.map(async (client) => {
        expect(await client.subscribe(room, start)).toMatchObject({ gap: null });
        expect(await client.entries(1, 1000)).toHaveLength(999);
      }),
    );
    expect(meddling.reads - before).toBeLessThanOrEqual(20);
    expect(server.metrics.repairs).toBe(0);
  });
});
