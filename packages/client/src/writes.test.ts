/**
 * What a client writes to a state channel, with a scripted server: which operation is sent, what becomes of it, what is shown
 * meanwhile, and how what waits is spared the way when it is set again.
 */
import { defineChannels, type Schema, SyncError, state } from '@syncline/protocol';
import { describe, expect, test } from 'vitest';
import { comeBack, fleet, id, replay, ScriptedLog, set } from './testing/fleet.ts';
import type { ScriptedLink } from './testing/scripted.ts';

/** The writes that the client sent and the test has not taken yet. */
const sentOn = (link: ScriptedLink) =>
  link.inbox.splice(0).flatMap((frame) => (frame.type === 'publish' ? frame : []));
const operations = (link: ScriptedLink) => sentOn(link).map(({ data }) => JSON.parse(String(data)));

/** What became of a promise, once it is kept. */
function fate(promise: Promise<unknown>): { outcome: unknown } {
  const fate: { outcome: unknown } = { outcome: 'open' };
  promise.then(
    (value) => {
      fate.outcome = value;
    },
    (error) => {
      fate.outcome = error.code;
    },
  );
  return fate;
}

describe('operations', () => {
  test('[K1] say the key, the value and the options that were given', () => {
    const { city, link } = fleet();
    void city.set('van "7"', { lat: 1 });
    void city.set('a', null, { ttl: '60s', at: 5 });
    void city.set('b', 1, { ttl: 1_500, ifVersion: 7 });
    void city.set('c', 1, { ifAbsent: true });
    void city.delete('d');
    void city.delete('e', { ifVersion: 3 });
    expect(operations(link)).toEqual([
      ['set', 'van "7"', { lat: 1 }, {}],
      ['set', 'a', null, { at: 5, ttlMs: 60_000 }],
      ['set', 'b', 1, { ttlMs: 1_500, ifVersion: 7 }],
      ['set', 'c', 1, { ifVersion: 0 }],
      ['delete', 'd', {}],
      ['delete', 'e', { ifVersion: 3 }],
    ]);
  });

  test('a time to live is a number of milliseconds or a text with its unit, rounded up', async () => {
    const { city, link } = fleet();
    for (const ttl of [0.5, 90, '250ms', '1.5s', '5m', '2h', '1d'] as const) void city.set('a', 1, { ttl });
    expect(operations(link).map(([, , , { ttlMs }]) => ttlMs)).toEqual([
      ...[1, 90, 250, 1_500, 300_000, 7_200_000, 86_400_000],
    ]);
    for (const ttl of [0, -1, Number.NaN, 'soon', '5', '1.2.3s', 's'] as never[]) {
      await expect(city.set('a', 1, { ttl })).rejects.toMatchObject({ code: 'bad_option' });
    }
    expect(link.inbox).toEqual([]);
  });

  test('[F3] what JSON or a frame cannot carry is refused here', async () => {
    const { city, link, shown } = fleet();
    let deep: unknown = 0;
    for (let i = 0; i < 31; i++) deep = [deep];
    for (const value of [undefined, 1n, deep]) {
      await expect(city.set('a', value)).rejects.toMatchObject({ code: 'bad_payload' });
    }
    expect(shown()).toEqual({});
    expect(link.inbox).toEqual([]);
  });
});

describe('a write', () => {
  test('is shown at once, resolves with its version, and is told once', async () => {
    const { city, client, link, log, changes, shown, clock } = fleet();
    const seen: unknown[] = [];
    const { get } = city.get('a');
    city.get('a').subscribe(() => seen.push(get()));
    const written = city.set('a', 1, { at: 4 });
    const since = client.serverNow();
    expect(since).not.toBe(clock.now());
    const pending = { value: 1, version: 0, since, from: null, at: 4, pending: true };
    expect(shown()).toEqual({ a: pending });
    link.ack(link.take('publish'), 1);
    expect(await written).toEqual({ version: 1, position: { epoch: log.epoch, offset: 1, check: 0 } });
    expect(shown()).toEqual({ a: { value: 1, version: 1, since, from: null, at: 4 } });
    log.append(set('a', 1, { at: 4 })).say(link, 0);
    expect(shown()).toMatchObject({ a: { value: 1, version: 1, from: 'ada', at: 4 } });
    expect(seen).toEqual([pending, expect.objectContaining({ version: 1, from: null }), shown()['a']]);
    expect(changes).toEqual([{ type: 'set', key: 'a', value: 1, previous: undefined }]);
  });

  test('a removal is shown at once too, and comes back when it is refused', async () => {
    const { city, link, log, changes, values } = fleet();
    log.append(set('a', 1)).say(link, 0);
    const removed = city.delete('a', { ifVersion: 9 });
    expect(values()).toEqual({});
    link.refuse(link.take('publish'), 'precondition', { offset: 1 });
    await expect(removed).rejects.toMatchObject({ code: 'precondition', detail: { offset: 1 } });
    expect(values()).toEqual({ a: 1 });
    expect(changes.map(({ type }) => type)).toEqual(['set', 'delete', 'set']);
  });

  test('[K3] that is refused is rolled back to what is stored meanwhile, and the error says which version stands', async () => {
    const { city, link, log, values, changes } = fleet();
    log.append(set('a', 1)).say(link, 0);
    const written = city.set('a', 'mine', { ifVersion: 1 });
    log.append(set('a', 'theirs')).say(link, 1);
    expect(values()).toEqual({ a: 'mine' });
    link.refuse(link.take('publish'), 'precondition', { offset: 2 });
    expect(values()).toEqual({ a: 'theirs' });
    await expect(written).rejects.toMatchObject({ code: 'precondition', detail: { offset: 2 } });
    expect(replay(changes)).toEqual(values());
  });

  test('[K4] that is superseded resolves with the version that stands', async () => {
    const { city, link, log, values } = fleet();
    log.append(set('a', 'new', { at: 10 })).say(link, 0);
    const written = city.set('a', 'old', { at: 9 });
    expect(values()).toEqual({ a: 'new' });
    link.refuse(link.take('publish'), 'superseded', { offset: 1 });
    expect(await written).toEqual({ version: 1, superseded: true });
    expect(values()).toEqual({ a: 'new' });
  });

  test('that failed for another reason is rejected and rolled back, in order', async () => {
    const { city, link, values } = fleet();
    const first = fate(city.set('a', 1));
    const second = fate(city.set('a', 2, { ifVersion: 0 }));
    const [one, two] = link.takePublishes();
    if (one && two) {
      link.refuse(one, 'forbidden');
      expect(values()).toEqual({ a: 2 });
      link.refuse(two, 'sequence', { expected: 1 });
    }
    const [again] = link.takePublishes();
    if (again) link.refuse(again, 'bad_payload');
    expect(values()).toEqual({});
    await Promise.resolve();
    expect([first.outcome, second.outcome]).toEqual(['forbidden', 'bad_payload']);
  });

  test('stays shown from its answer until the log tells of it, whatever the log tells before', () => {
    const { city, link, log, values } = fleet();
    void city.set('a', 'mine');
    link.ack(link.take('publish'), 3);
    log.append(set('a', 'theirs'), set('b', 1), set('a', 'mine'), set('a', 'later'));
    log.say(link, 0, 2);
    expect(values()).toEqual({ a: 'mine', b: 1 });
    log.say(link, 2);
    expect(values()).toEqual({ a: 'later', b: 1 });
  });

  test('[A4] whose answer is late is not shown over what came after it', () => {
    const { city, link, log, values } = fleet();
    void city.set('a', 'mine');
    const frame = link.take('publish');
    log.append(set('a', 'mine'), set('a', 'theirs')).say(link, 0);
    expect(values()).toEqual({ a: 'mine' });
    link.ack(frame, 1);
    expect(values()).toEqual({ a: 'theirs' });
  });

  test('[K9] whose entry was left out because the key changed again is shown until that has come', () => {
    const { city, link, log, values } = fleet();
    void city.set('a', 'mine');
    link.ack(link.take('publish'), 2);
    log.append(set('a', 'old'), set('a', 'mine'), set('b', 1), set('a', 'new'));
    log.say(link, 0, 1);
    link.say({ type: 'heartbeat', heads: [{ id, offset: 4, check: log.position().check }] });
    log.sayChanges(link, 1, [3]);
    expect(values()).toEqual({ a: 'mine', b: 1 });
    log.say(link, 3);
    expect(values()).toEqual({ a: 'new', b: 1 });
  });

  test('of which the log that came after knows nothing is gone with that log', () => {
    const { city, link, log, values } = fleet();
    log.append(set('b', 1)).say(link, 0);
    void city.set('a', 'lost');
    link.ack(link.take('publish'), 2);
    expect(values()).toEqual({ a: 'lost', b: 1 });
    link.say({ type: 'gap', id, position: log.position(0), top: 1, reason: 'ahead' });
    expect(values()).toEqual({ a: 'lost', b: 1 });
    log.say(link, 0);
    expect(values()).toEqual({ b: 1 });
    void city.set('a', 'lost too');
    link.ack(link.take('publish'), 2);
    const other = new ScriptedLog('0f0').append(set('c', 3));
    link.say({ type: 'gap', id, position: other.position(0), top: 1, reason: 'epoch' });
    other.say(link, 0);
    expect(values()).toEqual({ c: 3 });
  });

  test('[A2] is sent again under its number after a break, and stored once', async () => {
    const here = fleet();
    const { city, values, log } = here;
    const written = fate(city.set('a', 1));
    const first = here.link.take('publish');
    const link = await comeBack(here);
    const again = link.take('publish');
    expect(again).toMatchObject({ producer: first.producer, sequence: 1, data: first.data });
    link.ack(again, 1);
    log.append(set('a', 1));
    link.subscribed({ id, stamped: true, top: 1 });
    log.say(link, 0);
    await Promise.resolve();
    expect(written.outcome).toMatchObject({ version: 1 });
    expect(values()).toEqual({ a: 1 });
  });

  test('on a channel that nobody follows is shown until the log is read again', async () => {
    const { city, link, stop, settle, shown, values, log } = fleet();
    stop();
    await settle();
    link.take('unsubscribe');
    void city.set('a', 1);
    void city.set('b', 2);
    void city.delete('b');
    for (const [i, frame] of link.takePublishes().entries()) link.ack(frame, i + 1);
    expect(shown()).toMatchObject({ a: { value: 1, version: 1 } });
    expect(values()).toEqual({ a: 1 });
    city.entries.subscribe(() => {});
    link.subscribed({ id, stamped: true, top: 3 });
    log.append(set('a', 1), set('b', 2), ['b'], set('c', 3)).say(link, 0);
    expect(shown()).toMatchObject({ a: { from: 'ada' }, c: { value: 3 } });
  });

  test('that a log does not hold which is read again is gone', async () => {
    const { city, link, stop, settle, log, values } = fleet();
    void city.set('a', 1);
    link.ack(link.take('publish'), 7);
    stop();
    await settle();
    link.take('unsubscribe');
    expect(values()).toEqual({ a: 1 });
    city.entries.subscribe(() => {});
    link.subscribed({ id, stamped: true, top: 1 });
    log.append(set('b', 2)).say(link, 0);
    expect(values()).toEqual({ b: 2 });
  });

  test('that waits when the client is closed is taken back, and nobody is told', async () => {
    const { city, client, changes, values } = fleet();
    const written = fate(city.set('a', 1));
    changes.length = 0;
    client.close();
    await Promise.resolve();
    expect(written.outcome).toBe('closed');
    expect(values()).toEqual({});
    expect(changes).toEqual([]);
    await expect(city.set('a', 1)).rejects.toMatchObject({ code: 'closed' });
    await expect(city.delete('a')).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('what waits to be sent', () => {
  const offline = async () => {
    const here = fleet();
    here.link.break();
    return here;
  };

  test('is spared when the key is written again: only the newest is sent, behind what was written before it', async () => {
    const here = await offline();
    const { city, values, client } = here;
    const a1 = fate(city.set('a', 1));
    const b = fate(city.set('b', 1));
    const a2 = fate(city.set('a', 2));
    const b2 = fate(city.delete('b'));
    expect(client.unsent.get()).toBe(2);
    expect(values()).toEqual({ a: 2 });
    const link = await comeBack(here);
    const sent = sentOn(link);
    expect(sent.map(({ data }) => JSON.parse(String(data)))).toEqual([
      ['set', 'a', 2, {}],
      ['delete', 'b', {}],
    ]);
    expect(sent.map(({ sequence }) => sequence)).toEqual([1, 2]);
    for (const [i, frame] of sent.entries()) link.ack(frame, i + 1);
    await Promise.resolve();
    expect([a1, b, a2, b2].map(({ outcome }) => outcome)).toMatchObject([
      ...[
        { version: 0, superseded: true },
        { version: 0, superseded: true },
      ],
      ...[{ version: 1 }, { version: 2 }],
    ]);
    expect(client.unsent.get()).toBe(0);
  });

  test('is sent nevertheless where one of the two has a condition', async () => {
    const here = await offline();
    for (const [first, second] of [
      [{ ifVersion: 1 }, {}],
      [{}, { ifVersion: 1 }],
      [{}, { ifAbsent: true }],
    ]) {
      void here.city.set('a', 1, first);
      void here.city.set('a', 2, second);
      void here.city.delete('a', { ifVersion: 5 });
    }
    const link = await comeBack(here);
    expect(operations(link)).toHaveLength(9);
  });

  test.each([
    [{ at: 5 }, { at: 5 }, 1],
    [{ at: 5 }, { at: 6 }, 1],
    [{ at: 5 }, {}, 1],
    [{}, {}, 1],
    [{ at: 6 }, { at: 5 }, 2],
    [{}, { at: 5 }, 2],
  ])(
    '[K4] with %o and then %o: %i sent, for the log judges the second by the first',
    async (one, two, sent) => {
      const here = await offline();
      void here.city.set('a', 1, one);
      void here.city.set('a', 2, two);
      const link = await comeBack(here);
      expect(operations(link)).toHaveLength(sent);
    },
  );

  test('is not spared once it was sent, for it may be stored', async () => {
    const here = fleet();
    void here.city.set('a', 1);
    here.link.break();
    void here.city.set('a', 2);
    void here.city.set('a', 3);
    const link = await comeBack(here);
    expect(operations(link)).toEqual([
      ['set', 'a', 1, {}],
      ['set', 'a', 3, {}],
    ]);
  });

  test('takes one place of a full outbox per key; what has no room leaves the older one there', async () => {
    const { city, link, errors } = fleet({ outboxEntriesMax: 2, outboxBytesMax: 100 });
    link.break();
    void city.set('a', 1);
    void city.set('b', 1);
    for (let i = 0; i < 50; i++) void city.set('a', i);
    await expect(city.set('c', 1)).rejects.toMatchObject({ code: 'offline' });
    await expect(city.set('b', 'x'.repeat(100))).rejects.toMatchObject({ code: 'offline' });
    expect(city.get('b').get()?.value).toBe(1);
    expect(city.get('a').get()?.value).toBe(49);
    expect(errors).toEqual([]);
  });

  test('lives as long as the newest of its key', async () => {
    const here = fleet({ outboxAgeMs: 10_000 });
    const { city, clock, link, settle } = here;
    link.break();
    const first = fate(city.set('a', 1));
    await clock.advance(6_000);
    const second = fate(city.set('a', 2));
    await clock.advance(6_000);
    expect(second.outcome).toBe('open');
    await clock.advance(6_000);
    await settle();
    expect([first.outcome, second.outcome]).toEqual([{ version: 0, superseded: true }, 'offline']);
    expect(city.entries.get().size).toBe(0);
  });
});

describe('with a contract', () => {
  const even: Schema<number> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: async (value) =>
        Number(value) % 2 === 0 ? { value: Number(value) } : { issues: [{ message: 'It is odd' }] },
    },
  };

  test('a value that does not fit is refused here, and order is kept where validating takes time', async () => {
    const { city, link, settle, values } = fleet({
      channels: defineChannels({ 'fleet/:city': state({ value: even }) }),
    });
    const odd = city.set('a', 1);
    void city.set('a', 2);
    void city.delete('b');
    await expect(odd).rejects.toThrow(
      new SyncError('bad_payload', "The payload does not fit the channel's contract: It is odd."),
    );
    await settle();
    expect(operations(link)).toEqual([
      ['set', 'a', 2, {}],
      ['delete', 'b', {}],
    ]);
    expect(values()).toEqual({ a: 2 });
  });
});
