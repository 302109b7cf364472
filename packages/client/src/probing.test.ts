/**
 * How the connection finds out whether its link is alive, and what makes it look: silence, a browser's hint, a page that asks. With a
 * scripted server and a clock that stands still; what a hint decides is machine.test.ts's.
 */
import { describe, expect, test } from 'vitest';
import { heartbeatMs, scene } from './testing/scripted.ts';

const ignore = () => {};

describe('a link that is dead', () => {
  test('[H4] is given up after one and a half heartbeats without a byte, whatever the byte says', async () => {
    const { client, server, clock } = scene();
    client.stream('chat/a').onMessage(ignore);
    const link = server.link.welcome();
    link.subscribed();
    await clock.advance(1.5 * heartbeatMs - 1);
    link.sayText('["something new"]');
    await clock.advance(1.5 * heartbeatMs - 1);
    link.sayText('["news"]');
    await clock.advance(1.5 * heartbeatMs - 1);
    expect(client.status.get().state).toBe('open');
    await clock.advance(1);
    expect(link.closedWith).toBe(1000);
    expect(client.status.get()).toMatchObject({ state: 'waiting', error: { code: 'silent' } });
  });

  test('[H4] a paused process reads what waits before it judges', async () => {
    const { client, server, clock } = scene();
    client.stream('chat/a').onMessage(ignore);
    const link = server.link.welcome();
    link.subscribed();
    await clock.advance(1.5 * heartbeatMs - 1);
    // What arrived during the pause is read in the same turn in which the overdue timer fires.
    clock.endOfTurn(() => link.sayText('["something new"]'));
    await clock.advance(1);
    expect(client.status.get().state).toBe('open');
    expect(server.links).toHaveLength(1);
  });

  test('a request without an answer for 10 s makes the link suspect', async () => {
    const { client, server, clock } = scene();
    client.stream('chat/a').onMessage(ignore);
    server.link.welcome();
    await clock.advance(9_000);
    server.link.sayText('["something new"]');
    await clock.advance(1_000);
    expect(client.status.get().state).toBe('waiting');
    await clock.advance(250);
    server.link.welcome();
    expect(server.link.take('subscribe')).toMatchObject({ channel: 'chat/a' });
  });

  test('a socket that throws on sending is given up', async () => {
    const { client, server } = scene();
    client.stream('chat/a').onMessage(ignore);
    server.link.broken = new Error('It is closing.');
    server.link.welcome();
    expect(client.status.get()).toMatchObject({ state: 'waiting', error: { code: 'unavailable' } });
  });

  test('a server that says what cannot be read is left, and the reason reported', async () => {
    const { client, server, errors, settle } = scene();
    client.stream('chat/a').onMessage(ignore);
    server.link.welcome();
    server.link.sayText('["ack",1]');
    expect(client.status.get()).toMatchObject({ state: 'waiting' });
    await settle();
    expect(errors).toEqual([expect.objectContaining({ code: 'bad_frame' })]);
  });
});

describe('connect, asked for', () => {
  test('begins what a subscription would begin, once', () => {
    const { client, server } = scene();
    client.connect();
    client.connect();
    client.stream('chat/a').onMessage(ignore);
    expect(server.links).toHaveLength(1);
    server.link.welcome().subscribed();
    expect(client.status.get()).toEqual({ state: 'open' });
  });

  test('while waiting it dials now, but not within a second after an attempt that failed', async () => {
    const { client, server, clock } = scene();
    const leftMs = () => {
      const status = client.status.get();
      return status.state === 'waiting' ? status.until - clock.now() : Number.NaN;
    };
    /** Breaks the link until there is a long time to wait: that grows as attempts fail, and each time is drawn by lot. */
    const waitsLong = async () => {
      server.link.break();
      for (let attempt = 0; attempt < 50 && leftMs() < 3000; attempt++) {
        await clock.advance(leftMs());
        server.link.break();
      }
      expect(leftMs()).toBeGreaterThanOrEqual(3000);
      return server.links.length;
    };
    client.connect();
    const before = await waitsLong();
    client.connect();
    await clock.advance(999);
    expect(server.links).toHaveLength(before);
    await clock.advance(1);
    expect(server.links).toHaveLength(before + 1);
    const late = await waitsLong();
    await clock.advance(1500);
    expect(server.links).toHaveLength(late);
    client.connect();
    await clock.advance(0);
    expect(server.links).toHaveLength(late + 1);
  });

  test('[H3] a connection that is there is asked whether it still is; one that was closed stays so', async () => {
    const { client, server, clock } = scene();
    client.connect();
    const link = server.link.welcome();
    client.connect();
    expect(link.take('heartbeat')).toEqual({ type: 'heartbeat' });
    await clock.advance(4000);
    expect(client.status.get().state).not.toBe('open');
    client.close();
    const { length } = server.links;
    client.connect();
    await clock.advance(60_000);
    expect(server.links).toHaveLength(length);
    expect(client.status.get()).toMatchObject({ state: 'closed', error: { code: 'closed' } });
  });
});

describe('hints of the browser', () => {
  test('while waiting a hint brings the next attempt forward, a storm of them one a second', async () => {
    const { client, server, clock, hint } = scene();
    client.stream('chat/a').onMessage(ignore);
    for (let i = 0; i < 6; i++) {
      server.link.break();
      await clock.advance(15_000);
    }
    const before = server.links.length;
    for (let i = 0; i < 100; i++) {
      server.link.break();
      hint('wake');
      hint('offline');
      hint('wake');
      await clock.advance(50);
    }
    const after = server.links.length - before;
    expect(after).toBeGreaterThanOrEqual(4);
    expect(after).toBeLessThanOrEqual(6);
  });

  test('while connecting a hint starts no second attempt', () => {
    const { client, server, hint } = scene();
    client.stream('chat/a').onMessage(ignore);
    hint('wake');
    expect(server.links).toHaveLength(1);
  });

  test('[H3] an open link is probed: any byte within 4 s, or it is made anew', async () => {
    const { client, server, clock, hint } = scene();
    client.stream('chat/a').onMessage(ignore);
    const link = server.link.welcome();
    link.subscribed();
    hint('wake');
    hint('offline');
    expect(link.take('heartbeat')).toEqual({ type: 'heartbeat' });
    expect(link.inbox).toEqual([]);
    await clock.advance(1_999);
    link.say({ type: 'heartbeat', heads: [] });
    await clock.advance(5_000);
    expect(client.status.get().state).toBe('open');
    hint('offline');
    await clock.advance(4_000);
    expect(client.status.get().state).toBe('waiting');
  });

  test('they are bound while the client lives', async () => {
    const { client, bound } = scene();
    client.stream('chat/a').onMessage(ignore);
    expect(bound()).toBe(1);
    client.close();
    expect(bound()).toBe(0);
  });
});
