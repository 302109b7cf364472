/**
 * The outbox against every answer a server may give, or not give: each message is stored once, in order, or fails with a reason
 * that is true. The scripted server plays the log; what it keeps is written out in each test.
 */
import type { SyncError } from '@syncline/protocol';
import type { ClientFrame, FrameOf } from '@syncline/protocol/wire';
import { describe, expect, test } from 'vitest';
import { type Scene, type ScriptedLink, scene } from './testing/scripted.ts';

type Publish = FrameOf<ClientFrame, 'publish'>;

interface Sending extends Scene {
  readonly publish: (...payloads: unknown[]) => void;
  /** What became of each payload: its offset, or its error's code. */
  readonly became: () => Promise<Record<string, number | string>>;
  readonly errorsOf: SyncError[];
}

function sending(options: Parameters<typeof scene>[0] = {}): Sending {
  const here = scene(options);
  const fates: Record<string, number | string> = {};
  const errorsOf: SyncError[] = [];
  const publish = (...payloads: unknown[]) => {
    for (const payload of payloads) {
      here.client
        .stream('chat/a')
        .publish(payload)
        .then(
          ({ offset }) => {
            fates[String(payload)] = offset;
          },
          (error: SyncError) => {
            fates[String(payload)] = error.code;
            errorsOf.push(error);
          },
        );
    }
  };
  const became = async () => {
    await here.settle();
    return { ...fates };
  };
  return { ...here, publish, became, errorsOf };
}

/** A link that is open, after these were published. */
function opened(...payloads: unknown[]): Sending & { readonly link: ScriptedLink } {
  const here = sending();
  here.publish(...payloads);
  here.server.link.welcome();
  return { ...here, link: here.server.link };
}

async function reconnect({ server, clock }: Scene): Promise<ScriptedLink> {
  const before = server.links.length;
  server.link.break();
  while (server.links.length === before) await clock.advance(250);
  return server.link.welcome();
}

const brief = (publishes: readonly Publish[]) => publishes.map(({ sequence, data }) => [sequence, data]);
const producerOf = ([first]: readonly Publish[]) => first?.producer;

describe('publishing', () => {
  test('[A1] [A6] resolves with the position, without a subscription', async () => {
    const { link, became } = opened('a', 'b');
    const [a, b] = link.takePublishes();
    expect([a?.sequence, b?.sequence]).toEqual([1, 2]);
    expect(a?.producer).toMatch(/^[A-Za-z0-9_-]{22,64}$/);
    if (a && b) {
      link.ack(b, 12);
      link.ack(a, 11);
    }
    expect(await became()).toEqual({ a: 11, b: 12 });
  });

  test('[A2] each channel has a producer of its own, counting from 1', () => {
    const { client, server } = sending();
    for (const name of ['chat/a', 'chat/b'])
      void client
        .stream(name)
        .publish(1)
        .catch(() => {});
    server.link.welcome();
    const sent = server.link.takePublishes();
    expect(sent.map(({ sequence }) => sequence)).toEqual([1, 1]);
    expect(new Set(sent.map(({ producer }) => producer)).size).toBe(2);
  });

  test('[A5] at most 64 are unanswered, and an answer makes room for one', () => {
    const link = opened(...Array.from({ length: 100 }, (_, i) => i)).link;
    const sent = link.takePublishes();
    expect(sent).toHaveLength(64);
    if (sent[0]) link.ack(sent[0], 1);
    expect(brief(link.takePublishes())).toEqual([[65, '64']]);
  });

  test('while the socket is full nothing more is written, until an answer comes', () => {
    const { server, publish } = sending();
    publish('a', 'b');
    server.link.bufferedAmount = 1_000_000;
    const link = server.link.welcome();
    const [a] = link.takePublishes();
    expect(a?.data).toBe('"a"');
    link.bufferedAmount = 0;
    if (a) link.ack(a, 1);
    expect(brief(link.takePublishes())).toEqual([[2, '"b"']]);
  });

  test('[A2] what is unanswered is sent again under the same numbers, in order, before what is new', async () => {
    const here = opened('a', 'b', 'c');
    const [a] = here.link.takePublishes();
    if (a) here.link.ack(a, 1);
    here.server.link.break();
    here.publish('d');
    await here.clock.advance(250);
    const again = here.server.link.welcome().takePublishes();
    expect(brief(again)).toEqual([
      [2, '"b"'],
      [3, '"c"'],
      [4, '"d"'],
    ]);
    expect(producerOf(again)).toBe(a?.producer);
  });

  test('unsent tells how many have no answer yet', async () => {
    const { client, publish, server, became } = sending();
    publish('a', 'b');
    expect(client.unsent.get()).toBe(2);
    const [a] = server.link.welcome().takePublishes();
    if (a) server.link.ack(a, 1);
    await became();
    expect(client.unsent.get()).toBe(1);
  });
});

describe('a message that the server refuses for good', () => {
  test('[A3] fails alone; those after it go on under another producer, in order', async () => {
    const { link, became } = opened('a', 'bad', 'c', 'd');
    const sent = link.takePublishes();
    const [a, bad, c, d] = sent;
    if (a && bad && c && d) {
      link.ack(a, 1);
      link.refuse(bad, 'bad_payload');
      link.refuse(c, 'sequence', { expected: 2 });
      expect(link.inbox).toEqual([]);
      link.refuse(d, 'sequence', { expected: 2 });
    }
    const again = link.takePublishes();
    expect(brief(again)).toEqual([
      [1, '"c"'],
      [2, '"d"'],
    ]);
    expect(producerOf(again)).not.toBe(a?.producer);
    for (const [i, publish] of again.entries()) link.ack(publish, 2 + i);
    expect(await became()).toEqual({ a: 1, bad: 'bad_payload', c: 2, d: 3 });
  });

  test('[A3] the number of the last one is not used again either', async () => {
    const { link, publish, became } = opened('bad');
    const [bad] = link.takePublishes();
    if (bad) link.refuse(bad, 'forbidden');
    publish('next');
    const [next] = link.takePublishes();
    expect(next?.sequence).toBe(1);
    expect(next?.producer).not.toBe(bad?.producer);
    expect(await became()).toEqual({ bad: 'forbidden' });
  });

  test('[A3] those after it that may be stored already keep their numbers until that is known', async () => {
    const here = opened('a', 'b', 'c');
    here.link.takePublishes();
    const link = await reconnect(here);
    // The log holds a and b, but a is no longer allowed; nothing was heard of c.
    const [a, b, c] = link.takePublishes();
    if (a && b && c) {
      link.refuse(a, 'forbidden');
      link.ack(b, 2);
      link.refuse(c, 'sequence', { expected: 3 });
    }
    const again = link.takePublishes();
    expect(brief(again)).toEqual([[1, '"c"']]);
    if (again[0]) link.ack(again[0], 3);
    // Whoever is told `forbidden` takes it for certain that nothing is stored.
    expect(await here.became()).toEqual({ a: 'unavailable', b: 2, c: 3 });
    expect(here.errorsOf[0]?.message).toMatch(/may not.*may have been stored/);
  });

  test('[A3] when the link is lost before that is known, the old numbers ask again', async () => {
    const here = opened('a', 'b');
    const [a, b] = here.link.takePublishes();
    if (a) here.link.refuse(a, 'forbidden');
    const link = await reconnect(here);
    const [again] = link.takePublishes();
    expect([again?.sequence, again?.producer]).toEqual([2, b?.producer]);
    if (again) link.refuse(again, 'sequence', { expected: 1 });
    const fresh = link.takePublishes();
    expect(brief(fresh)).toEqual([[1, '"b"']]);
    expect(producerOf(fresh)).not.toBe(b?.producer);
  });

  test('a payload above what the server takes is not sent, before or after it is known', async () => {
    const { server, publish, became } = sending();
    const big = 'x'.repeat(100);
    publish('a', big, 'c');
    server.link.welcome({ payloadBytesMax: 50 });
    expect(brief(server.link.takePublishes())).toEqual([
      [1, '"a"'],
      [2, '"c"'],
    ]);
    publish('ü'.repeat(25));
    expect(await became()).toEqual({ [big]: 'payload_too_large', ['ü'.repeat(25)]: 'payload_too_large' });
    publish('ü'.repeat(24));
    expect(server.link.takePublishes()).toHaveLength(1);
    server.link.break();
    publish('y'.repeat(60));
    expect((await became())['y'.repeat(60)]).toBe('payload_too_large');
  });

  test('what is no JSON is refused here', async () => {
    const { publish, became, server } = sending();
    const round: { self?: unknown } = {};
    round.self = round;
    const deep = JSON.parse('['.repeat(32) + ']'.repeat(32));
    publish(
      undefined,
      () => {},
      round,
      1n,
      [deep],
      Array.from({ length: 10_000 }, () => 0),
    );
    expect(new Set(Object.values(await became()))).toEqual(new Set(['bad_payload']));
    expect(server.links).toHaveLength(0);
  });
});

describe('a message that is refused for now', () => {
  test.each(['too_many', 'storage', 'unavailable', 'internal', 'restart'] as const)(
    '[A2] %s: it and those after it are sent again under the same numbers, in order, after a while',
    async (code) => {
      const { link, clock, became } = opened('a', 'b', 'c');
      const [a, b, c] = link.takePublishes();
      if (a && b && c) {
        link.ack(a, 1);
        link.refuse(b, code);
        link.refuse(c, 'sequence', { expected: 2 });
      }
      expect(link.inbox).toEqual([]);
      await clock.advance(250);
      const again = link.takePublishes();
      expect(brief(again)).toEqual([
        [2, '"b"'],
        [3, '"c"'],
      ]);
      expect(producerOf(again)).toBe(a?.producer);
      for (const publish of again) link.ack(publish, publish.sequence);
      expect(await became()).toEqual({ a: 1, b: 2, c: 3 });
    },
  );

  test('[F11] it waits as long as the server asks', async () => {
    const { link, clock } = opened('a');
    const [a] = link.takePublishes();
    if (a) link.refuse(a, 'too_many', { retryMs: 7_000 });
    await clock.advance(6_999);
    expect(link.inbox).toEqual([]);
    await clock.advance(1);
    expect(brief(link.takePublishes())).toEqual([[1, '"a"']]);
  });

  test('[A3] an unknown outcome before a refused one is settled before the producer changes', async () => {
    const { link, clock, became } = opened('a', 'bad', 'c');
    const [a, bad, c] = link.takePublishes();
    if (a && bad && c) {
      link.refuse(a, 'unavailable');
      link.refuse(bad, 'bad_payload');
      link.refuse(c, 'sequence', { expected: 1 });
    }
    await clock.advance(500);
    const [a2, c2] = link.takePublishes();
    expect([a2?.sequence, a2?.producer, c2?.sequence]).toEqual([1, a?.producer, 3]);
    // It had been stored after all.
    if (a2 && c2) {
      link.ack(a2, 1);
      link.refuse(c2, 'sequence', { expected: 2 });
    }
    await clock.advance(500);
    const [c3] = link.takePublishes();
    expect([c3?.sequence, c3?.data]).toEqual([1, '"c"']);
    if (c3) link.ack(c3, 2);
    expect(await became()).toEqual({ a: 1, bad: 'bad_payload', c: 2 });
  });

  test('an acknowledgement makes the waits short again', async () => {
    const { link, clock, publish } = opened('a', 'b');
    for (let i = 0; i < 8; i++) {
      for (const one of link.takePublishes()) link.refuse(one, 'storage');
      while (link.inbox.length === 0) await clock.advance(100);
    }
    for (const one of link.takePublishes()) link.ack(one, one.sequence);
    for (let i = 0; i < 5; i++) {
      publish(`c${i}`);
      link.refuse(link.take('publish'), 'storage');
      await clock.advance(250);
      link.ack(link.take('publish'), 3 + i);
    }
  });

  test('closing while it waits leaves no timer', () => {
    const { link, clock, client } = opened('a');
    link.refuse(link.take('publish'), 'storage');
    client.close();
    expect(clock.timers).toBe(0);
  });

  test('refusals without end are tried at growing intervals, never in a loop', async () => {
    const { link, clock } = opened('a', 'b');
    let sent = 0;
    for (let i = 0; i < 600; i++) {
      for (const publish of link.takePublishes()) {
        sent++;
        link.refuse(publish, 'sequence', { expected: i % 3 });
      }
      await clock.advance(100);
    }
    expect(sent).toBeGreaterThan(6);
    expect(sent).toBeLessThan(60);
  });
});

describe('a log that lost its memory', () => {
  test('[A2] expects 1 of a producer it does not know: what is unanswered is sent under another', async () => {
    const here = opened('a', 'b', 'c');
    const [a] = here.link.takePublishes();
    if (a) here.link.ack(a, 1);
    const link = await reconnect(here);
    for (const publish of link.takePublishes()) link.refuse(publish, 'sequence', { expected: 1 });
    await here.clock.advance(1_000);
    for (const publish of link.takePublishes()) {
      if (publish.producer === a?.producer) link.refuse(publish, 'sequence', { expected: 1 });
      else link.ack(publish, publish.sequence);
    }
    await here.clock.advance(1_000);
    for (const publish of link.takePublishes()) {
      expect(publish.producer).not.toBe(a?.producer);
      link.ack(publish, publish.sequence);
    }
    expect(await here.became()).toEqual({ a: 1, b: 1, c: 2 });
    // An answer that is old news doesn't make it change its producer at once, now as before.
    here.publish('d', 'e');
    const [d, e] = link.takePublishes();
    if (d && e) {
      link.refuse(e, 'sequence', { expected: 3 });
      link.ack(d, 3);
    }
    expect(link.takePublishes()).toMatchObject([{ producer: d?.producer, sequence: 4 }]);
  });

  test('[A2] is known to answer again: what could not be reached for long does not wait any longer', async () => {
    const here = opened('a', 'b', 'c');
    const { link, clock } = here;
    const [a, b, c] = link.takePublishes();
    if (a) link.ack(a, 1);
    let refused = [b, c].flatMap((one) => one ?? []);
    for (let i = 0; i < 8; i++) {
      for (const one of refused) link.refuse(one, 'unavailable');
      while (link.inbox.length === 0) await clock.advance(250);
      refused = link.takePublishes();
    }
    // It came back without what it held: each message is answered at once, and no time goes by until all of them are stored.
    for (let i = 0; i < 2; i++) {
      for (const one of refused) link.refuse(one, 'sequence', { expected: 1 });
      refused = link.takePublishes();
    }
    expect(brief(refused)).toEqual([
      [1, '"b"'],
      [2, '"c"'],
    ]);
    expect(producerOf(refused)).not.toBe(a?.producer);
    for (const one of refused) link.ack(one, one.sequence);
    expect(await here.became()).toEqual({ a: 1, b: 1, c: 2 });
  });

  test('[A2] an answer that overtook another is old news, so the same number asks again', async () => {
    const { link, became } = opened('a', 'b');
    const [a, b] = link.takePublishes();
    if (a && b) {
      link.refuse(b, 'sequence', { expected: 1 });
      link.ack(a, 1);
    }
    const [again] = link.takePublishes();
    expect([again?.sequence, again?.producer]).toEqual([2, b?.producer]);
    if (again) link.ack(again, 2);
    expect(await became()).toEqual({ a: 1, b: 2 });
  });

  test('[A2] expects 1 and gets it, when nothing was stored before', async () => {
    const here = opened('a');
    const [a] = here.link.takePublishes();
    const link = await reconnect(here);
    const [again] = link.takePublishes();
    if (again) link.refuse(again, 'sequence', { expected: 1 });
    await here.clock.advance(250);
    const [third] = link.takePublishes();
    expect([third?.sequence, third?.producer]).toEqual([1, a?.producer]);
  });

  test('[A2] a log that went on past a number holds the message, so it is not sent again', async () => {
    const here = opened('a', 'b');
    const [a, b] = here.link.takePublishes();
    if (a && b) {
      here.link.refuse(a, 'sequence', { expected: 2 });
      here.link.ack(b, 9);
    }
    expect(await here.became()).toEqual({ a: 'unavailable', b: 9 });
    expect(here.link.inbox).toEqual([]);
    expect(here.errorsOf[0]?.message).toMatch(/may have been stored/);
  });
});

describe('bounds', () => {
  test('10 000 publishes offline: the first thousand wait in order, the rest fail', async () => {
    const { server, publish, became } = sending();
    publish(...Array.from({ length: 10_000 }, (_, i) => i));
    expect(Object.values(await became())).toEqual(Array.from({ length: 9_000 }, () => 'offline'));
    let offset = 0;
    const link = server.link.welcome();
    while (link.inbox.length > 0) for (const publish of link.takePublishes()) link.ack(publish, ++offset);
    expect((await became())['999']).toBe(1_000);
    publish('fits');
    expect(link.takePublishes()).toHaveLength(1);
  });

  test('bytes are bounded over all channels', async () => {
    const { client, publish, became } = sending({ outboxBytesMax: 10 });
    void client
      .stream('chat/other')
      .publish('12345')
      .catch(() => {});
    publish('1', 'x');
    expect(await became()).toEqual({ x: 'offline' });
  });

  test('what was never sent fails with offline when it is too old; a younger one waits on', async () => {
    const { client, publish, clock, became, server } = sending();
    publish('a');
    await clock.advance(200_000);
    publish('b');
    await clock.advance(100_000);
    expect(await became()).toEqual({ a: 'offline' });
    for (let i = 0; i < 20 && client.status.get().state !== 'connecting'; i++) await clock.advance(1_000);
    const link = server.link.welcome();
    const [b] = link.takePublishes();
    expect([b?.sequence, b?.data]).toEqual([1, '"b"']);
  });

  test('what was sent and has no answer fails with unavailable, which says that it may be stored', async () => {
    const here = opened('a');
    here.link.takePublishes();
    here.link.break();
    await here.clock.advance(300_000);
    expect(await here.became()).toEqual({ a: 'unavailable' });
    expect(here.errorsOf[0]?.message).toMatch(/may have been stored/);
  });

  test('one whose answer is awaited is not given up for its age', async () => {
    const here = sending({ outboxAgeMs: 5_000 });
    here.publish('a');
    await here.clock.advance(4_000);
    const link = here.server.link.welcome();
    await here.clock.advance(2_000);
    const [a] = link.takePublishes();
    if (a) link.ack(a, 1);
    expect(await here.became()).toEqual({ a: 1 });
  });

  test('[A2] the number of one that was given up is settled before those after it go on', async () => {
    const here = sending({ outboxAgeMs: 5_000 });
    here.publish('a');
    here.server.link.welcome().takePublishes();
    await here.clock.advance(4_000);
    here.publish('b');
    here.server.link.break();
    await here.clock.advance(1_500);
    const link = here.server.link.welcome();
    const [b] = link.takePublishes();
    expect([b?.sequence, b?.data]).toEqual([2, '"b"']);
    // The log never got a, so b is asked for again, and then goes under another producer.
    if (b) link.refuse(b, 'sequence', { expected: 1 });
    const [again] = link.takePublishes();
    if (again) link.refuse(again, 'sequence', { expected: 1 });
    await here.clock.advance(1_000);
    const [other] = link.takePublishes();
    expect([other?.sequence, other?.producer === b?.producer]).toEqual([1, false]);
    if (other) link.ack(other, 1);
    expect(await here.became()).toEqual({ a: 'unavailable', b: 1 });
  });

  test('close fails everything, and says what may be stored', async () => {
    const here = opened('a');
    here.link.takePublishes();
    here.client.close();
    expect(await here.became()).toEqual({ a: 'closed' });
    expect(here.errorsOf[0]?.message).toMatch(/may have been stored/);
    expect(here.clock.timers).toBe(0);
  });
});

describe('own messages', () => {
  test('[A4] are told from others by the acknowledgement, also in history', async () => {
    const here = sending();
    const room = here.client.stream('chat/a');
    const got: unknown[] = [];
    room.onMessage(({ data, own }) => got.push([data, own]));
    const link = here.server.link.welcome();
    link.subscribed();
    here.publish('mine');
    const [mine] = link.takePublishes();
    if (mine) link.ack(mine, 2);
    link.entries(1, 1, 'theirs', 'mine');
    expect(got).toEqual([
      ['theirs', false],
      ['mine', true],
    ]);
    const page = room.history();
    const { ref } = link.take('history');
    link.say({
      type: 'history',
      ref,
      epoch: '0e0epoch',
      first: 1,
      more: false,
      stamped: false,
      entries: ['"theirs"', '"mine"'],
    });
    expect((await page).messages.map(({ own }) => own)).toEqual([false, true]);
  });

  test('[A4] are told from others however many there were, also where many acknowledgements come before their entries', () => {
    const here = sending();
    const owns: boolean[] = [];
    here.client.stream('chat/a').onMessage(({ own }) => owns.push(own));
    const link = here.server.link.welcome();
    link.subscribed();
    for (let first = 1; first <= 5_100; first += 60) {
      const payloads = Array.from({ length: 60 }, (_, i) => first + i);
      here.publish(...payloads);
      for (const [i, publish] of link.takePublishes().entries()) link.ack(publish, first + i);
      link.entries(1, first, ...payloads);
    }
    expect(owns).toEqual(Array.from({ length: 5_100 }, () => true));
  });

  test('[S4] are forgotten with a log that was rolled back', async () => {
    const here = sending();
    const got: unknown[] = [];
    here.client.stream('chat/a').onMessage(({ data, own }) => got.push([data, own]));
    here.server.link.welcome().subscribed();
    here.publish('mine');
    here.server.link.ack(here.server.link.take('publish'), 1);
    here.server.link.entries(1, 1, 'mine');
    const link = await reconnect(here);
    link.subscribed({ gap: 'diverged', position: { epoch: '0e0epoch', offset: 0, check: 0 }, top: 1 });
    link.entries(1, 1, 'theirs');
    expect(got).toEqual([
      ['mine', true],
      ['theirs', false],
    ]);
  });

  test('[A4] an entry that may be one repeated waits for the answer, and nothing overtakes it', async () => {
    const here = sending();
    const got: unknown[] = [];
    here.client.stream('chat/a').onMessage(({ data, own }) => got.push([data, own]));
    here.server.link.welcome().subscribed();
    here.publish('mine', 'more');
    here.server.link.takePublishes();
    const link = await reconnect(here);
    const [mine, more] = [link.take('publish'), link.take('publish')];
    link.subscribed();
    link.entries(1, 1, 'mine', 'theirs');
    link.entries(1, 3, 'later');
    await here.settle();
    expect(got).toEqual([]);
    link.ack(mine, 1);
    link.ack(more, 4);
    await here.settle();
    expect(got).toEqual([
      ['mine', true],
      ['theirs', false],
      ['later', false],
    ]);
  });
});
