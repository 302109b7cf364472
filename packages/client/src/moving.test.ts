/**
 * Make before break: what a client does between the `bye` of one server and the welcome of the next, with scripted servers and
 * a clock that stands still. That nothing is lost between two real servers, tests/sockets proves.
 */
import { describe, expect, test } from 'vitest';
import { scene } from './testing/scripted.ts';

const ignore = () => {};
/** Long enough for the time to come back, with all that is added to it by chance. */
const backMs = 2_000;

/** A client on a link that said bye, at the time when the next link is being made. */
async function leaving(options: Parameters<typeof scene>[0] = {}) {
  const all = scene({ getToken: () => 't', ...options });
  const { client, clock, server, settle } = all;
  const room = client.stream('chat/a');
  const got: unknown[] = [];
  room.onMessage(({ data }) => got.push(data));
  await settle();
  const old = server.link.welcome();
  old.subscribed();
  const statuses: string[] = [];
  client.status.subscribe(() => statuses.push(client.status.get().state));
  const fresh: string[] = [];
  room.freshness.subscribe(() => fresh.push(room.freshness.get().state));
  old.say({ type: 'bye', reason: 'restart', afterMs: 1_000 });
  await clock.advance(backMs);
  return { ...all, room, got, old, statuses, fresh };
}

describe('moving to the next link', () => {
  test('[L3] it is made while the old one delivers, and taken with its welcome', async () => {
    const { client, server, got, old, statuses, fresh, room } = await leaving();
    expect(server.links).toHaveLength(2);
    old.entries(1, 1, 'while moving');
    expect([got, old.closedWith, server.link.inbox]).toEqual([['while moving'], undefined, []]);
    server.link.welcome();
    expect(old.closedWith).toBe(1000);
    expect(server.link.subscribed({ id: 9 }).start).toMatchObject({ offset: 1 });
    server.link.entries(9, 2, 'after');
    expect(got).toEqual(['while moving', 'after']);
    // Nobody is told of a connection that was never gone, nor that what is here is stale.
    expect([client.status.get().state, statuses]).toEqual(['open', []]);
    expect(fresh).toEqual(['catching-up', 'live']);
    expect(room.freshness.get().state).toBe('live');
  });

  test('[L3] what is unanswered is sent again under the same numbers and in order, and stored once', async () => {
    const { server, old, room, client } = await leaving();
    const stored = [1, 2, 3, 4].map((n) => room.publish(n));
    const before = old.takePublishes();
    const page = room.history();
    expect(old.take('history')).toBeDefined();
    if (before[0]) old.ack(before[0], 1);
    server.link.welcome();
    const again = server.link.inbox.flatMap((frame) => (frame.type === 'publish' ? [frame] : []));
    expect(again.map(({ sequence, producer, data }) => [sequence, producer, data])).toEqual(
      before.slice(1).map(({ sequence, producer, data }) => [sequence, producer, data]),
    );
    const asked = server.link.inbox.find((frame) => frame.type === 'history');
    if (asked?.type !== 'history') throw new Error('The page was not asked for again.');
    // What the old link still says comes too late, and answers nothing.
    for (const publish of before) old.refuse(publish, 'forbidden');
    for (const [i, publish] of again.entries()) server.link.ack(publish, 2 + i);
    const { ref } = asked;
    server.link.say({
      ...{ type: 'history', ref, epoch: '0e0epoch', first: 1, more: false, stamped: false, entries: ['1'] },
    });
    expect((await Promise.all(stored)).map(({ offset }) => offset)).toEqual([1, 2, 3, 4]);
    expect((await page).messages).toHaveLength(1);
    expect(client.unsent.get()).toBe(0);
  });

  test('[L3] late events of the old link change nothing', async () => {
    const { client, clock, server, got, old, statuses } = await leaving();
    const link = server.link.welcome();
    link.subscribed();
    old.break(4403, 'Late.');
    old.entries(1, 1, 'late');
    old.say({ type: 'bye', reason: '', afterMs: 0 });
    old.say({ type: 'error', ref: null, code: 'forbidden', message: '', detail: null });
    old.say({ type: 'error', ref: 1, code: 'expired', message: '', detail: null });
    old.sayText('unreadable');
    old.welcome();
    await clock.advance(backMs);
    expect([client.status.get().state, statuses, got, server.links.length]).toEqual(['open', [], [], 2]);
    expect(link.closedWith).toBeUndefined();
  });

  test('[L3] what the next link says before its welcome is not taken for an answer', async () => {
    const { client, server, old, room, got, statuses } = await leaving();
    const stored = room.publish('x');
    const publish = old.take('publish');
    server.link.ack(publish, 7);
    server.link.refuse(publish, 'forbidden');
    server.link.entries(1, 1, 'not ours');
    server.link.say({ type: 'bye', reason: '', afterMs: 0 });
    server.link.say({ type: 'heartbeat', heads: [{ id: 1, offset: 9, check: 9 }] });
    expect([got, statuses, client.unsent.get()]).toEqual([[], [], 1]);
    old.ack(publish, 1);
    await expect(stored).resolves.toMatchObject({ offset: 1 });
  });

  test('[L3] [L1] the next server may say bye as well', async () => {
    const { clock, server, got, statuses } = await leaving();
    const second = server.link.welcome();
    second.subscribed();
    second.entries(1, 1, 'a');
    second.say({ type: 'bye', reason: 'restart', afterMs: 1_000 });
    await clock.advance(backMs);
    expect(server.links).toHaveLength(3);
    expect(server.link.welcome().subscribed().start).toMatchObject({ offset: 1 });
    expect([got, statuses, second.closedWith]).toEqual([['a'], [], 1000]);
  });
});

describe('when the next link is not made', () => {
  test('[L3] within 10 s it is given up, the old one goes on, and it is tried again', async () => {
    const { client, clock, server, old, got, statuses } = await leaving();
    const [, second] = server.links;
    await clock.advance(10_000 - backMs);
    expect(second?.closedWith).toBeUndefined();
    await clock.advance(backMs);
    expect(second?.closedWith).toBe(1000);
    old.entries(1, 1, 'still here');
    second?.welcome();
    expect([old.closedWith, got, statuses, client.status.get().state]).toEqual([
      ...[undefined, ['still here'], [], 'open'],
    ]);
    await clock.advance(500);
    expect(server.links).toHaveLength(3);
    server.link.welcome();
    expect(old.closedWith).toBe(1000);
  });

  test.each([1012, 1006, 4403, 4401])(
    '[L3] refused with close code %i it is tried again, not so often, while the old one goes on',
    async (code) => {
      const { clock, client, server, old, statuses } = await leaving();
      for (let i = 0; i < 10; i++) {
        server.link.break(code);
        await clock.advance(1_000);
        old.say({ type: 'heartbeat', heads: [] });
      }
      expect(old.closedWith).toBeUndefined();
      expect(server.links.length).toBeGreaterThan(3);
      expect(server.links.length).toBeLessThan(12);
      expect([client.status.get().state, statuses]).toEqual(['open', []]);
    },
  );

  test('[L3] if the old link ends first the attempt goes on alone', async () => {
    const { client, clock, server, old, statuses } = await leaving();
    old.break(1012);
    expect(client.status.get().state).toBe('connecting');
    await clock.advance(5_000);
    expect(server.links).toHaveLength(2);
    server.link.welcome();
    server.link.subscribed();
    expect(statuses).toEqual(['connecting', 'open']);
  });

  test('[L3] [H4] an old link that died is not waited for', async () => {
    const { client, clock, server, old, hint } = await leaving();
    hint('offline');
    expect(old.take('heartbeat')).toBeDefined();
    await clock.advance(4_000);
    expect([old.closedWith, client.status.get().state]).toEqual([1000, 'connecting']);
    server.link.welcome();
    expect(client.status.get().state).toBe('open');
  });

  test('[L3] [L1] if the old link ends before the time to come back, that is waited for', async () => {
    const { client, clock, server } = scene();
    client.stream('chat/a').onMessage(ignore);
    const link = server.link.welcome();
    link.subscribed();
    link.say({ type: 'bye', reason: 'restart', afterMs: 4_000 });
    link.break(1012);
    expect(client.status.get().state).toBe('waiting');
    await clock.advance(3_999);
    expect(server.links).toHaveLength(1);
    await clock.advance(2_300);
    expect(server.links).toHaveLength(2);
  });
});

describe('tokens', () => {
  test('[L3] [I7] the next handshake has a token of its own, and rights are counted from its welcome', async () => {
    let calls = 0;
    const { clock, server, old } = await leaving({ getToken: () => `t${++calls}` });
    expect([old.token, server.link.token]).toEqual(['t1', 't2']);
    const link = server.link.welcome({ expiresMs: 10_000 });
    link.subscribed();
    await clock.advance(5_000);
    expect(link.take('auth')).toMatchObject({ token: 't3' });
    expect(old.inbox).toEqual([]);
  });

  test('[L3] one that the next server refuses is not given to it again', async () => {
    const asked: boolean[] = [];
    const { clock, server } = await leaving({ getToken: ({ rejected }) => `t${asked.push(rejected)}` });
    server.link.break(4401);
    await clock.advance(250);
    expect(asked).toEqual([false, false, true]);
  });

  test('[L3] one that comes too late opens nothing', async () => {
    const late: ((token: string) => void)[] = [];
    let calls = 0;
    const { clock, server, settle } = await leaving({
      getToken: () => (++calls === 2 ? new Promise<string>((resolve) => late.push(resolve)) : 't'),
    });
    await clock.advance(10_500);
    const links = server.links.length;
    for (const resolve of late) resolve('late');
    await settle();
    expect([links, server.links.length, late.length]).toEqual([2, 2, 1]);
  });
});

test('[L3] closing ends both links', async () => {
  const { client, clock, server, old } = await leaving();
  client.close();
  expect(server.links.map(({ closedWith }) => closedWith)).toEqual([1000, 1000]);
  server.link.welcome();
  old.break();
  await clock.advance(20_000);
  expect([clock.timers, server.links.length, client.status.get().state]).toEqual([0, 2, 'closed']);
});
