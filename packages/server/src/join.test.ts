/**
 * Joining a channel of 50,000 keys, over real sockets: by entries before the log is folded, of which those are spared that are
 * no longer so, and by a snapshot after a restart. What is asserted is how much travels at once and in one frame, which bounds a pause whatever the machine; not time.
 */
import { defineChannels, limits, state } from '@syncline/protocol';
import { describe, expect, it } from 'vitest';
import { memory } from './broker/memory.ts';
import { lasting, turns } from './testing/meddle.ts';
import { Mirror } from './testing/mirror.ts';
import { serveChannels } from './testing/serve.ts';
import { WireClient } from './testing/wire.ts';

const keys = 50_000;
const fleet = 'fleet/x';
const channels = defineChannels({ 'fleet/:city': state() });
const placeOf = (i: number) => ({
  lat: 52.5 + i / 1e5,
  lng: 13.4 - i / 1e5,
  heading: i % 360,
  note: 'x'.repeat(40),
});
/** Payload, times, authors, offsets and what stands between them. */
const frameBytesMax = 2 * limits.batchBytesMax.default;

/** Someone who joins from the beginning and notes how large frames are. */
async function join(port: number) {
  const client = await WireClient.connect(port);
  const { position, top } = await client.subscribe(fleet, Number.MAX_SAFE_INTEGER);
  const mirror = new Mirror(position);
  let largest = 0;
  client.inbox.socket.on('message', (data: Buffer) => {
    largest = Math.max(largest, data.length);
  });
  const done = async () => {
    while (mirror.position.offset < top) mirror.receive(await client.frame());
    return { mirror, largest };
  };
  return done();
}

/** The most bytes that any connection was given in one turn of the event loop, while `work` goes on. */
async function mostPerTurn(sockets: readonly { readonly bytesWritten: number }[], work: Promise<unknown>) {
  let going = true;
  const done = work.finally(() => {
    going = false;
  });
  let most = 0;
  const before = new Map<object, number>();
  while (going) {
    await turns(1);
    for (const socket of sockets) {
      most = Math.max(most, socket.bytesWritten - (before.get(socket) ?? 0));
      before.set(socket, socket.bytesWritten);
    }
  }
  await done;
  return most;
}

describe('50,000 keys', () => {
  it('[S9] [K8] [K9] are joined in frames of bounded size, of which each connection is given a few in a turn', async () => {
    const broker = lasting(memory());
    const socketBytesMax = 131_072;
    const first = await serveChannels(channels, { broker, socketBytesMax, foldEntriesMax: 100_000 });
    for (let i = 0; i < keys; i += 1000)
      await Promise.all(
        Array.from({ length: 1000 }, (_, n) => first.server.set(fleet, `v${i + n}`, placeOf(i + n))),
      );
    await first.server.delete(fleet, 'v7');
    // The fold takes four batches of 512 entries a turn.
    await turns(keys / 512);
    const early = Promise.all([join(first.port), join(first.port), join(first.port)]);
    const most = await mostPerTurn(first.sockets, early);
    for (const { mirror, largest } of await early) {
      expect([mirror.values.size, mirror.seen.changes > 0, mirror.seen.snapshots]).toEqual([
        keys - 1,
        true,
        0,
      ]);
      expect(largest).toBeLessThan(frameBytesMax);
    }
    // Two occasions to write fall into a turn: room that has come back, and what came up.
    const onceMax = 2 * (socketBytesMax + frameBytesMax);
    expect(most).toBeLessThan(onceMax);
    await first.server.close({ drainMs: 0 });

    const second = await serveChannels(channels, { broker, socketBytesMax });
    await second.server.delete(fleet, 'v8');
    await expect.poll(() => second.server.metrics.snapshotsStored, { timeout: 10_000 }).toBe(1);
    const late = Promise.all([join(second.port), join(second.port), join(second.port)]);
    expect(await mostPerTurn(second.sockets, late)).toBeLessThan(onceMax);
    const [one, ...others] = await late;
    for (const { mirror, largest } of others) {
      expect([mirror.values.size, mirror.seen.snapshots]).toEqual([keys - 2, 1]);
      expect(largest).toBeLessThan(frameBytesMax);
      expect(mirror.position).toEqual(one?.mirror.position);
    }
    expect(one?.mirror.values.get('v49999')?.text).toBe(JSON.stringify(placeOf(49_999)));
    expect(one?.mirror.values.has('v7')).toBe(false);
  });
});
