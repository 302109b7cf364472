/**
 * A subscription with a scripted server: that what arrives is checked against the position, read anew when it doesn't follow,
 * and that the application is told how fresh what it sees is. Messages are watched as an application watches them.
 */

import { nextCheck } from '@syncline/protocol/wire';
import { describe, expect, test } from 'vitest';
import { epoch, heartbeatMs, type Scene, type ScriptedLink, scene } from './testing/scripted.ts';
import type { Message } from './timeline.ts';

interface Watched extends Scene {
  readonly link: ScriptedLink;
  readonly offsets: number[];
  readonly told: unknown[];
  readonly fresh: () => unknown;
  readonly stop: () => void;
}

/** A client whose stream 'chat/a' is subscribed at offset 0 under number 1. */
function watched(): Watched {
  const here = scene();
  const room = here.client.stream('chat/a');
  const offsets: number[] = [];
  const told: unknown[] = [];
  room.onRecover((recovery) => told.push(recovery));
  const stop = room.onMessage(({ offset }: Message<unknown>) => {
    offsets.push(offset);
    told.push(offset);
  });
  here.server.link.welcome();
  here.server.link.subscribed();
  return { ...here, link: here.server.link, offsets, told, fresh: room.freshness.get, stop };
}

/** The check after these payloads, from the beginning of a log. */
const checkOf = (...payloads: unknown[]) =>
  payloads.reduce<number>((check, payload) => nextCheck(check, JSON.stringify(payload)), 0);

/** The link breaks and the client comes back. */
async function reconnect({ server, clock }: Scene): Promise<ScriptedLink> {
  const before = server.links.length;
  server.link.break();
  while (server.links.length === before) await clock.advance(250);
  return server.link.welcome();
}

describe('delivery', () => {
  test('[D3] entries at or below the position are dropped, of a batch that overlaps the new part is taken', () => {
    const { link, offsets } = watched();
    link.entries(1, 1, 'a', 'b', 'c');
    link.entries(1, 1, 'a', 'b', 'c');
    link.entries(1, 2, 'b', 'c', 'd', 'e');
    link.entries(1, 5, 'e');
    expect(offsets).toEqual([1, 2, 3, 4, 5]);
  });

  test('[D3] after a hole it subscribes anew from its position, and takes nothing before the answer', () => {
    const { link, offsets, told, fresh } = watched();
    link.entries(1, 1, 'a');
    link.entries(1, 3, 'c', 'd');
    expect(fresh()).toEqual({ state: 'catching-up', left: 3 });
    const { start } = link.take('subscribe') as { start: unknown; ref: number };
    expect(start).toEqual({ epoch, offset: 1, check: checkOf('a') });
    link.entries(1, 2, 'b');
    expect(offsets).toEqual([1]);
    expect(told).toEqual([{ via: 'start' }, 1]);
  });

  test('[D3] a hole that stays is asked about at growing intervals, not in a loop', async () => {
    const { link, clock } = watched();
    let asked = 0;
    for (let i = 0; i < 200; i++) {
      link.entries(1, 5, 'x');
      while (link.inbox.length > 0) {
        link.subscribed();
        asked++;
      }
      await clock.advance(50);
      while (link.inbox.length > 0) {
        link.subscribed();
        asked++;
      }
    }
    expect(asked).toBeGreaterThan(2);
    expect(asked).toBeLessThan(20);
  });

  test('[D3] progress makes the next hole be asked about at once again', () => {
    const { link } = watched();
    for (let i = 1; i < 6; i++) {
      link.entries(1, i + 1, 'x');
      link.subscribed();
      link.entries(1, i, 'x');
    }
  });

  test('[P3] [S3] the position that is sent again carries the check of every entry', async () => {
    const here = watched();
    here.link.entries(1, 1, { a: 1 }, 'b');
    here.link.entries(1, 3, [1.0, 'ü']);
    const link = await reconnect(here);
    const check = checkOf({ a: 1 }, 'b', [1, 'ü']);
    expect(link.subscribed().start).toEqual({ epoch, offset: 3, check });
    expect(here.told).toEqual([{ via: 'start' }, 1, 2, 3, { via: 'recovered' }]);
  });

  test('[S2] the number of a channel belongs to one connection', async () => {
    const here = watched();
    const link = await reconnect(here);
    link.entries(1, 1, 'under the old number');
    link.subscribed({ id: 9 });
    link.entries(1, 1, 'under the old number');
    link.entries(9, 1, 'a');
    expect(here.offsets).toEqual([1]);
  });

  test('[D1] a stamped entry has its time and author', () => {
    const { client, server } = scene();
    const got: unknown[] = [];
    client.stream('chat/a').onMessage((message) => got.push(message));
    server.link.welcome().subscribed({ stamped: true });
    server.link.sayText('[1,1,[1700000000000,"ann",{"text":"hi"}],[1700000000001,null,2]]');
    expect(got).toEqual([
      { offset: 1, data: { text: 'hi' }, at: 1_700_000_000_000, from: 'ann', own: false },
      { offset: 2, data: 2, at: 1_700_000_000_001, from: null, own: false },
    ]);
  });
});

describe('gaps', () => {
  test.each(['epoch', 'trimmed', 'diverged', 'ahead'] as const)(
    '[S4] %s is told before anything newer',
    async (reason) => {
      const here = watched();
      here.link.entries(1, 1, 'a');
      const link = await reconnect(here);
      link.subscribed({ id: 2, gap: reason, position: { epoch: 'new', offset: 7, check: 5 }, top: 9 });
      expect(here.fresh()).toEqual({ state: 'gap', reason });
      link.entries(2, 8, 'b');
      expect(here.told).toEqual([{ via: 'start' }, 1, { via: 'gap', reason }, 8]);
      expect(here.fresh()).toEqual({ state: 'catching-up', left: 1 });
      const again = await reconnect(here);
      expect(again.subscribed().start).toEqual({ epoch: 'new', offset: 8, check: nextCheck(5, '"b"') });
    },
  );

  test('[S4] another log is handed on from its beginning, also below where the old one was joined', async () => {
    const here = scene();
    const offsets: number[] = [];
    here.client.stream('chat/a').onMessage(({ offset }) => offsets.push(offset));
    here.server.link.welcome().subscribed({ position: { epoch, offset: 9, check: 1 } });
    const link = await reconnect(here);
    link.subscribed({ gap: 'epoch', position: { epoch: 'new', offset: 0, check: 0 }, top: 2 });
    link.entries(1, 1, 'a', 'b');
    expect(offsets).toEqual([1, 2]);
  });

  test('[S8] falling behind what the log keeps is told too', () => {
    const { link, told, fresh } = watched();
    link.entries(1, 1, 'a');
    link.say({ type: 'gap', id: 1, position: { epoch, offset: 5, check: 1 }, top: 5, reason: 'trimmed' });
    expect(fresh()).toEqual({ state: 'gap', reason: 'trimmed' });
    link.say({ type: 'heartbeat', heads: [{ id: 1, offset: 5, check: 1 }] });
    expect(fresh()).toEqual({ state: 'live' });
    link.entries(1, 6, 'b');
    expect(told).toEqual([{ via: 'start' }, 1, { via: 'gap', reason: 'trimmed' }, 6]);
  });
});

describe('heartbeats', () => {
  test('[H2] a lost last entry is read: the head is ahead, and nothing arrives', async () => {
    const { link, clock, fresh } = watched();
    link.entries(1, 1, 'a');
    link.say({ type: 'heartbeat', heads: [{ id: 1, offset: 2, check: checkOf('a', 'b') }] });
    expect(fresh()).toEqual({ state: 'catching-up', left: 1 });
    expect(link.inbox).toEqual([]);
    await clock.advance(1_000);
    expect(link.subscribed({ top: 2 }).start).toMatchObject({ offset: 1 });
    link.entries(1, 2, 'b');
    expect(fresh()).toEqual({ state: 'live' });
  });

  test('[H2] an entry that follows its heartbeat is no reason to read', async () => {
    const { link, clock } = watched();
    link.say({ type: 'heartbeat', heads: [{ id: 1, offset: 1, check: checkOf('a') }] });
    link.entries(1, 1, 'a');
    await clock.advance(5_000);
    expect(link.inbox).toEqual([]);
  });

  test('[H2] closing while it waits for entries leaves no timer', () => {
    const { link, client, clock } = watched();
    link.say({ type: 'heartbeat', heads: [{ id: 1, offset: 1, check: 1 }] });
    client.close();
    expect(clock.timers).toBe(0);
  });

  test('[H2] another check at the same offset, or a head below, is read at once', () => {
    for (const head of [
      { id: 1, offset: 1, check: 7 },
      { id: 1, offset: 0, check: 0 },
    ]) {
      const { link } = watched();
      link.entries(1, 1, 'a');
      link.say({ type: 'heartbeat', heads: [head, { id: 55, offset: 9, check: 9 }] });
      expect(link.take('subscribe').start).toEqual({ epoch, offset: 1, check: checkOf('a') });
    }
  });
});

describe('freshness', () => {
  test('goes through stale, catching-up and live, and keeps its identity between', async () => {
    const here = scene();
    const { client, server, clock } = here;
    const room = client.stream('chat/a');
    const begun = clock.now();
    const seen: unknown[] = [];
    room.freshness.subscribe(() => seen.push(room.freshness.get()));
    room.onMessage(() => {});
    expect(room.freshness.get()).toEqual({ state: 'stale', since: begun });
    await clock.advance(2_000);
    server.link.welcome().subscribed({ top: 3 });
    server.link.entries(1, 1, 'a', 'b');
    server.link.entries(1, 3, 'c');
    const live = room.freshness.get();
    server.link.entries(1, 4, 'd');
    server.link.say({ type: 'heartbeat', heads: [{ id: 1, offset: 4, check: checkOf('a', 'b', 'c', 'd') }] });
    expect(room.freshness.get()).toBe(live);
    const heard = clock.now();
    await clock.advance(1.5 * heartbeatMs);
    expect(seen).toEqual([
      ...[{ state: 'catching-up', left: 3 }, { state: 'catching-up', left: 1 }, { state: 'live' }],
      { state: 'stale', since: heard },
    ]);
  });

  test('[S1] a refused subscription is told, reported, and asked for again on the next connection', async () => {
    const here = scene();
    const { client, server, errors, settle } = here;
    const room = client.stream('chat/a');
    room.onMessage(() => {});
    server.link.welcome();
    server.link.refuse(server.link.take('subscribe'), 'forbidden');
    expect(room.freshness.get()).toMatchObject({ state: 'refused', error: { code: 'forbidden' } });
    await settle();
    expect(errors).toMatchObject([{ code: 'forbidden' }]);
    (await reconnect(here)).subscribed();
    expect(room.freshness.get()).toEqual({ state: 'live' });
  });

  test('[I5] one that the server ends is told and reported like a refused one; nothing of it follows, others go on', async () => {
    const here = scene();
    const { client, server, errors, settle } = here;
    const got: unknown[] = [];
    const [a, b] = ['chat/a', 'chat/b'].map((name) => client.stream(name));
    for (const room of [a, b]) room?.onMessage(({ data }) => got.push(data));
    const link = server.link.welcome();
    link.subscribed({ id: 1 });
    link.subscribed({ id: 2 });
    link.entries(1, 1, 'a1');
    link.say({ type: 'revoked', id: 1, code: 'forbidden', message: 'You left the room.' });
    link.entries(1, 2, 'a2');
    link.say({ type: 'heartbeat', heads: [{ id: 1, offset: 9, check: 9 }] });
    link.entries(2, 1, 'b1');
    await settle();
    expect(got).toEqual(['a1', 'b1']);
    expect(a?.freshness.get()).toMatchObject({
      ...{ state: 'refused', error: { code: 'forbidden', message: 'You left the room.' } },
    });
    expect(b?.freshness.get()).toEqual({ state: 'live' });
    expect(errors).toMatchObject([{ code: 'forbidden' }]);
    expect([link.inbox, client.status.get().state]).toEqual([[], 'open']);
    // On the next connection the server is asked again, from where it went on to.
    expect((await reconnect(here)).subscribed().start).toMatchObject({ offset: 1 });
    expect(a?.freshness.get()).toEqual({ state: 'live' });
  });

  test('[I5] an end that is for now, by its code, is an end all the same; who listens anew asks anew', async () => {
    const { client, link, clock, stop, settle } = watched();
    link.say({ type: 'revoked', id: 1, code: 'unavailable', message: 'Gone.' });
    link.say({ type: 'revoked', id: 77, code: 'forbidden', message: 'Of nobody.' });
    await clock.advance(10_000);
    expect(link.inbox).toEqual([]);
    stop();
    await settle();
    client.stream('chat/a').onMessage(() => {});
    link.subscribed();
    expect(client.stream('chat/a').freshness.get()).toEqual({ state: 'live' });
  });

  test('[F11] a subscription refused for now is asked for again, not before the server wants it', async () => {
    const { client, server, clock } = scene();
    const room = client.stream('chat/a');
    room.onMessage(() => {});
    const link = server.link.welcome();
    link.refuse(link.take('subscribe'), 'too_many', { retryMs: 3_000 });
    await clock.advance(2_999);
    expect(link.inbox).toEqual([]);
    await clock.advance(1);
    link.subscribed();
    expect(room.freshness.get()).toEqual({ state: 'live' });
  });
});

describe('who listens', () => {
  test('[S5] several listeners share one subscription', async () => {
    const { client, link, offsets, stop, settle } = watched();
    const other: number[] = [];
    const stopOther = client.stream('chat/a').onMessage(({ offset }) => other.push(offset));
    link.entries(1, 1, 'a');
    stop();
    stop();
    await settle();
    link.entries(1, 2, 'b');
    expect([offsets, other]).toEqual([[1], [1, 2]]);
    expect(link.inbox).toEqual([]);
    stopOther();
    await settle();
    expect(link.take('unsubscribe')).toMatchObject({ channel: 'chat/a' });
  });

  test('[S6] who leaves and comes back in one turn loses nothing; later it begins anew', async () => {
    const { client, link, offsets, stop, settle } = watched();
    const again = () => client.stream('chat/a').onMessage(({ offset }) => offsets.push(offset));
    link.entries(1, 1, 'a');
    stop();
    const stopAgain = again();
    await settle();
    link.entries(1, 2, 'b');
    expect([offsets, link.inbox]).toEqual([[1, 2], []]);
    stopAgain();
    await settle();
    link.take('unsubscribe');
    again();
    link.entries(1, 3, 'of the old subscription');
    expect(link.subscribed({ position: { epoch, offset: 3, check: 0 } }).start).toBe(0);
    link.entries(1, 4, 'd');
    expect(offsets).toEqual([1, 2, 4]);
  });

  test('an answer to a subscription that was given up meanwhile counts for nothing', async () => {
    const { client, server, settle } = scene();
    const got: unknown[] = [];
    const listen = () => client.stream('chat/a').onMessage(({ data }) => got.push(data));
    const stop = listen();
    server.link.welcome();
    const first = server.link.take('subscribe');
    stop();
    await settle();
    server.link.take('unsubscribe');
    listen();
    const second = server.link.take('subscribe');
    const place = { position: { epoch, offset: 4, check: 0 }, top: 4, gap: null, stamped: false };
    server.link.say({ type: 'subscribed', ref: first.ref, id: 1, ...place });
    server.link.entries(1, 5, 'e');
    server.link.say({
      type: 'subscribed',
      ref: second.ref,
      id: 1,
      ...place,
      position: { epoch, offset: 5, check: 0 },
    });
    server.link.entries(1, 6, 'f');
    expect(got).toEqual(['f']);
  });
});

test('[A4] on a new link a first subscription goes before publishes, one that goes on goes after them', async () => {
  const here = scene();
  const room = here.client.stream('chat/a');
  room.onMessage(() => {});
  void room.publish('x').catch(() => {});
  here.server.link.welcome();
  expect(here.server.link.inbox.map(({ type }) => type)).toEqual(['subscribe', 'publish']);
  here.server.link.subscribed();
  const link = await reconnect(here);
  expect(link.inbox.map(({ type }) => type)).toEqual(['publish', 'subscribe']);
});
