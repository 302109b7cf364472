/**
 * A push is a hint, a read is the truth: what a channel does when announcements are lost, repeated or late, when the log
 * turns out to be another one, when reads fail or hang, and when any of that meets a subscriber on its way in or out.
 */
import { fakeClock, seeded } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import type { Announcement, Append, Broker } from './broker/broker.ts';
import { memory } from './broker/memory.ts';
import { gate, meddle, turns } from './testing/meddle.ts';
import { channels, serve } from './testing/serve.ts';
import { passes, WireClient } from './testing/wire.ts';

const room = 'chat/x';
const { keep } = channels['chat/:room'];

/** An append by another node. */
function foreign(data: unknown): Append {
  return { data: JSON.stringify(data), from: null, keep };
}

/** A broker whose first log always begins the same epoch, so that two of them are one log and what became of it. */
function sameEpoch(): Broker {
  return memory({ clock: fakeClock({ seed: 7 }) });
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
}

/** A node with one subscriber who has read one entry, over a broker whose news and reads the test can meddle with. */
async function begun() {
  const inner = memory();
  const { broker, meddling } = meddle(inner);
  const { port, server } = await serve({ broker });
  const client = await WireClient.connect(port);
  await client.subscribe(room);
  await server.publish(room, 1);
  await client.entries(0, 1);
  return { inner, meddling, port, server, client };
}

describe('announcements', () => {
  it.each([1, 2, 3])(
    '[D2] [P4] each entry arrives once and in order when they are lost, repeated and reordered (seed %i)',
    async (seed) => {
      const { broker, meddling } = meddle(memory());
      const random = seeded(seed);
      const late: (() => void)[] = [];
      meddling.news = (news, tell) => {
        const fate = random();
        if (fate < 0.3) return;
        if (fate < 0.6) late.splice(Math.floor(random() * late.length), 0, () => tell(news));
        else tell(news);
        if (fate > 0.8) tell(news);
        if (random() < 0.3) late.shift()?.();
      };
      const { port, server } = await serve({ broker, tailEntriesMax: 20 });
      const client = await WireClient.connect(port);
      await client.subscribe(room);
      for (let i = 1; i <= 300; i++) {
        const published = server.publish(room, i);
        if (random() < 0.3) await published;
      }
      expect(await client.entries(0, 300)).toEqual(numbers(1, 300));
      expect(server.metrics.repairs).toBeGreaterThan(0);
      expect(await client.flush()).toEqual([]);
    },
  );

  it('[D2] news that tell only where the log ends are enough: what is missing is read', async () => {
    const { client, inner, meddling } = await begun();
    meddling.news = (news, tell) => tell({ ...news, entries: [] });
    await inner.append(room, foreign(2));
    await inner.append(room, foreign(3));
    expect(await client.entries(1, 3)).toEqual(['2', '3']);
  });

  it('[D2] a lost announcement of this node’s own last append is found by the end of the turn', async () => {
    const { broker, meddling } = meddle(memory());
    meddling.news = () => {};
    const { port, server } = await serve({ broker });
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    await server.publish(room, 1);
    expect(await client.entries(0, 1)).toEqual(['1']);
    client.publish(room, 2, 'p', 1);
    expect(await client.expect('ack')).toMatchObject({ position: { offset: 2 } });
    expect(await client.entries(1, 2)).toEqual(['2']);
  });

  it('[D2] what is announced while a repair reads is not forgotten', async () => {
    const { inner, meddling, client } = await begun();
    const news: Announcement[] = [];
    let tellLater = (_: Announcement): void => {};
    meddling.news = (one, tell) => {
      news.push(one);
      tellLater = tell;
    };
    const held = gate();
    // The repair's read is made now, and its answer arrives after two more entries were stored and one was announced.
    meddling.read = async (read) => {
      const slice = await read();
      await held.passed;
      return slice;
    };
    for (const n of [2, 3, 4, 5]) {
      if (n === 4) for (const one of news.slice(1)) tellLater(one);
      if (n === 4) await turns();
      await inner.append(room, foreign(n));
    }
    for (const one of news.slice(3)) tellLater(one);
    held.open();
    expect(await client.entries(1, 5)).toEqual(numbers(2, 5));
  });

  it('[S3] a reader who knows more of the log than this node is not told of a gap', async () => {
    const { inner, meddling, port, client } = await begun();
    meddling.news = () => {};
    const { epoch, offset, check } = await inner.append(room, foreign(2));
    const returns = await WireClient.connect(port);
    expect(await returns.subscribe(room, { epoch, offset, check })).toMatchObject({
      gap: null,
      position: { offset: 2 },
      top: 2,
    });
    expect(await client.entries(1, 2)).toEqual(['2']);
  });

  it('[D2] the head never moves back when a repair finds the log trimmed while announcements went on', async () => {
    const { inner, meddling, server, client } = await begun();
    const news: Announcement[] = [];
    let tell = (_: Announcement): void => {};
    meddling.news = (one, to) => {
      news.push(one);
      tell = to;
    };
    const held = gate();
    meddling.read = async (read) => {
      const slice = await read();
      await held.passed;
      return slice;
    };
    const append = (n: number) => inner.append(room, { ...foreign(n), keep: { ...keep, entriesMax: 2 } });
    for (const n of [2, 3, 4]) await append(n);
    // The one out of order starts a repair, which reads a log that begins at 3; then the rest arrives after all.
    for (const i of [2, 0, 1, 2]) tell(news[i] as Announcement);
    for (const n of [5, 6]) await append(n);
    for (const i of [3, 4]) tell(news[i] as Announcement);
    expect(await client.entries(1, 6)).toEqual(numbers(2, 6));
    held.open();
    await turns(10);
    client.send({ type: 'heartbeat' });
    expect(await client.expect('heartbeat')).toMatchObject({ heads: [{ offset: 6 }] });
    meddling.news = (one, to) => to(one);
    await server.publish(room, 7);
    expect(await client.entries(6, 7)).toEqual(['7']);
    expect(await client.flush()).toEqual([]);
    expect(server.metrics.gapsTold).toBe(0);
  });
});

describe('another log', () => {
  it('[S4] [S8] subscribers of a log that began anew are told, and get all of the new one', async () => {
    const { broker, replace } = meddle(memory());
    const { port, server } = await serve({ broker });
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    for (const n of [1, 2, 3]) await server.publish(room, n);
    await client.entries(0, 3);
    replace(memory());
    const { epoch } = await server.publish(room, 'anew');
    expect(await client.expect('gap')).toMatchObject({
      reason: 'epoch',
      position: { epoch, offset: 0, check: 0 },
      top: 1,
    });
    expect(await client.entries(0, 1)).toEqual(['"anew"']);
    await server.publish(room, 'on');
    expect(await client.entries(1, 2)).toEqual(['"on"']);
  });

  it('[S4] also when the announcement that would have told is lost', async () => {
    const { broker, replace, meddling } = meddle(memory());
    const { port, server } = await serve({ broker });
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    for (const n of [1, 2, 3]) await server.publish(room, n);
    await client.entries(0, 3);
    replace(memory());
    meddling.news = () => {};
    await server.publish(room, 'anew');
    expect(await client.expect('gap')).toMatchObject({ reason: 'epoch', top: 1 });
    expect(await client.entries(0, 1)).toEqual(['"anew"']);
  });

  it('[S4] [P3] subscribers of a log that was rolled back are told, though epoch and offsets are the same', async () => {
    const first = sameEpoch();
    const { broker, replace } = meddle(first);
    const { port, server } = await serve({ broker });
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    for (const n of [1, 2, 3]) await server.publish(room, n);
    await client.entries(0, 3);
    const promoted = sameEpoch();
    for (const n of [1, 2, 'three', 'four']) await promoted.append(room, foreign(n));
    replace(promoted);
    await server.publish(room, 'five');
    expect(await client.expect('gap')).toMatchObject({ reason: 'diverged', position: { offset: 0 }, top: 5 });
    expect(await client.entries(0, 5)).toEqual(['1', '2', '"three"', '"four"', '"five"']);
  });

  it('[S4] also when only this node’s own append tells, stored where another entry was', async () => {
    const { broker, replace, meddling } = meddle(sameEpoch());
    const { port, server } = await serve({ broker });
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    for (const n of [1, 2, 3]) await server.publish(room, n);
    await client.entries(0, 3);
    const promoted = sameEpoch();
    await promoted.append(room, foreign(1));
    replace(promoted);
    meddling.news = () => {};
    expect(await server.publish(room, 'two')).toMatchObject({ offset: 2 });
    expect(await client.expect('gap')).toMatchObject({ reason: 'diverged', position: { offset: 0 }, top: 2 });
    expect(await client.entries(0, 2)).toEqual(['1', '"two"']);
  });

  it('[S4] also when only a broker tells that was asked where the log ends, and it ends before what is known', async () => {
    const { broker, replace, meddling } = meddle(sameEpoch());
    let tell = (_news: Announcement): void => {};
    meddling.news = (news, pass) => {
      tell = pass;
      pass(news);
    };
    const { port, server } = await serve({ broker });
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    for (const n of [1, 2, 3]) await server.publish(room, n);
    await client.entries(0, 3);
    const promoted = sameEpoch();
    const { epoch, offset, check } = await promoted.append(room, foreign(1));
    replace(promoted);
    // News that came late end there too: they say nothing of now.
    const reads = meddling.reads;
    tell({ epoch, top: { offset, check }, entries: [] });
    await turns();
    expect(meddling.reads).toBe(reads);
    tell({ epoch, top: { offset, check }, entries: [], asked: true });
    expect(await client.expect('gap')).toMatchObject({ reason: 'diverged', position: { offset: 0 }, top: 1 });
    expect(await client.entries(0, 1)).toEqual(['1']);
  });

  it('[S4] also when only a page read for somebody else tells', async () => {
    const { broker, replace } = meddle(sameEpoch());
    const { port, server } = await serve({ broker, tailEntriesMax: 5 });
    const start = await server.publish(room, 1);
    for (let n = 2; n <= 300; n++) await server.publish(room, n);
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    const promoted = sameEpoch();
    for (let n = 1; n <= 50; n++) await promoted.append(room, foreign(n));
    replace(promoted);
    const late = await WireClient.connect(port);
    await late.subscribe(room, start);
    expect(await client.expect('gap')).toMatchObject({
      reason: 'diverged',
      position: { offset: 0 },
      top: 50,
    });
    expect(await client.entries(0, 50)).toEqual(numbers(1, 50));
    expect(await late.entries(1, 50)).toEqual(numbers(2, 50));
    expect(await late.expect('gap')).toMatchObject({ reason: 'diverged', position: { offset: 0 }, top: 50 });
  });

  it('[S4] a reader on its way in is not left in the log that was, when another begins meanwhile', async () => {
    const { broker, replace, meddling } = meddle(memory());
    const { port, server } = await serve({ broker, tailEntriesMax: 5 });
    const start = await server.publish(room, 1);
    for (let n = 2; n <= 300; n++) await server.publish(room, n);
    const held = gate();
    meddling.read = async (read) => {
      const slice = await read();
      await held.passed;
      return slice;
    };
    const client = await WireClient.connect(port);
    client.send({ type: 'subscribe', ref: 1, channel: room, start });
    await passes(() => expect(meddling.reads).toBe(2));
    meddling.read = (read) => read();
    replace(memory());
    const { epoch } = await server.publish(room, 'anew');
    await turns();
    held.open();
    expect(await client.expect('subscribed')).toMatchObject({
      gap: 'epoch',
      position: { epoch, offset: 0 },
      top: 1,
    });
    expect(await client.entries(0, 1)).toEqual(['"anew"']);
  });

  it('[S4] a page of the log that was, arriving late, tells nobody of a gap in the one that is', async () => {
    const clock = fakeClock();
    const { broker, replace, meddling } = meddle(memory());
    const { port, server } = await serve({ broker, clock, tailEntriesMax: 5 });
    const small = { ...keep, entriesMax: 200 };
    const old = memory();
    replace(old);
    for (let n = 1; n <= 300; n++) await old.append(room, { ...foreign(n), keep: small });
    const client = await WireClient.connect(port);
    const held = gate();
    let pages = 0;
    meddling.read = async (read, range) => {
      const slice = await read();
      if (range.direction === 'after' && range.entriesMax > 1 && ++pages === 1) await held.passed;
      return slice;
    };
    await client.subscribe(room, 200);
    await passes(() => expect(pages).toBe(1));
    const other = memory();
    for (let n = 1; n <= 50; n++) await other.append(room, foreign(`new ${n}`));
    replace(other);
    const { epoch } = await server.publish(room, 'new 51');
    expect(await client.expect('gap')).toMatchObject({ reason: 'epoch', position: { epoch, offset: 0 } });
    held.open();
    await clock.advance(1000);
    expect(await client.entries(0, 51)).toHaveLength(51);
    expect(server.metrics.gapsTold).toBe(1);
  });
});

describe('reads that fail', () => {
  it('[D2] are tried again, once a second and not more often, and then nothing is missing', async () => {
    const clock = fakeClock();
    const { broker, meddling } = meddle(memory());
    const { port, server } = await serve({ broker, clock, tailEntriesMax: 5 });
    for (let n = 1; n <= 300; n++) await server.publish(room, n);
    const live = await WireClient.connect(port);
    await live.subscribe(room);
    const errors: unknown[] = [];
    meddling.read = (read, range) => {
      if (range.direction === 'before' || range.entriesMax === 1) return read();
      errors.push(range);
      return Promise.reject(new Error('no disk'));
    };
    const behind = await WireClient.connect(port);
    await behind.subscribe(room, 250);
    await passes(() => expect(errors).toHaveLength(1));
    for (let n = 301; n <= 320; n++) {
      await server.publish(room, n);
      await live.entries(n - 1, n);
    }
    expect(errors).toHaveLength(1);
    await clock.advance(1000);
    expect(errors).toHaveLength(2);
    meddling.read = (read) => read();
    await clock.advance(1000);
    expect(await behind.entries(50, 320)).toHaveLength(270);
  });

  it('[D2] of a repair are tried again too', async () => {
    const clock = fakeClock();
    const { broker, meddling } = meddle(memory());
    const { port, server } = await serve({ broker, clock });
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    meddling.news = () => {};
    let failed = 0;
    meddling.read = () => {
      failed++;
      return Promise.reject(new Error('no disk'));
    };
    for (const n of [1, 2, 3]) {
      await server.publish(room, n);
      await turns();
    }
    expect(failed).toBe(1);
    meddling.read = (read) => read();
    await clock.advance(1000);
    expect(await client.entries(0, 3)).toEqual(numbers(1, 3));
  });

  it('[F6] are told to whoever asked, and the next one finds the channel well', async () => {
    const { broker, meddling } = meddle(memory());
    const { port, server } = await serve({ broker });
    meddling.read = () => Promise.reject(new Error('no disk'));
    const client = await WireClient.connect(port);
    client.send({ type: 'subscribe', ref: 1, channel: room, start: 0 });
    expect(await client.expect('error')).toMatchObject({ ref: 1, code: 'internal' });
    expect(server.metrics.channelsOpen).toBe(0);
    meddling.read = (read) => read();
    await client.subscribe(room);
    await server.publish(room, 1);
    expect(await client.entries(0, 1)).toEqual(['1']);
  });

  it('[D2] a log that gives nothing where it should is not read in a circle', async () => {
    const clock = fakeClock();
    const { broker, meddling } = meddle(memory());
    const { port, server } = await serve({ broker, clock, tailEntriesMax: 5 });
    for (let n = 1; n <= 300; n++) await server.publish(room, n);
    const client = await WireClient.connect(port);
    let empty = 0;
    meddling.read = async (read, range) => {
      const slice = await read();
      if (range.entriesMax === 1) return slice;
      empty++;
      return { ...slice, entries: [] };
    };
    await client.subscribe(room, 200);
    await passes(() => expect(empty).toBe(1));
    await turns(50);
    expect(empty).toBe(1);
    meddling.read = (read) => read();
    await clock.advance(1000);
    expect(await client.entries(100, 300)).toHaveLength(200);
  });
});

describe('on the way in and out', () => {
  it('[S2] a channel is not closed under a subscriber whose place is looked for', async () => {
    const clock = fakeClock();
    const { broker, meddling } = meddle(memory());
    const { port, server } = await serve({
      broker,
      clock,
      channelIdleMs: 1000,
      tailEntriesMax: 5,
    });
    const start = await server.publish(room, 1);
    for (let n = 2; n <= 300; n++) await server.publish(room, n);
    const held = gate();
    meddling.read = (read) => held.passed.then(read);
    const client = await WireClient.connect(port);
    client.send({ type: 'subscribe', ref: 1, channel: room, start });
    await passes(() => expect(meddling.reads).toBe(2));
    await clock.advance(5000);
    held.open();
    await client.expect('subscribed');
    await client.entries(1, 300);
    await server.publish(room, 301);
    expect(await client.entries(300, 301)).toEqual(['301']);
  });

  it('a client that leaves while its place is looked for leaves no cursor behind', async () => {
    const { broker, meddling } = meddle(memory());
    const { port, server } = await serve({ broker, tailEntriesMax: 5 });
    const start = await server.publish(room, 1);
    for (let n = 2; n <= 300; n++) await server.publish(room, n);
    const held = gate();
    meddling.read = (read) => held.passed.then(read);
    const client = await WireClient.connect(port);
    client.send({ type: 'subscribe', ref: 1, channel: room, start });
    await passes(() => expect(meddling.reads).toBe(2));
    client.inbox.socket.terminate();
    await passes(() => expect(server.metrics.sessionsOpen).toBe(0));
    held.open();
    await turns(10);
    expect(server.metrics.cursorsOpen).toBe(0);
  });

  it('[D2] idle channels are closed and their logs go on', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({
      clock,
      broker: memory({ clock }),
      channelIdleMs: 1000,
    });
    const client = await WireClient.connect(port);
    await client.subscribe('chat/stays');
    await server.publish(room, 1);
    expect(server.metrics.channelsOpen).toBe(2);
    await clock.advance(2000);
    expect(server.metrics.channelsOpen).toBe(1);
    expect(await server.publish(room, 2)).toMatchObject({ offset: 2 });
    const { id } = await client.subscribe(room, 5);
    expect(await client.entries(0, 2)).toEqual(['1', '2']);
    await server.publish('chat/stays', 'here');
    const news = await client.expect('entries');
    expect(news).toMatchObject({ first: 1, entries: ['"here"'] });
    expect(news.id).not.toBe(id);
  });

  it('what clients held is released when they are gone: sessions, cursors, timers', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({ clock, channelIdleMs: 1000 });
    const timers = clock.timers;
    const clients = await Promise.all(Array.from({ length: 30 }, () => WireClient.connect(port)));
    for (const [i, client] of clients.entries()) {
      await client.subscribe(room);
      await client.subscribe(`chat/${i}`);
      client.publish(room, i, 'p', 1);
      await client.flush();
    }
    expect(server.metrics).toMatchObject({ sessionsOpen: 30, cursorsOpen: 60, channelsOpen: 31 });
    clients.forEach(
      ({ inbox }, i) =>
        void (i % 3 === 0
          ? inbox.socket.terminate()
          : i % 3 === 1
            ? inbox.socket.close()
            : inbox.socket.send('nonsense')),
    );
    await passes(() => expect(server.metrics).toMatchObject({ sessionsOpen: 0, cursorsOpen: 0 }));
    await clock.advance(2000);
    expect(server.metrics.channelsOpen).toBe(0);
    expect(clock.timers).toBe(timers);
    await server.close();
    expect(clock.timers).toBe(0);
  });
});
