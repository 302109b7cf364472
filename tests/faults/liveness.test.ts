/**
 * Links that are dead in one direction or both, that stall, or say that they end: who notices, and after how long. The bounds
 * are those of the protocol's rules H1 to H4 and of the options; docs/guide/liveness.md lists them with these tests.
 */
import { describe, expect, test } from 'vitest';
import { backoffMs, clientMs, connectMs, cutMs, heartbeatMs, requestMs, serverMs } from './bounds.ts';
import { Rig, stepMs } from './rig.ts';
import type { Seat } from './seat.ts';

const cameBack = ['stale', 'waiting: silent', 'connecting', 'open', 'recovered'];

/** Two clients of one server, one message in the log, and some time gone by since the last heartbeat. */
async function two(): Promise<{ readonly rig: Rig; readonly seat: Seat; readonly neighbour: Seat }> {
  const rig = await Rig.start();
  const seat = await rig.join();
  const neighbour = await rig.join();
  await rig.publish();
  await rig.pass(10_000);
  return { rig, seat, neighbour };
}

/** The fault is over for good: everyone has everything, nobody else noticed, and nothing is left behind. */
async function settles(rig: Rig, neighbour: Seat): Promise<void> {
  await rig.publish();
  await rig.agree();
  expect([neighbour.story, neighbour.dialled]).toEqual([[], 1]);
  await rig.empties();
}

describe('half-open links', () => {
  test('[H4] server to client dead: the client gives up one and a half heartbeats after the last byte, and misses nothing', async () => {
    const { rig, seat, neighbour } = await two();
    const { link } = seat;
    link.down.swallow();
    await rig.publish();
    const tookMs = await rig.until('the client noticed', clientMs, () => seat.status !== 'open');
    expect(tookMs).toBeGreaterThan(clientMs - heartbeatMs - stepMs);
    await rig.until('the client is back', backoffMs + stepMs, () => seat.status === 'open');
    expect(seat.story).toEqual([...cameBack, 'catching-up', 'live']);
    await rig.until(
      'the old session ended',
      serverMs + cutMs,
      () => !rig.sockets[0] || rig.sockets[0].destroyed,
    );
    expect(rig.server.metrics).toMatchObject({ sessionsOpen: 2, cursorsOpen: 2 });
    await settles(rig, neighbour);
  });

  test('[H4] client to server dead: the server ends the session at the third heartbeat that is not answered; entries arrive until then', async () => {
    const { rig, seat, neighbour } = await two();
    seat.link.up.swallow();
    await rig.publish();
    const { metrics } = rig.server;
    const tookMs = await rig.until('the server noticed', serverMs, () => metrics.sessionsSilent === 1);
    expect(tookMs).toBeGreaterThan(serverMs - heartbeatMs - stepMs);
    expect([seat.story, seat.got]).toEqual([[], ['1:1', '2:2']]);
    await rig.until(
      'the client is back',
      cutMs + backoffMs + stepMs,
      () => seat.dialled === 2 && seat.status === 'open',
    );
    expect(seat.story).toEqual([...cameBack, 'live']);
    expect(metrics).toMatchObject({ sessionsOpen: 2, cursorsOpen: 2 });
    await settles(rig, neighbour);
  });

  test('[H4] dead both ways: each side notices by its own rule, and the old session frees everything', async () => {
    const { rig, seat, neighbour } = await two();
    const { link } = seat;
    link.down.swallow();
    link.up.swallow();
    await rig.publish();
    await rig.until('the client noticed', clientMs, () => seat.status !== 'open');
    await rig.until('the client is back', backoffMs + stepMs, () => seat.status === 'open');
    const { metrics } = rig.server;
    expect(metrics).toMatchObject({ sessionsOpen: 3, cursorsOpen: 3, sessionsSilent: 0 });
    const left = serverMs + cutMs - clientMs;
    await rig.until('the server noticed', left, () => metrics.sessionsOpen === 2);
    expect(metrics).toMatchObject({ cursorsOpen: 2, sessionsSilent: 1 });
    expect(seat.story).toEqual([...cameBack, 'catching-up', 'live']);
    await settles(rig, neighbour);
  });

  test('[H4] a client that is gone without a word, and many of them: the server frees them all', async () => {
    const rig = await Rig.start();
    const gone = await Promise.all(Array.from({ length: 30 }, () => rig.join()));
    for (const { link, proxy, client } of gone) {
      link.down.swallow();
      link.up.swallow();
      proxy.refuse();
      client.close();
    }
    const { metrics } = rig.server;
    expect(metrics).toMatchObject({ sessionsOpen: 30, cursorsOpen: 30, channelsOpen: 1 });
    await rig.until('the server noticed', serverMs + cutMs, () => metrics.sessionsOpen === 0);
    expect(metrics).toMatchObject({ cursorsOpen: 0, sessionsSilent: 30 });
    await rig.empties();
  });
});

describe('publishing over a link that is dead one way', () => {
  test.each([
    ['client to server', 'up'],
    ['server to client', 'down'],
  ] as const)(
    '[A2] %s: the answer is missed after the request timeout, and what is repeated is stored once',
    async (_, way) => {
      const { rig, seat, neighbour } = await two();
      seat.link[way].swallow();
      const stored = rig.send(seat);
      await rig.quiet();
      expect(neighbour.got.length).toBe(way === 'up' ? 1 : 2);
      const tookMs = await rig.until('the client noticed', requestMs, () => seat.status !== 'open');
      expect(tookMs).toBeGreaterThan(requestMs - 2 * stepMs);
      await rig.until('the client is back', backoffMs + stepMs, () => seat.status === 'open');
      await stored;
      await settles(rig, neighbour);
    },
  );
});

describe('stalled links', () => {
  test('[H4] that go on before the client gives up end nothing: what was held arrives once, in order', async () => {
    const { rig, seat, neighbour } = await two();
    seat.link.down.hold();
    seat.link.up.hold();
    // The answer to a request is waited for less long than a heartbeat, so nothing is asked here.
    for (let left = clientMs - heartbeatMs; left > 0; left -= 2500) {
      await rig.publish();
      await rig.pass(Math.min(2500, left) - stepMs);
    }
    expect(seat.got).toEqual(['1:1']);
    seat.link.up.pass();
    seat.link.down.pass();
    await rig.agree(0);
    expect([seat.story, seat.dialled]).toEqual([[], 1]);
    await settles(rig, neighbour);
  });

  test('[D2] [A2] that go on after both sides gave up change nothing: late bytes belong to nobody', async () => {
    const { rig, seat, neighbour } = await two();
    const { link } = seat;
    link.down.hold();
    link.up.hold();
    const stored = rig.send(seat);
    await rig.publish();
    await rig.until('the client noticed', requestMs, () => seat.status !== 'open');
    await rig.until('the client is back', backoffMs + stepMs, () => seat.status === 'open');
    await stored;
    await rig.agree();
    const after = [...seat.story];
    // The publish that was held comes late, on the old session, which the server still believes in.
    link.up.pass();
    await rig.quiet();
    link.down.pass();
    await rig.quiet();
    expect(link.open).toBe(false);
    expect(rig.server.metrics.sessionsOpen).toBe(2);
    await rig.pass(serverMs);
    expect([seat.story, seat.dialled]).toEqual([after, 2]);
    await settles(rig, neighbour);
  });

  test('[H1] a blackhole of three seconds ends nothing, whenever it comes and whichever way: nobody dials, nothing is lost or doubled', async () => {
    const rig = await Rig.start();
    const seats = [await rig.join(), await rig.join(), await rig.join()];
    const acked: Promise<void>[] = [];
    // It comes a little later in the interval each time, until all of it has been seen in each direction.
    for (let i = 0; i < 60; i++) {
      const ways = (['up', 'down', 'both'] as const)[i % 3];
      for (const { link } of seats) {
        if (ways !== 'down') link.up.hold();
        if (ways !== 'up') link.down.hold();
      }
      for (const seat of seats) acked.push(rig.send(seat));
      await rig.publish();
      await rig.pass(3000);
      for (const { link } of seats) {
        link.up.pass();
        link.down.pass();
      }
      await rig.pass(750);
    }
    await Promise.all(acked);
    await rig.agree();
    for (const { story, dialled } of seats) {
      expect(dialled).toBe(1);
      expect(story.filter((word) => word !== 'live' && word !== 'catching-up')).toEqual([]);
    }
    expect(rig.elapsedMs).toBeGreaterThan(8 * heartbeatMs);
    await rig.empties();
  });
});

describe('links that say that they end', () => {
  test.each([
    ['a reset', (seat: Seat) => seat.link.reset()],
    ['the end of what the client sends', (seat: Seat) => seat.link.up.halfClose()],
    ['the end of what the server sends', (seat: Seat) => seat.link.down.halfClose()],
    ['a cut in the middle of a frame', (seat: Seat) => seat.link.down.cut(7)],
  ])('[S3] %s is noticed at once by both, and the client goes on from its position', async (_, end) => {
    const { rig, seat, neighbour } = await two();
    end(seat);
    await rig.publish();
    await rig.quiet();
    expect(seat.story.slice(0, 2)).toEqual(['stale', 'waiting: unavailable']);
    expect(rig.server.metrics).toMatchObject({ sessionsOpen: 1, cursorsOpen: 1 });
    await rig.until('the client is back', backoffMs + stepMs, () => seat.status === 'open');
    expect(seat.story.slice(2)).toEqual(['connecting', 'open', 'recovered', 'catching-up', 'live']);
    await settles(rig, neighbour);
  });

  test('dialling into nothing: each attempt is given up after its time, and the next one that gets through goes on', async () => {
    const { rig, seat, neighbour } = await two();
    seat.proxy.onLink = ({ up }) => up.swallow();
    seat.link.reset();
    await rig.publish();
    for (let failures = 1; failures < 4; failures++) {
      const waitsMs = backoffMs * 2 ** failures;
      await rig.until('the next attempt', waitsMs, () => seat.status === 'connecting');
      const tookMs = await rig.until('it is given up', connectMs, () => seat.status === 'waiting');
      expect(tookMs).toBeGreaterThan(connectMs - 2 * stepMs);
    }
    // What a network swallowed it never gives back: the connections that it took are cut for the server too.
    for (const link of seat.proxy.links) link.reset();
    seat.proxy.onLink = () => {};
    await rig.until('the client is back', 16 * backoffMs, () => seat.status === 'open');
    await settles(rig, neighbour);
  });
});
