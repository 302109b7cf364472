/**
 * Readers from before what was folded: they are sent the snapshot instead, in its parts, and then what came after. The
 * snapshots are the test's own, of a log of the memory broker; who makes them, and of what kind, is nothing to a channel.
 */
import type { Position } from '@syncline/protocol';
import { limits } from '@syncline/protocol';
import { describe, expect, it } from 'vitest';
import { memory } from './broker/memory.ts';
import { Batch, Signals, SnapshotPart, SnapshotParts } from './cursor.ts';
import { gate, meddle } from './testing/meddle.ts';
import { RawClient } from './testing/raw.ts';
import { serve } from './testing/serve.ts';
import { WireClient } from './testing/wire.ts';

const room = 'chat/x';
const folded = ['[1]', '[[2,"two"],3]', '"the end"'];

/** A node whose log holds the entries 1 … top, and a way to fold those up to an offset. */
async function begun(top: number) {
  const { broker, meddling } = meddle(memory());
  const { port, server } = await serve({ broker, tailEntriesMax: 4 });
  const positions: Position[] = [];
  for (let i = 1; i <= top; i++) positions.push(await server.publish(room, i));
  const fold = async (upTo: number): Promise<void> => {
    const at = positions[upTo - 1];
    if (!at) throw new Error(`No position ${upTo}.`);
    const { epoch, offset, check } = at;
    expect(await broker.compact(room, epoch, { offset, check, data: folded.join('\n') })).toBe(true);
  };
  return { port, server, positions, fold, meddling };
}

/** The parts of a snapshot, which must come next. */
async function snapshotOf(client: WireClient): Promise<{ offset: number; check: number; data: unknown[] }> {
  const data: unknown[] = [];
  for (;;) {
    const part = await client.expect('snapshot');
    data.push(part.data);
    if (!part.more) return { offset: part.offset, check: part.check, data };
  }
}

describe('a snapshot', () => {
  it('[S9] is where a subscription by count begins, in parts, and then come the entries after it', async () => {
    const { port, server, positions, fold } = await begun(10);
    await fold(7);
    const client = await WireClient.connect(port);
    const { epoch } = positions[0] ?? { epoch: '' };
    expect(await client.subscribe(room, 1_000_000)).toMatchObject({
      position: { epoch, offset: 0, check: 0 },
      top: 10,
      gap: null,
    });
    expect(await snapshotOf(client)).toEqual({ offset: 7, check: positions[6]?.check, data: folded });
    expect(await client.entries(7, 10)).toEqual(['8', '9', '10']);
    await server.publish(room, 11);
    expect(await client.entries(10, 11)).toEqual(['11']);
    expect(server.metrics.gapsTold).toBe(0);
  });

  it('[S9] is left out where as many entries as were asked for are kept, and where only the next are wanted', async () => {
    const { port, server, fold } = await begun(10);
    await fold(7);
    const client = await WireClient.connect(port);
    await client.subscribe(room, 2);
    expect(await client.entries(8, 10)).toEqual(['9', '10']);
    await client.subscribe(room, 0);
    await server.publish(room, 11);
    expect(await client.entries(10, 11)).toEqual(['11']);
  });

  it('[S9] is sent to who comes back from before it, and is no gap', async () => {
    const { port, positions, fold } = await begun(10);
    await fold(10);
    const client = await WireClient.connect(port);
    const start = positions[2];
    if (!start) throw new Error('No position.');
    expect(await client.subscribe(room, start)).toMatchObject({ position: start, gap: null, top: 10 });
    expect(await snapshotOf(client)).toEqual({ offset: 10, check: positions[9]?.check, data: folded });
    expect(await client.flush()).toEqual([]);
  });

  it('[S9] is not sent to who has all that it covers', async () => {
    const { port, positions, fold } = await begun(10);
    await fold(7);
    const client = await WireClient.connect(port);
    const start = positions[6];
    if (!start) throw new Error('No position.');
    expect(await client.subscribe(room, start)).toMatchObject({ position: start, gap: null });
    expect(await client.entries(7, 10)).toEqual(['8', '9', '10']);
  });

  it('[S9] is sent to who falls behind it while it is made', async () => {
    const { port, server, positions, fold } = await begun(3);
    const slow = await RawClient.open(port);
    await slow.frame();
    slow.send(JSON.stringify(['subscribe', 1, room, 0]));
    await slow.frame();
    slow.socket.pause();
    const large = 'x'.repeat(60_000);
    for (let i = 4; i <= 200; i++) positions.push(await server.publish(room, large));
    await fold(200);
    slow.socket.resume();
    let offset = 3;
    for (;;) {
      const frame = JSON.parse((await slow.frame()).payload.toString()) as unknown[];
      if (frame[0] === 'snapshot') break;
      expect(frame[1]).toBe(offset + 1);
      offset += frame.length - 2;
    }
    expect(offset).toBeLessThan(200);
    expect(server.metrics.gapsTold).toBe(0);
  });

  it('[S9] that is newer when the next reader comes is another one, and who is taking the first finishes it', async () => {
    const { port, positions, fold, meddling } = await begun(10);
    await fold(5);
    const client = await WireClient.connect(port);
    const held = gate();
    meddling.read = (read) => held.passed.then(read);
    client.send({ type: 'subscribe', ref: 1, channel: room, start: 100 });
    await client.flush();
    await fold(8);
    held.open();
    await client.expect('subscribed');
    expect(await snapshotOf(client)).toMatchObject({ offset: 8, check: positions[7]?.check });
    expect(await client.entries(8, 10)).toEqual(['9', '10']);
  });
});

describe('parts', () => {
  it('[S9] of bytes are as large as a batch may be, one of them at least, and say whether more follow', () => {
    const size = limits.batchBytesMax.default;
    const data = Uint8Array.from({ length: 2 * size + 1 }, (_, i) => i % 251);
    const { parts } = new SnapshotParts(1, { offset: 9, check: 8, data });
    expect(parts.map(({ data: { length }, more }) => [length, more])).toEqual([
      [size, true],
      [size, true],
      [1, false],
    ]);
    expect(Buffer.concat(parts.map((part) => part.data as Uint8Array))).toEqual(Buffer.from(data));
    const empty = new SnapshotParts(1, { offset: 9, check: 8, data: new Uint8Array() });
    expect(empty.parts.map(({ more }) => more)).toEqual([false]);
  });

  it('are encoded once for each encoding, as batches and signals are', () => {
    const entry = { offset: 1, check: 2, at: 3, from: null, data: '1' };
    for (const shared of [
      new SnapshotPart(1, 2, 3, false, '[]'),
      new Batch(1, false, 0, [entry]),
      new Signals(1, [['key', null, '1']]),
    ]) {
      let built = 0;
      const build = (): Uint8Array => Uint8Array.of(++built);
      const native = shared.encoded('native', build);
      expect(shared.encoded('native', build)).toBe(native);
      expect(shared.encoded('other', build)).toEqual(Uint8Array.of(2));
      expect(shared.encoded('native', build)).toBe(native);
      expect(built).toBe(2);
    }
  });
});
