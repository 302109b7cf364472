/**
 * Clients that read slowly, or not at all: what they cost is bounded, those who only read slowly are not taken for dead, and
 * their neighbours notice nothing. The bytes a socket holds are looked at on the server's side of it.
 */
import type { Socket } from 'node:net';
import { limits } from '@syncline/protocol';
import { expect, test } from 'vitest';
import { Bare } from './bare.ts';
import { cutMs, heartbeatMs, serverMs, socketBytesMax } from './bounds.ts';
import type { Link } from './proxy.ts';
import { Rig } from './rig.ts';
import type { Seat } from './seat.ts';

const filling = 'x'.repeat(30_000);
/** A socket takes what is read for it while there is room: at most one batch more than that. */
const bytesMax = socketBytesMax + limits.batchBytesMax.default + 2 * filling.length;

/** It was connected all the time. What is on its way it may be told of first. */
function undisturbed({ story, dialled }: Seat): void {
  const told = story.filter((word) => word !== 'live' && word !== 'catching-up');
  expect([told, dialled]).toEqual([[], 1]);
}

/** A client whose connection is full to the brim: it read nothing for a while. */
async function clogged(
  rig: Rig,
): Promise<{ readonly client: Bare; readonly link: Link; readonly socket: Socket }> {
  const proxy = await rig.proxy();
  const client = await Bare.join(proxy.port);
  const [link] = proxy.links;
  const socket = rig.sockets.at(-1);
  if (!link || !socket) throw new Error('Nobody came.');
  link.down.hold();
  // The system's own buffers take some first, more on some machines than on others.
  for (let i = 0; i < 2000 && !socket.writableNeedDrain; i++) {
    await rig.publish(filling);
    await rig.quiet();
  }
  expect(socket.writableNeedDrain).toBe(true);
  return { client, link, socket };
}

test('[D6] [H4] a client that reads nothing and says nothing costs a bounded number of bytes, and its session ends', async () => {
  const rig = await Rig.start();
  const neighbour = await rig.join();
  const { link, socket } = await clogged(rig);
  link.up.hold();
  const { metrics } = rig.server;
  let most = 0;
  const endedMs = await rig.until('its session ended', serverMs + cutMs, () => {
    most = Math.max(most, socket.writableLength);
    void rig.publish(filling);
    return metrics.sessionsOpen === 1;
  });
  expect(endedMs).toBeGreaterThan(2 * heartbeatMs - 1000);
  expect(most).toBeLessThan(bytesMax);
  expect([socket.destroyed, socket.writableLength]).toEqual([true, 0]);
  expect(metrics).toMatchObject({ cursorsOpen: 1, sessionsSilent: 1 });
  await rig.agree(0);
  undisturbed(neighbour);
  link.reset();
  await rig.empties();
});

test('[D6] a client that reads nothing and talks on is alive for as long as it does, and costs no more bytes than at first', async () => {
  const rig = await Rig.start();
  const neighbour = await rig.join();
  const { client, link, socket } = await clogged(rig);
  const full = socket.writableLength;
  const behind = rig.server.metrics.entriesSent;
  for (let i = 0; i < 40; i++) {
    client.send({ type: 'heartbeat' });
    await rig.publish(filling);
    await rig.pass(heartbeatMs / 4);
    expect(socket.writableLength).toBe(full);
  }
  // All that was sent in that time went to the neighbour.
  expect(rig.server.metrics).toMatchObject({ sessionsOpen: 2, sessionsSilent: 0, entriesSent: behind + 40 });
  await rig.agree(0);
  undisturbed(neighbour);
  link.up.hold();
  await rig.until('its session ended', serverMs + cutMs, () => rig.server.metrics.sessionsOpen === 1);
  link.reset();
  await rig.empties();
});

test('[D6] a client that asks on and on and reads no answer is ended: what is said to it is bounded', async () => {
  const rig = await Rig.start({ requestsPerSessionMax: 50 });
  await rig.join();
  const { client, link, socket } = await clogged(rig);
  const { metrics } = rig.server;
  for (let n = 1; n < 1000 && metrics.sessionsOpen === 2; n++) {
    client.publish({ n: -1 }, n, 'chat/other');
    await rig.pass(10);
  }
  await rig.until('its session ended', cutMs, () => metrics.sessionsOpen === 1);
  // As many answers as requests may be under way at once, twice, and some more of other kinds.
  expect(metrics.entriesAppended).toBeLessThan(metrics.entriesReceived + 2 * 50 + 64 + 50);
  expect([socket.destroyed, metrics.sessionsSilent]).toEqual([true, 0]);
  link.reset();
  await rig.empties();
});

test('[D6] [H3] a client that reads so slowly that no ping comes through lives for as long as it says so, and gets everything once, in order', async () => {
  const rig = await Rig.start();
  const neighbour = await rig.join();
  const { client, link } = await clogged(rig);
  link.down.pass();
  link.down.throttle(32_000);
  const { metrics } = rig.server;
  let ms = 0;
  for (; client.offsets.length < neighbour.got.length; ms += heartbeatMs) {
    client.send({ type: 'heartbeat' });
    await rig.pass(heartbeatMs);
    expect(metrics).toMatchObject({ sessionsOpen: 2, sessionsSilent: 0, gapsTold: 0 });
  }
  expect(ms).toBeGreaterThan(serverMs);
  expect(client.offsets).toEqual(neighbour.got.map((_, i) => i + 1));
  undisturbed(neighbour);
});

test('[H4] a client that falls behind again and again, by less than two heartbeats, is never ended', async () => {
  const rig = await Rig.start();
  const slow = await rig.join();
  const neighbour = await rig.join();
  const [socket] = rig.sockets;
  if (!socket) throw new Error('Nobody came.');
  slow.link.down.throttle(400_000);
  const { metrics } = rig.server;
  for (let ms = 0; ms < serverMs + cutMs; ms += heartbeatMs / 2) {
    for (let i = 0; i < 2000 && !socket.writableNeedDrain; i++) {
      await rig.publish(filling);
      await rig.quiet();
    }
    expect(socket.writableLength).toBeLessThan(bytesMax);
    await rig.pass(heartbeatMs / 2);
    expect(metrics).toMatchObject({ sessionsOpen: 2, sessionsSilent: 0, gapsTold: 0 });
  }
  await rig.agree(serverMs);
  for (const seat of [slow, neighbour]) undisturbed(seat);
  await rig.empties();
});

test.each([16_000, 4_000])(
  '[H4] [H3] an SDK client that reads %i bytes a second behind deep buffers is not taken for dead, and gets everything once, in order',
  async (rate) => {
    const rig = await Rig.start();
    const slow = await rig.join();
    const neighbour = await rig.join();
    const [socket] = rig.sockets;
    slow.link.down.hold();
    for (let i = 0; i < 2000 && socket?.writableNeedDrain === false; i++) {
      await rig.publish(filling);
      await rig.quiet();
    }
    slow.link.down.pass();
    slow.link.down.throttle(rate);
    await rig.pass(2 * (serverMs + cutMs));
    expect(slow.freshness).toBe('catching-up');
    expect(slow.got.length).toBeLessThan(neighbour.got.length);
    expect(rig.server.metrics.sessionsSilent).toBe(0);
    slow.link.down.throttle(1_000_000);
    await rig.agree(60 * serverMs);
    undisturbed(neighbour);
    await rig.empties();
  },
);
