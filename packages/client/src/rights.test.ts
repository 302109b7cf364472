/**
 * Rights that end, with a scripted server and a clock that stands still: when a token is fetched, what is sent in-band, what
 * happens when that fails, and what a machine that slept does first.
 */
import { SyncError } from '@syncline/protocol';
import { describe, expect, test } from 'vitest';
import { scene } from './testing/scripted.ts';

const ignore = () => {};
const hourMs = 3_600_000;

/** A client that is connected with the token `t1`; each further one is `t2`, `t3` … `asked` says with what each was asked for. */
async function connected(expiresMs: number | null) {
  const asked: boolean[] = [];
  const all = scene({ requestTimeoutMs: hourMs, getToken: ({ rejected }) => `t${asked.push(rejected)}` });
  all.client.stream('chat/a').onMessage(ignore);
  await all.settle();
  // Heartbeats are far apart, so that silence ends no link here.
  const link = all.server.link.welcome({ expiresMs, heartbeatMs: 10 * hourMs });
  link.subscribed();
  return { ...all, asked, link };
}

describe('before the rights end', () => {
  test.each([
    ['four fifths of what is left', hourMs, 0.8 * hourMs],
    ['a minute before the end, if that is earlier', 120_000, 60_000],
    ['half of a short life, if a minute before its end is too early', 60_000, 30_000],
    ['not at once over and over', 0, 1_000],
  ])('[I1] [I7] a token is fetched after %s, up to a tenth earlier', async (_, expiresMs, ms) => {
    const { asked, clock, link, server } = await connected(expiresMs);
    await clock.advance(Math.max(999, 0.9 * ms - 1));
    expect(asked).toHaveLength(1);
    await clock.advance(0.1 * ms + 1);
    expect(asked).toEqual([false, false]);
    expect(link.take('auth')).toMatchObject({ token: 't2' });
    expect(server.links).toHaveLength(1);
  });

  test('[I7] clients that came together do not come together again', async () => {
    const times = new Set<number>();
    for (let seed = 1; seed <= 10; seed++) {
      const { clock, client, server, settle } = scene({ seed, getToken: () => 't' });
      client.stream('chat/a').onMessage(ignore);
      await settle();
      server.link.welcome({ expiresMs: hourMs, heartbeatMs: 10 * hourMs }).subscribed();
      const from = clock.now();
      while (server.link.inbox.length === 0) await clock.advance(1_000);
      times.add(clock.now() - from);
    }
    expect(times.size).toBeGreaterThan(5);
  });

  test('[I1] null: they do not, and nothing is fetched', async () => {
    const { asked, clock, link } = await connected(null);
    await clock.advance(9 * hourMs);
    expect([asked, link.inbox]).toEqual([[false], []]);
  });

  test('[I1] without a way to a token nothing is sent', async () => {
    const { client, clock, server } = scene();
    client.stream('chat/a').onMessage(ignore);
    const link = server.link.welcome({ expiresMs: 10_000, heartbeatMs: hourMs });
    link.subscribed();
    await clock.advance(20_000);
    expect(link.inbox).toEqual([]);
  });
});

describe('renewing in-band', () => {
  test('[I2] goes on with the connection and everything on it, again and again', async () => {
    const { asked, client, clock, link, server } = await connected(hourMs);
    const statuses: string[] = [];
    client.status.subscribe(() => statuses.push(client.status.get().state));
    for (let i = 2; i < 6; i++) {
      await clock.advance(hourMs);
      const { ref, token } = link.take('auth');
      expect(token).toBe(`t${i}`);
      link.say({ type: 'authenticated', ref, expiresMs: hourMs });
    }
    expect([server.links.length, statuses, link.inbox]).toEqual([1, [], []]);
    expect(asked).toEqual([false, false, false, false, false]);
  });

  test('[I2] rights that end no more need no token', async () => {
    const { asked, clock, link } = await connected(hourMs);
    await clock.advance(hourMs);
    link.say({ type: 'authenticated', ref: link.take('auth').ref, expiresMs: null });
    await clock.advance(5 * hourMs);
    expect(asked).toHaveLength(2);
  });

  test.each(['unauthenticated', 'expired', 'forbidden'] as const)(
    '[I2] [I3] a token that is refused with %s ends nothing; another is asked for, and not so often',
    async (code) => {
      const { asked, client, clock, errors, link, server } = await connected(hourMs);
      await clock.advance(hourMs);
      for (let i = 2; i < 12; i++) {
        link.refuse(link.take('auth'), code);
        await clock.advance(15_000);
      }
      expect(client.status.get().state).toBe('open');
      expect(server.links).toHaveLength(1);
      expect(asked).toEqual([false, false, ...Array.from({ length: 10 }, () => true)]);
      // Told once, not with each attempt.
      expect(errors).toEqual([expect.objectContaining({ code })]);
    },
  );

  test('[I2] [F11] a server that is busy says when to ask again, and the token was not refused', async () => {
    const { asked, clock, link } = await connected(hourMs);
    await clock.advance(hourMs);
    link.refuse(link.take('auth'), 'too_many', { retryMs: 30_000 });
    await clock.advance(29_999);
    expect(link.inbox).toEqual([]);
    await clock.advance(1);
    expect(link.take('auth')).toMatchObject({ token: 't3' });
    expect(asked).toEqual([false, false, false]);
  });

  test('[I2] a token that fails or hangs is asked for again, and what it gives too late is not sent', async () => {
    const late: ((token: string) => void)[] = [];
    let calls = 0;
    const { client, clock, server, errors, settle } = scene({
      getToken: () => {
        calls++;
        if (calls === 2) throw new TypeError('no network');
        return calls === 3 ? new Promise<string>((resolve) => late.push(resolve)) : `t${calls}`;
      },
    });
    client.stream('chat/a').onMessage(ignore);
    await settle();
    const link = server.link.welcome({ expiresMs: hourMs, heartbeatMs: 10 * hourMs });
    link.subscribed();
    for (let i = 0; calls < 2 && i < 9_999; i++) await clock.advance(500);
    await clock.advance(250);
    expect(calls).toBe(3);
    await clock.advance(9_000);
    expect(calls).toBe(3);
    await clock.advance(1_500);
    expect(link.take('auth')).toMatchObject({ token: 't4' });
    for (const resolve of late) resolve('late');
    await settle();
    expect(link.inbox).toEqual([]);
    expect(errors).toEqual([expect.objectContaining({ code: 'unavailable' })]);
  });

  test('[I2] what belongs to a link that is gone is not sent on the next one', async () => {
    const late: ((token: string) => void)[] = [];
    let calls = 0;
    const { client, clock, server, settle } = scene({
      getToken: () => (++calls === 2 ? new Promise<string>((resolve) => late.push(resolve)) : `t${calls}`),
    });
    client.stream('chat/a').onMessage(ignore);
    await settle();
    const rights = { expiresMs: hourMs, heartbeatMs: 10 * hourMs };
    server.link.welcome(rights).subscribed();
    for (let i = 0; calls < 2 && i < 9_999; i++) await clock.advance(500);
    expect(late).toHaveLength(1);
    server.link.break();
    await clock.advance(250);
    const link = server.link.welcome(rights);
    link.subscribed();
    for (const resolve of late) resolve('late');
    await clock.advance(hourMs / 2);
    expect([link.token, link.inbox]).toEqual(['t3', []]);
  });
});

describe('when they have ended', () => {
  test.each([
    ['expired', 4440],
    ['revoked', 4423],
    ['unauthenticated', 4401],
  ] as const)(
    '[I6] %s (close code %i): another token is fetched before the next handshake',
    async (_, close) => {
      const { asked, client, clock, link, server } = await connected(hourMs);
      link.break(close);
      await clock.advance(250);
      expect(asked).toEqual([false, true]);
      expect(server.link.token).toBe('t2');
      server.link.welcome();
      expect(client.status.get().state).toBe('open');
    },
  );

  test('[I6] after disconnected it does not come back', async () => {
    const { asked, client, clock, link } = await connected(hourMs);
    link.break(4410, 'You were removed.');
    await clock.advance(hourMs);
    expect(client.status.get()).toMatchObject({
      ...{ state: 'closed', error: { code: 'disconnected', message: 'You were removed.' } },
    });
    expect(asked).toHaveLength(1);
  });

  test('[I4] [I6] a request that the rights no longer allow is refused, one refused because they ended is repeated', async () => {
    const { client, clock, link, server } = await connected(hourMs);
    const room = client.stream('chat/a');
    const forbidden = room.publish('x');
    link.refuse(link.take('publish'), 'forbidden');
    await expect(forbidden).rejects.toMatchObject({ code: 'forbidden' });
    const stored = room.publish('y');
    link.refuse(link.take('publish'), 'expired');
    await clock.advance(250);
    expect(server.link.token).toBe('t2');
    server.link.welcome();
    server.link.ack(server.link.take('publish'), 1);
    await expect(stored).resolves.toMatchObject({ offset: 1 });
  });
});

describe('after sleep', () => {
  test('[I7] a machine that slept through the end renews first, and finds out whether its link is alive', async () => {
    const { asked, clock, hint, link, server, settle } = await connected(hourMs);
    clock.setNow(clock.now() + 2 * hourMs);
    hint('wake');
    hint('wake');
    await settle();
    expect(link.take('heartbeat')).toEqual({ type: 'heartbeat' });
    const { ref } = link.take('auth');
    expect([asked, link.inbox]).toEqual([[false, false], []]);
    link.say({ type: 'authenticated', ref, expiresMs: hourMs });
    await clock.advance(10_000);
    hint('wake');
    await settle();
    expect([asked.length, server.links.length]).toEqual([2, 1]);
  });

  test('[I7] if the link died meanwhile the next handshake has a token fetched after waking', async () => {
    const { asked, clock, hint, server, settle } = await connected(hourMs);
    clock.setNow(clock.now() + 2 * hourMs);
    hint('wake');
    await settle();
    await clock.advance(4_250);
    expect(server.links).toHaveLength(2);
    expect(server.link.token).toBe(`t${asked.length}`);
    expect(asked.length).toBeGreaterThan(1);
  });

  test('[I7] while waiting a hint brings a fresh token before the handshake', async () => {
    const { asked, clock, hint, link, server, settle } = await connected(hourMs);
    link.break();
    clock.setNow(clock.now() + 2 * hourMs);
    hint('wake');
    await clock.advance(0);
    await settle();
    expect([asked.length, server.link.token]).toEqual([2, 't2']);
  });
});

test('closing ends the renewal too', async () => {
  const { asked, client, clock } = await connected(hourMs);
  client.close();
  expect(clock.timers).toBe(0);
  await clock.advance(hourMs);
  expect(asked).toHaveLength(1);
  expect(client.status.get()).toMatchObject({ error: new SyncError('closed', 'The client was closed.') });
});
