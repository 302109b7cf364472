/**
 * The connection with a scripted server and a clock that stands still: when it connects, what it gives up and when it comes
 * back. The decisions themselves are machine.test.ts's; here their effects are proven.
 */
import { SyncError } from '@syncline/protocol';
import { describe, expect, test } from 'vitest';
import { scene } from './testing/scripted.ts';

const ignore = () => {};

describe('connecting', () => {
  test('nothing is dialled before something needs it', async () => {
    const { client, server, clock, bound } = scene();
    client.stream('chat/a');
    await clock.advance(60_000);
    expect(server.links).toHaveLength(0);
    expect(bound()).toBe(0);
    expect(client.status.get()).toMatchObject({ state: 'idle' });
  });

  test.each([
    ['onMessage', (room: ReturnType<typeof stream>) => room.onMessage(ignore)],
    ['a watched timeline', (room: ReturnType<typeof stream>) => room.timeline().subscribe(ignore)],
    ['publish', (room: ReturnType<typeof stream>) => room.publish(1).catch(ignore)],
    ['history', (room: ReturnType<typeof stream>) => room.history().catch(ignore)],
  ])('%s is a need', (_, use) => {
    const { client, server } = scene();
    use(client.stream('chat/a'));
    expect(server.links).toHaveLength(1);
    expect(server.urls).toEqual(['ws://test/sync']);
    expect(client.status.get()).toMatchObject({ state: 'connecting' });
  });
  const stream = () => scene().client.stream('chat/a');

  test('[F7] it is open with the welcome, and sends nothing before', async () => {
    const { client, server } = scene();
    client.stream('chat/a').onMessage(ignore);
    expect(server.link.inbox).toEqual([]);
    server.link.welcome();
    expect(client.status.get()).toMatchObject({ state: 'open' });
    expect(server.link.take('subscribe')).toMatchObject({ channel: 'chat/a', start: 0 });
  });

  test('an attempt without a welcome is given up after 10 s, and tried again', async () => {
    const { client, server, clock } = scene();
    client.stream('chat/a').onMessage(ignore);
    await clock.advance(9_999);
    expect(server.link.closedWith).toBeUndefined();
    await clock.advance(1);
    expect(server.link.closedWith).toBe(1000);
    expect(client.status.get()).toMatchObject({ state: 'waiting', error: { code: 'silent' } });
    await clock.advance(250);
    expect(server.links).toHaveLength(2);
  });

  test('it never gives up, and waits up to 15 s', async () => {
    const { client, server, clock } = scene();
    client.stream('chat/a').onMessage(ignore);
    for (let i = 0; i < 200; i++) {
      server.link.break();
      const status = client.status.get();
      if (status.state !== 'waiting') throw new Error(`It is ${status.state}.`);
      expect(status.until - clock.now()).toBeLessThanOrEqual(15_000);
      await clock.advance(15_000);
      expect(server.links.length).toBeGreaterThan(i + 1);
    }
  });

  test('failures are forgotten only after a connection held for 5 s', async () => {
    const { client, server, clock } = scene();
    client.stream('chat/a').onMessage(ignore);
    const waitAfter = async (heldMs: number) => {
      server.link.welcome();
      await clock.advance(heldMs);
      server.link.break();
      const status = client.status.get();
      if (status.state !== 'waiting') throw new Error(`It is ${status.state}.`);
      const ms = status.until - clock.now();
      await clock.advance(15_000);
      return ms;
    };
    for (let i = 0; i < 8; i++) await waitAfter(4_000);
    const waits = [];
    for (let i = 0; i < 5; i++) waits.push(await waitAfter(4_000));
    expect(Math.max(...waits)).toBeGreaterThan(250);
    await waitAfter(5_000);
    expect(await waitAfter(5_000)).toBeLessThanOrEqual(250);
  });
});

describe('late events of an old link', () => {
  test('a close that comes after the next link opened changes nothing', async () => {
    const { client, server, clock } = scene();
    client.stream('chat/a').onMessage(ignore);
    const [old] = server.links;
    await clock.advance(10_250);
    server.link.welcome();
    old?.break();
    old?.welcome();
    old?.say({ type: 'bye', reason: '', afterMs: 5 });
    expect(client.status.get()).toMatchObject({ state: 'open' });
    expect(server.links).toHaveLength(2);
  });

  test('[F6] answers for unknown numbers, and second answers, are passed over', async () => {
    const { client, server } = scene();
    const stored = client.stream('chat/a').publish(1);
    server.link.welcome();
    const publish = server.link.take('publish');
    server.link.ack({ ...publish, ref: 999 }, 7);
    server.link.ack(publish, 8);
    server.link.ack(publish, 9);
    server.link.refuse(publish, 'forbidden');
    await expect(stored).resolves.toMatchObject({ offset: 8 });
    expect(client.status.get()).toMatchObject({ state: 'open' });
  });
});

describe('leaving and being sent away', () => {
  test('[L1] after bye it stays until the server closes, and comes back when it was asked to', async () => {
    const { client, server, clock } = scene();
    client.stream('chat/a').onMessage(ignore);
    const link = server.link.welcome();
    link.subscribed();
    link.say({ type: 'bye', reason: 'restart', afterMs: 4_000 });
    expect(client.status.get().state).toBe('open');
    link.break(1012);
    await clock.advance(3_999);
    expect(server.links).toHaveLength(1);
    await clock.advance(2_251);
    expect(server.links).toHaveLength(2);
  });

  test.each([
    [4403, 'forbidden'],
    [4400, 'bad_frame'],
    [1003, 'unsupported_data'],
    [4410, 'disconnected'],
  ] as const)('[L2] close code %i ends it with %s', (code, name) => {
    const { client, server, clock } = scene();
    client.stream('chat/a').onMessage(ignore);
    server.link.welcome();
    server.link.break(code, 'Because.');
    expect(client.status.get()).toMatchObject({
      state: 'closed',
      error: { code: name, message: 'Because.' },
    });
    expect(clock.timers).toBe(0);
  });

  test.each([1000, 1001, 1006, 1011, 1012, 1013, 4408, 4429, 4601, 4999])(
    '[L2] close code %i does not',
    (code) => {
      const { client, server } = scene();
      client.stream('chat/a').onMessage(ignore);
      server.link.welcome();
      server.link.break(code);
      expect(client.status.get().state).toBe('waiting');
    },
  );

  test('[I8] a server that speaks TLS only is not asked again', async () => {
    const { client, server, clock } = scene();
    client.stream('chat/a').onMessage(ignore);
    server.link.break(4426);
    await clock.advance(60_000);
    expect(client.status.get()).toMatchObject({ state: 'closed', error: { code: 'insecure' } });
    expect(server.links).toHaveLength(1);
  });

  test('[F11] a server that is full says when to come back', async () => {
    const { client, server, clock, hint } = scene();
    client.stream('chat/a').onMessage(ignore);
    const detail = { retryMs: 30_000 };
    server.link.say({ type: 'error', ref: null, code: 'too_many', message: 'Full.', detail });
    server.link.break(4429);
    hint('wake');
    await clock.advance(29_999);
    expect(server.links).toHaveLength(1);
    await clock.advance(1);
    expect(server.links).toHaveLength(2);
  });

  test('[L2] an error that the server names before it closes says more than the code', () => {
    const { client, server } = scene();
    client.stream('chat/a').onMessage(ignore);
    server.link.welcome();
    server.link.say({ type: 'error', ref: null, code: 'corrupt', message: 'Damaged.', detail: null });
    server.link.break(1011);
    expect(client.status.get()).toMatchObject({ state: 'closed', error: { code: 'corrupt' } });
  });

  test('[L2] what a server said of an earlier link is not held against the next', async () => {
    const { client, server, clock, settle } = scene();
    client.stream('chat/a').onMessage(ignore);
    server.link.welcome();
    server.link.say({ type: 'error', ref: null, code: 'forbidden', message: 'No.', detail: null });
    server.link.sayText('unreadable');
    await clock.advance(250);
    server.link.welcome();
    server.link.break();
    await settle();
    expect(client.status.get().state).toBe('waiting');
  });

  test('close ends everything: timers, hints, handlers and what was pending', async () => {
    const { client, server, clock, bound, settle } = scene();
    const room = client.stream('chat/a');
    const got: unknown[] = [];
    room.onMessage((message) => got.push(message));
    const stored = room.publish(1);
    const page = room.history();
    server.link.welcome();
    const link = server.link;
    link.subscribed();
    client.close();
    await expect(stored).rejects.toMatchObject({ code: 'closed' });
    await expect(page).rejects.toMatchObject({ code: 'closed' });
    await expect(room.publish(2)).rejects.toMatchObject({ code: 'closed' });
    await expect(room.history()).rejects.toMatchObject({ code: 'closed' });
    link.entries(1, 1, 'late');
    await settle();
    expect(got).toEqual([]);
    expect(link.closedWith).toBe(1000);
    expect(client.status.get()).toMatchObject({ state: 'closed', error: { code: 'closed' } });
    expect(client.unsent.get()).toBe(0);
    expect([clock.timers, bound()]).toEqual([0, 0]);
    client.close();
  });
});

describe('tokens', () => {
  test('one is fetched before each handshake and told whether the last was refused', async () => {
    const asked: boolean[] = [];
    const { client, server, clock, settle } = scene({
      getToken: async ({ rejected }) => `t${asked.push(rejected)}`,
    });
    client.stream('chat/a').onMessage(ignore);
    await settle();
    expect(server.link.token).toBe('t1');
    server.link.welcome();
    server.link.break(4401);
    await clock.advance(250);
    expect(server.link.token).toBe('t2');
    server.link.welcome();
    await clock.advance(5_000);
    server.link.break();
    await clock.advance(250);
    expect(asked).toEqual([false, true, false]);
  });

  test('three refused ones in a row end it', async () => {
    const { client, server, clock } = scene({ getToken: () => 'same' });
    client.stream('chat/a').onMessage(ignore);
    for (let i = 0; i < 3; i++) {
      await clock.advance(1_000);
      server.link.break(4401);
    }
    expect(server.links).toHaveLength(3);
    expect(client.status.get()).toMatchObject({ state: 'closed', error: { code: 'unauthenticated' } });
  });

  test('one that fails or hangs is asked for again later, and what it gives too late is not used', async () => {
    const late: ((token: string) => void)[] = [];
    let calls = 0;
    const { client, server, clock, settle } = scene({
      getToken: () => {
        if (++calls === 1) throw new TypeError('no network');
        return calls === 2 ? new Promise<string>((resolve) => late.push(resolve)) : 'good';
      },
    });
    client.stream('chat/a').onMessage(ignore);
    await settle();
    expect(client.status.get()).toMatchObject({ state: 'waiting', error: { code: 'unavailable' } });
    await clock.advance(250);
    expect(calls).toBe(2);
    await clock.advance(10_500);
    expect(server.links.map(({ token }) => token)).toEqual(['good']);
    for (const resolve of late) resolve('late');
    await settle();
    expect(server.links).toHaveLength(1);
  });

  test('one that throws an error which says stop ends it', async () => {
    const { client, settle } = scene({
      getToken: () => {
        throw new SyncError('forbidden', 'Signed out.');
      },
    });
    client.stream('chat/a').onMessage(ignore);
    await settle();
    expect(client.status.get()).toMatchObject({ state: 'closed', error: { message: 'Signed out.' } });
  });

  test('a request refused with unauthenticated makes the link anew with another token, and is repeated', async () => {
    let calls = 0;
    const { client, server, clock, settle } = scene({ getToken: () => `t${++calls}` });
    const stored = client.stream('chat/a').publish(1);
    await settle();
    server.link.welcome();
    server.link.refuse(server.link.take('publish'), 'unauthenticated');
    await clock.advance(250);
    server.link.welcome();
    expect(server.link.token).toBe('t2');
    server.link.ack(server.link.take('publish'), 1);
    await expect(stored).resolves.toMatchObject({ offset: 1 });
  });
});

test('a transport that can never work closes the client with the reason', () => {
  const { client, server } = scene();
  server.broken = new SyncError('bad_option', 'No.');
  client.stream('chat/a').onMessage(ignore);
  expect(client.status.get()).toMatchObject({ state: 'closed', error: { code: 'bad_option' } });
});

test('bad options and names are refused at once', () => {
  expect(() => scene({ requestTimeoutMs: 0 })).toThrow(/requestTimeoutMs/);
  expect(() => scene({ outboxAgeMs: Number.NaN })).toThrow(/outboxAgeMs/);
  expect(() => scene({ uri: 'ws://host/sync' } as object)).toThrow(/`uri` to be an option/);
  expect(() => scene({ url: 'ftp://host/' })).toThrow(/url/);
  expect(() => scene({ url: '/sync' })).toThrow(/url/);
  expect(() => scene().client.stream('no name')).toThrow(/no name/);
});

test("[F7] the server's time is known from its welcome on, whatever this machine's clock says, and anew from the next", async () => {
  const { client, server, clock } = scene();
  expect(client.serverNow()).toBe(clock.now());
  client.stream('chat/a').onMessage(ignore);
  server.link.welcome({ now: 1_000_000 });
  expect(client.serverNow()).toBe(1_000_000);
  await clock.advance(500);
  expect(client.serverNow()).toBe(1_000_500);
  clock.setNow(clock.now() + 3_600_000);
  server.link.break();
  while (server.links.length < 2) await clock.advance(250);
  server.link.welcome({ now: 1_002_000 });
  expect(client.serverNow()).toBe(1_002_000);
});
